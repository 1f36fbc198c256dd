"""The one place that keeps secrets out of what is shown, recorded or raised.

A secret may arrive cut in two by the borders of log messages. So the end of a vertex's output that could be the
beginning of a secret is held back until what follows tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

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

SHORTEST = 4
"""Bytes that a value must have: hiding shorter ones would hide ordinary output and name the value by its absence."""
SHORTEST_LINE = 8
"""Bytes that a line of a value must have to be hidden by itself, since tools print keys line by line."""
MASK = b"***"


class Redactor:
    """Replace every occurrence of the given values by `***`."""

    def __init__(self, values: Iterable[bytes]) -> None:
        # The longest first, so that a value that contains another one is hidden as a whole.
        self._values = sorted({form for value in values for form in _forms(value)}, key=lambda v: (-len(v), v))
        self._pattern = re.compile(b"|".join(map(re.escape, self._values))) if self._values else None
        self._held: dict[tuple[str, str, int], Log] = {}

    def data(self, data: bytes) -> bytes:
        """Return `data` without the values."""
        return self._pattern.sub(MASK, data) if self._pattern else data

    def text(self, text: str) -> str:
        """Return `text` without the values."""
        if not self._pattern:
            return text
        return self.data(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def events(self, event: Event) -> Iterator[Event]:
        """Yield the event without the values, before it what was held back of a solve that ends with it."""
        if not self._pattern:
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
        reach = min(len(self._values[0]) - 1, len(data))
        cut = len(data)
        for size in range(reach, 0, -1):
            if any(len(value) > size and value.startswith(data[-size:]) for value in self._values):
                cut = len(data) - size
                break
        for found in self._pattern.finditer(data) if self._pattern else ():
            if found.start() < cut < found.end():
                return found.start()
        return cut

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


def _forms(value: bytes) -> Iterator[bytes]:
    """Yield what to hide of a value: all of it, also without white space around it, and its longer lines."""
    for form in (value, value.strip()):
        if len(form) >= SHORTEST:
            yield form
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= SHORTEST_LINE)
