"""A live tree on a terminal: what runs now, with times, bytes and the last lines of output.

Targets that are done scroll away above it as one line each, so hundreds of them stay readable and the live part never
outgrows the screen. The event loop reports, a thread of rich's draws; one lock stands between them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.text import Text

from bakepy.progress import events as ev
from bakepy.progress import summary
from bakepy.progress.board import SECOND, Board, Step, Work, label, size

FRAMES_PER_SECOND = 8
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
TAIL_LINES = 4
"""Lines of output shown of each running step, where there is room."""

MARKS = {
    ev.State.DONE: ("✔", "green"),
    ev.State.FAILED: ("✘", "bold red"),
    ev.State.SKIPPED: ("⊘", "yellow"),
    ev.State.CANCELLED: ("⊘", "yellow"),
}


class Tty(ev.Reporter):
    """Draw a run on a terminal."""

    def __init__(self, stream: TextIO, console: Console | None = None) -> None:
        self._console = console or Console(file=stream, highlight=False, soft_wrap=False)
        self._board = Board()
        self._lock = threading.Lock()
        self._began = time.time_ns()
        self._live = Live(
            console=self._console,
            get_renderable=self._view,
            refresh_per_second=FRAMES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
        )
        self._live.start()

    def plan(self, targets: tuple[str, ...]) -> None:
        """Take the targets' names."""
        with self._lock:
            self._board.plan(targets)

    def report(self, event: ev.Event) -> None:
        """Take one event; what is final scrolls away above the tree."""
        with self._lock:
            final = list(self._take(event))
        for line in final:
            self._console.print(line)

    def close(self) -> None:
        """Stop drawing and print what a reader must know: warnings, failures and one closing line."""
        self._live.stop()
        for line in summary.warnings(self._board):
            self._console.print(Text(line, "yellow"))
        for block in summary.failures(self._board):
            self._console.print(_painted(block))
        if self._board.works:
            self._console.print(self._head(time.time_ns(), over=True))

    def _take(self, event: ev.Event) -> Iterator[Text | _Row]:
        board = self._board
        match event:
            case ev.SolveStarted():
                board.start(event)
            case ev.SolveUpdate():
                self._update(event)
            case ev.SolveFinished():
                yield _final(board.finish(event), event)
            case ev.Message():
                yield Text(event.text, "yellow" if event.level == "warning" else "dim")
            case ev.Step():
                board.tasks[event.id] = event
                if event.completed:
                    yield _task_line(event)

    def _update(self, event: ev.SolveUpdate) -> None:
        board = self._board
        for vertex in event.vertices:
            step = board.vertex(event.solve, vertex)
            if step.completed:
                step.flush()
        for progress in event.progress:
            if step_ := board.step(event.solve, progress.vertex):
                step_.take_progress(progress)
        for log in event.logs:
            if step_ := board.step(event.solve, log.vertex):
                step_.take_log(log)
        for warning in event.warnings:
            board.warn(event.solve, warning)

    def _view(self) -> RenderableType:
        with self._lock:
            now = time.time_ns()
            room = max(3, self._console.size.height - 2)
            lines = [self._head(now, over=False), *self._body(now, room - 1)]
        return Group(*lines)

    def _head(self, now: int, *, over: bool) -> Text:
        board = self._board
        ends = [w.finished.state for w in board.works.values() if w.finished]
        running = len(board.works) - len(ends)
        finished = Counter(board.ends().values())
        steps = board.steps.values()
        cached = sum(s.cached for s in steps)
        total = max(len(board.targets), finished.total())
        stopped = over and (finished[ev.State.CANCELLED] or len(ends) < len(board.works))
        text = Text("[+] ", "bold", no_wrap=not over, overflow="ellipsis")
        if not total:
            return text.append(f"Starting {(now - self._began) / SECOND:.1f}s")
        text.append("Stopped after " if stopped else "Built " if over else "Building ")
        text.append(f"{(now - self._began) / SECOND:.1f}s ", "bold")
        text.append(f"({finished[ev.State.DONE]}/{total} targets)", "bold")
        if running and not over:
            text.append(f"  {running} running", "cyan")
        for state in (ev.State.FAILED, ev.State.SKIPPED, ev.State.CANCELLED):
            if finished[state]:
                text.append(f"  {finished[state]} {state.value}", MARKS[state][1])
        if steps:
            text.append(f"  {len(steps)} steps, {cached} cached", "dim")
        return text

    def _body(self, now: int, room: int) -> list[Text | _Row]:
        tasks = [t for t in self._board.tasks.values() if not t.completed]
        lines: list[Text | _Row] = [_task_line(t, now) for t in tasks][:room]
        works = [w for w in self._board.works.values() if not w.finished]
        left = room - len(lines)
        shown = _fitting(works, left)
        more = len(works) - len(shown)
        spare = max(0, left - sum(1 + max(1, len(_running(w))) for w in shown) - bool(more))
        told: set[str] = set()
        for work in shown:
            lines.append(self._work_line(work, now))
            steps = [s for s in _running(work) if s.key not in told]
            told.update(s.key for s in steps)
            for step in steps:
                lines.append(_step_line(step, now, last=step is steps[-1]))
                tail = min(TAIL_LINES, spare)
                if tail and step.lines:
                    recent = list(step.lines)[-tail:]
                    spare -= len(recent)
                    lines += [Text(f"   │   {line}", "dim", no_wrap=True, overflow="ellipsis") for _, line in recent]
        if more > 0:
            lines = [*lines[: room - 1], Text(f" … and {more} more running", "dim")]
        return lines[:room]

    def _work_line(self, work: Work, now: int) -> _Row:
        seconds = (now - work.started) / SECOND
        done = sum(s.completed for s in work.steps.values())
        spin = SPINNER[int(now / SECOND * FRAMES_PER_SECOND) % len(SPINNER)]
        return _Row(f" {spin} {label(work.solve) or 'build'}", f"{done}/{len(work.steps)}  {seconds:.1f}s", "cyan")


