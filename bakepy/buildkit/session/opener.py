"""Open the files of a directory, whatever has become of them since it was listed."""

from __future__ import annotations

import errno
import os
from typing import Final

_NOTHING = (errno.ENOENT, errno.ENOTDIR, errno.ENXIO, errno.ELOOP)
"""What opening fails with where a file is gone meanwhile, or is a socket or a symlink."""
_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_DESCRIPTORS = b"/proc/self/fd/%d" if os.path.exists("/proc/self/fd") else None


class Opener:
    """Open files below `root`, a real path, for reading; files are asked for folder by folder, so one is kept open."""

    def __init__(self, root: bytes) -> None:
        self._root: Final = root
        self._folder: bytes | None = None
        self._descriptor = -1

    def open(self, path: bytes) -> int | None:
        """Return a descriptor of the file, None where there is none any more; raises OSError.

        Whatever took the file's place, opening it neither blocks, nor takes over a terminal, nor leads out of the root.
        """
        folder, _, name = path.rpartition(b"/")
        try:
            if folder != self._folder:
                self._enter(folder)
            return os.open(name, _FILE, dir_fd=self._descriptor) if self._descriptor >= 0 else None
        except OSError as error:
            if error.errno in _NOTHING:
                return None
            raise

    def close(self) -> None:
        """Close the folder that is kept open; files are their users' to close."""
        self._folder = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _enter(self, folder: bytes) -> None:
        self.close()
        full = os.path.join(self._root, folder) if folder else self._root
        descriptor = os.open(full, _FOLDER)
        # A folder on the way may be a symlink by now, which leads to what is no part of the directory.
        if _DESCRIPTORS and os.readlink(_DESCRIPTORS % descriptor) != full:
            os.close(descriptor)
            return
        self._folder, self._descriptor = folder, descriptor
