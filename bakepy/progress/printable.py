"""The one place that keeps a display from obeying what it shows.

Names, errors and messages come from Dockerfiles, registries and builders. Nothing in them may move the cursor, set the
terminal's title, or add a line that looks like one of ours. Output of steps is bytes here, cut anywhere: the board
makes it printable once it is whole lines.
"""

from __future__ import annotations

from operator import is_
from typing import TypeVar

from bakepy.diagnostics import one_line, printable
from bakepy.progress import events as ev
from bakepy.records import Record, fields, replace

R = TypeVar("R", bound=Record)


class PrintableReporter(ev.Reporter):
    """Stand in front of a display so that each text reaches it as one printable line."""

    def __init__(self, inner: ev.Reporter) -> None:
        self._inner = inner

    def plan(self, targets: tuple[str, ...]) -> None:
        """Pass the names on."""
        self._inner.plan(tuple(map(one_line, targets)))

    def report(self, event: ev.Event) -> None:
        """Pass the event on with printable texts."""
        self._inner.report(_record(event))

    def close(self) -> None:
        """Pass the end on."""
        self._inner.close()


def _record(record: R) -> R:
    """Return a record whose texts are printable: the same one where they are already, as most are."""
    if isinstance(record, ev.SourceRange):
        text = record.data.decode("utf-8", "replace").replace("\r\n", "\n")
        return replace(record, filename=one_line(record.filename), data=printable(text).encode())
    changes = {}
    for name in fields(type(record)):
        old: object = getattr(record, name)
        if (new := _value(old)) is not old:
            changes[name] = new
    return replace(record, **changes) if changes else record


def _value(value: object) -> object:
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, Record):
        return _record(value)
    if isinstance(value, tuple):
        items = tuple(map(_value, value))
        return value if all(map(is_, items, value)) else items
    if isinstance(value, dict):
        return {_value(key): _value(item) for key, item in value.items()}
    return value
