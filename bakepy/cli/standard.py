"""Standard input, output and error, each of which the caller may have closed (`<&-`, `>&-`, `2>&-`)."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from bakepy.diagnostics import BakeError
from bakepy.files import LIMIT
from bakepy.planner.load import reason

DESCRIPTORS = (0, 1, 2)


def open_closed() -> None:
    """Open the null device for each closed stream; else the next file that is opened would become that stream.

    `sys.stdin` stays None where it was closed: reading nothing from it must not pass for an empty definition.
    """
    for descriptor in DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def read_input() -> bytes:
    """Return what standard input holds. Raises BakeError."""
    if sys.stdin is None:
        raise BakeError.of("standard input is closed", hint="Redirect a file to it, or name the file.")
    try:
        data: bytes = sys.stdin.buffer.read(LIMIT + 1) or b""
    except OSError as error:
        raise BakeError.of(f"read -: {reason(error)}") from None
    if len(data) > LIMIT:
        raise BakeError.of(f"standard input has more than the {LIMIT >> 20} MiB that a definition may have")
    return data


def is_terminal() -> bool:
    """Return whether standard input is a terminal, at which a user can answer."""
    return sys.stdin is not None and sys.stdin.isatty()


def confirmed(question: str, stream: TextIO) -> bool:
    """Ask on a stream and return whether the answer on standard input is yes."""
    print(f"{question} [y/N] ", end="", file=stream, flush=True)
    return sys.stdin is not None and sys.stdin.readline().strip().lower() == "y"
