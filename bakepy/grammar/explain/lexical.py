"""Faults of single tokens: characters that HCL has no use for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bakepy.diagnostics import Diagnostic, Source, Span
from bakepy.grammar.scanner import Token

_BITWISE = {
    "&": ' Did you mean boolean AND ("&&")?',
    "|": ' Did you mean boolean OR ("||")?',
    "~": ' Did you mean boolean NOT ("!")?',
}
_DETAILS = {
    "BACKTICK": 'The "`" character is not valid. To create a multi-line string, use the "heredoc" syntax, like '
    '"<<EOT".',
    "APOSTROPHE": 'Single quotes are not valid. Use double quotes (") to enclose strings.',
    "SEMICOLON": 'The ";" character is not valid. Use newlines to separate arguments and blocks, and commas to '
    "separate items in collection values.",
}
_NEWLINE = (
    "Quoted strings may not be split over multiple lines. To produce a multi-line string, either use the \\n escape to "
    'represent a newline character or use the "heredoc" multi-line template syntax.'
)
_CURLY = (
    '"Curly quotes" are not valid here. These can sometimes be inadvertently introduced when sharing code via '
    'documents or discussion forums. It might help to replace the character with a "straight quote".'
)
_UNUSED = "This character is not used within the language."


def lexical(source: Source, tokens: list[Token]) -> Iterator[Diagnostic]:
    """Yield the faults of the tokens, each kind as often as HCL reports it: the rest would be noise."""
    seen: Counter[str] = Counter()
    opened: Token | None = None
    for token in tokens:
        kind, text, start, end = token
        span = Span(source, start, end)
        if kind == "OQUOTE":
            opened = token
        elif kind == "BITWISE":
            if seen[kind] < 4:
                detail = f"Bitwise operators are not supported.{_BITWISE.get(text, '')}"
                yield Diagnostic("Unsupported operator", detail, span)
            seen[kind] += 1
        elif kind in ("BACKTICK", "APOSTROPHE"):
            if seen[kind] in (0, 2):  # these come in pairs; the first of a pair is told, for two pairs
                yield Diagnostic("Invalid character", _DETAILS[kind], span)
            seen[kind] += 1
        elif kind == "SEMICOLON":
            if not seen[kind]:
                yield Diagnostic("Invalid character", _DETAILS[kind], span)
            seen[kind] += 1
        elif kind == "QUOTED_NEWLINE":
            related = (("The string begins here", Span(source, opened[2], opened[3])),) if opened else ()
            yield Diagnostic("Invalid multi-line string", _NEWLINE, span, hint="Close the quote.", related=related)
        elif kind == "INVALID":
            yield Diagnostic("Invalid character", _CURLY if text in ("“", "”") else _UNUSED, span)
