"""Limits on what each step of a build may use: memory and processors, in the words of cgroups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from bakepy.model.text import EntryError

NUMBERS = ("cpu-shares", "cpu-period", "cpu-quota")
TEXTS = ("memory", "memory-swap", "cpuset-cpus", "cpuset-mems")


@dataclass(frozen=True, slots=True)
class Resources:
    """Hold the limits that are set; the others are None."""

    memory: str | None = None
    memory_swap: str | None = None
    cpu_shares: int | None = None
    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpuset_cpus: str | None = None
    cpuset_mems: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Resources:
        """Make limits of an object's attributes, named as in a file."""
        return cls(**{key.replace("-", "_"): value for key, value in data.items()})

    def fields(self) -> dict[str, str | int | None]:
        """Return the limits as an object's attributes; unset ones are None."""
        return {f.name.replace("_", "-"): getattr(self, f.name) for f in fields(self)}

    def json(self) -> dict[str, str | int | None]:
        """Return what `--print` shows."""
        return {key: value for key, value in self.fields().items() if value is not None}

    def merged(self, other: Resources) -> Resources:
        """Return these limits, with those that `other` sets in their place."""
        return Resources.of(self.json() | other.json())

    def set(self, name: str, text: str) -> Resources:
        """Return these limits with one read from text. Raises EntryError."""
        if name in TEXTS:
            return self.merged(Resources.of({name: text}))
        if name not in NUMBERS:
            raise EntryError(f"unknown resources key {name}")
        try:
            number = int(text) if text.strip() == text and "_" not in text else None
        except ValueError:
            number = None
        if number is None or not -(2**63) <= number < 2**63:
            raise EntryError(f"invalid value {text} for int64 key resources.{name}")
        return self.merged(Resources.of({name: number}))
