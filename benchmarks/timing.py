"""Time whole processes, two commands in turn, so that a drift of the machine's speed meets both."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """Hold one run's seconds on the wall and on the processors, children of the process included."""

    wall: float
    cpu: float


@dataclass(slots=True)
class Figures:
    """Hold the runs of one command."""

    runs: list[Run] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """Return the median of the wall seconds."""
        return statistics.median(r.wall for r in self.runs)

    @property
    def cpu(self) -> float:
        """Return the median of the processor seconds."""
        return statistics.median(r.cpu for r in self.runs)


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str], log: Path) -> Run:
    """Run a command to its end and return what it took; output goes to `log`. Raises RuntimeError where it fails."""
    with log.open("wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}:\n{tail}")
    return Run(wall, usage.ru_utime + usage.ru_stime)


def in_turn(
    commands: Sequence[Sequence[str]],
    runs: int,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    before: Callable[[], None] = lambda: None,
    warm: int = 1,
) -> list[Figures]:
    """Run the commands A B A B …, after `warm` runs of each that do not count; `before` comes before every run."""
    figures = [Figures() for _ in commands]
    for turn in range(warm + runs):
        for command, figure in zip(commands, figures, strict=True):
            before()
            result = run(command, cwd, env, log)
            if turn >= warm:
                figure.runs.append(result)
    return figures
