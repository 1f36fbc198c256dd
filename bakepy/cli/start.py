"""The console script: it imports next to nothing, so that an interrupt while modules load is caught, too."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

INTERRUPTED = 130


def entry() -> None:
    """Run the command that the arguments name."""
    sys.unraisablehook = _unraisable
    try:
        from bakepy.cli.main import entry as run

        run()
    except KeyboardInterrupt:
        _interrupted()


def _unraisable(found: "sys.UnraisableHookArgs") -> None:
    """End the process for an interrupt that met a finalizer, from which Python lets no error pass."""
    if found.exc_type is KeyboardInterrupt:
        _interrupted()
    sys.__unraisablehook__(found)


def _interrupted() -> "NoReturn":
    os.write(2, b"ERROR: interrupted\n")
    os._exit(INTERRUPTED)
