"""What becomes of a build's result: `type=image,name=…`, a folder, or `-` for a tar on standard output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bakepy.booleans import FALSE
from bakepy.model.text import EntryError, join_csv, split_csv
from bakepy.records import Record

STDOUT = "-"


def writes_folder(type: str, attrs: Mapping[str, str]) -> bool:
    """Return whether an export writes a folder: files (`local`) or an OCI layout (`tar=false`)."""
    return type == "local" or (type in {"oci", "docker"} and attrs.get("tar") in FALSE)


class Export(Record):
    """Name one exporter: its type, where its file or folder goes, and that type's other attributes."""

    __slots__ = ("type", "dest", "attrs")

    def __init__(self, type: str, dest: str = "", attrs: Mapping[str, str] | None = None) -> None:
        self.type: Final = type
        self.dest: Final = dest
        self.attrs: Final[Mapping[str, str]] = {} if attrs is None else attrs

    @classmethod
    def parse(cls, text: str) -> list[Export]:
        """Read CSV, or a path alone. Raises EntryError."""
        fields = split_csv(text)
        if fields == [text] and not text.startswith("type="):
            return [cls("tar" if text == STDOUT else "local", text)]
        attrs: dict[str, str] = {}
        for item in fields:
            key, equals, value = item.partition("=")
            if not equals:
                raise EntryError(f"invalid value {item}")
            attrs[key.lower().strip()] = value
        return [cls.of(attrs)]

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Export:
        """Make an entry of an object's attributes. Raises EntryError."""
        if not fields.get("type"):
            raise EntryError("type is required for output")
        attrs = {k: v for k, v in fields.items() if k not in {"type", "dest"}}
        return cls(fields["type"], fields.get("dest", ""), attrs)

    def complete(self) -> Export:
        """Return the entry with its default destination: an archive goes to standard output."""
        archive = self.type in {"tar", "oci"} and not writes_folder(self.type, self.attrs)
        return Export(self.type, STDOUT, self.attrs) if archive and not self.dest else self

    def fields(self) -> dict[str, str]:
        """Return the entry as an object's attributes; `dest` is there even where it is empty."""
        return {**self.attrs, "type": self.type, "dest": self.dest}

    def json(self) -> dict[str, str]:
        """Return what `--print` shows."""
        return {k: v for k, v in sorted(self.fields().items()) if k != "dest" or v}

    def __str__(self) -> str:
        """Print as CSV."""
        dest = [("dest", self.dest)] if self.dest else []
        return join_csv([("type", self.type), *dest, *sorted(self.attrs.items())])
