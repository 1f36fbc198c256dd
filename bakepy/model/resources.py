"""Limits on what each step of a build may use: memory and processors, in the words of cgroups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bakepy.model.text import EntryError
from bakepy.records import Record, fields

NUMBERS = ("cpu-shares", "cpu-period", "cpu-quota")
TEXTS = ("memory", "memory-swap", "cpuset-cpus", "cpuset-mems")


class Resources(Record):
    """Hold the limits that are set; the others are None."""

    __slots__ = ("memory", "memory_swap", "cpu_shares", "cpu_period", "cpu_quota", "cpuset_cpus", "cpuset_mems")

    def __init__(
        self,
        memory: str | None = None,
        memory_swap: str | None = None,
        cpu_shares: int | None = None,
        cpu_period: int | None = None,
        cpu_quota: int | None = None,
        cpuset_cpus: str | None = None,
        cpuset_mems: str | None = None,
    ) -> None:
        self.memory: Final = memory
        self.memory_swap: Final = memory_swap
        self.cpu_shares: Final = cpu_shares
        self.cpu_period: Final = cpu_period
        self.cpu_quota: Final = cpu_quota
        self.cpuset_cpus: Final = cpuset_cpus
        self.cpuset_mems: Final = cpuset_mems

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Resources:
        """Make limits of an object's attributes, named as in a file."""
        return cls(**{key.replace("-", "_"): value for key, value in data.items()})

    def fields(self) -> dict[str, str | int | None]:
        """Return the limits as an object's attributes; unset ones are None."""
        return {name.replace("_", "-"): getattr(self, name) for name in fields(Resources)}

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
