"""What the command line changes in targets: `--set pattern.key=value` and the flags that stand for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from bakepy.diagnostics import BakeError, nearest
from bakepy.model.attribute import Form
from bakepy.model.rules import Change
from bakepy.model.target import ATTRIBUTES, OVERRIDES
from bakepy.planner.arguments import Argument
from bakepy.planner.patterns import PatternError, matches
from bakepy.records import Record, replace

Lookup = Callable[[str], str | None]


class Setting(Record):
    """Change the targets that a pattern names.

    `text` is what the user wrote, for errors, and `argument` that of `--set`: other flags only stand for such a text.
    """

    __slots__ = ("pattern", "change", "text", "argument")

    def __init__(self, pattern: str, change: Change, text: str = "", argument: Argument | None = None) -> None:
        self.pattern: Final = pattern
        self.change: Final = change
        self.text: Final = text
        self.argument: Final = argument

    @classmethod
    def flag(cls, key: str, value: str, *, append: bool = False) -> Setting:
        """Return what a flag of the command line changes in every target."""
        return cls("*", Change(key, "", (value,), append), f"*.{key}{'+' if append else ''}={value}")

    @property
    def attribute(self) -> str:
        """Return the name of the attribute that it changes, empty where there is none."""
        return OVERRIDES[self.change.key][0].name if self.change.key in OVERRIDES else ""

    def fault(self, message: str, hint: str = "", word: str = "", start: int = 0) -> BakeError:
        """Return an error that shows the argument, if it was typed, and in it a word that is at or behind `start`."""
        return self.argument.error(message, hint, word, start) if self.argument else BakeError.of(message, hint=hint)


def parse(text: str, lookup: Lookup) -> Setting:
    """Read `pattern.key[.name][+]=value`; an argument without a value takes the environment's. Raises BakeError."""
    argument = Argument("--set", text)
    left, equals, value = text.partition("=")
    append, path = left.endswith("+"), left.removesuffix("+")
    pattern, *keys = path.split(".", 2)
    if not keys:
        message = f"invalid override key {path}, expected target.name"
        hint = "Write for instance --set '*.platform=linux/arm64'."
        raise argument.error(message, hint, path)
    key, name = keys[0], keys[1] if len(keys) > 1 else ""
    if not equals and key != "args":
        message = f"invalid override {text}, expected target.name=value"
        raise argument.error(message, f"Write --set {text}=VALUE.")
    values: tuple[str, ...] = (value,)
    if not equals:
        found = lookup(name)
        values = () if found is None else (found,)
    return Setting(pattern, Change(key, name, values, append), text, argument)


def expand(settings: Iterable[Setting], targets: Sequence[str]) -> dict[str, list[Change]]:
    """Return the changes to each target; values of a list that is set several times are joined. Raises BakeError."""
    known = dict.fromkeys(targets)
    found: dict[str, dict[tuple[str, str], Change]] = {}
    for setting in settings:
        names = _names(setting, known)
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


def responsible(settings: Iterable[Setting], target: str, change: Change) -> Setting:
    """Return the last setting that asks for a change of a target, or one that nobody typed."""
    found = [s for s in settings if (s.change.key, s.change.name) == (change.key, change.name) and covers(s, target)]
    return found[-1] if found else Setting(target, change)


def covers(setting: Setting, target: str) -> bool:
    """Tell whether a setting, which was expanded before, changes a target."""
    return setting.pattern == target or matches(setting.pattern, target)


def _names(setting: Setting, targets: Mapping[str, None]) -> list[str]:
    pattern = setting.pattern
    if pattern in targets:
        return [pattern]
    try:
        names = [name for name in targets if matches(pattern, name)]
    except PatternError as fault:
        raise setting.fault(f"could not match targets with '{pattern}': {fault}", word=pattern) from None
    if not names:
        near = nearest(pattern, targets)
        hint = f"Did you mean '{near}'?" if near else ""
        raise setting.fault(f"could not find any target matching '{pattern}'", hint, pattern)
    return names


def _check(setting: Setting) -> None:
    """Report what is a fault even where no target needs the change."""
    change = setting.change
    if change.key not in OVERRIDES:
        return
    override = OVERRIDES[change.key][1]
    left = setting.text.partition("=")[0]
    if override.form is Form.NAMED and override.early and left.removesuffix("+").count(".") < 2:
        hint = f"Write for instance --set '{setting.pattern}.{change.key}.NAME=VALUE'."
        raise setting.fault(f"invalid key {left}, {change.key} requires name", hint, left)
    if override.form is not Form.NAMED and change.name:
        message = f"invalid key {left}, {change.key} takes no name"
        hint = f"Write --set '{setting.pattern}.{change.key}=VALUE'."
        raise setting.fault(message, hint, change.name, len(setting.pattern) + len(change.key) + 2)
    if change.append and not override.may_append:
        message = f"invalid key {left}, {change.key} does not support append"
        raise setting.fault(message, f"Write {left.removesuffix('+')}=…, which replaces it.", "+", len(left) - 1)


def key_fault(setting: Setting) -> BakeError:
    """Return the error for a key that no attribute knows."""
    key = setting.change.key
    of_that_name = next((a for a in ATTRIBUTES if a.name == key), None)
    if of_that_name and not of_that_name.overrides:
        hint = f"Only a definition sets {key}: write it in a file, and name that with one more -f."
    else:
        near = of_that_name.overrides[0].key if of_that_name else nearest(key, OVERRIDES)
        hint = f"Did you mean '{near}'?" if near else ""
    return setting.fault(f"unknown key: {key}", hint, key, len(setting.pattern) + 1)
