"""What happens during a run, as plain data: the executor and the BuildKit client tell, a reporter shows or records.

Times are nanoseconds since the epoch, as int; digests are `sha256:…` strings.
"""

from __future__ import annotations

import enum
from typing import Final

from bakepy.records import Record


class Vertex(Record):
    """Tell the state of one step of a solve.

    The same digest is told many times: when it is listed, starts, completes, and starts again. `error` is empty
    unless it failed.
    """

    __slots__ = ("digest", "name", "inputs", "started", "completed", "cached", "error", "group", "group_name")

    def __init__(
        self,
        digest: str,
        name: str,
        inputs: tuple[str, ...] = (),
        started: int | None = None,
        completed: int | None = None,
        cached: bool = False,
        error: str = "",
        group: str = "",
        group_name: str = "",
    ) -> None:
        self.digest: Final = digest
        self.name: Final = name
        self.inputs: Final = inputs
        self.started: Final = started
        self.completed: Final = completed
        self.cached: Final = cached
        self.error: Final = error
        self.group: Final = group
        """Id of the progress group that this vertex shares with others; empty for none."""
        self.group_name: Final = group_name


class Progress(Record):
    """Tell how far something within a vertex is, merged by (vertex, id): bytes where `total` is set, else counts."""

    __slots__ = ("vertex", "id", "name", "current", "total", "timestamp", "started", "completed")

    def __init__(
        self,
        vertex: str,
        id: str,
        name: str,
        current: int,
        total: int,
        timestamp: int,
        started: int | None,
        completed: int | None,
    ) -> None:
        self.vertex: Final = vertex
        self.id: Final = id
        self.name: Final = name
        self.current: Final = current
        self.total: Final = total
        self.timestamp: Final = timestamp
        self.started: Final = started
        self.completed: Final = completed


class Log(Record):
    """Carry output of a vertex: any bytes, not only whole lines; stream 1 is stdout, 2 stderr."""

    __slots__ = ("vertex", "stream", "data", "timestamp")

    def __init__(self, vertex: str, stream: int, data: bytes, timestamp: int) -> None:
        self.vertex: Final = vertex
        self.stream: Final = stream
        self.data: Final = data
        self.timestamp: Final = timestamp


class SourceRange(Record):
    """Name lines of a Dockerfile (from 1, both ends included)."""

    __slots__ = ("filename", "data", "first", "last")

    def __init__(self, filename: str, data: bytes, first: int, last: int) -> None:
        self.filename: Final = filename
        self.data: Final = data
        self.first: Final = first
        self.last: Final = last


class Warned(Record):
    """Carry a warning of the build, such as a lint rule's."""

    __slots__ = ("vertex", "level", "short", "detail", "url", "source")

    def __init__(
        self,
        vertex: str,
        level: int,
        short: str,
        detail: tuple[str, ...] = (),
        url: str = "",
        source: SourceRange | None = None,
    ) -> None:
        self.vertex: Final = vertex
        self.level: Final = level
        self.short: Final = short
        self.detail: Final = detail
        self.url: Final = url
        self.source: Final = source


class Solve(Record):
    """Name the solve that events belong to: its ref, and the targets that it builds."""

    __slots__ = ("ref", "targets", "node")

    def __init__(self, ref: str, targets: tuple[str, ...], node: str = "") -> None:
        self.ref: Final = ref
        self.targets: Final = targets
        self.node: Final = node


class SolveStarted(Record):
    """Tell that a solve was handed to its node."""

    __slots__ = ("solve", "time")

    def __init__(self, solve: Solve, time: int) -> None:
        self.solve: Final = solve
        self.time: Final = time


class SolveUpdate(Record):
    """Carry what one status message of a solve said."""

    __slots__ = ("solve", "vertices", "progress", "logs", "warnings")

    def __init__(
        self,
        solve: Solve,
        vertices: tuple[Vertex, ...] = (),
        progress: tuple[Progress, ...] = (),
        logs: tuple[Log, ...] = (),
        warnings: tuple[Warned, ...] = (),
    ) -> None:
        self.solve: Final = solve
        self.vertices: Final = vertices
        self.progress: Final = progress
        self.logs: Final = logs
        self.warnings: Final = warnings


class State(enum.Enum):
    """Tell how a solve ended."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class SolveFinished(Record):
    """Tell how a solve ended; `sources` are the Dockerfile's lines at fault, `digest` the image's where it has one."""

    __slots__ = ("solve", "time", "state", "error", "sources", "digest", "details")

    def __init__(
        self,
        solve: Solve,
        time: int,
        state: State,
        error: str = "",
        sources: tuple[SourceRange, ...] = (),
        digest: str = "",
        details: dict[str, str] | None = None,
    ) -> None:
        self.solve: Final = solve
        self.time: Final = time
        self.state: Final = state
        self.error: Final = error
        self.sources: Final = sources
        self.digest: Final = digest
        self.details: Final[dict[str, str]] = {} if details is None else details


class Message(Record):
    """Tell one line about the run itself: a node that boots, a file that is written, a warning.

    `level` is `info`, `warning`, or `builder` for the line that names what builds.
    """

    __slots__ = ("text", "level")

    def __init__(self, text: str, level: str = "info") -> None:
        self.text: Final = text
        self.level: Final = level


class Step(Record):
    """Tell of work outside BuildKit that takes time (booting, loading, joining an index), merged by id.

    `total` 0 means unknown.
    """

    __slots__ = ("id", "name", "started", "completed", "current", "total", "error")

    def __init__(
        self,
        id: str,
        name: str,
        started: int,
        completed: int | None = None,
        current: int = 0,
        total: int = 0,
        error: str = "",
    ) -> None:
        self.id: Final = id
        self.name: Final = name
        self.started: Final = started
        self.completed: Final = completed
        self.current: Final = current
        self.total: Final = total
        self.error: Final = error


Event = SolveStarted | SolveUpdate | SolveFinished | Message | Step


class Reporter:
    """Watch a run; every method does nothing until a subclass says otherwise."""

    def plan(self, targets: tuple[str, ...]) -> None:
        """Tell once, at the start, the names of all targets that will be built."""

    def report(self, event: Event) -> None:
        """Take one event; called from the event loop, so it returns at once."""

    def close(self) -> None:
        """End the display; called once, whatever happened."""
