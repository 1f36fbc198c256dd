"""What the user's environment adds to a build, gathered by whoever may read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bakepy.booleans import TRUE
from bakepy.records import Record


class Environment(Record):
    """Hold variables and places that a build looks at.

    `variables` hold secrets: they reach BuildKit only where a target or a cache asks for one of them.
    """

    __slots__ = ("variables", "docker_config", "proxies", "provenance")

    def __init__(
        self,
        variables: Mapping[str, str] | None = None,
        docker_config: Path = Path(),
        proxies: Mapping[str, str] | None = None,
        provenance: str = "",
    ) -> None:
        self.variables: Final[Mapping[str, str]] = {} if variables is None else variables
        self.docker_config: Final = docker_config
        self.proxies: Final[Mapping[str, str]] = {} if proxies is None else proxies
        """Build arguments for the proxies that Docker's client configuration names."""
        self.provenance: Final = provenance
        """How much of their provenance responses tell: `min`, `max`, or empty for none."""

    def flag(self, name: str) -> bool:
        """Tell whether a variable is set to one of Go's words for true."""
        return self.variables.get(name, "") in TRUE
