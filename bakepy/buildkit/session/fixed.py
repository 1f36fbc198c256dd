"""Keep paths from leading elsewhere while a run goes on.

What a definition may read and write is settled before it runs, with all links followed. A result that one target
writes may hold links, and could so turn another target's path into one that nobody granted.
"""

from __future__ import annotations

import os
from pathlib import Path

from bakepy.diagnostics import BakeError


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
