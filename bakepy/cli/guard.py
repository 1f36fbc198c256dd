"""Nothing escapes to the user as a traceback: faults become diagnostics, bugs one line and a report."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence

from bakepy.diagnostics import BakeError, Diagnostic, headline, hint_line, one_line, printable, render

CIRCUMSTANCES = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there",
    errno.EROFS: "choose a place that can be written",
    errno.EACCES: "look who may read and write there",
    errno.EPERM: "look who may read and write there",
    errno.ENOTDIR: "one of the folders on that path is a file",
    errno.EIO: "look whether the disk is sound",
    errno.EMFILE: "allow more open files: ulimit -n",
    errno.ENFILE: "the whole machine has too many files open",
    errno.ENOMEM: "make memory free",
}
"""What the machine may refuse at any place, and what to do then: no bug."""

ISSUES = "please report it with that file"


def guarded(main: Callable[[Sequence[str]], int], argv: Sequence[str]) -> int:
    """Run `main` and return its exit status: 1 for faults, 130 when interrupted, 70 for a bug."""
    try:
        status = main(argv)
        sys.stdout.flush()
        return status
    except BakeError as error:
        _trace()
        show(error)
        return 1
    except KeyboardInterrupt:
        _tell("ERROR: interrupted")
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`): no fault, and no more flushing either.
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        return 141
    except MemoryError:
        show(BakeError.of("not enough memory", hint=CIRCUMSTANCES[errno.ENOMEM]))
        return 1
    except Exception as error:
        if isinstance(error, OSError) and error.errno in CIRCUMSTANCES:
            _refused(error, CIRCUMSTANCES[error.errno])
            return 1
        _trace()
        _tell(f"ERROR: internal error: {type(error).__name__}: {one_line(str(error))} ({_record()}; {ISSUES})")
        return 70


def _trace() -> None:
    """Print on standard error where in the program an error comes from, if --debug asks for it."""
    from bakepy.cli.flags import debugging

    if debugging.get():
        import traceback

        _tell(printable(traceback.format_exc().rstrip("\n")))


def show(error: BakeError) -> None:
    """Print each diagnostic once on standard error; the last line names the first error.

    An error without a place, in one line, is that line, with its hint above. Others are shown in full, and the last
    line is short: file, line, summary, and how many more there are.
    """
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    if len(error.diagnostics) == 1 and _fits_a_line(error.diagnostics[0]):
        if hint := error.diagnostics[0].hint:
            _tell(hint_line(hint, color=color))
        _tell(f"ERROR: {one_line(str(error))}")
    else:
        _tell(render(error.diagnostics, color=color))
        _tell(f"ERROR: {headline(error.diagnostics)}")


def _fits_a_line(d: Diagnostic) -> bool:
    return not (d.subject or d.related or "\n" in d.summary or "\n" in d.detail)


def _tell(text: str) -> None:
    """Print on standard error; where that has no room, the exit status has to do."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        return


def _refused(error: OSError, hint: str) -> None:
    where = f"{error.filename}: " if error.filename else ""
    show(BakeError.of(f"{where}{error.strerror}", hint=hint))
    if error.errno == errno.ENOSPC and not error.filename:
        # It may be standard output that has no room; what is left for it would fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _record() -> str:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="bakepy-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write(traceback.format_exc())
    return f"details in {file.name}"
