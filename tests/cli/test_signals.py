"""Signals end a run, whatever it is doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

RUN = """
import asyncio, os, sys, time
from bakepy.cli import signals

signals.PATIENCE = 0.2

async def main():
    task = asyncio.ensure_future({work})
    found = signals.Signals(task.cancel, lambda: print("closed", flush=True))
    found.install(asyncio.get_running_loop())
    print("ready", flush=True)
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        return found.status
    return 0

async def blocked():
    os.open(sys.argv[1], os.O_RDONLY)

async def stubborn():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            print("no", flush=True)

sys.exit(asyncio.run(main()))
"""


@pytest.mark.parametrize(
    ("work", "numbers", "said"),
    [
        ("asyncio.sleep(60)", [signal.SIGINT], ["cancelled"]),
        ("asyncio.sleep(60)", [signal.SIGTERM], ["cancelled"]),
        ("stubborn()", [signal.SIGTERM, signal.SIGINT], ["no", "closed"]),
        ("blocked()", [signal.SIGTERM], ["closed"]),
        ("blocked()", [signal.SIGINT], ["closed"]),
    ],
)
def test_signals_end_a_run(tmp_path: Path, work: str, numbers: Sequence[signal.Signals], said: list[str]) -> None:
    """The first signal cancels, the second ends; where the event loop is blocked, the first one ends."""
    os.mkfifo(tmp_path / "fifo")
    command = [sys.executable, "-c", RUN.replace("{work}", work), str(tmp_path / "fifo")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        heard = []
        for number in numbers:
            process.send_signal(number)
            heard.append(process.stdout.readline().strip())
        heard += process.stdout.read().split()
        assert process.wait(PATIENCE) == 128 + numbers[0]
    assert heard == said


def test_a_secret_from_a_pipe_does_not_hold_a_run(tmp_path: Path) -> None:
    """A run that waits for a pipe's content ends by one signal."""
    os.mkfifo(tmp_path / "fifo")
    definition = 'target "default" {\n  dockerfile-inline = "FROM scratch"\n  secret = ["id=s,src=fifo"]\n}\n'
    (tmp_path / "docker-bake.hcl").write_text(definition)
    command = [sys.executable, "-m", "bakepy", "build", "--builder", "unix:///none"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        with open(tmp_path / "fifo", "wb"):  # opens once the run has
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()
