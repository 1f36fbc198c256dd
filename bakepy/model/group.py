"""Names for several targets and groups."""

from __future__ import annotations

from typing import Any

from bakepy.records import Record


class Group(Record):
    """Name several targets and groups at once; `null` tells that the definition gives null for them."""

    __slots__ = ("name", "targets", "description", "null")

    def __init__(self, name: str, targets: list[str] | None = None, description: str = "", null: bool = False) -> None:
        self.name = name
        self.targets: list[str] = [] if targets is None else targets
        self.description = description
        self.null = null

    def json(self) -> dict[str, Any]:
        """Return what `--print` shows."""
        out: dict[str, Any] = {"description": self.description} if self.description else {}
        return {**out, "targets": None if self.null and not self.targets else self.targets}
