"""Where a build's cache comes from and goes to: `type=registry,ref=…`, or the reference alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bakepy.model.text import EntryError, join_csv, quote, split_csv
from bakepy.records import Record


class CacheEntry(Record):
    """Name one source or destination of cache: its type and that type's attributes."""

    __slots__ = ("type", "attrs")

    def __init__(self, type: str, attrs: Mapping[str, str] | None = None) -> None:
        self.type: Final = type
        self.attrs: Final[Mapping[str, str]] = {} if attrs is None else attrs

    @classmethod
    def parse(cls, text: str) -> list[CacheEntry]:
        """Read CSV; without any `=`, each field is a registry reference of its own. Raises EntryError."""
        fields = split_csv(text)
        if "=" not in text:
            return [cls("registry", {"ref": ref}) for ref in fields]
        if len(fields) == 1 and "=" not in fields[0]:
            return [cls("registry", {"ref": fields[0]})]
        attrs: dict[str, str] = {}
        for item in fields:
            key, equals, value = item.partition("=")
            if not equals:
                raise EntryError(f"invalid value {item}")
            attrs[key.lower()] = value
        kind = attrs.pop("type", "")
        if not kind:
            raise EntryError(f"type required for {quote(text)}")
        return [cls(kind, attrs)]

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> CacheEntry:
        """Make an entry of an object's attributes. Raises EntryError."""
        if not fields.get("type"):
            import json

            raise EntryError(f"type required for {quote(json.dumps(fields, sort_keys=True, separators=(',', ':')))}")
        return cls(fields["type"], {k: v for k, v in fields.items() if k != "type"})

    def fields(self) -> dict[str, str]:
        """Return the entry as an object's attributes."""
        return {**self.attrs, "type": self.type}

    def json(self) -> dict[str, str]:
        """Return what `--print` shows."""
        return dict(sorted(self.fields().items()))

    def __str__(self) -> str:
        """Print as CSV, or the reference alone where that says it all."""
        if self.type == "registry" and self.attrs.keys() == {"ref"}:
            return self.attrs["ref"]
        return join_csv([("type", self.type), *sorted(self.attrs.items())])
