"""What an expression refers to: the names that must have values before it can be evaluated."""

from __future__ import annotations

from typing import NamedTuple

from bakepy.grammar.nodes import (
    Binary,
    Call,
    Conditional,
    Expr,
    ForObject,
    ForTuple,
    Index,
    Object,
    Parens,
    Splat,
    Template,
    TemplateJoin,
    TemplateWrap,
    Traverse,
    Tuple,
    Unary,
    Variable,
)


class Dependencies(NamedTuple):
    """Name the functions that an expression calls and the variables that it reads, both in source order.

    Names that a `for` of the expression itself defines are left out.
    """

    calls: tuple[str, ...]
    variables: tuple[Variable, ...]

    @property
    def roots(self) -> frozenset[str]:
        """Return the variables' root names."""
        return frozenset(v.root for v in self.variables)


_NONE = Dependencies((), ())


def dependencies(expr: Expr) -> Dependencies:
    """Return what `expr` depends on."""
    calls: dict[str, None] = {}
    variables: list[Variable] = []
    _visit(expr, frozenset(), calls, variables)
    if not calls and not variables:
        return _NONE
    return Dependencies(tuple(calls), tuple(variables))


def _children(expr: Expr) -> tuple[Expr, ...]:
    match expr:
        case Template(parts=several) | Call(args=several) | Tuple(items=several):
            return several
        case TemplateWrap(inner=one) | Parens(inner=one) | TemplateJoin(each=one):
            return (one,)
        case Traverse(source=one) | Unary(operand=one):
            return (one,)
        case Index(collection=first, key=second) | Splat(source=first, each=second):
            return (first, second)
        case Binary(left=first, right=second):
            return (first, second)
        case Conditional():
            return (expr.condition, expr.yes, expr.no)
        case Object():
            return tuple(part for item in expr.items for part in (item.key, item.value))
        case _:
            return ()


def _visit(expr: Expr, local: frozenset[str], calls: dict[str, None], variables: list[Variable]) -> None:
    if isinstance(expr, Variable):
        if expr.root not in local:
            variables.append(expr)
        return
    if isinstance(expr, ForTuple | ForObject):
        _visit(expr.collection, local, calls, variables)
        inner = local | {n for n in (expr.key_name, expr.value_name) if n}
        bodies = (expr.key_body, expr.value_body) if isinstance(expr, ForObject) else (expr.body,)
        for part in (*bodies, expr.condition):
            if part is not None:
                _visit(part, inner, calls, variables)
        return
    if isinstance(expr, Call):
        calls[expr.name] = None
    for child in _children(expr):
        _visit(child, local, calls, variables)
