"""Policies that sources must satisfy: `filename=policy.rego,strict=true`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bakepy.model.text import EntryError, parse_bool, quote, split_csv
from bakepy.records import Record

LEVELS = {
    **{name: name for name in ("panic", "fatal", "error", "warning", "info", "debug", "trace")},
    "warn": "warning",
}


class Policy(Record):
    """Hold one policy setting: files, and how they are applied; None is "as the default"."""

    __slots__ = ("files", "reset", "disabled", "strict", "log_level")

    def __init__(
        self,
        files: tuple[str, ...] = (),
        reset: bool = False,
        disabled: bool = False,
        strict: bool | None = None,
        log_level: str | None = None,
    ) -> None:
        self.files: Final = files
        self.reset: Final = reset
        self.disabled: Final = disabled
        self.strict: Final = strict
        self.log_level: Final = log_level

    @classmethod
    def parse(cls, text: str) -> list[Policy]:
        """Read CSV. Raises EntryError."""
        return [cls._of(split_csv(text))]

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Policy:
        """Make an entry of an object's attributes, of which empty ones count as unset. Raises EntryError."""
        return cls._of([f"{key}={value}" for key, value in fields.items() if value != ""])

    @classmethod
    def _of(cls, fields: list[str]) -> Policy:
        files: list[str] = []
        flags: dict[str, bool] = {}
        level = None
        for item in fields:
            key, equals, value = item.partition("=")
            key = key.lower().strip()
            try:
                if key == "filename" and value:
                    files.append(value)
                elif equals and key in {"reset", "disabled", "strict"}:
                    flags[key] = parse_bool(value)
                elif equals and key == "log-level":
                    if value.lower() not in LEVELS:
                        raise EntryError(f"not a valid logrus Level: {quote(value)}")
                    level = LEVELS[value.lower()]
                else:
                    raise EntryError("")
            except EntryError as fault:
                raise EntryError(f"invalid value {item}" + (f": {fault}" if str(fault) else "")) from None
        return cls(tuple(files), flags.get("reset", False), flags.get("disabled", False), flags.get("strict"), level)

    def fields(self) -> dict[str, str]:
        """Return the entry as an object's attributes."""
        out = {"filename": self.files[0]} if self.files else {}
        out |= {name: "true" for name in ("reset", "disabled") if getattr(self, name)}
        if self.strict is not None:
            out["strict"] = str(self.strict).lower()
        if self.log_level:
            out["log-level"] = self.log_level
        return out

    def json(self) -> dict[str, object]:
        """Return what `--print` shows."""
        return {
            "Files": [{"Filename": name, "Data": None} for name in self.files] or None,
            "Reset": self.reset,
            "Disabled": self.disabled,
            "Strict": self.strict,
            "LogLevel": self.log_level,
        }
