"""Start and stop the embedded engine, and tell how it does."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bakepy.engine.errors import CrashError, DiskFullError, StartError
from bakepy.engine.find import Engine
from bakepy.engine.locks import is_locked, locked
from bakepy.engine.paths import Paths
from bakepy.engine.privileges import check
from bakepy.engine.probe import Answer, connections, probe
from bakepy.records import Record
from bakepy.settings import Settings

IDLE = 15 * 60.0
"""Seconds without a client after which the engine is stopped."""

LOG_LINES = 12
"""Lines of the log that an error shows."""

STOP_WITHIN = 15.0

CRASH_WITHIN = 10.0
"""Seconds that a supervisor has to see its engine end."""

HUNG_AFTER = 15.0
"""Seconds without an answer after which an engine counts as hung: on a busy machine it answers late, and builds."""

ROOM = 1 << 20
"""Bytes that must fit on the engine's disk for it not to count as full."""


class Crash(Record):
    """Say how an engine ended by itself; a negative status is a signal's number."""

    __slots__ = ("status", "time")

    def __init__(self, status: int, time: float) -> None:
        self.status: Final = status
        self.time: Final = time

    def __str__(self) -> str:
        """Print as in `killed by SIGKILL`."""
        if self.status >= 0:
            return f"exit status {self.status}"
        try:
            return f"killed by {signal.Signals(-self.status).name}"
        except ValueError:
            return f"killed by signal {-self.status}"


class Health(Record):
    """Say how the engine does; `pid` is the supervisor's, 0 where it does not run."""

    __slots__ = ("answer", "pid", "clients", "crash", "free_bytes")

    def __init__(self, answer: Answer, pid: int, clients: int, crash: Crash | None, free_bytes: int) -> None:
        self.answer: Final = answer
        self.pid: Final = pid
        self.clients: Final = clients
        self.crash: Final = crash
        self.free_bytes: Final = free_bytes

    @property
    def running(self) -> bool:
        """Tell whether builds can run now."""
        return self.answer is Answer.READY


def health(paths: Paths) -> Health:
    """Tell how the engine does, changing nothing."""
    answer = probe(paths.socket)
    existing = next(p for p in (paths.home, *paths.home.parents) if p.exists())
    return Health(
        answer=answer,
        pid=_supervisor(paths),
        # The probe's own connection may still be counted for a moment.
        clients=connections(paths.socket) if answer is Answer.READY else 0,
        crash=_crash(paths),
        free_bytes=shutil.disk_usage(existing).free,
    )


@contextmanager
def in_use(paths: Paths) -> Iterator[None]:
    """Keep the engine from being stopped as idle while the context lasts."""
    paths.prepare()
    with locked(paths.clients_lock, shared=True):
        yield


def start(
    engine: Engine, settings: Settings, say: Callable[[str], None], *, idle: float = IDLE, paths: Paths | None = None
) -> None:
    """Start the engine unless it answers already; returns once it does. It is the user's, or the one at `paths`.

    Raises PrivilegeError, DiskFullError, CrashError or StartError.
    """
    paths = paths or Paths.of(settings)
    paths.prepare()
    with locked(paths.start_lock):
        answer = probe(paths.socket)
        if answer is Answer.SILENT and _supervisor(paths):
            answer = probe(paths.socket, HUNG_AFTER)
        if answer is Answer.READY:
            return
        if _supervisor(paths):
            say("the embedded engine does not answer: stopping it")
            _stop(paths)
        elif answer is Answer.STALE:
            crash = _crash(paths)
            say(f"the embedded engine had died ({crash or 'its supervisor was killed'}): starting a new one")
        _launch(engine, settings, paths, idle)


def stop(paths: Paths) -> bool:
    """Stop the engine; returns whether it ran."""
    if not paths.home.exists():
        return False
    with locked(paths.start_lock):
        return _stop(paths)


def log_tail(paths: Paths, lines: int = LOG_LINES) -> str:
    """Return the last lines of the engine's log."""
    try:
        with paths.log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 16384))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(_without_frames(text.splitlines())[-lines:])


def _without_frames(lines: list[str]) -> list[str]:
    """Leave out a Go stack: each frame is a function's line and an indented file's."""
    return [
        line
        for line, after in zip(lines, [*lines[1:], ""], strict=True)
        if not line.startswith("\t") and not after.startswith("\t")
    ]


