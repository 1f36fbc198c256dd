"""Keep paths from leading elsewhere while a run goes on.

What a definition may read and write is settled before it runs, with all links followed. A result that one target
writes may hold links, and could so turn another target's path into one that nobody granted.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from bakepy.diagnostics import BakeError

_WALK: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def hold(path: str | Path, real: str) -> None:
    """Raise BakeError where a path does not lead to `real`, as it did when the run began; empty for any place.

    What follows must happen before other tasks run.
    """
    if real and os.path.realpath(path) != real:
        raise BakeError.of(
            f"{path} leads elsewhere than when the build began",
            "A symbolic link has taken its place, or that of a folder on the way to it.",
            hint="Let no target write to where another one reads or writes.",
        )


def open_folder(path: str | Path, real: str, mode: int = 0o777) -> int:
    """Return a descriptor of the folder that a path leads to, made with `mode` where it is missing.

    Raises BakeError where the path does not lead to `real`, and OSError. No link is followed on the way to `real`, so
    nothing that another process puts there meanwhile leads elsewhere.
    """
    hold(path, real)
    real = real or os.path.realpath(path)
    names = [name for name in real.split("/") if name]
    folder = os.open("/", _WALK)
    try:
        for number, name in enumerate(names, 1):
            inner = enter(folder, name, mode if number == len(names) else 0o777)
            os.close(folder)
            folder = inner
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    except NotADirectoryError:
        hold(path, real)  # a link has taken a folder's place
        raise
    finally:
        os.close(folder)


def enter(folder: int, name: str, mode: int = 0o777) -> int:
    """Open a folder within another, made where it is missing; a link is not followed. Raises OSError."""
    try:
        return os.open(name, _WALK, dir_fd=folder)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):  # another transfer has made it
            os.mkdir(name, mode, dir_fd=folder)
        return os.open(name, _WALK, dir_fd=folder)
