"""Turn the daemon's status messages into events; how they merge is the reporter's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakepy.progress.events import Log, Progress, Solve, SolveUpdate, SourceRange, Vertex, Warned

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from bakepy.buildkit.proto import control_pb2


def update(solve: Solve, message: control_pb2.StatusResponse) -> SolveUpdate:
    """Return what one status message says of a solve."""
    return SolveUpdate(
        solve,
        vertices=tuple(map(_vertex, message.vertexes)),
        progress=tuple(map(_progress, message.statuses)),
        logs=tuple(Log(x.vertex, x.stream, x.msg, x.timestamp.ToNanoseconds()) for x in message.logs),
        warnings=tuple(map(_warned, message.warnings)),
    )


def _vertex(x: control_pb2.Vertex) -> Vertex:
    return Vertex(
        digest=x.digest,
        name=x.name,
        inputs=tuple(x.inputs),
        started=_time(x.started) if x.HasField("started") else None,
        completed=_time(x.completed) if x.HasField("completed") else None,
        cached=x.cached,
        error=x.error,
        group=x.progressGroup.id,
        group_name=x.progressGroup.name,
    )


def _progress(x: control_pb2.VertexStatus) -> Progress:
    return Progress(
        vertex=x.vertex,
        id=x.ID,
        name=x.name,
        current=x.current,
        total=x.total,
        timestamp=_time(x.timestamp),
        started=_time(x.started) if x.HasField("started") else None,
        completed=_time(x.completed) if x.HasField("completed") else None,
    )


def _warned(x: control_pb2.VertexWarning) -> Warned:
    source = None
    if x.HasField("info"):
        lines = [(r.start.line, max(r.start.line, r.end.line)) for r in x.ranges]
        first, last = lines[0] if lines else (0, 0)
        source = SourceRange(x.info.filename, x.info.data, first, last)
    return Warned(
        vertex=x.vertex,
        level=x.level,
        short=_text(x.short),
        detail=tuple(map(_text, x.detail)),
        url=x.url,
        source=source,
    )


def _time(stamp: Timestamp) -> int:
    return stamp.ToNanoseconds()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
