"""`bakepy version`: show the version."""

from __future__ import annotations

from collections.abc import Sequence

import bakepy
from bakepy.cli import command, flags

FLAGS = (flags.BUILDER, *flags.COMMON)
USAGE = """Usage: bakepy version

Show the version."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    if command.begin(USAGE, FLAGS, argv) is not None:
        print(f"bakepy {bakepy.__version__}")
    return 0
