"""Read whole files that may come from a stranger: bounded in size, and without waiting for a writer.

A FIFO or a device can stand where a definition names a file. Opening the one waits for a writer, reading the other may
never end, so only regular files are read, and the pipes that users name themselves, as in `-f <(generate)`.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Any

LIMIT = 16 << 20
"""Bytes that a definition, or a file that it names, may have."""
CHUNK = 1 << 20


def open_regular(path: str | os.PathLike[str]) -> int:
    """Return a descriptor of a regular file, or of the null device. Raises OSError, also for other kinds."""
    return _open(path, pipes=False)


def open_pipe(path: str | os.PathLike[str]) -> int:
    """Return a descriptor of a pipe whose reads do not wait. Raises OSError, also for other kinds."""
    descriptor = _open(path, pipes=True)
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a pipe", os.fspath(path))
    return descriptor


def read_file(path: str | os.PathLike[str], limit: int = LIMIT, *, pipes: bool = False) -> bytes:
    """Return the bytes of a regular file, or of a pipe where `pipes` is set; the null device is an empty file.

    Raises OSError, also for a file of another kind and for one with more than `limit` bytes.
    """
    descriptor = _open(path, pipes=pipes)
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return read_descriptor(descriptor, limit)
        os.set_blocking(descriptor, True)
        data = read_descriptor(descriptor, limit)
    finally:
        os.close(descriptor)
    if not data and os.path.exists(os.path.realpath(path)):
        # A pipe with a name in a folder, unlike that of `<(…)`: its writer is missing, and might never come.
        raise OSError(errno.EAGAIN, "it is a pipe that nothing writes to", os.fspath(path))
    return data


def read_object(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the object that a JSON file holds: one that another program writes.

    Raises OSError as `read_file`, and ValueError for anything but a JSON object and for one that nests too deep.
    """
    import json

    try:
        value = json.loads(read_file(path))
    except RecursionError:
        raise ValueError("it nests too deep") from None
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    return value


def read_descriptor(descriptor: int, limit: int = LIMIT) -> bytes:
    """Return what an open file still holds. Raises OSError, also for more than `limit` bytes."""
    parts: list[bytes] = []
    room = limit + 1
    while room and (part := os.read(descriptor, min(room, CHUNK))):
        parts.append(part)
        room -= len(part)
    if not room:
        raise OSError(errno.EFBIG, f"it has more than the {_shown(limit)} that are allowed")
    return b"".join(parts)


def _open(path: str | os.PathLike[str], *, pipes: bool) -> int:
    """Open a file without waiting for a writer, unless its kind is refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError:
        raise OSError(errno.EINVAL, "invalid argument", os.fspath(path)) from None
    status = os.fstat(descriptor)
    if why := refusal(status, pipes=pipes):
        os.close(descriptor)
        raise OSError(errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL, why, os.fspath(path))
    return descriptor


def refusal(status: os.stat_result, *, pipes: bool) -> str:
    """Return why a file is not read, or nothing if it is."""
    mode = status.st_mode
    if stat.S_ISREG(mode) or (stat.S_ISFIFO(mode) and pipes):
        return ""
    if stat.S_ISCHR(mode) and status.st_rdev == os.stat(os.devnull).st_rdev:
        return ""
    if stat.S_ISDIR(mode):
        return os.strerror(errno.EISDIR)
    return f"it is a {'pipe' if stat.S_ISFIFO(mode) else 'device'}, not a regular file"


def _shown(limit: int) -> str:
    return f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
