"""Tuples and objects that are written out."""

from __future__ import annotations

from bakepy.diagnostics import Diagnostic, Span
from bakepy.evaluator import limits
from bakepy.evaluator.dispatch import Faults, evaluate, evaluates
from bakepy.evaluator.scope import Scope
from bakepy.grammar.nodes import Expr, Literal, Object, ObjectItem, Tuple, Variable
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.strings import quoted
from bakepy.values.types import STRING
from bakepy.values.value import UNKNOWN_DYNAMIC, Value, object_, tuple_


@evaluates(Tuple)
def _tuple(expr: Tuple, scope: Scope, faults: Faults) -> Value:
    return _checked(tuple_([evaluate(item, scope, faults) for item in expr.items]), expr, faults)


@evaluates(Object)
def _object(expr: Object, scope: Scope, faults: Faults) -> Value:
    if expr.json:
        return _json_object(expr, scope, faults)
    values: dict[str, Value] = {}
    known = True
    for item in expr.items:
        key = item.key
        if type(key) is Literal and type(key.value) is str:
            values[key.value] = evaluate(item.value, scope, faults)
            continue
        name = _key(item, scope, faults)
        value = evaluate(item.value, scope, faults)
        if name is None:
            known = False
        else:
            values[name] = value
    return _checked(object_(values), expr, faults) if known else UNKNOWN_DYNAMIC


def _checked(value: Value, expr: Expr, faults: Faults) -> Value:
    """Refuse a value that is small in memory only as its parts are the same ones: to look at it would take for ever."""
    return value if limits.value_fits(value.type.size, expr.span, faults) else UNKNOWN_DYNAMIC


def _json_object(expr: Object, scope: Scope, faults: Faults) -> Value:
    """Evaluate an object of the JSON form, whose keys have words and rules of their own."""
    values: dict[str, Value] = {}
    first: dict[str, Span] = {}
    known = True
    for item in expr.items:
        span = item.key.span
        key = evaluate(item.key, scope, faults)
        value = evaluate(item.value, scope, faults)
        detail = ""
        try:
            key = convert(key, STRING)
        except ConversionError as e:
            detail = f"Cannot use this expression as an object key: {e.message}."
        if key.is_null:
            detail = "Cannot use null value as an object key."
        if detail:
            faults.append(Diagnostic("Invalid object key expression", detail, span))
        elif not key.is_known:
            known = False
        elif key.text in values:
            detail = f"An attribute named {quoted(key.text)} was already defined at {first[key.text]}."
            related = (("it was defined here", first[key.text]),)
            faults.append(Diagnostic("Duplicate object attribute", detail, span, related=related))
        else:
            values[key.text] = value
            first[key.text] = span
    return _checked(object_(values), expr, faults) if known else UNKNOWN_DYNAMIC


def _key(item: ObjectItem, scope: Scope, faults: Faults) -> str | None:
    """Return the text of a key, or None once its fault was reported."""
    expr: Expr = item.key
    if isinstance(expr, Variable) and expr.steps:
        faults.append(
            Diagnostic(
                "Ambiguous attribute key",
                "If this expression is intended to be a reference, wrap it in parentheses. If it's instead intended "
                "as a literal name containing periods, wrap it in quotes to create a string literal.",
                expr.span,
            )
        )
        return None
    key = evaluate(expr, scope, faults)
    if key.is_null:
        faults.append(Diagnostic("Null value as key", "Can't use a null value as a key.", item.value.span))
        return None
    if not key.is_known:
        return None
    try:
        return str(convert(key, STRING).raw)
    except ConversionError as e:
        faults.append(Diagnostic("Incorrect key type", f"Can't use this value as a key: {e.message}.", expr.span))
        return None
