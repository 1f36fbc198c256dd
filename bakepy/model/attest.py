"""Attestations that go with a result: `type=provenance,mode=max`, `type=sbom,disabled=true`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bakepy.booleans import FALSE, TRUE
from bakepy.model.text import EntryError, join_csv, parse_bool, split_csv
from bakepy.records import Record


class Attest(Record):
    """Name one attestation: its type, whether it is turned off, and that type's attributes."""

    __slots__ = ("type", "disabled", "attrs")

    def __init__(self, type: str, disabled: bool = False, attrs: Mapping[str, str] | None = None) -> None:
        self.type: Final = type
        self.disabled: Final = disabled
        self.attrs: Final[Mapping[str, str]] = {} if attrs is None else attrs

    @classmethod
    def parse(cls, text: str) -> list[Attest]:
        """Read CSV. Raises EntryError."""
        kind, disabled, attrs = "", False, {}
        for item in split_csv(text):
            key, equals, value = item.partition("=")
            if not equals:
                raise EntryError(f"invalid value {item}")
            word = key.lower().strip()
            if word == "type":
                kind = value
            elif word == "disabled":
                try:
                    disabled = parse_bool(value)
                except EntryError as fault:
                    raise EntryError(f"invalid value {item}: {fault}") from None
            else:
                attrs[key] = value
        if not kind:
            raise EntryError("attestation type not specified")
        return [cls(kind, disabled, attrs)]

    @classmethod
    def shorthand(cls, kind: str, text: str) -> list[Attest]:
        """Read the value of `--provenance` or `--sbom`: a word for true or false, or attributes. Raises EntryError."""
        if text in TRUE | FALSE:
            return [cls(kind, disabled=not parse_bool(text))]
        return cls.parse(f"type={kind},{text}")

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Attest:
        """Make an entry of an object's attributes. Raises EntryError."""
        attrs = {k: v for k, v in fields.items() if k not in {"type", "disabled"}}
        return cls(fields.get("type", ""), parse_bool(fields["disabled"]) if "disabled" in fields else False, attrs)

    def fields(self) -> dict[str, str]:
        """Return the entry as an object's attributes."""
        return {**self.attrs, "type": self.type, **({"disabled": "true"} if self.disabled else {})}

    def json(self) -> dict[str, str | bool]:
        """Return what `--print` shows."""
        out: dict[str, str | bool] = {**self.attrs, "type": self.type}
        if self.disabled:
            out["disabled"] = True
        return dict(sorted(out.items()))

    def __str__(self) -> str:
        """Print as CSV."""
        disabled = [("disabled", "true")] if self.disabled else []
        return join_csv([("type", self.type), *disabled, *sorted(self.attrs.items())])
