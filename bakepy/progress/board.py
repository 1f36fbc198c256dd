"""What is known of a run so far: events go in, displays read it. No clock, no terminal.

Steps are merged as BuildKit's status API asks: by digest (or by progress group), over all solves that report them
to one node. A step may start and complete several times, so its running time is the union of its intervals.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from bakepy.diagnostics import printable
from bakepy.progress import events as ev
from bakepy.records import replace

TAIL = 40
"""Lines of output kept of each step: enough to see why it failed."""

LONGEST_LINE = 16 << 10
"""Bytes of output without a line end that become a line, so that no line grows without end."""

MOST_STEPS = 100_000
"""Steps that are shown by name; what a builder reports beyond them is one more step."""
MOST_OF_A_STEP = 10_000
"""Transfers within a step, and warnings of a run, that are kept."""

SECOND = 1_000_000_000

ESCAPES = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
"""Control sequences (ECMA-48): CSI, OSC, other strings, and two-character ones."""


def prefixed(name: str, solve: ev.Solve) -> str:
    """Return a step's name with the targets it belongs to: `[app 2/3] RUN …`, as the reference prints it.

    Where there are several nodes, the node follows: `[app arm 2/3] RUN …`.
    """
    prefix = " ".join(filter(None, (named(solve), solve.node)))
    if not prefix:
        return name
    return f"[{prefix} {name[1:]}" if name.startswith("[") else f"[{prefix}] {name}"


def label(solve: ev.Solve) -> str:
    """Name a solve by its targets, and its node where there are several: `app [arm]`."""
    return " ".join(filter(None, (named(solve), solve.node and f"[{solve.node}]")))


def named(solve: ev.Solve) -> str:
    """Name a solve by its targets, shortened where many share it."""
    first = ",".join(solve.targets[:3])
    return f"{first},…" if len(solve.targets) > 3 else first


class Step:
    """Be one step as a reader sees it: a vertex, or the vertices of a progress group."""

    __slots__ = ("key", "name", "number", "intervals", "cached", "error", "progress", "lines", "partial")

    def __init__(
        self,
        key: str,
        name: str,
        number: int,
        intervals: dict[int, int | None] | None = None,
        cached: bool = False,
        error: str = "",
        progress: dict[str, ev.Progress] | None = None,
        lines: deque[tuple[float, str]] | None = None,
        partial: dict[int, bytes] | None = None,
    ) -> None:
        self.key = key
        self.name = name
        self.number = number
        self.intervals: dict[int, int | None] = {} if intervals is None else intervals
        """Ends by starts, in nanoseconds; None while it runs."""
        self.cached = cached
        self.error = error
        self.progress: dict[str, ev.Progress] = {} if progress is None else progress
        self.lines: deque[tuple[float, str]] = deque(maxlen=TAIL) if lines is None else lines
        """Whole lines of output with the seconds since the step started."""
        self.partial: dict[int, bytes] = {} if partial is None else partial

    @property
    def started(self) -> int | None:
        """Return when it first started."""
        return min(self.intervals, default=None)

    @property
    def running(self) -> bool:
        """Tell whether it runs now."""
        return None in self.intervals.values()

    @property
    def completed(self) -> bool:
        """Tell whether it has run and does not run now."""
        return bool(self.intervals) and not self.running

    def seconds(self, now: int | None = None) -> float:
        """Add up the time in which it ran, overlaps counted once; what still runs counts up to `now`."""
        total, covered = 0, 0
        for start, stop in sorted(self.intervals.items()):
            end = stop if stop is not None else (now or start)
            total += max(0, end - max(start, covered))
            covered = max(covered, end)
        return total / SECOND

    def take_log(self, log: ev.Log) -> list[tuple[float, str]]:
        """Add output and return the lines that it completed."""
        since = (log.timestamp - (self.started or log.timestamp)) / SECOND
        *whole, rest = (self.partial.get(log.stream, b"") + log.data).split(b"\n")
        fresh = [(since, _readable(part)) for line in whole for part in _parts(line)]
        if len(rest) > LONGEST_LINE:
            *cut, rest = _parts(rest)
            fresh += [(since, _readable(part)) for part in cut]
        self.partial[log.stream] = rest
        self.lines.extend(fresh)
        return fresh

    def take_progress(self, progress: ev.Progress) -> bool:
        """Keep how far a transfer is; return False for one of too many, which is left out."""
        if progress.id not in self.progress and len(self.progress) >= MOST_OF_A_STEP:
            return False
        self.progress[progress.id] = progress
        return True

    def flush(self) -> list[tuple[float, str]]:
        """Turn output that never got its line end into lines."""
        fresh = [(self.seconds(), _readable(part)) for rest in self.partial.values() if rest for part in _parts(rest)]
        self.partial.clear()
        self.lines.extend(fresh)
        return fresh


class Work:
    """Be one solve as a reader sees it."""

    __slots__ = ("solve", "started", "finished", "steps")

    def __init__(
        self,
        solve: ev.Solve,
        started: int,
        finished: ev.SolveFinished | None = None,
        steps: dict[str, Step] | None = None,
    ) -> None:
        self.solve = solve
        self.started = started
        self.finished = finished
        self.steps: dict[str, Step] = {} if steps is None else steps

    def failed_step(self) -> Step | None:
        """Return the step that made it fail; one that was merely cancelled does not count."""
        failed = [s for s in self.steps.values() if s.error]
        return next((s for s in failed if not s.error.endswith("context canceled")), None)


class Board:
    """Hold all solves and steps of a run."""

    def __init__(self) -> None:
        self.targets: tuple[str, ...] = ()
        self.works: dict[str, Work] = {}
        self.steps: dict[str, Step] = {}
        self.tasks: dict[str, ev.Step] = {}
        self.warnings: list[tuple[Step | None, ev.Warned]] = []
        self._warned: set[tuple[str, str, str, int]] = set()
        self._group: dict[str, str] = {}
        self._rest: Step | None = None
        self.single = False

    def plan(self, targets: tuple[str, ...]) -> None:
        """Take the names of all targets; with one alone, steps go without a prefix."""
        self.targets = targets
        self.single = len(targets) <= 1

    def start(self, event: ev.SolveStarted) -> Work:
        """Note that a solve began."""
        return self.works.setdefault(event.solve.ref, Work(event.solve, event.time))

    def finish(self, event: ev.SolveFinished) -> Work:
        """Note how a solve ended."""
        work = self.works.setdefault(event.solve.ref, Work(event.solve, event.time))
        work.finished = event
        return work

    def ends(self) -> dict[str, ev.State]:
        """Return how those targets ended of which nothing runs any more.

        Several solves may serve one: on several nodes, and again where a node was lost.
        """
        found: dict[str, list[ev.State | None]] = {}
        for work in self.works.values():
            for target in work.solve.targets:
                found.setdefault(target, []).append(work.finished.state if work.finished else None)
        return {target: _end(states) for target, states in found.items() if None not in states}

    def vertex(self, solve: ev.Solve, vertex: ev.Vertex) -> Step:
        """Merge one vertex and return its step."""
        work = self.works.get(solve.ref)
        node = self._node(solve)
        key = node + (vertex.group or vertex.digest)
        step = self.steps.get(key)
        if step is None and len(self.steps) >= MOST_STEPS:
            return self._further(vertex)
        self._group[node + vertex.digest] = key
        if step is None:
            name = vertex.group_name or vertex.name
            shown = replace(solve, targets=() if self.single else solve.targets, node=node)
            step = Step(key, prefixed(name, shown), len(self.steps) + 1)
            self.steps[key] = step
        if work:
            work.steps[key] = step
        if vertex.started is not None:
            step.intervals[vertex.started] = vertex.completed or step.intervals.get(vertex.started)
            step.cached = vertex.cached
        if vertex.error:
            step.error = vertex.error
        return step

    def _further(self, vertex: ev.Vertex) -> Step:
        """Return the step that stands for all beyond those that are shown by name."""
        step = self._rest = self._rest or Step("", "further steps", len(self.steps) + 1)
        if vertex.started is not None:
            step.intervals = {vertex.started: vertex.completed}
        step.error = vertex.error or step.error
        return step

    def _node(self, solve: ev.Solve) -> str:
        """Return the node of a solve where there are several, as the solve's start said."""
        work = self.works.get(solve.ref)
        return work.solve.node if work else ""

    def step(self, solve: ev.Solve, vertex: str) -> Step | None:
        """Return the step of a vertex by digest."""
        digest = self._node(solve) + vertex
        return self.steps.get(self._group.get(digest, digest), self._rest)

    def warn(self, solve: ev.Solve, warning: ev.Warned) -> Step | None:
        """Keep a warning once, whatever number of solves report it, and return its step."""
        step = self.step(solve, warning.vertex)
        source = warning.source
        seen = (warning.short, warning.url, source.filename if source else "", source.first if source else 0)
        if seen in self._warned or len(self.warnings) >= MOST_OF_A_STEP:
            return None
        self._warned.add(seen)
        self.warnings.append((step, warning))
        return step


