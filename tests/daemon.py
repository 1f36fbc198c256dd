"""A private BuildKit for tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bakepy.engine.find import find
from bakepy.settings import Settings
from bakepy.transport.endpoint import Endpoint
from tests.programs import needed
from tests.waiting import accepts, wait_for

GRACE = 2.0
"""Seconds to end by itself; it waits for clients that are slow to hang up."""


def find_buildkitd() -> Path | None:
    """Return buildkitd: the one that BAKEPY_TEST_BUILDKITD names, else the embedded engine's or the one on PATH."""
    if named := os.environ.get("BAKEPY_TEST_BUILDKITD"):
        return Path(named)
    engine = find(Settings())
    if engine:
        return engine.buildkitd
    on_path = shutil.which("buildkitd")
    return Path(on_path) if on_path else None


@dataclass(frozen=True)
class Daemon:
    """A buildkitd that runs."""

    endpoint: Endpoint
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def running_buildkitd(
    *options: str, path: str | None = None, through: Sequence[str] = (), name: str = ""
) -> Iterator[Daemon]:
    """Run a buildkitd of our own while the context lasts, with further options.

    `path` is where it looks for programs; `through` is a command that runs it in its own place, such as nsenter;
    `name` is that of another buildkitd on PATH.
    """
    program = needed(name) if name else find_buildkitd() or needed("buildkitd")
    with tempfile.TemporaryDirectory(prefix="bk-", ignore_cleanup_errors=True) as folder:
        socket_path, root = f"{folder}/s", f"{folder}/root"
        path = path or f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "TMPDIR": folder}
        with (
            open(f"{folder}/log", "w+b") as log,
            subprocess.Popen(
                [*through, program, "--addr", f"unix://{socket_path}", "--root", root, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            ) as daemon,
        ):
            try:
                _wait_for(Path(socket_path), daemon, Path(log.name))
                yield Daemon(Endpoint(f"unix:{socket_path}"), daemon)
            finally:
                daemon.send_signal(signal.SIGTERM)
                try:
                    daemon.wait(GRACE)
                except subprocess.TimeoutExpired:
                    os.killpg(daemon.pid, signal.SIGKILL)
                _unmount(folder)


def _unmount(folder: str) -> None:
    """Unmount what a daemon that ended in the middle of a step has left."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    if left := [mount for mount in reversed(mounts) if mount.startswith(f"{folder}/")]:
        subprocess.run(["umount", "--lazy", *left], check=True)


def _wait_for(path: Path, daemon: subprocess.Popen[bytes], log: Path) -> None:
    wait_for(lambda: daemon.poll() is not None or accepts(path))
    assert daemon.poll() is None, f"buildkitd did not start:\n{log.read_text(errors='replace')[-2000:]}"
