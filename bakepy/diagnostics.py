"""Spans of source text, and what is wrong with them.

A room that finds a fault of the user's appends a `Diagnostic` to the list that its caller handed in and goes on
with an unknown value, so that one run reports many faults. `BakeError` carries them up once nothing more can be found.
"""

from __future__ import annotations

import enum
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import islice
from typing import Final, NamedTuple, Self

from bakepy.records import Record

MAX_LINE = 160
"""Columns of source shown around a fault; longer lines are clipped on both sides."""
MOST_RENDERED = 200
"""Diagnostics shown in full; each takes time to render, and the first ones name the cause."""


class Severity(enum.Enum):
    """Tell whether a diagnostic stops the run."""

    ERROR = "error"
    WARNING = "warning"


class Source:
    """Hold the text of one definition file under the name by which the user knows it."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._clusters: dict[int, array[int] | None] = {}

    @cached_property
    def _starts(self) -> list[int]:
        starts, at = [0], self.text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and column, both counted from 1, of a character offset; columns are code points."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def shown_position(self, offset: int) -> tuple[int, int]:
        """Return the line and column of a character offset as HCL tells them: columns are grapheme clusters."""
        line, column = self.position(offset)
        if self.text.isascii():
            return line, column
        if line not in self._clusters:
            # A line may be megabytes long and have a fault in every word: it is looked through once.
            end = self._starts[line] if line < len(self._starts) else len(self.text)
            self._clusters[line] = _clusters(self.text[self._starts[line - 1] : end])
        starts = self._clusters[line]
        return line, column if starts is None else 1 + bisect_left(starts, column - 1)

    def line(self, number: int) -> str:
        """Return line `number` (from 1) without its line break; empty past the end."""
        if not 1 <= number <= len(self._starts):
            return ""
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end].removesuffix("\r")

    @property
    def lines(self) -> int:
        """Count the lines."""
        return len(self._starts)


def _clusters(text: str) -> array[int] | None:
    """Return where grapheme clusters start; None where each is one character."""
    if text.isascii():
        return None
    import regex

    return array("L", (found.start() for found in regex.finditer(r"\X", text)))


class Span(NamedTuple):
    """Name the characters `start` to `end` (exclusive, offsets from 0) of a source."""

    source: Source
    start: int
    end: int

    def to(self, other: Span) -> Span:
        """Return the span from the start of this one to the end of the other."""
        return Span(self.source, self.start, other.end)

    def __str__(self) -> str:
        """Print as HCL's tools do: `file:line,column-column` or `file:line,column-line,column`."""
        (l1, c1), (l2, c2) = self.source.shown_position(self.start), self.source.shown_position(self.end)
        return f"{self.source.name}:{l1},{c1}-{c2}" if l1 == l2 else f"{self.source.name}:{l1},{c1}-{l2},{c2}"

    def __repr__(self) -> str:
        """Print without the source's text."""
        return f"Span({self})"


class Diagnostic(Record):
    """Say one thing about the source.

    `summary` is terse and `detail` names the fault, both in the words HCL's users know; `hint` says what to do.
    `subject` is the tightest span at fault, `context` a wider one worth showing (around the first of `related` where
    there is no subject), and `related` are other places that play a part, each with the words that say which. One that
    is `implied` follows from another that was reported at the same place: the reference shows it, so it counts, but it
    would tell the reader nothing. One that is `further` was found by going on where the reference stops: it is shown,
    but does not count.
    """

    __slots__ = ("summary", "detail", "subject", "context", "hint", "severity", "related", "implied", "further")

    def __init__(
        self,
        summary: str,
        detail: str = "",
        subject: Span | None = None,
        context: Span | None = None,
        hint: str = "",
        severity: Severity = Severity.ERROR,
        related: tuple[tuple[str, Span], ...] = (),
        implied: bool = False,
        further: bool = False,
    ) -> None:
        self.summary: Final = summary
        self.detail: Final = detail
        self.subject: Final = subject
        self.context: Final = context
        self.hint: Final = hint
        self.severity: Final = severity
        self.related: Final = related
        self.implied: Final = implied
        self.further: Final = further

    def __str__(self) -> str:
        """Print in one line, as the reference does."""
        text = f"{self.summary}; {self.detail}" if self.detail else self.summary
        return f"{self.subject}: {text}" if self.subject else text


