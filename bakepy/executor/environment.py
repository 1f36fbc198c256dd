"""What the user's environment adds to a build, gathered by whoever may read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@dataclass(frozen=True, slots=True)
class Environment:
    """Hold variables and places that a build looks at.

    `variables` hold secrets: they reach BuildKit only where a target or a cache asks for one of them.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    docker_config: Path = Path()
    proxies: Mapping[str, str] = field(default_factory=dict)
    """Build arguments for the proxies that Docker's client configuration names."""

    def flag(self, name: str) -> bool:
        """Tell whether a variable is set to one of Go's words for true."""
        return self.variables.get(name, "") in TRUE
