"""What an attribute of a target states about itself, in one place: name, shape, rules and doc."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Final

from bakepy.model import rules
from bakepy.model.rules import Apply, Entry, Merge, Tidy
from bakepy.records import Record


class Shape(enum.Enum):
    """Name the form of an attribute's value in a definition."""

    TEXT = "string"
    FLAG = "bool"
    TEXTS = "list of strings"
    MAP = "map of strings, each of which may be null"
    STRICT_MAP = "map of strings"
    ENTRIES = "list of entries, each a string or an object"
    RESOURCES = "object of limits"


class Form(enum.Enum):
    """Tell how `--set` collects values: the last one, all of them, or one for each name below the key."""

    LAST = "key=value"
    ALL = "key=value, several times"
    NAMED = "key.name=value"


class Override(Record):
    """Say what `--set target.<key>=value` does to an attribute.

    `expects` words the fault of a missing name; `early` tells that it is a fault even where no target needs it.
    `warning` is for the user who uses the key.
    """

    __slots__ = ("key", "apply", "form", "expects", "early", "may_append", "warning")

    def __init__(
        self,
        key: str,
        apply: Apply,
        form: Form = Form.LAST,
        expects: str = "",
        early: bool = False,
        may_append: bool = True,
        warning: str = "",
    ) -> None:
        self.key: Final = key
        self.apply: Final = apply
        self.form: Final = form
        self.expects: Final = expects
        self.early: Final = early
        self.may_append: Final = may_append
        self.warning: Final = warning


class Attribute(Record):
    """Describe one attribute: its name in files, shape, rules and doc; `escape` where `--print` escapes templates."""

    __slots__ = ("name", "shape", "doc", "overrides", "merge", "tidy", "entry", "escape", "field")

    def __init__(
        self,
        name: str,
        shape: Shape,
        doc: str,
        overrides: Sequence[Override] = (),
        merge: Merge = rules.replace,
        tidy: Tidy = rules.keep,
        entry: type[Entry] | None = None,
        escape: bool = False,
    ) -> None:
        self.name: Final = name
        self.shape: Final = shape
        self.doc: Final = doc
        self.overrides: Final = overrides
        self.merge: Final = merge
        self.tidy: Final = tidy
        self.entry: Final = entry
        self.escape: Final = escape
        self.field: Final = name.replace("-", "_")

    def dump(self, value: Any) -> Any:
        """Return a value as `--print` shows it, or None where it shows nothing."""
        if self.shape in {Shape.TEXT, Shape.FLAG}:
            return escaped(value) if self.escape else value
        if self.shape is Shape.RESOURCES:
            return value.json()
        if not value:
            return None
        if self.shape is Shape.ENTRIES:
            return [item.json() for item in value]
        if self.shape is Shape.TEXTS:
            return [escaped(item) for item in value] if self.escape else list(value)
        return {k: escaped(v) if self.escape and v is not None else v for k, v in sorted(value.items())}


def escaped(text: str) -> str:
    """Return text with the openings of templates doubled, so that reading it back gives the text."""
    return text.replace("${", "$${").replace("%{", "%%{")
