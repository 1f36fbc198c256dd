"""Remove what lies in an open directory, however deep it goes."""

from __future__ import annotations

import errno
import os
import secrets

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)


def remove(directory: int, name: bytes) -> None:
    """Remove what a name in a directory stands for; raises OSError."""
    try:
        os.unlink(name, dir_fd=directory)
    except (IsADirectoryError, PermissionError):  # the latter on systems other than Linux
        _remove_tree(directory, name)


def _remove_tree(directory: int, name: bytes) -> None:
    """Move each folder within up into the topmost one, so that depth costs neither stack nor descriptors."""
    top = os.open(name, _FOLDER, dir_fd=directory)
    unique, moved = secrets.token_hex(8), 0
    try:
        while names := os.listdir(top):
            for child in names:
                if _unlink(top, child):
                    continue
                folder = os.open(child, _FOLDER, dir_fd=top)
                try:
                    for entry in os.listdir(folder):
                        if not _unlink(folder, entry):
                            moved += 1
                            os.rename(entry, f"{unique}{moved}", src_dir_fd=folder, dst_dir_fd=top)
                finally:
                    os.close(folder)
                os.rmdir(child, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=directory)


def _unlink(directory: int, name: str) -> bool:
    """Remove a file or an empty folder; return whether it is gone."""
    try:
        os.unlink(name, dir_fd=directory)
        return True
    except (IsADirectoryError, PermissionError):
        try:
            os.rmdir(name, dir_fd=directory)
            return True
        except OSError as error:
            if error.errno in _NOT_EMPTY:
                return False
            raise