def crash_error(paths: Paths) -> StartError:
    """Return the error that tells why the engine ended by itself."""
    if full := _disk_full(paths):
        return full
    crash = _crash(paths)
    how = f" ({crash})" if crash else ""
    return CrashError.of(
        f"the embedded engine crashed{how}",
        f"the end of its log:\n{log_tail(paths)}",
        hint=f"build again: a new engine goes on with what is finished; the whole log is {paths.log}; "
        "where the engine's state is damaged, remove it: bakepy engine uninstall",
    )


def crashed(paths: Paths) -> StartError | None:
    """Return why the engine has just ended, or None where it runs."""
    deadline = time.monotonic() + CRASH_WITHIN
    # A client sees its connection break a moment before the supervisor sees the engine end.
    while probe(paths.socket) is not Answer.READY and time.monotonic() < deadline:
        supervised = _supervisor(paths)
        if _crash(paths):
            return crash_error(paths)
        if not supervised:
            break
        time.sleep(0.02)
    if probe(paths.socket) is Answer.READY:
        return None
    return StartError.of(
        "the embedded engine was stopped, or killed with its supervisor, while it was in use",
        hint=f"build again: a new engine goes on with what is finished; its log is {paths.log}",
    )


def _launch(engine: Engine, settings: Settings, paths: Paths, idle: float) -> None:
    command = _command(engine, settings, paths)
    if full := _disk_full(paths):
        raise full
    folders = os.pathsep.join([str(engine.buildkitd.parent), settings.path])
    supervisor = [sys.executable, "-m", "bakepy.engine.supervisor", "--home", str(paths.home), "--idle", str(idle)]
    # The package may lie where only this process's sys.path finds it.
    found = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [*supervisor, "--", *command],
        # runc and rootlesskit keep their state in XDG_RUNTIME_DIR, which a user need not have, or not for long.
        env=settings.environment(PATH=folders, PYTHONPATH=found, XDG_RUNTIME_DIR=str(paths.run)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd="/",
        check=False,
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        report = {"fault": "supervisor"}
    match report.get("fault"):
        case None:
            return
        case "ended":
            paths.crash.write_text(json.dumps({"status": report["status"], "time": time.time()}), encoding="utf-8")
            raise crash_error(paths)
        case "silent":
            raise StartError.of(
                "the embedded engine does not answer",
                f"the end of its log:\n{log_tail(paths)}",
                hint=f"the whole log is {paths.log}",
            )
        case _:
            raise StartError.of("the embedded engine's supervisor could not start", f"see {paths.log}")


def _command(engine: Engine, settings: Settings, paths: Paths) -> list[str]:
    rootlesskit = check(settings)
    command = [
        str(engine.buildkitd),
        f"--addr=unix://{paths.socket}",
        f"--root={paths.state}",
        f"--otel-socket-path={paths.run / 'otel.sock'}",
        f"--oci-worker-binary={engine.runc}",
        "--containerd-worker=false",
        # A build still gets these only where its user grants them with --allow.
        "--allow-insecure-entitlement=network.host",
        "--allow-insecure-entitlement=security.insecure",
    ]
    if rootlesskit is None:
        return command
    return [str(rootlesskit), "--net=host", *command, "--rootless", "--oci-worker-no-process-sandbox"]


def _supervisor(paths: Paths) -> int:
    """Return the process id of the living supervisor, or 0."""
    if not is_locked(paths.alive_lock):
        return 0
    try:
        return int(paths.alive_lock.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _stop(paths: Paths) -> bool:
    pid = _supervisor(paths)
    if not pid:
        paths.socket.unlink(missing_ok=True)
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN
    while is_locked(paths.alive_lock):
        if time.monotonic() > deadline:
            raise StartError.of(
                "the embedded engine does not stop",
                f"its supervisor, process {pid}, still runs after {STOP_WITHIN:.0f} seconds",
                hint=f"run: kill -9 {pid}",
            )
        time.sleep(0.02)
    return True


def _crash(paths: Paths) -> Crash | None:
    try:
        record = json.loads(paths.crash.read_bytes())
        return Crash(int(record["status"]), float(record["time"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _disk_full(paths: Paths) -> DiskFullError | None:
    """Try to write: only that tells of quotas and reserved blocks, too."""
    scratch = paths.home / "room"
    try:
        with scratch.open("wb") as file:
            file.write(bytes(ROOM))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return DiskFullError.of(
            "the embedded engine's disk is full"
            if error.errno in {errno.ENOSPC, errno.EDQUOT}
            else "the engine's folder cannot be written",
            f"{paths.home}: {error.strerror}",
            hint="make room there, or remove the engine with its build cache: bakepy engine uninstall",
        )
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
    return None
