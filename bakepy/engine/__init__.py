"""Find, install, start and stop the embedded BuildKit."""
