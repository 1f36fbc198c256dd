"""The check of a Dockerfile: the JSON of a frontend's answer to a `lint` request, and the reference's text for it.

Frontends come from registries, so whatever their JSON lacks or has of another type is read as empty.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from bakepy.records import Record

Json = Mapping[str, "Json"] | list["Json"] | str | int | float | bool | None
Object = Mapping[str, Json]
Locate = Callable[[str, bytes], str]
"""Returns where the user finds a file, from the frontend's name for it and its content."""

KNOWN = (1, 0, 0)
"""The version of the JSON that is printed here; of newer ones the frontend's own text is."""
RULE = "-" * 20


class Place(Record):
    """Lines of a Dockerfile: its name and text, and ranges of line numbers, from 1 on and inclusive."""

    __slots__ = ("filename", "text", "ranges")

    def __init__(self, filename: str, text: str, ranges: tuple[tuple[int, int], ...]) -> None:
        self.filename: Final = filename
        self.text: Final = text
        self.ranges: Final = ranges


class Warned(Record):
    """A rule's warning; its place is None where the rule is about no line."""

    __slots__ = ("rule", "url", "detail", "place")

    def __init__(self, rule: str, url: str, detail: str, place: Place | None) -> None:
        self.rule: Final = rule
        self.url: Final = url
        self.detail: Final = detail
        self.place: Final = place


class Check(Record):
    """The result of a check; `error` says, with lines, why the Dockerfile cannot be built at all, and may be empty."""

    __slots__ = ("warnings", "error")

    def __init__(self, warnings: tuple[Warned, ...], error: str) -> None:
        self.warnings: Final = warnings
        self.error: Final = error

    @classmethod
    def decode(cls, data: bytes, locate: Locate) -> Check:
        """Read the JSON of a frontend, naming files as `locate` does."""
        try:
            found: Json = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        lint = found if isinstance(found, dict) else {}
        sources = [_source(s, locate) for s in _objects(lint, "sources")]
        warnings = (
            Warned(_text(w, "ruleName"), _text(w, "url"), _text(w, "detail"), _place(w, sources))
            for w in _objects(lint, "warnings")
        )
        error = ""
        if failed := _object(lint, "buildError"):
            place = _place(failed, sources)
            error = f"{_text(failed, 'message')}\n{excerpt(place) if place else ''}"
        return cls(tuple(sorted(warnings, key=_order)), error)

    def report(self, text: str, version: str) -> str:
        """Return the warnings under their number; `text` is what the frontend made of a `version` of its JSON."""
        count = len(self.warnings)
        if not count:
            return "" if self.error else "Check complete, no warnings found.\n"
        has = "1 warning has" if count == 1 else f"{count} warnings have"
        body = text if text and _numbers(version) > KNOWN else "".join(map(_shown, self.warnings))
        return f"Check complete, {has} been found!\n{body}" + ("\n" if self.error else "")


def excerpt(place: Place) -> str:
    """Return the lines of a place, marked, with a few around them; empty where the file has no such lines."""
    lines = place.text.split("\n")
    marked = {n for first, last in place.ranges for n in range(max(first, 0), min(max(first, last), len(lines)) + 1)}
    if not marked or min(marked) < 1:
        return ""
    first, last = min(marked), max(marked)
    start, end = _widened(first, last, len(lines))
    shown = [f" {n:3d} | {'>>>' if n in marked else '   '} {lines[n - 1]}" for n in range(start, end + 1)]
    return "\n".join([f"{place.filename}:{first}", RULE, *shown, RULE, ""])


def _widened(start: int, end: int, count: int) -> tuple[int, int]:
    """Return the lines to show around those at fault: one or two on each side, as far as there are any."""
    wanted = 4 if start == end else 2
    shown = 0
    while shown < wanted:
        if start > 1:
            start -= 1
            shown += 1
        if end != count:
            end += 1
            shown += 1
        shown += 1
    return start, end


def _shown(warning: Warned) -> str:
    head = f"\nWARNING: {warning.rule}" + (f" - {warning.url}" if warning.url else "")
    return f"{head}\n{warning.detail}\n" + (excerpt(warning.place) if warning.place else "")


def _order(warning: Warned) -> tuple[bool, str, int, str]:
    """Return the key by which the reference sorts: warnings without lines come first, by their rules."""
    place = warning.place
    line = place.ranges[0][0] if place and place.ranges else 0
    return place is not None, place.filename if place else "", line, "" if line else warning.rule


def _source(source: Object, locate: Locate) -> tuple[str, str]:
    """Return a file's name and text."""
    try:
        data = b64decode(_text(source, "data"))
    except (ValueError, binascii.Error):
        data = b""
    return locate(_text(source, "filename"), data), data.decode("utf-8", "replace")


def _place(of: Object, sources: list[tuple[str, str]]) -> Place | None:
    location = _object(of, "location")
    index = _number(location, "sourceIndex")
    if not 0 <= index < len(sources):
        return None
    ranges = [(_object(r, "start"), _object(r, "end")) for r in _objects(location, "ranges")]
    return Place(*sources[index], tuple((_number(start, "line"), _number(end, "line")) for start, end in ranges))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isascii() and part.isdigit() else 0 for part in version.split("."))


def _objects(value: Object, key: str) -> Iterable[Object]:
    found = value.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _object(value: Object, key: str) -> Object:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: Object, key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _number(value: Object, key: str) -> int:
    found = value.get(key)
    return found if isinstance(found, int) else 0
