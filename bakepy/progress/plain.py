"""Plain lines, in the reference's form: `#4 [app 2/3] RUN make`, `#4 1.203 output`, `#4 DONE 2.1s`.

Every line carries its step's number, so that what runs at the same time can be told apart and searched for.
"""

from __future__ import annotations

import threading
from typing import TextIO

from bakepy.progress import events as ev
from bakepy.progress import summary
from bakepy.progress.board import SECOND, Board, Step, label, size

QUARTER = 0.25
"""Share of a transfer after which it is told again."""


HOLD = 0.1
"""Seconds for which updates are held: a step that ends and goes on at once ends once, a short transfer is one line."""


class Plain(ev.Reporter):
    """Print lines as things happen, to a stream that is no terminal."""

    def __init__(self, stream: TextIO, *, verbose: bool = True) -> None:
        self._out = stream
        self._board = Board()
        self._current = ""
        self._named: set[str] = set()
        self._told: dict[tuple[str, str], float] = {}
        self._ended: set[tuple[str, int]] = set()
        self._verbose = verbose
        self._results = False
        self._held: list[ev.SolveUpdate] = []
        self._lock = threading.Lock()
        self._said: dict[str, tuple[Step, list[tuple[str, bool]]]] = {}
        self._timer: threading.Timer | None = None
        self._broken: OSError | None = None

    def plan(self, targets: tuple[str, ...]) -> None:
        """Take the targets' names."""
        self._board.plan(targets)

    def report(self, event: ev.Event) -> None:
        """Print what the event adds; updates a moment later, with those that come until then."""
        with self._lock:
            if self._broken:
                raise self._broken
            if isinstance(event, ev.SolveUpdate):
                self._held.append(event)
                if self._timer is None:
                    self._timer = threading.Timer(HOLD, self._tick)
                    self._timer.daemon = True
                    self._timer.start()
                return
            self._release()
            match event:
                case ev.SolveStarted():
                    self._board.start(event)
                case ev.SolveFinished():
                    self._finish(event)
                case ev.Message(level="builder"):
                    self._line(f"#0 {event.text}")
                case ev.Message():
                    self._line(f"WARNING: {event.text}" if event.level == "warning" else event.text)
                case ev.Step():
                    self._task(event)
            self._out.flush()

    def close(self) -> None:
        """Print warnings and failures."""
        with self._lock:
            self._release()
        text = [*summary.warnings(self._board)] if self._verbose else []
        text += summary.failures(self._board)
        if text:
            print("", *text, sep="\n", file=self._out)
        self._out.flush()

    def _tick(self) -> None:
        with self._lock:
            try:
                self._release()
                self._out.flush()
            except OSError as error:
                self._broken = error

    def _release(self) -> None:
        """Print what is held."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, []
        self._update(held)
        self._speak()

    def _line(self, text: str) -> None:
        self._results = False
        if self._verbose:
            print(text, file=self._out)

    def _say(self, step: Step, text: str, *, named: bool = False) -> None:
        """Note a line of a step; `named` repeats the step's name where another one spoke last."""
        self._said.setdefault(step.key, (step, []))[1].append((text, named))

    def _speak(self) -> None:
        """Print what steps said, the lines of each step together."""
        for step, lines in self._said.values():
            for text, named in lines:
                if step.key not in self._named or (named and self._current != step.key):
                    self._line(f"\n#{step.number} {step.name}")
                    self._named.add(step.key)
                    self._current = step.key
                if text:
                    self._line(f"#{step.number} {text}")
        self._said = {}

    def _update(self, events: list[ev.SolveUpdate]) -> None:
        board = self._board
        ended: dict[str, Step] = {}
        moved: dict[tuple[str, str], tuple[Step, ev.Progress]] = {}
        for event in events:
            for vertex in event.vertices:
                step = board.vertex(event.solve, vertex)
                if vertex.started is None:
                    continue
                if vertex.completed is None or (step.key, vertex.started) in self._ended:
                    if step.running:
                        self._say(step, "")
                elif step.completed:
                    self._ended.add((step.key, vertex.started))
                    ended[step.key] = step
            for progress in event.progress:
                if step_ := board.step(event.solve, progress.vertex):
                    moved[step_.key, progress.id] = (step_, progress)
            for log in event.logs:
                if step_ := board.step(event.solve, log.vertex):
                    for since, line in step_.take_log(log):
                        self._say(step_, f"{since:.3f} {line}", named=True)
            for warning in event.warnings:
                if step_ := board.warn(event.solve, warning):
                    self._say(step_, f"WARN: {warning.short}")
        for step, progress in moved.values():
            self._progress(step, progress)
        for step in ended.values():
            if step.completed:
                self._end(step)

    def _progress(self, step: Step, progress: ev.Progress) -> None:
        known = step.progress.get(progress.id)
        if not step.take_progress(progress):
            return
        share = progress.current / progress.total if progress.total else 0.0
        key = (step.key, progress.id)
        done = progress.completed is not None
        if known and (known.completed is not None or (not done and share < self._told.get(key, 0.0) + QUARTER)):
            return
        self._told[key] = share
        text = progress.id
        if progress.total:
            text += f" {size(progress.current)} / {size(progress.total)}"
        elif progress.current:
            text += f" {size(progress.current)}"
        if progress.started and (end := progress.completed or progress.timestamp):
            seconds = (end - progress.started) / SECOND
            text += f" {seconds:.1f}s" if seconds > 0.01 else ""
        self._say(step, text + (" done" if done else ""))

    def _end(self, step: Step) -> None:
        for since, line in step.flush():
            self._say(step, f"{since:.3f} {line}", named=True)
        if step.error.endswith("context canceled"):
            self._say(step, "CANCELED")
        elif step.error:
            self._say(step, f"ERROR: {step.error}")
        elif step.cached:
            self._say(step, "CACHED")
        else:
            self._say(step, f"DONE {step.seconds():.1f}s")

    def _finish(self, event: ev.SolveFinished) -> None:
        work = self._board.finish(event)
        if self._board.single and not event.solve.node:
            return
        name = label(event.solve)
        self._current = ""
        seconds = (event.time - work.started) / SECOND
        tail = f" {event.digest}" if event.digest else ""
        gap = "" if self._results else "\n"
        self._line(f"{gap}=> target {name}: {event.state.value} {seconds:.1f}s{tail}")
        self._results = True

    def _task(self, task: ev.Step) -> None:
        known = self._board.tasks.get(task.id)
        self._board.tasks[task.id] = task
        if known is None:
            self._line(f"\n=> {task.name}")
        share = task.current / task.total if task.total else 0.0
        amount = f"{size(task.current)} / {size(task.total)} " if task.total else ""
        if task.completed and not (known and known.completed):
            seconds = (task.completed - task.started) / SECOND
            self._line(f"=> {task.name} {f'ERROR: {task.error}' if task.error else f'{amount}done {seconds:.1f}s'}")
        elif not task.completed and share >= self._told.get((task.id, ""), 0.0) + QUARTER:
            self._told[task.id, ""] = share
            self._line(f"=> {task.name} {amount}".rstrip())
        self._current = ""
