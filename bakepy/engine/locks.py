"""Locks between processes: the kernel lets go of them when their holder dies, however it dies (flock(2))."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, shared: bool = False, waiting: Callable[[], None] | None = None) -> Iterator[int]:
    """Hold a lock file while the context lasts; yields its descriptor.

    Calls `waiting` once before it blocks on another holder.
    """
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    fd = _open(path)
    try:
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                waiting()
            fcntl.flock(fd, how)
            while not _is_file(fd, path):
                # Its holder removed it, as uninstalling does: the lock is another file now.
                os.close(fd)
                fd = _open(path)
                fcntl.flock(fd, how)
        yield fd
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_file(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def try_lock(path: Path) -> int | None:
    """Take a lock alone and return its descriptor, which the caller closes; None where someone else holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def is_locked(path: Path) -> bool:
    """Tell whether someone holds a lock."""
    if not path.exists():
        return False
    fd = try_lock(path)
    if fd is None:
        return True
    os.close(fd)
    return False
