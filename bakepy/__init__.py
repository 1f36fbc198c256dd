"""Build container images from checked-in definitions, concurrently, on BuildKit."""

__version__ = "0.1.0"
