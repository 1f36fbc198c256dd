"""What the command line changes in targets: `--set pattern.key=value` and the flags that stand for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from bakepy.diagnostics import BakeError, nearest
from bakepy.model.attribute import Form
from bakepy.model.rules import Change
from bakepy.model.target import OVERRIDES
from bakepy.planner.patterns import PatternError, matches
from bakepy.records import Record, replace

Lookup = Callable[[str], str | None]


class Setting(Record):
    """Change the targets that a pattern names; `text` is what the user wrote, for errors."""

    __slots__ = ("pattern", "change", "text")

    def __init__(self, pattern: str, change: Change, text: str = "") -> None:
        self.pattern: Final = pattern
        self.change: Final = change
        self.text: Final = text

    @classmethod
    def flag(cls, key: str, value: str, *, append: bool = False) -> Setting:
        """Return what a flag of the command line changes in every target."""
        return cls("*", Change(key, "", (value,), append), f"*.{key}{'+' if append else ''}={value}")


def parse(text: str, lookup: Lookup) -> Setting:
    """Read `pattern.key[.name][+]=value`; an argument without a value takes the environment's. Raises BakeError."""
    left, equals, value = text.partition("=")
    append, path = left.endswith("+"), left.removesuffix("+")
    pattern, *keys = path.split(".", 2)
    if not keys:
        raise BakeError.of(
            f"invalid override key {path}, expected target.name",
            hint="Write for instance --set '*.platform=linux/arm64'.",
        )
    key, name = keys[0], keys[1] if len(keys) > 1 else ""
    if not equals and key != "args":
        raise BakeError.of(f"invalid override {text}, expected target.name=value")
    values: tuple[str, ...] = (value,)
    if not equals:
        found = lookup(name)
        values = () if found is None else (found,)
    return Setting(pattern, Change(key, name, values, append), text)


def expand(settings: Iterable[Setting], targets: Sequence[str]) -> dict[str, list[Change]]:
    """Return the changes to each target; values of a list that is set several times are joined. Raises BakeError."""
    known = dict.fromkeys(targets)
    found: dict[str, dict[tuple[str, str], Change]] = {}
    for setting in settings:
        names = _names(setting.pattern, known)
        _check(setting)
        change = setting.change
        if change.key == "args" and not change.values:
            continue
        collects = change.key in OVERRIDES and OVERRIDES[change.key][1].form is Form.ALL
        for name in names:
            changes = found.setdefault(name, {})
            place = (change.key, change.name)
            before = changes.get(place)
            values = (*before.values, *change.values) if before and collects else change.values
            changes[place] = replace(change, values=values)
    # What a secret's source becomes is said last, once it is known which secrets there are.
    return {name: sorted(c.values(), key=lambda change: change.key == "secret") for name, c in found.items()}


def _names(pattern: str, targets: Mapping[str, None]) -> list[str]:
    if pattern in targets:
        return [pattern]
    try:
        names = [name for name in targets if matches(pattern, name)]
    except PatternError as fault:
        raise BakeError.of(f"could not match targets with '{pattern}': {fault}") from None
    if not names:
        near = nearest(pattern, targets)
        raise BakeError.of(
            f"could not find any target matching '{pattern}'", hint=f"Did you mean '{near}'?" if near else ""
        )
    return names


def _check(setting: Setting) -> None:
    """Report what is a fault even where no target needs the change."""
    change = setting.change
    if change.key not in OVERRIDES:
        return
    override = OVERRIDES[change.key][1]
    left = setting.text.partition("=")[0]
    if override.form is Form.NAMED and override.early and left.removesuffix("+").count(".") < 2:
        raise BakeError.of(
            f"invalid key {left}, {change.key} requires name",
            hint=f"Write for instance --set '{setting.pattern}.{change.key}.NAME=VALUE'.",
        )
    if change.append and not override.may_append:
        raise BakeError.of(f"invalid key {left}, {change.key} does not support append")


def key_fault(key: str) -> BakeError:
    """Return the error for a key that no attribute knows."""
    near = nearest(key, OVERRIDES)
    return BakeError.of(f"unknown key: {key}", hint=f"Did you mean '{near}'?" if near else "")
