"""Secrets a build may read, each from a file or an environment variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bakepy.model.text import EntryError, join_csv, split_csv
from bakepy.records import Record

TYPES = ("file", "env")


class Secret(Record):
    """Name a secret: its id in the Dockerfile, and the file or variable on this side that holds it."""

    __slots__ = ("id", "src", "env")

    def __init__(self, id: str = "", src: str = "", env: str = "") -> None:
        self.id: Final = id
        self.src: Final = src
        self.env: Final = env

    @classmethod
    def parse(cls, text: str) -> list[Secret]:
        """Read CSV. Raises EntryError."""
        try:
            fields = split_csv(text)
        except EntryError as fault:
            raise EntryError(f"failed to parse csv secret: {fault}") from None
        kind, found = "", {"id": "", "src": "", "env": ""}
        for item in fields:
            key, equals, value = item.partition("=")
            key = key.lower()
            if not equals:
                raise EntryError(f"invalid field '{item}' must be a key=value pair")
            if key == "type":
                if value not in TYPES:
                    raise EntryError(f'unsupported secret type "{value}"')
                kind = value
            elif key in {"source", *found}:
                found["src" if key == "source" else key] = value
            else:
                raise EntryError(f"unexpected key '{key}' in '{item}'")
        if kind == "env" and not found["env"]:
            found["env"], found["src"] = found["src"], ""
        return [cls(**found)]

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Secret:
        """Make an entry of an object's attributes."""
        return cls(**fields)

    def fields(self) -> dict[str, str]:
        """Return the entry as an object's attributes."""
        return {"id": self.id, "src": self.src, "env": self.env}

    def json(self) -> dict[str, str]:
        """Return what `--print` shows."""
        return {k: v for k, v in self.fields().items() if v}

    def __str__(self) -> str:
        """Print as CSV."""
        return join_csv(list(self.json().items()))
