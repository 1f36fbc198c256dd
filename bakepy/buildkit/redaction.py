"""The one place that keeps secrets out of what is shown, recorded or raised.

A secret may arrive cut in two by the borders of log messages. So the end of a vertex's output that could be the
beginning of a secret is held back until what follows tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bakepy.progress.events import (
    Event,
    Log,
    Message,
    Reporter,
    SolveFinished,
    SolveUpdate,
    SourceRange,
    Step,
    Vertex,
    Warned,
)
from bakepy.records import replace

SHORTEST = 4
"""Bytes that a value must have: hiding shorter ones would hide ordinary output and name the value by its absence."""
SHORTEST_LINE = 8
"""Bytes that a line of a value must have to be hidden by itself, since tools print keys line by line."""
MOST_LINES = 200
"""Lines of a value up to which each is hidden by itself: a key has some dozens, and each costs time with all output."""
MASK = b"***"


class Redactor:
    """Replace every occurrence of the given values by `***`."""

    def __init__(self, values: Iterable[bytes]) -> None:
        self._values = {form for value in values for form in _forms(value)}
        self._held: dict[tuple[str, str, int], Log] = {}

    def data(self, data: bytes) -> bytes:
        """Return `data` without the values."""
        parts, end = [], 0
        for start, stop in self._found(data):
            parts += [data[end:start], MASK]
            end = stop
        return b"".join([*parts, data[end:]]) if parts else data

    def _found(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield where values stand, from left to right without overlaps, the longest of those that start together."""
        # Searching for each value beats one regular expression of them all, which takes seconds to make of long ones.
        ahead = [(at, -len(value), value) for value in self._values if (at := data.find(value)) >= 0]
        while ahead:
            start, size, _ = min(ahead)
            stop = start - size
            yield start, stop
            later = ((at if at >= stop else data.find(value, stop), n, value) for at, n, value in ahead)
            ahead = [found for found in later if found[0] >= 0]

    def text(self, text: str) -> str:
        """Return `text` without the values."""
        if not self._values:
            return text
        return self.data(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def events(self, event: Event) -> Iterator[Event]:
        """Yield the event without the values, before it what was held back of a solve that ends with it."""
        if not self._values:
            yield event
            return
        match event:
            case SolveUpdate():
                yield self._update(event)
            case SolveFinished():
                if rest := self._released(lambda key: key[0] == event.solve.ref):
                    yield SolveUpdate(event.solve, logs=tuple(rest))
                details = {key: self.text(value) for key, value in event.details.items()}
                sources = tuple(map(self._source, event.sources))
                yield replace(event, error=self.text(event.error), sources=sources, details=details)
            case Message():
                yield replace(event, text=self.text(event.text))
            case Step():
                yield replace(event, name=self.text(event.name), error=self.text(event.error))
            case _:
                yield event

    def _update(self, event: SolveUpdate) -> SolveUpdate:
        logs = [shown for log in event.logs for shown in self._log(event.solve.ref, log)]
        ended = {(event.solve.ref, vertex.digest) for vertex in event.vertices if vertex.completed is not None}
        if ended:
            logs += self._released(lambda key: key[:2] in ended)
        return replace(
            event,
            vertices=tuple(map(self._vertex, event.vertices)),
            progress=tuple(replace(p, id=self.text(p.id), name=self.text(p.name)) for p in event.progress),
            logs=tuple(logs),
            warnings=tuple(map(self._warned, event.warnings)),
        )

    def _log(self, ref: str, log: Log) -> list[Log]:
        key = (ref, log.vertex, log.stream)
        held = self._held.pop(key, None)
        data = held.data + log.data if held else log.data
        cut = self._safe(data)
        if cut < len(data):
            self._held[key] = replace(log, data=data[cut:])
        return [replace(log, data=self.data(data[:cut]))] if cut else []

    def _safe(self, data: bytes) -> int:
        """Return how many bytes can be shown: neither a beginning of a value at the end, nor a part of a whole one."""
        cut = min(_beginning(value, data) for value in self._values)
        return next((start for start, stop in self._found(data) if start < cut < stop), cut)

    def _released(self, ended: Callable[[tuple[str, str, int]], bool]) -> list[Log]:
        logs = [self._held.pop(key) for key in list(self._held) if ended(key)]
        return [replace(log, data=self.data(log.data)) for log in logs]

    def _vertex(self, vertex: Vertex) -> Vertex:
        return replace(
            vertex,
            name=self.text(vertex.name),
            error=self.text(vertex.error),
            group_name=self.text(vertex.group_name),
        )

    def _warned(self, warned: Warned) -> Warned:
        return replace(
            warned,
            short=self.text(warned.short),
            detail=tuple(map(self.text, warned.detail)),
            source=self._source(warned.source) if warned.source else None,
        )

    def _source(self, source: SourceRange) -> SourceRange:
        return replace(source, data=self.data(source.data))


class RedactingReporter(Reporter):
    """Stand in front of a reporter so that it never meets a secret."""

    def __init__(self, inner: Reporter, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    def plan(self, targets: tuple[str, ...]) -> None:
        """Pass the names on."""
        self._inner.plan(targets)

    def report(self, event: Event) -> None:
        """Pass the event on without the values."""
        for clean in self._redactor.events(event):
            self._inner.report(clean)

    def close(self) -> None:
        """Pass the end on."""
        self._inner.close()


def _beginning(value: bytes, data: bytes) -> int:
    """Return where at the end of `data` a value may begin that is not whole yet; its length where none may."""
    at = data.find(value[:1], max(0, len(data) - len(value) + 1))
    while at >= 0 and not value.startswith(data[at:]):
        at = data.find(value[:1], at + 1)
    return at if at >= 0 else len(data)


def _forms(value: bytes) -> Iterator[bytes]:
    """Yield what to hide of a value: all of it, also without white space around it, and its longer lines."""
    for form in (value, value.strip()):
        if len(form) >= SHORTEST:
            yield form
    lines = [line.strip() for line in value.splitlines()]
    if 1 < len(lines) <= MOST_LINES:
        yield from (line for line in lines if len(line) >= SHORTEST_LINE)
