"""SSH agents and keys a build may use: `default`, `id=path,path`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from bakepy.model.text import join_csv
from bakepy.records import Record


class Ssh(Record):
    """Name an agent: its id in the Dockerfile, and the socket or the keys on this side; none means the user's agent."""

    __slots__ = ("id", "paths")

    def __init__(self, id: str = "", paths: tuple[str, ...] = ()) -> None:
        self.id: Final = id
        self.paths: Final = paths

    @classmethod
    def parse(cls, text: str) -> list[Ssh]:
        """Read `id` or `id=path,path`."""
        name, equals, paths = text.partition("=")
        return [cls(name, tuple(paths.split(",")) if equals else ())]

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Ssh:
        """Make an entry of an object's attributes."""
        return cls(str(fields.get("id", "")), tuple(cast(Sequence[str], fields.get("paths", ()))))

    def fields(self) -> dict[str, object]:
        """Return the entry as an object's attributes."""
        return {"id": self.id, "paths": list(self.paths)}

    def json(self) -> dict[str, object]:
        """Return what `--print` shows."""
        return {k: v for k, v in self.fields().items() if v}

    def __str__(self) -> str:
        """Print as it is written."""
        return join_csv([(self.id, ",".join(self.paths))]) if self.paths else self.id
