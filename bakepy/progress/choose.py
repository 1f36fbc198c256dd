"""Choose the display that a run reports to."""

from __future__ import annotations

from typing import TextIO

from bakepy.diagnostics import BakeError, nearest
from bakepy.progress.events import Reporter
from bakepy.progress.printable import PrintableReporter

MODES = ("auto", "tty", "plain", "rawjson", "quiet", "none")


def check(mode: str) -> None:
    """Raise BakeError where `mode` is none of the displays."""
    if mode not in MODES:
        near = nearest(mode, MODES)
        hint = f"did you mean {near}? The modes are {', '.join(MODES)}" if near else f"the modes are {', '.join(MODES)}"
        raise BakeError.of(f"invalid progress mode {mode}", hint=hint)


def choose(mode: str, stream: TextIO) -> Reporter:
    """Return the reporter of a mode; `auto` is a live display on a terminal and plain lines elsewhere.

    Displays for people show printable text; `rawjson` is exact, as JSON escapes what matters.

    Raises BakeError for an unknown mode, and for `tty` where the stream is no terminal.
    """
    check(mode)
    terminal = stream.isatty()
    if mode == "tty" and not terminal:
        raise BakeError.of(
            "progress mode tty needs a terminal",
            hint="leave --progress out to have it chosen, or use --progress=plain",
        )
    if mode == "tty" or (mode == "auto" and terminal):
        from bakepy.progress.tty import Tty

        return PrintableReporter(Tty(stream))
    if mode == "rawjson":
        from bakepy.progress.rawjson import RawJson

        return RawJson(stream)
    if mode == "none":
        return Reporter()
    from bakepy.progress.plain import Plain

    return PrintableReporter(Plain(stream, verbose=mode != "quiet"))
