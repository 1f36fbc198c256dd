"""The rules an attribute may follow: how it merges, how it is tidied, what `--set` does to it.

A merge rule takes the inherited value and the nearer one, neither None. A tidying rule returns a value without
duplicates, or None where nothing is left. An override rule takes the value so far (or None) and what was set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from bakepy.model.export import Export
from bakepy.model.resources import Resources
from bakepy.model.secret import Secret
from bakepy.model.text import EntryError, parse_bool, quote
from bakepy.records import Record

T = TypeVar("T")
E = TypeVar("E")


class Change(Record):
    """Hold what `--set target.key.name=value` asks for; an argument given often has several values."""

    __slots__ = ("key", "name", "values", "append")

    def __init__(self, key: str, name: str, values: tuple[str, ...], append: bool = False) -> None:
        self.key: Final = key
        self.name: Final = name
        self.values: Final = values
        self.append: Final = append

    @property
    def value(self) -> str:
        """Return the last value given, which is the one that counts where there can be only one."""
        return self.values[-1] if self.values else ""


Merge = Callable[[Any, Any], Any]
Tidy = Callable[[Any], Any]
Apply = Callable[[Any, Change], Any]


# Merging


def replace(_: T, new: T) -> T:
    """Take the nearer value."""
    return new


def nonempty_text(old: str, new: str) -> str:
    """Take the nearer text unless it is empty."""
    return new or old


def append(old: Sequence[T], new: Sequence[T]) -> list[T]:
    """Put the nearer items after the inherited ones."""
    return [*old, *new]


def by_key(old: Mapping[str, T], new: Mapping[str, T]) -> dict[str, T]:
    """Take the nearer value of each key; a null leaves the inherited one."""
    return {**old, **{key: value for key, value in new.items() if value is not None}}


def append_distinct(old: Sequence[E], new: Sequence[E]) -> list[E]:
    """Put the nearer entries after the inherited ones, each once."""
    return distinct([*old, *new]) or []


def append_by_id(old: Sequence[E], new: Sequence[E]) -> list[E]:
    """Put the nearer entries after the inherited ones; one of the same id or type takes the older one's place."""
    return last_by_id([*old, *new]) or []


def combine(old: Resources, new: Resources) -> Resources:
    """Take the nearer one of each limit."""
    return old.merged(new)


# Tidying


def keep(value: T) -> T:
    """Leave a value as it is."""
    return value


def words(items: Sequence[str]) -> list[str]:
    """Return the items without duplicates and empty ones."""
    return [item for item in dict.fromkeys(items) if item]


def distinct(items: Sequence[E]) -> list[E] | None:
    """Return the entries without duplicates.

    The reference fills the gap of a duplicate with the last entry, so that is the order here.
    """
    out = list(items)
    for i in range(len(out) - 2, -1, -1):
        for j in range(i + 1, len(out)):
            if out[i] == out[j]:
                out[j] = out[-1]
                out.pop()
                break
    return out or None


def last_by_id(items: Sequence[E]) -> list[E] | None:
    """Return the last entry of each id (of each type, where entries have no id), at the place of its first."""
    found: dict[str, E] = {}
    for item in items:
        found[str(getattr(item, "id", None) or getattr(item, "type", ""))] = item
    return list(found.values()) or None


def nonempty(items: Mapping[str, str]) -> dict[str, str] | None:
    """Return the items whose value is not empty."""
    return {key: value for key, value in items.items() if value} or None


# Overriding


class Entry(Protocol):
    """Be a type whose entries are read from text."""

    @classmethod
    def parse(cls, text: str) -> list[Any]:
        """Read one or more entries."""


def set_text(_: str | None, change: Change) -> str:
    """Take the value as it is."""
    return change.value


def set_flag(_: bool | None, change: Change) -> bool:
    """Read a word for true or false. Raises EntryError."""
    return _flag(change)


def _flag(change: Change) -> bool:
    try:
        return parse_bool(change.value)
    except EntryError:
        raise EntryError(f"invalid value {change.value} for boolean key {change.key}") from None


def set_key(old: Mapping[str, Any] | None, change: Change) -> dict[str, Any]:
    """Set one key of a map."""
    return {**(old or {}), change.name: change.value}


def set_items(old: Sequence[str] | None, change: Change) -> list[str]:
    """Replace the list, or append to it with `+=`."""
    return [*(old or ()), *change.values] if change.append else list(change.values)


def add_items(old: Sequence[str] | None, change: Change) -> list[str]:
    """Append to the list, with or without `+=`."""
    return [*(old or ()), *change.values]


def clear_items(_: Sequence[str] | None, __: Change) -> list[str]:
    """Empty the list, whatever the value."""
    return []


def clear_text(_: str | None, __: Change) -> str:
    """Empty the text, whatever the value."""
    return ""


def entries(kind: type[Entry], merge: Merge, *, wrap: str = "", always_add: bool = False) -> Apply:
    """Return the rule for a list of entries; `wrap` opens the error's text. The rule raises EntryError."""

    def apply(old: Sequence[Any] | None, change: Change) -> list[Any]:
        try:
            new = [entry for text in change.values if text for entry in kind.parse(text)]
        except EntryError as fault:
            raise EntryError(f"{wrap}: {fault}" if wrap else str(fault)) from None
        return list(merge(old or [], new)) if change.append or always_add else new

    return apply


def set_secret(old: Sequence[Secret] | None, change: Change) -> list[Secret]:
    """Say anew where a declared secret comes from. Raises EntryError."""
    if not change.name:
        raise EntryError("invalid format for secret, expecting secret.<id>=<value>")
    secrets = list(old or ())
    for i, secret in enumerate(secrets):
        if secret.id == change.name:
            (new,) = Secret.parse(change.value)
            if new.id not in {"", change.name}:
                raise EntryError(
                    f"secret override id {quote(new.id)} does not match declared secret {quote(change.name)}"
                )
            secrets[i] = Secret(change.name, new.src, new.env)
            return secrets
    raise EntryError(f"secret {quote(change.name)} must be declared before it can be overridden")


def set_resource(old: Resources | None, change: Change) -> Resources:
    """Set one limit. Raises EntryError."""
    return (old or Resources()).set(change.name, change.value)


def set_push(old: Sequence[Export] | None, change: Change) -> list[Export]:
    """Push what is exported as an image; export one where nothing or only a Docker image is. Raises EntryError."""
    exports = list(old or ())
    if not _flag(change):
        return _without_push(exports)
    pushed = [_with_push(e, "true") if e.type == "image" else e for e in exports]
    if all(e.type == "docker" for e in exports):
        pushed.append(Export("image", attrs={"push": "true"}))
    return pushed


def _with_push(export: Export, push: str) -> Export:
    return Export(export.type, export.dest, {**export.attrs, "push": push})


def _without_push(exports: list[Export]) -> list[Export]:
    """Turn pushing off; the reference fills the gap of a registry export with the last one, and so do we."""
    i = 0
    while i < len(exports):
        if exports[i].type == "registry":
            exports[i] = exports[-1]
            exports.pop()
            continue
        if exports[i].type == "image":
            exports[i] = _with_push(exports[i], "false")
        i += 1
    return exports


def set_load(old: Sequence[Export] | None, change: Change) -> list[Export]:
    """Add an export to the Docker Engine, unless there is one or a file is asked for. Raises EntryError."""
    exports = list(old or ())
    if not _flag(change):
        return exports
    for export in exports:
        if export.type == "docker" and not export.dest:
            return exports
        if export.type not in {"docker", "image", "registry", "oci"}:
            return exports
    return [*exports, Export("docker")]
