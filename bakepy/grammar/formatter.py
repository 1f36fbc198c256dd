"""Lay out a source the way HCL's own formatter does (hashicorp/hcl, hclwrite): only spaces between tokens change.

A line has up to three cells: its lead, an assignment that ends on the line, and a comment. Brackets that a line leaves
open indent the lines after it; assignments, and comments, of neighbouring lines are aligned.
"""

from __future__ import annotations

from collections.abc import Callable

from bakepy.diagnostics import Diagnostic, Source
from bakepy.grammar.parser import parse
from bakepy.grammar.scanner import scan
from bakepy.records import Record

_OPENERS = frozenset(("OBRACE", "OBRACK", "OPAREN", "INTERP", "CONTROL"))
_CLOSERS = frozenset(("CBRACE", "CBRACK", "CPAREN", "TEND"))
_TEXT_BEFORE = frozenset(("QUOTED_LIT", "LIT", "OQUOTE", "OHEREDOC"))
_TEXT_AFTER = frozenset(("QUOTED_LIT", "LIT", "CQUOTE", "CHEREDOC"))
_BEFORE_NEGATION = frozenset(
    ("", "OPAREN", "OBRACE", "OBRACK", "EQUAL", "COLON", "COMMA", "QUESTION", "OPERATOR", "STAR", "MINUS", "BANG")
)


class _Token(Record):
    __slots__ = ("kind", "text", "spaces")

    def __init__(self, kind: str, text: str, spaces: int) -> None:
        self.kind = kind
        self.text = text
        self.spaces = spaces

    @property
    def width(self) -> int:
        return self.spaces + len(self.text)

    @property
    def is_comment(self) -> bool:
        return self.kind == "COMMENT" or (self.kind == "NEWLINE" and self.text[0] in "#/")


_NOTHING = _Token("", "", 0)


class _Line(Record):
    __slots__ = ("lead", "assign", "comment")

    def __init__(
        self, lead: list[_Token], assign: list[_Token] | None = None, comment: list[_Token] | None = None
    ) -> None:
        self.lead = lead
        self.assign: list[_Token] = [] if assign is None else assign
        self.comment: list[_Token] = [] if comment is None else comment


def format_source(source: Source, faults: list[Diagnostic]) -> str:
    """Return the text of a file in HCL's layout; as it is, with its faults reported, where it cannot be read."""
    count = len(faults)
    parse(source, faults)
    if len(faults) > count:
        return source.text
    tokens: list[_Token] = []
    at = 0
    for kind, text, start, end in scan(source.text, raw=True):
        tokens.append(_Token(kind, text, start - at))
        at = end
    lines = _lines(tokens)
    _indent(lines)
    for line in lines:
        _space(line.lead)
        _space(line.assign)
    _align(lines, lambda line: line.assign, lambda line: _width(line.lead))
    _align(lines, lambda line: line.comment, lambda line: _width(line.lead) + _width(line.assign))
    return "".join(" " * token.spaces + token.text for token in tokens if token.kind != "END")


def _width(tokens: list[_Token]) -> int:
    return sum(token.width for token in tokens)


def _depth(tokens: list[_Token]) -> int:
    """Return how many more brackets the tokens open than they close."""
    return sum((token.kind in _OPENERS) - (token.kind in _CLOSERS) for token in tokens)


def _lines(tokens: list[_Token]) -> list[_Line]:
    lines = [_Line([])]
    for token in tokens:
        if token.kind == "END":
            break
        lines[-1].lead.append(token)
        if token.kind == "NEWLINE":
            lines.append(_Line([]))
    for line in lines:
        if len(line.lead) > 1 and line.lead[-1].is_comment:
            line.comment = [line.lead.pop()]
        kinds = [token.kind for token in line.lead]
        if "EQUAL" in kinds[1:]:
            at = kinds.index("EQUAL", 1)
            if _depth(line.lead[at:]) == 0:
                line.lead, line.assign = line.lead[:at], line.lead[at:]
    return lines


def _indent(lines: list[_Line]) -> None:
    """Indent by two for each line, not each bracket, that is still open."""
    opened: list[int] = []
    for line in lines:
        if not line.lead:
            continue
        if line.lead[0].kind == "NEWLINE" and not line.lead[0].is_comment:
            line.lead[0].spaces = 0
            continue
        heredoc = next((i for i, token in enumerate(line.lead) if token.kind == "OHEREDOC"), len(line.lead))
        change = _depth(line.lead[:heredoc]) + _depth(line.assign)
        closed = -change
        while closed > 0 and opened:
            if closed < opened[-1]:
                opened[-1] -= closed
                break
            closed -= opened.pop()
        line.lead[0].spaces = 2 * len(opened)
        if change > 0:
            opened.append(change)


def _space(cell: list[_Token]) -> None:
    """Set the spaces inside a cell, and one before an assignment, to be aligned later."""
    if cell and cell[0].kind == "EQUAL":
        cell[0].spaces = 1
    for index, after in enumerate(cell[1:]):
        before = cell[index - 1] if index else _NOTHING
        after.spaces = int(_space_between(before, cell[index], after))


def _space_between(before: _Token, token: _Token, after: _Token) -> bool:
    """Tell whether a space stands between a token and the one after it; the first rule that applies decides."""
    kind, next_kind = token.kind, after.kind
    if next_kind == "NEWLINE" and not after.is_comment:
        return False
    if (kind, next_kind) == ("NUMBER", "DOT") or (before.kind, kind, next_kind) == ("NUMBER", "DOT", "NUMBER"):
        return after.spaces > 0  # without a space that is there, both would become one number
    if (kind == "NAME" and next_kind in ("OPAREN", "DCOLON")) or (kind == "DCOLON" and next_kind == "NAME"):
        return False
    if "DOT" in (kind, next_kind) or next_kind in ("COMMA", "ELLIPSIS"):
        return False
    if kind == "COMMA":
        return True
    if kind in _TEXT_BEFORE or next_kind in _TEXT_AFTER:
        return False
    if kind == "NAME" and token.text == "in" and before.kind == "NAME":
        return True
    if (next_kind == "OBRACK" and (kind in ("NAME", "NUMBER") or kind in _CLOSERS)) or kind == "BANG":
        return False
    if kind == "MINUS":
        return before.kind not in _BEFORE_NEGATION
    if kind == "OBRACE" or next_kind == "CBRACE":
        return not (kind == "OBRACE" and next_kind == "CBRACE")
    if (kind in ("INTERP", "CONTROL") and next_kind == "OBRACE") or (kind == "CBRACE" and next_kind == "TEND"):
        return True
    if kind == "TEND" and next_kind in ("INTERP", "CONTROL"):
        return False
    return kind not in _OPENERS and next_kind not in _CLOSERS


def _align(lines: list[_Line], cell: Callable[[_Line], list[_Token]], before: Callable[[_Line], int]) -> None:
    """Start a cell in the same column in all lines of a run that have it."""
    run: list[_Line] = []
    for line in [*lines, _Line([])]:
        if cell(line):
            run.append(line)
            continue
        column = max(map(before, run), default=0) + 1
        for each in run:
            cell(each)[0].spaces = column - before(each)
        run = []
