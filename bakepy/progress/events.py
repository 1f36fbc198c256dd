"""What happens during a run, as plain data: the executor and the BuildKit client tell, a reporter shows or records.

Times are nanoseconds since the epoch, as int; digests are `sha256:…` strings.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Vertex:
    """Tell the state of one step of a solve.

    The same digest is told many times: when it is listed, starts, completes, and starts again. `error` is empty
    unless it failed.
    """

    digest: str
    name: str
    inputs: tuple[str, ...] = ()
    started: int | None = None
    completed: int | None = None
    cached: bool = False
    error: str = ""
    group: str = ""
    """Id of the progress group that this vertex shares with others; empty for none."""
    group_name: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Tell how far something within a vertex is, merged by (vertex, id): bytes where `total` is set, else counts."""

    vertex: str
    id: str
    name: str
    current: int
    total: int
    timestamp: int
    started: int | None
    completed: int | None


@dataclass(frozen=True, slots=True)
class Log:
    """Carry output of a vertex: any bytes, not only whole lines; stream 1 is stdout, 2 stderr."""

    vertex: str
    stream: int
    data: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class SourceRange:
    """Name lines of a Dockerfile (from 1, both ends included)."""

    filename: str
    data: bytes
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Warned:
    """Carry a warning of the build, such as a lint rule's."""

    vertex: str
    level: int
    short: str
    detail: tuple[str, ...] = ()
    url: str = ""
    source: SourceRange | None = None


@dataclass(frozen=True, slots=True)
class Solve:
    """Name the solve that events belong to: its ref, and the targets that it builds."""

    ref: str
    targets: tuple[str, ...]
    node: str = ""


@dataclass(frozen=True, slots=True)
class SolveStarted:
    """Tell that a solve was handed to its node."""

    solve: Solve
    time: int


@dataclass(frozen=True, slots=True)
class SolveUpdate:
    """Carry what one status message of a solve said."""

    solve: Solve
    vertices: tuple[Vertex, ...] = ()
    progress: tuple[Progress, ...] = ()
    logs: tuple[Log, ...] = ()
    warnings: tuple[Warned, ...] = ()


class State(enum.Enum):
    """Tell how a solve ended."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class SolveFinished:
    """Tell how a solve ended; `sources` are the Dockerfile's lines at fault, `digest` the image's where it has one."""

    solve: Solve
    time: int
    state: State
    error: str = ""
    sources: tuple[SourceRange, ...] = ()
    digest: str = ""
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """Tell one line about the run itself: a node that boots, a file that is written, a warning."""

    text: str
    level: str = "info"


@dataclass(frozen=True, slots=True)
class Step:
    """Tell of work outside BuildKit that takes time (booting, loading, joining an index), merged by id.

    `total` 0 means unknown.
    """

    id: str
    name: str
    started: int
    completed: int | None = None
    current: int = 0
    total: int = 0
    error: str = ""


Event = SolveStarted | SolveUpdate | SolveFinished | Message | Step


class Reporter:
    """Watch a run; every method does nothing until a subclass says otherwise."""

    def plan(self, targets: tuple[str, ...]) -> None:
        """Tell once, at the start, the names of all targets that will be built."""

    def report(self, event: Event) -> None:
        """Take one event; called from the event loop, so it returns at once."""

    def close(self) -> None:
        """End the display; called once, whatever happened."""
