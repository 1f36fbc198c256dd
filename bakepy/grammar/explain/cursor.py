"""A place in HCL's stream of tokens, and the ways to get past a fault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bakepy.diagnostics import Diagnostic, Source, Span
from bakepy.grammar.scanner import MAX_DEPTH, Token, TooDeep

Range = tuple[int, int]
"""Where something starts and ends."""

CLOSERS = {"OBRACE": "CBRACE", "OBRACK": "CBRACK", "OPAREN": "CPAREN", "OQUOTE": "CQUOTE", "OHEREDOC": "CHEREDOC"}
OPENERS = {closer: opener for opener, closer in CLOSERS.items()} | {"TEND": "INTERP"}
_SEQUENCES = ("INTERP", "CONTROL")


def between(first: Token | Range, last: Token | Range) -> Range:
    """Return the range from the start of the first to the end of the last."""
    return first[-2], last[-1]


class Cursor:
    """Read tokens one by one, and skip them; the methods follow those of HCL's parser one for one."""

    def __init__(self, source: Source, tokens: list[Token]) -> None:
        self.source = source
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.recovering = False
        self.faults: list[Diagnostic] = []
        self.newlines_count = [True]

    # Faults

    def fault(
        self, summary: str, detail: str, subject: Token | Range, context: Token | Range | None = None, hint: str = "",
        related: tuple[tuple[str, Span], ...] = (),
    ) -> None:  # fmt: skip
        """Report a fault."""
        wide = self.span(context) if context else None
        self.faults.append(Diagnostic(summary, detail, self.span(subject), wide, hint, related=related))

    def guess(
        self, summary: str, detail: str, subject: Token | Range, context: Token | Range | None = None, hint: str = "",
        related: tuple[tuple[str, Span], ...] = (),
    ) -> None:  # fmt: skip
        """Report a fault, unless something was skipped before: then it probably is a consequence of that."""
        if not self.recovering:
            self.fault(summary, detail, subject, context, hint, related)

    def span(self, range_: Token | Range) -> Span:
        """Return the span of a token or range."""
        start, end = range_[-2:]
        return Span(self.source, start, end)

    def opened(self, opener: Token) -> tuple[tuple[str, Span], ...]:
        """Return where a construct began, for a fault at its end."""
        return (("It was opened here", self.span(opener)),)

    def failed(self, mark: int) -> bool:
        """Tell whether what was read since there were `mark` faults is at fault and the place is lost."""
        return self.recovering and len(self.faults) > mark

    # Reading

    def _next(self) -> int:
        at = self.at
        while self.tokens[at][0] == "COMMENT" or (self.tokens[at][0] == "NEWLINE" and not self.newlines_count[-1]):
            at += 1
        return at

    def peek(self) -> Token:
        """Return the token that `read` would."""
        return self.tokens[self._next()]

    def read(self) -> Token:
        """Return the next token and go on; the last one, END, comes again and again."""
        at = self._next()
        self.at = min(at + 1, len(self.tokens) - 1)
        return self.tokens[at]

    def previous(self) -> Token:
        """Return the token that was read last; at the start, the first one."""
        if self.at == 0:
            return self.peek()
        return self.tokens[self.at - 1]

    def next_is_word(self, word: str) -> bool:
        """Tell whether the next token is that name."""
        return self.peek()[:2] == ("NAME", word)

    @contextmanager
    def newlines(self, count: bool) -> Iterator[None]:
        """Read newlines, or skip them, for as long as the context lasts."""
        self.newlines_count.append(count)
        try:
            yield
        finally:
            self.newlines_count.pop()

    def descend(self) -> None:
        """Note one level more of nesting. Raises TooDeep."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeep(self.peek()[2])

    # Skipping

    def recover(self, end: str) -> Token:
        """Skip to after the closer of the construct at hand and return it, or END."""
        self.recovering = True
        opener, nesting = OPENERS.get(end, ""), 0
        while True:
            token = self.read()
            kind = "INTERP" if end == "TEND" and token[0] == "CONTROL" else token[0]
            if kind == opener:
                nesting += 1
            elif kind == end:
                if not nesting:
                    return token
                nesting -= 1
            elif kind == "END":
                return token

    def recover_over(self, opener: str) -> None:
        """Skip to after the next construct that the opener starts."""
        while self.read()[0] not in (opener, "END"):
            pass
        self.recover(CLOSERS[opener])

    def recover_after_item(self) -> None:
        """Skip to after the newline that ends the item of a body."""
        self.recovering = True
        opened: list[str] = []
        while True:
            kind = self.read()[0]
            if kind == "END" or (kind == "NEWLINE" and not opened):
                return
            if kind in CLOSERS or kind in _SEQUENCES:
                opened.append(kind)
            elif kind in OPENERS:
                matching = _SEQUENCES if kind == "TEND" else (OPENERS[kind],)
                while opened and opened[-1] not in matching:
                    opened.pop()
                del opened[-1:]
