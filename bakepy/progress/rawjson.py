"""One JSON object a line, in the form of BuildKit's `SolveStatus`, for programs that read progress."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from time import time_ns
from typing import TextIO

from bakepy.progress import events as ev
from bakepy.progress.board import SECOND, prefixed

Fields = dict[str, object]


class RawJson(ev.Reporter):
    """Write each event as it comes; nothing is merged or left out."""

    def __init__(self, stream: TextIO) -> None:
        self._out = stream
        self._single = False

    def plan(self, targets: tuple[str, ...]) -> None:
        """Take the targets' names: with one alone, steps go without a prefix."""
        self._single = len(targets) <= 1

    def report(self, event: ev.Event) -> None:
        """Write one event."""
        match event:
            case ev.SolveUpdate():
                self._write(
                    vertexes=[self._vertex(event.solve, v) for v in event.vertices],
                    statuses=[_status(s) for s in event.progress],
                    logs=[_log(line) for line in event.logs],
                    warnings=[_warning(w) for w in event.warnings],
                )
            case ev.Step():
                digest = "sha256:" + hashlib.sha256(event.id.encode()).hexdigest()
                vertex = ev.Vertex(digest, event.name, (), event.started, event.completed, error=event.error)
                moved = ev.Progress(
                    digest, event.name, "", event.current, event.total, time_ns(), event.started, event.completed
                )
                self._write(
                    vertexes=[self._vertex(ev.Solve("", ()), vertex)], statuses=[_status(moved)] if event.total else []
                )
            case ev.Message(level="warning"):
                self._write(warnings=[_warning(ev.Warned("", 1, event.text))])
            case _:
                pass

    def _write(self, **lists: list[Fields]) -> None:
        if full := {name: rows for name, rows in lists.items() if rows}:
            print(json.dumps(full, separators=(",", ":")), file=self._out, flush=True)

    def _vertex(self, solve: ev.Solve, v: ev.Vertex) -> Fields:
        group = {"id": v.group, "name": v.group_name} if v.group else None
        name = v.name if self._single else prefixed(v.name, solve)
        return _compact(
            digest=v.digest,
            inputs=list(v.inputs),
            name=name,
            started=time(v.started),
            completed=time(v.completed),
            cached=v.cached,
            error=v.error,
            progressGroup=group,
        )


def _status(s: ev.Progress) -> Fields:
    required = {"id": s.id, "vertex": s.vertex}
    middle = _compact(name=s.name, total=s.total)
    rest = {"current": s.current, "timestamp": time(s.timestamp or 0)}
    return {**required, **middle, **rest, **_compact(started=time(s.started), completed=time(s.completed))}


def _log(line: ev.Log) -> Fields:
    data = base64.b64encode(line.data).decode()
    return _compact(vertex=line.vertex, stream=line.stream, data=data) | {"timestamp": time(line.timestamp)}


def _warning(w: ev.Warned) -> Fields:
    fields = _compact(vertex=w.vertex, level=w.level, short=base64.b64encode(w.short.encode()).decode())
    fields |= _compact(detail=[base64.b64encode(d.encode()).decode() for d in w.detail], url=w.url)
    if w.source:
        lines: Fields = {"start": {"line": w.source.first}, "end": {"line": w.source.last}}
        fields |= {"sourceInfo": {"filename": w.source.filename}, "range": [lines]}
    return fields


def _compact(**fields: object) -> Fields:
    return {name: value for name, value in fields.items() if value}


def time(nanoseconds: int | None) -> str | None:
    """Print a time as RFC 3339 with nanoseconds, trailing zeros cut, as Go does."""
    if nanoseconds is None:
        return None
    if nanoseconds <= 0:
        return "0001-01-01T00:00:00Z"
    whole, rest = divmod(nanoseconds, SECOND)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09}".rstrip("0").rstrip(".") + "Z"
