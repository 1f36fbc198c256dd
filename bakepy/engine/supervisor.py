"""Run BuildKit in the background, and stop it once nobody has used it for a while.

Started as `python -m bakepy.engine.supervisor` by `process.start`. The process that was started waits until BuildKit
answers, prints one line of JSON and exits; a child of its own stays and watches. Nothing but the standard library is
imported, so that this takes little time and memory.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from bakepy.engine.locks import try_lock
from bakepy.engine.mounts import unmount_below
from bakepy.engine.paths import Paths
from bakepy.engine.probe import Answer, connections, probe

READY_WITHIN = 60.0
"""Seconds that BuildKit may take to answer: a large cache on a slow disk takes its time to open."""

GRACE = 5.0
"""Seconds that BuildKit may take to end before it is killed: it waits for the builds that still run."""

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class _StopError(Exception):
    """Say that someone asked the supervisor to end."""


def main(argv: Sequence[str]) -> int:
    """Start the command given after `--` and supervise it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--idle", type=float, required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(argv)
    read, write = os.pipe()
    if os.fork():
        os.close(write)
        with open(read, "rb") as report:
            line = report.read()
        sys.stdout.buffer.write(line or b'{"fault": "supervisor"}')
        return 0
    os.close(read)
    os.setsid()
    # Whoever reads the starter's output must see it end when the starter ends.
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    supervisor = Supervisor(Paths(options.home), options.idle, options.command)
    os._exit(supervisor.run(write))


class Idle:
    """A count of the seconds without use, by the clock of whoever asks."""

    def __init__(self, limit: float, now: float) -> None:
        self._limit = limit
        self._used = now

    def over(self, now: float, *, used: bool) -> bool:
        """Note whether the engine is in use now, and return whether it has been unused for the limit."""
        if used:
            self._used = now
        return not used and now - self._used >= self._limit


class Supervisor:
    """Hold one BuildKit process: start it, watch it, stop it."""

    def __init__(self, paths: Paths, idle: float, command: Sequence[str]) -> None:
        self.paths = paths
        self.idle = idle
        self.command = command

    def run(self, report: int) -> int:
        """Start BuildKit, write one JSON object to the descriptor `report` and close it, watch until the end."""
        alive = try_lock(self.paths.alive_lock)
        if alive is None:
            _tell(report, {"fault": "running"})
            return 1
        os.ftruncate(alive, 0)
        os.write(alive, str(os.getpid()).encode())
        # Containers of an engine that was killed become this process's children, so that they can be ended.
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for leftover in (self.paths.socket, self.paths.crash):
            leftover.unlink(missing_ok=True)
        log = os.open(self.paths.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        os.dup2(log, 2)
        process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent
        )
        try:
            fault = self._await_ready(process)
            _tell(report, fault or {"pid": process.pid})
            if fault is None:
                self._watch(process)
        except _StopError:
            pass
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self._end(process)
        return 0

    def _await_ready(self, process: subprocess.Popen[bytes]) -> dict[str, object] | None:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if probe(self.paths.socket) is Answer.READY:
                self.paths.socket.chmod(0o600)
                return None
            with contextlib.suppress(subprocess.TimeoutExpired):
                return {"fault": "ended", "status": process.wait(timeout=0.01)}
        return {"fault": "silent"}

    def unused(self) -> int | None:
        """Return the clients' lock, which keeps new ones away, or None while somebody uses the engine."""
        return None if connections(self.paths.socket) else try_lock(self.paths.clients_lock)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        idle = Idle(self.idle, time.monotonic())
        while True:
            if _ended(process, within=min(5.0, self.idle / 4)):
                record = {"status": process.wait(), "time": time.time()}
                self.paths.crash.write_text(json.dumps(record), encoding="utf-8")
                return
            _reap_orphans(process)
            lock = self.unused()
            try:
                if idle.over(time.monotonic(), used=lock is None):
                    # The lock is kept until BuildKit has ended: a client that comes now waits, and starts a new one.
                    self._end(process)
                    return
            finally:
                if lock is not None:
                    os.close(lock)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """End BuildKit and all that it started, and leave nothing mounted."""
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        _kill_orphans(process)
        unmount_below(self.paths.state)
        self.paths.socket.unlink(missing_ok=True)


def _tell(report: int, message: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(report, json.dumps(message).encode())
    os.close(report)


def _ended(process: subprocess.Popen[bytes], within: float) -> bool:
    """Wait for a process to end, without waking up meanwhile (pidfd_open(2))."""
    fd = os.pidfd_open(process.pid)
    try:
        return bool(select.select([fd], [], [], within)[0])
    finally:
        os.close(fd)


def _orphans(process: subprocess.Popen[bytes]) -> list[int]:
    """Return this process's children other than BuildKit itself."""
    pid = os.getpid()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [child for child in map(int, children) if child != process.pid]


def _reap_orphans(process: subprocess.Popen[bytes]) -> None:
    for pid in _orphans(process):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _kill_orphans(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + GRACE
    while (left := _orphans(process)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        _reap_orphans(process)
        time.sleep(0.01)


def _die_with_parent() -> None:
    # An engine without its supervisor would run for ever.
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _StopError


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