class BakeError(Exception):
    """Carry the diagnostics of a run that cannot go on."""

    def __init__(self, diagnostics: Sequence[Diagnostic] | None = None) -> None:
        self.diagnostics: Sequence[Diagnostic] = [] if diagnostics is None else diagnostics

    @classmethod
    def of(cls, summary: str, detail: str = "", *, hint: str = "", subject: Span | None = None) -> Self:
        """Make an error of a single diagnostic."""
        return cls([Diagnostic(summary, detail, subject=subject, hint=hint)])

    def __str__(self) -> str:
        """Print the first diagnostic and how many more there are."""
        errors = [d for d in self.diagnostics if d.severity is Severity.ERROR and not d.further]
        if not errors:
            return "no diagnostics"
        rest = len(errors) - 1
        return f"{errors[0]}, and {rest} other diagnostic(s)" if rest else str(errors[0])


class Keeping:
    """Append the faults of a block that raises BakeError to a list, and go on behind it; without a list, raise.

    This is how one road serves builds, which stop at what is wrong, and checks, which look for more of it.
    """

    __slots__ = ("faults",)

    def __init__(self, faults: list[Diagnostic] | None) -> None:
        self.faults = faults

    def __enter__(self) -> None:
        """Enter the block."""

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        """Keep a BakeError's faults; let other errors through."""
        if self.faults is None or not isinstance(error, BakeError):
            return False
        self.faults += error.diagnostics
        return True


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that `word` most likely misspells, or None where none is near."""
    import difflib

    pool = list(candidates)
    folded = {c.lower(): c for c in reversed(pool)}
    if found := difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.7):
        return folded[found[0]]
    # In a short word, two letters that changed places make too great a difference for that.
    letters = sorted(word.lower())
    return next((c for c in pool if len(c) > 2 and sorted(c.lower()) == letters and c != word), None)


_DIRECTIONS = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x2070)]
"""Characters that reorder the text around them, so that it reads as something else."""
_SEPARATORS = [0x2028, 0x2029]

_PICTURES = {c: 0x2400 + c for c in range(0x20) if chr(c) not in "\t\n"} | {0x7F: 0x2421}
_PICTURES |= dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)  # what no terminal's encoding can hold
_PICTURES |= dict.fromkeys([*range(0x80, 0xA0), *_DIRECTIONS, *_SEPARATORS], 0xFFFD)
_PICTURES_OF_LINES = _PICTURES | {0x0A: 0x240A}


def printable(text: str) -> str:
    """Replace what a terminal would obey by a sign that stands for it, one for one: text may be a stranger's."""
    return text if text.isprintable() else text.translate(_PICTURES)


def one_line(text: str) -> str:
    """Return text as `printable` does, its line breaks as signs too: it cannot pass for further lines of ours."""
    return text if text.isprintable() else text.rstrip("\r\n").translate(_PICTURES_OF_LINES)


def printable_json(text: str) -> str:
    """Return JSON that reads as `text` does, with what a terminal would obey written as escapes."""
    shown = printable(text)
    if shown == text:
        return text
    return "".join(c if c == sign else f"\\u{ord(c):04x}" for c, sign in zip(text, shown, strict=True))


