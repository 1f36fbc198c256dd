"""Read files that hold secrets and keys: regular ones, and pipes without blocking the event loop."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from pathlib import Path

from bakepy.files import open_pipe, read_file

PATIENCE = 60.0
"""Seconds that a pipe has to deliver its content: what writes to it may ask the user for a password."""


def is_pipe(path: str | Path) -> bool:
    """Return whether a path is a pipe, such as the shell makes for `<(command)`; raises OSError."""
    return stat.S_ISFIFO(os.stat(path).st_mode)


async def read(path: str | Path, limit: int) -> bytes:
    """Return the content of a regular file or a pipe. Raises OSError, also for more than `limit` bytes."""
    return await read_pipe(path, limit) if is_pipe(path) else read_file(path, limit)


async def read_pipe(path: str | Path, limit: int) -> bytes:
    """Return what a pipe delivers. Raises OSError, also for more than `limit` bytes and for one without an end."""
    descriptor = open_pipe(path)
    # A named pipe that no process has opened for writing yet reads like one at its end.
    opened = not _is_named(path)
    try:
        async with asyncio.timeout(PATIENCE):
            data = await _drain(descriptor, limit, opened)
    except TimeoutError:
        raise OSError(errno.ETIMEDOUT, f"the pipe did not end within {PATIENCE:g}s") from None
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"the pipe delivers more than {limit} bytes")
    return data


async def _drain(descriptor: int, limit: int, opened: bool) -> bytes:
    """Read to the pipe's end or beyond the limit; `opened` returns whether a process has opened it for writing."""
    readable = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, readable.set)
    data = b""
    try:
        while len(data) <= limit:
            try:
                piece = os.read(descriptor, limit + 1 - len(data))
            except BlockingIOError:
                piece, at_end = b"", False
            else:
                at_end = opened and not piece
            if at_end:
                break
            data += piece
            if not piece:
                readable.clear()
                await readable.wait()
            opened = True
    finally:
        loop.remove_reader(descriptor)
    return data


def _is_named(path: str | Path) -> bool:
    return os.path.lexists(os.path.realpath(path))
