"""Nothing escapes to the user as a traceback: faults become diagnostics, bugs one line and a report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from bakepy.diagnostics import BakeError, render

ISSUES = "please report it with that file"


def guarded(main: Callable[[Sequence[str]], int], argv: Sequence[str]) -> int:
    """Run `main` and return its exit status: 1 for faults, 130 when interrupted, 70 for a bug."""
    try:
        status = main(argv)
        sys.stdout.flush()
        return status
    except BakeError as error:
        show(error)
        return 1
    except KeyboardInterrupt:
        print("ERROR: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`): no fault, and no more flushing either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        print(f"ERROR: internal error: {type(error).__name__}: {error} ({_record()}; {ISSUES})", file=sys.stderr)
        return 70


def show(error: BakeError) -> None:
    """Print diagnostics on standard error; the last line is the first fault in one line."""
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    if len(error.diagnostics) > 1 or any(d.subject or d.hint or d.related for d in error.diagnostics):
        print(render(error.diagnostics, color=color), file=sys.stderr)
    print(f"ERROR: {error}", file=sys.stderr)


def _record() -> str:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="bakepy-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write(traceback.format_exc())
    return f"details in {file.name}"
