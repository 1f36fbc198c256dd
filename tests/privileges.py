"""An ordinary user's eyes for tests that run as root, who may read everything."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

NOBODY = 65534


@contextlib.contextmanager
def folder_of_an_ordinary_user() -> Iterator[Path]:
    """Make a folder, and be its owner and an ordinary user while the context lasts; removed behind it."""
    with tempfile.TemporaryDirectory(prefix="bakepy-test-") as folder:
        if os.geteuid() != 0:
            yield Path(folder)
            return
        group = os.getresgid()
        os.chown(folder, NOBODY, NOBODY)
        os.setresgid(NOBODY, NOBODY, 0)
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield Path(folder)
        finally:
            os.setresuid(0, 0, 0)
            os.setresgid(*group)
