"""The programs that `make test` provides: a test that misses one fails, so that no gap passes unseen."""

from __future__ import annotations

import os
import shutil

import pytest


def needed(name: str) -> str:
    """Return the path of a program on PATH; fails the test if it is missing."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"no {name} on PATH: `make test` provides it")
    return found


def needs_root() -> None:
    """Skip the test for an ordinary user, who may not start what it needs."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