def _fitting(works: list[Work], room: int) -> list[Work]:
    """Return the solves that have a place: those with a running step first, each with a line for it and for itself."""
    busy, idle = [w for w in works if _running(w)], [w for w in works if not _running(w)]
    if 2 * len(busy) + len(idle) > room:
        room -= 1  # for how many are left out
    busy = busy[: max(1, room // 2)]
    fitting = {w.solve.ref for w in [*busy, *idle[: max(not busy, room - 2 * len(busy))]]}
    return [w for w in works if w.solve.ref in fitting]


def _running(work: Work) -> list[Step]:
    return [s for s in work.steps.values() if s.running]


class _Row:
    """Put a name and figures on one line; where it is too narrow the name is cut, since the figures tell of life."""

    def __init__(self, left: str, right: str, style: str = "") -> None:
        self._left, self._right = Text(left, style), Text(f"  {right}", "dim")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = Text(no_wrap=True, overflow="ellipsis")
        room = options.max_width - self._right.cell_len
        left = self._left.copy()
        left.truncate(max(room, options.max_width // 2), overflow="ellipsis")
        yield text.append_text(left).append_text(self._right)


def _step_line(step: Step, now: int, *, last: bool) -> _Row:
    right = f"{step.seconds(now):.1f}s"
    moving = [p for p in step.progress.values() if p.completed is None and (p.total or p.current)]
    if moving:
        current, total = sum(p.current for p in moving), sum(p.total for p in moving)
        right = f"{size(current)} / {size(total)}  {right}" if total else f"{size(current)}  {right}"
    return _Row(f"   {'└' if last else '├'} {step.name}", right)


def _final(work: Work, end: ev.SolveFinished) -> Text:
    mark, style = MARKS[end.state]
    steps = list(work.steps.values())
    seconds = (end.time - work.started) / SECOND
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f" {mark} {label(work.solve) or 'build'}", style)
    text.append(f"  {seconds:.1f}s", "dim")
    if steps:
        text.append(f"  {len(steps)} steps, {sum(s.cached for s in steps)} cached", "dim")
    if end.digest:
        text.append(f"  {end.digest}", "dim")
    if end.error and end.state is not ev.State.DONE:
        text.append(f"  {end.error}", style)
    return text


def _task_line(task: ev.Step, now: int = 0) -> Text | _Row:
    seconds = ((task.completed or now) - task.started) / SECOND
    if task.error:
        return Text(f" ✘ {task.name}: {task.error}", "bold red")
    mark, style = ("✔", "green") if task.completed else ("▸", "cyan")
    moved = (
        f"{size(task.current)} / {size(task.total)}  "
        if task.total
        else (size(task.current) + "  ") * bool(task.current)
    )
    return _Row(f" {mark} {task.name}", f"{moved}{seconds:.1f}s", style)


def _painted(block: str) -> Text:
    text = Text()
    for line in block.splitlines():
        fault = line.startswith("ERROR") or " | >>>" in line
        text.append(line + "\n", "bold red" if fault else "")
    text.rstrip()
    return text
