"""The parts of an expression that faults point at and the tree does not keep: they are found again in the text."""

from __future__ import annotations

from bakepy.diagnostics import Span
from bakepy.grammar.nodes import (
    Binary,
    Call,
    Conditional,
    Expr,
    ForObject,
    ForTuple,
    Index,
    Literal,
    Object,
    Parens,
    Splat,
    Template,
    TemplateJoin,
    Tuple,
    Unary,
)


def start_span(expr: Expr) -> Span:
    """Return the span of what an expression begins with: the bracket, name or text (without its quotes) there."""
    if isinstance(expr, Literal) and expr.span.source.text.startswith('"', expr.span.start):
        if expr.value == "":  # HCL places the missing text behind the closing quote
            return Span(expr.span.source, expr.span.end, expr.span.end)
        return Span(expr.span.source, expr.span.start + 1, max(expr.span.end - 1, expr.span.start + 1))
    while True:
        match expr:
            case Template(parts=parts) if parts:
                expr = parts[0]
            case Conditional(condition=inner) | Binary(left=inner) | Parens(inner=inner) | TemplateJoin(each=inner):
                expr = inner
            case Call():
                return expr.name_span.to(_after(expr, expr.name_span, "("))
            case Index():
                return _after(expr, expr.collection.span, "[")
            case Splat():
                return marker_span(expr)
            case Tuple() | Object() | Unary() | ForTuple() | ForObject():
                return _opening(expr.span)
            case _:
                return expr.span


def bracket_span(expr: Index) -> Span:
    """Return the span from `[` to `]` of an index."""
    return _after(expr, expr.collection.span, "[").to(expr.span)


def closing_span(expr: Expr) -> Span:
    """Return the span of an expression's last character, such as the `)` of a call."""
    return Span(expr.span.source, max(expr.span.end - 1, expr.span.start), expr.span.end)


def marker_span(expr: Splat) -> Span:
    """Return the span of `.*` or `[*]`."""
    first = _after(expr, expr.source.span, "[" if expr.full else ".")
    return first.to(_after(expr, first, "]" if expr.full else "*"))


def _opening(span: Span) -> Span:
    text = span.source.text
    length = 1
    if text.startswith("%{", span.start):
        length = 3 if text.startswith("~", span.start + 2) else 2
    return Span(span.source, span.start, min(span.start + length, span.end))


def _after(expr: Expr, before: Span, sign: str) -> Span:
    """Find a sign behind a part of an expression; texts that a JSON string held may not show it."""
    at = expr.span.source.text.find(sign, before.end, expr.span.end)
    return expr.span if at < 0 else Span(expr.span.source, at, at + len(sign))
