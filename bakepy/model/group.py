"""Names for several targets and groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Group:
    """Name several targets and groups at once; `null` tells that the definition gives null for them."""

    name: str
    targets: list[str] = field(default_factory=list)
    description: str = ""
    null: bool = False

    def json(self) -> dict[str, Any]:
        """Return what `--print` shows."""
        out: dict[str, Any] = {"description": self.description} if self.description else {}
        return {**out, "targets": None if self.null and not self.targets else self.targets}
