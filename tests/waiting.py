"""Waiting for what nothing announces: it is looked for until it is there, however slow the machine."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PATIENCE = 60.0
"""Seconds until something that has not happened counts as a failure; never a measure of how fast it has to be."""


def wait_for(what: Callable[[], object]) -> None:
    """Return once something is true; fail the test where it never becomes so."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > deadline:
            pytest.fail(f"it did not happen within {PATIENCE:g}s")
        time.sleep(0.01)


def is_waited_for(path: Path) -> bool:
    """Check whether some process waits for the lock of a file (proc_locks(5))."""
    inode = str(path.stat().st_ino)
    lines = map(str.split, Path("/proc/locks").read_text().splitlines())
    return any("->" in words and words[-3].rpartition(":")[2] == inode for words in lines)


def accepts(path: Path) -> bool:
    """Check whether something accepts connections at a unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
