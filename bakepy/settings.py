"""The only reader of the environment.

Every variable that bakepy looks at has a property here; definitions look up theirs through `lookup`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


class Settings:
    """Answer questions about an environment; tests pass a mapping of their own."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def lookup(self, name: str) -> str | None:
        """Return a variable's value, for definitions that name it."""
        return self._environ.get(name)

    def flag(self, name: str) -> bool:
        """Tell whether a variable is set to one of Go's words for true."""
        return self._environ.get(name, "") in {"1", "t", "T", "TRUE", "true", "True"}

    @property
    def docker_config(self) -> Path:
        """Return the folder of Docker's client configuration."""
        return Path(self._environ.get("DOCKER_CONFIG") or Path.home() / ".docker")

    @property
    def builder(self) -> str | None:
        """Return the builder that `BUILDX_BUILDER` names."""
        return self._environ.get("BUILDX_BUILDER") or None
