"""Take away mounts that a killed engine left behind."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

MNT_DETACH = 2


def unmount_below(folder: Path) -> int:
    """Unmount everything mounted below a folder, the deepest first (umount2(2)); returns how many went."""
    if os.geteuid() != 0:
        # An ordinary user's engine has its mounts in a namespace of its own, which ends with it.
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    prefix = str(folder.resolve()) + "/"
    points = [point for point in _points() if point.startswith(prefix)]
    return sum(libc.umount2(os.fsencode(point), MNT_DETACH) == 0 for point in reversed(points))


def _points() -> list[str]:
    """Return the mount points in the order in which they were made (proc(5), mountinfo)."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            return [_unescape(line.split(" ")[4]) for line in table]
    except OSError:
        return []


def _unescape(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