def render(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    """Return the diagnostics as text for a terminal: heading, source with a caret, hint; no summary line.

    Equal ones come once with their number; of many, the first `MOST_RENDERED` are shown and the others counted.
    """
    counts = _counts(diagnostics)
    blocks = [_render_one(d, times, color) for d, times in islice(counts.items(), MOST_RENDERED)]
    if (rest := len(counts) - len(blocks)) > 0:
        blocks.append(f"… and {rest} more that {'are' if rest > 1 else 'is'} not shown\n")
    return "\n".join(blocks)


def headline(diagnostics: Sequence[Diagnostic]) -> str:
    """Return the first error in one line: file and line, summary, and how many other errors there are."""
    errors = [d for d in _counts(diagnostics) if d.severity is Severity.ERROR]
    if not errors:
        return "no diagnostics"
    first = next((d for d in errors if not d.further), errors[0])
    place = ""
    if span := first.subject or (first.related[0][1] if first.related else None):
        name, (line, _) = span.source.name, span.source.position(span.start)
        # Of a flag, the summary has the text.
        place = "" if name.startswith("--") else f"{name}:{line}: "
    summary, rest = first.summary.partition("\n")[0], len(errors) - 1
    return one_line(f"{place}{summary}{f' (and {rest} more)' if rest else ''}")


def _counts(diagnostics: Iterable[Diagnostic]) -> Counter[Diagnostic]:
    """Return the diagnostics to show, in their order, with how many are equal to each."""
    return Counter(d for d in diagnostics if not d.implied)


def hint_line(hint: str, *, color: bool = False) -> str:
    """Return a remedy as text for a terminal."""
    return f"{_paint('hint:', '1;36', color)} {one_line(hint)}"


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text


def _render_one(d: Diagnostic, times: int, color: bool) -> str:
    mark = "1;31" if d.severity is Severity.ERROR else "1;33"
    # What a summary quotes may have lines of its own: those are set in, so that they cannot pass for ours.
    summary, *more = d.summary.split("\n")
    count = f" ({times} times)" if times > 1 else ""
    lines = [f"{_paint(d.severity.value, mark, color)}: {_paint(one_line(summary), '1', color)}{count}"]
    lines += [f"  {one_line(line)}" for line in more]
    if d.subject:
        lines += _snippet(d.subject, d.context, mark, color)
    if d.detail:
        lines += [f"  {one_line(line)}" for line in d.detail.splitlines()]
    for i, (words, span) in enumerate(d.related):
        lines.append(f"  {one_line(words)}:")
        lines += _snippet(span, None if d.subject or i else d.context, "1;36", color)
    if d.hint:
        lines.append(f"  {hint_line(d.hint, color=color)}")
    return "\n".join(lines) + "\n"


def _snippet(subject: Span, context: Span | None, mark: str, color: bool) -> list[str]:
    source = subject.source
    line, column = source.position(subject.start)
    last, last_column = source.position(subject.end)
    out = [f"  --> {one_line(source.name)}:{line}:{source.shown_position(subject.start)[1]}"]
    first_shown = line
    if context and context.source is source:
        first_shown = max(source.position(context.start)[0], line - 2)
    width = len(str(line))
    gutter = " " * (width + 3) + "|"
    for number in range(first_shown, line + 1):
        shown, shift = _clip(source.line(number), column if number == line else 1)
        out.append(f"{_paint(f'  {number:{width}} |', '2', color)} {shown}")
        if number == line:
            stop = last_column if last == line else len(source.line(line)) + 1
            at = column - shift
            length = max(1, min(stop - column, len(shown) - at + 1))
            pad = "".join("\t" if c == "\t" else " " for c in shown[: at - 1]).ljust(at - 1)
            out.append(f"{_paint(gutter, '2', color)} {pad}{_paint('^' * length, mark, color)}")
    return out


def _clip(text: str, column: int) -> tuple[str, int]:
    """Return the part of a long line around `column`, and by how much its columns moved left."""
    if len(text) <= MAX_LINE:
        return printable(text), 0
    start = max(0, column - 1 - MAX_LINE // 2)
    part = printable(text[start : start + MAX_LINE])
    if start:
        part = "…" + part[1:]
    if start + MAX_LINE < len(text):
        part = part[:-1] + "…"
    return part, start
