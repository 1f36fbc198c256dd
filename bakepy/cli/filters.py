"""The filters of `du` and `prune`: conditions on records of the build cache."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from bakepy.cli.units import parse_duration
from bakepy.diagnostics import BakeError
from bakepy.files import read_object
from bakepy.records import Record

if TYPE_CHECKING:
    from bakepy.settings import Settings

UNUSED_FOR = ("until", "unused-for")


class Filter(Record):
    """Hold a condition in containerd's form, and the nanoseconds for which records must have been unused."""

    __slots__ = ("condition", "keep_duration")

    def __init__(self, condition: str = "", keep_duration: int = 0) -> None:
        self.condition: Final = condition
        self.keep_duration: Final = keep_duration

    @property
    def conditions(self) -> tuple[str, ...]:
        """Return what BuildKit is sent: one condition, of which an empty one holds for all records."""
        return (self.condition,)


def parse(texts: Iterable[str]) -> Filter:
    """Read `--filter` flags, all of which must hold: key=value, key!=value, key~=regular expression.

    Raises BakeError.
    """
    given: dict[str, dict[str, None]] = {}
    for text in filter(None, texts):
        if "=" not in text:
            raise BakeError.of("bad format of filter (expected name=value)", f"the filter is {text}")
        key, _, value = text.partition("=")
        given.setdefault(key.strip().lower(), {})[value.strip()] = None
    for key, values in given.items():
        if len(values) > 1:
            raise BakeError.of(f'"{key}" filter expects only one value', f"it was given {', '.join(values)}")
    pairs = {key: next(iter(values)) for key, values in given.items()}
    unused = [key for key in UNUSED_FOR if key in pairs]
    if len(unused) > 1:
        raise BakeError.of('conflicting filters "until" and "unused-for"')
    conditions = [_condition(key, value) for key, value in pairs.items() if key not in unused]
    return Filter(",".join(conditions), _duration(unused[0], pairs[unused[0]]) if unused else 0)


def usual(settings: Settings) -> list[str]:
    """Return the filters that Docker's client configuration adds to each prune."""
    try:
        found = read_object(settings.docker_config / "config.json").get("pruneFilters") or []
    except (OSError, ValueError, AttributeError):
        return []
    return [str(text) for text in found if "=" in str(text)]


def _condition(key: str, value: str) -> str:
    if key == "id":
        return f"{key}~={value}"
    return f"{key}={value}" if key[-1:] in {"!", "~"} else f"{key}=={value}"


def _duration(key: str, value: str) -> int:
    try:
        return parse_duration(value)
    except BakeError as error:
        raise BakeError.of(f"\"{key}\" filter expects a duration (e.g., '24h')", str(error)) from None
