"""Arguments of the command line as sources, so that faults point into them."""

from __future__ import annotations

from typing import Final

from bakepy.diagnostics import BakeError, Diagnostic, Source, Span
from bakepy.records import Record


class Argument(Record):
    """Hold what was typed behind a flag."""

    __slots__ = ("flag", "text")

    def __init__(self, flag: str, text: str) -> None:
        self.flag: Final = flag
        self.text: Final = text

    def place(self, word: str = "", start: int = 0) -> tuple[tuple[str, Span], ...]:
        """Return where a word is at or behind `start`, in the form of a diagnostic's places; else all from there."""
        at = self.text.find(word, start) if word else -1
        begin, end = (at, at + len(word)) if at >= 0 else (start, len(self.text))
        left, equals, _ = self.text.partition("=")
        # A value that is not at fault may be a secret.
        shown = f"{left}=…" if equals and begin < end <= len(left) + 1 else self.text
        return (("it is here", Span(Source(self.flag, shown), begin, end)),)

    def error(self, message: str, hint: str = "", word: str = "", start: int = 0) -> BakeError:
        """Return an error that points at a word, or at all."""
        return BakeError([Diagnostic(message, hint=hint, related=self.place(word, start))])