def _end(states: list[ev.State | None]) -> ev.State:
    """Return the worst of some ends; what was cancelled and begun again counts as it ended then."""
    bad = next((s for s in (ev.State.FAILED, ev.State.SKIPPED) if s in states), None)
    return bad or states[-1] or ev.State.CANCELLED


def _parts(line: bytes) -> Iterator[bytes]:
    """Yield what a line shows, in parts of at most LONGEST_LINE bytes that cut no character of UTF-8 in two."""
    if len(line) > LONGEST_LINE:
        # What a carriage return overwrote is left out; one at the end may belong to the line feed that follows.
        line = line.rstrip(b"\r").rsplit(b"\r", 1)[-1] + (b"\r" if line.endswith(b"\r") else b"")
    start = 0
    while len(line) - start > LONGEST_LINE:
        stop = start + LONGEST_LINE
        while line[stop] & 0xC0 == 0x80 and stop > start + LONGEST_LINE - 4:
            stop -= 1
        yield line[start:stop]
        start = stop
    yield line[start:]


def _readable(line: bytes) -> str:
    """Decode a line of output as text that does nothing to a terminal.

    What a carriage return overwrote is left out, as are colours, cursor movements, titles and control characters: a
    build step must not be able to redraw the screen or to forge a prompt.
    """
    text = line.rstrip(b"\r").rsplit(b"\r", 1)[-1].decode("utf-8", "replace")
    if text.isprintable():
        return text
    if "\x1b" in text:
        import re

        text = re.sub(ESCAPES, "", text)
    return printable("".join(c for c in text if (c >= " " and not "\x7f" <= c <= "\x9f") or c == "\t"))


def size(count: int) -> str:
    """Print a number of bytes in decimal units, as the reference does: `149B`, `1.23kB`, `40.00MB`."""
    if count < 1000:
        return f"{count}B"
    value = float(count)
    for unit in ("k", "M", "G", "T"):  # noqa: B007 - the last one is used below
        value /= 1000
        if value < 1000:
            break
    return f"{value:.2f}{unit}B"
