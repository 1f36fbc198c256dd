"""The one place that keeps secrets out of what is shown, recorded or raised.

A secret may arrive cut in two by the borders of log messages. So the end of a vertex's output that could be the
beginning of a secret is held back until what follows tells.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator

from bakepy.buildkit.matching import Matcher
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
LONGEST_QUOTED = 8 << 10
"""Bytes of a value up to which it is looked for as a part of a URL: servers take no longer ones."""
WRAPPED = (64, 76)
"""Lengths of the lines that tools break base64 into (RFC 7468, RFC 2045)."""


class Held:
    """Output of a vertex that may be the beginning of a value: pieces, and with how many bytes it is looked at."""

    __slots__ = ("pieces", "size", "wanted", "log")

    def __init__(self, log: Log) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.wanted = 0
        self.log = log
        """The last message that a piece is of."""

    def add(self, log: Log) -> None:
        """Add the output of a message."""
        self.pieces.append(log.data)
        self.size += len(log.data)
        self.log = log


class Redactor:
    """Replace every occurrence of the given values by `***`."""

    def __init__(self, values: Iterable[bytes]) -> None:
        self._values = Matcher(form for value in values for form in _forms(value))
        self._held: dict[tuple[str, str, int], Held] = {}

    def data(self, data: bytes) -> bytes:
        """Return `data` without the values."""
        return self._values.mask(data).shown if self._values else data

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
        held = self._held.get(key) or Held(log)
        held.add(log)
        if held.size < held.wanted:
            return []
        masked = self._values.mask(b"".join(held.pieces), more=True)
        if masked.held:
            held.pieces, held.size, held.wanted = [masked.held], len(masked.held), masked.wanted
            self._held[key] = held
        else:
            self._held.pop(key, None)
        return [replace(log, data=masked.shown)] if masked.shown else []

    def _released(self, ended: Callable[[tuple[str, str, int]], bool]) -> list[Log]:
        held = [self._held.pop(key) for key in list(self._held) if ended(key)]
        return [replace(one.log, data=self.data(b"".join(one.pieces))) for one in held]

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
    """Yield what to hide of a value: itself, its longer lines, and what programs commonly write in its place."""
    for form in {value, value.strip()}:
        if len(form) >= SHORTEST:
            yield form
            yield from _quoted(form)
            yield from _in_json(form)
            yield from _encoded(form)
    lines = [line.strip() for line in value.splitlines()]
    if 1 < len(lines) <= MOST_LINES:
        yield from (line for line in lines if len(line) >= SHORTEST_LINE)


def _quoted(value: bytes) -> Iterator[bytes]:
    """Yield what programs write for a value in a URL (RFC 3986, 2.1): they differ in what they leave as it is."""
    if len(value) > LONGEST_QUOTED or value.isalnum():
        return
    from urllib.parse import quote_from_bytes

    for safe in ("", "/", "!'()*"):
        quoted = quote_from_bytes(value, safe=safe).encode()
        if quoted != value:
            yield quoted
            yield quoted.replace(b"%20", b"+")
            yield _ESCAPE.sub(lambda escape: escape[0].lower(), quoted)


def _in_json(value: bytes) -> Iterator[bytes]:
    """Yield how a value stands in a JSON string (RFC 8259, 7), other letters escaped or not."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    for ascii_alone in (False, True):
        escaped = json.dumps(text, ensure_ascii=ascii_alone)[1:-1]
        yield escaped.encode()
        # Go's encoder writes these so, for the sake of HTML.
        yield escaped.translate(_FOR_HTML).encode()


_FOR_HTML = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}

_ESCAPE = re.compile(rb"%[0-9A-F]{2}")


def _encoded(value: bytes) -> Iterator[bytes]:
    """Yield base64 of a value (RFC 4648) in both alphabets: alone, in lines, and as a part of something longer.

    Three bytes make four characters. So there are three ways to write a value behind other bytes, as a password
    behind `user:`, and its first and last character may depend on what is beside it.
    """
    whole = b64encode(value)
    forms = {whole, whole.rstrip(b"=")}
    for before in range(3):
        bits = 8 * (before + len(value))
        inner = b64encode(bytes(before) + value)[-(-8 * before // 6) : bits // 6]
        if len(inner) >= SHORTEST_LINE:
            forms.add(inner)
    yield from forms
    yield from (form.translate(_URL_SAFE) for form in forms)
    yield from _quoted(whole)
    for width in WRAPPED:
        if width < len(whole) <= width * MOST_LINES:
            lines = (whole[at : at + width] for at in range(0, len(whole), width))
            yield from (line for line in lines if len(line) >= SHORTEST_LINE)


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
