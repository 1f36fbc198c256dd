"""Turn the daemon's status messages into events; how they merge is the reporter's business."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bakepy.progress.events import Log, Progress, Solve, SolveUpdate, SourceRange, Vertex, Warned

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from bakepy.buildkit.proto import control_pb2
    from bakepy.buildkit.requests import SolveRequest


def own_steps(request: SolveRequest) -> dict[str, str]:
    """Return, by the digests that the daemon gives a build's exports, digests that no other build's exports have.

    The daemon makes them of the session's id and the export's index, so builds in one session would share them.
    """
    names = [f"{request.session}-export-{i}" for i in range(len(request.exporters))]
    names += [f"{request.session}-cache-{i}" for i in range(len(request.cache_exports))]
    return {_digest(name): _digest(f"{request.ref} {name}") for name in names}


def update(solve: Solve, message: control_pb2.StatusResponse, own: Mapping[str, str] | None = None) -> SolveUpdate:
    """Return what one status message says of a solve, with digests replaced as `own` tells."""
    own = own or {}
    return SolveUpdate(
        solve,
        vertices=tuple(_vertex(x, own) for x in message.vertexes),
        progress=tuple(_progress(x, own) for x in message.statuses),
        logs=tuple(
            Log(own.get(x.vertex, x.vertex), x.stream, x.msg, x.timestamp.ToNanoseconds()) for x in message.logs
        ),
        warnings=tuple(_warned(x, own) for x in message.warnings),
    )


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _vertex(x: control_pb2.Vertex, own: Mapping[str, str]) -> Vertex:
    return Vertex(
        digest=own.get(x.digest, x.digest),
        name=x.name,
        inputs=tuple(x.inputs),
        started=_time(x.started) if x.HasField("started") else None,
        completed=_time(x.completed) if x.HasField("completed") else None,
        cached=x.cached,
        error=x.error,
        group=x.progressGroup.id,
        group_name=x.progressGroup.name,
    )


def _progress(x: control_pb2.VertexStatus, own: Mapping[str, str]) -> Progress:
    return Progress(
        vertex=own.get(x.vertex, x.vertex),
        id=x.ID,
        name=x.name,
        current=x.current,
        total=x.total,
        timestamp=_time(x.timestamp),
        started=_time(x.started) if x.HasField("started") else None,
        completed=_time(x.completed) if x.HasField("completed") else None,
    )


def _warned(x: control_pb2.VertexWarning, own: Mapping[str, str]) -> Warned:
    source = None
    if x.HasField("info"):
        lines = [(r.start.line, max(r.start.line, r.end.line)) for r in x.ranges]
        first, last = lines[0] if lines else (0, 0)
        source = SourceRange(x.info.filename, x.info.data, first, last)
    return Warned(
        vertex=own.get(x.vertex, x.vertex),
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
