"""`for` expressions: tuples and objects made from the elements of another value."""

from __future__ import annotations

from collections.abc import Iterator

from bakepy.diagnostics import Diagnostic
from bakepy.evaluator import limits
from bakepy.evaluator.dispatch import Faults, evaluate, evaluates
from bakepy.evaluator.scope import Namespace, Scope
from bakepy.grammar.nodes import Expr, ForObject, ForTuple
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.types import BOOL, STRING
from bakepy.values.value import UNKNOWN_DYNAMIC, Value, object_, tuple_

_For = ForTuple | ForObject
_CONDITION = "Invalid 'for' condition"


@evaluates(ForTuple)
def _for_tuple(expr: ForTuple, scope: Scope, faults: Faults) -> Value:
    rounds = _rounds(expr, scope, faults)
    if rounds is None:
        return UNKNOWN_DYNAMIC
    values: list[Value] = []
    known = True
    most = len(faults) + limits.MAX_FAULTS
    for inner in rounds:
        if len(faults) > most or not limits.step_fits(expr.span, faults):
            return UNKNOWN_DYNAMIC
        include = _include(expr, inner, faults, report=known)
        if include is None:
            known = False
        elif include:
            values.append(evaluate(expr.body, inner, faults))
    return _checked(tuple_(values), expr, faults) if known else UNKNOWN_DYNAMIC


@evaluates(ForObject)
def _for_object(expr: ForObject, scope: Scope, faults: Faults) -> Value:
    rounds = _rounds(expr, scope, faults)
    if rounds is None:
        return UNKNOWN_DYNAMIC
    groups: dict[str, list[Value]] = {}
    known = True
    most = len(faults) + limits.MAX_FAULTS
    for inner in rounds:
        if len(faults) > most or not limits.step_fits(expr.span, faults):
            return UNKNOWN_DYNAMIC
        include = _include(expr, inner, faults, report=known)
        if include is False:
            continue
        key = None if include is None else _key(expr, inner, faults, report=known)
        if key is None:
            known = False
            continue
        value = evaluate(expr.value_body, inner, faults)
        if key in groups and not expr.group:
            faults.append(
                Diagnostic(
                    "Duplicate object key",
                    f"Two different items produced the key \"{key}\" in this 'for' expression. If duplicates are "
                    "expected, use the ellipsis (...) after the value expression to enable grouping by key.",
                    expr.key_body.span,
                    expr.span,
                )
            )
        else:
            groups.setdefault(key, []).append(value)
    if not known:
        return UNKNOWN_DYNAMIC
    if expr.group:
        return _checked(object_({key: tuple_(values) for key, values in groups.items()}), expr, faults)
    return _checked(object_({key: values[0] for key, values in groups.items()}), expr, faults)


def _checked(value: Value, expr: _For, faults: Faults) -> Value:
    return value if limits.value_fits(value.type.size, expr.span, faults) else UNKNOWN_DYNAMIC


def _rounds(expr: _For, scope: Scope, faults: Faults) -> Iterator[Scope] | None:
    """Return one scope for each element, or None where there is nothing to iterate over."""
    collection = evaluate(expr.collection, scope, faults)
    if collection.is_null:
        detail = "A null value cannot be used as the collection in a 'for' expression."
        hint = "coalesce(…, []) gives an empty collection in place of null"
        faults.append(Diagnostic("Iteration over null value", detail, expr.collection.span, expr.span, hint))
        return None
    if not collection.is_known:
        return None
    if not collection.can_iterate:
        kind = collection.type.friendly_name()
        detail = f"A value of type {kind} cannot be used as the collection in a 'for' expression."
        hint = "split(…) makes a list of a string" if kind == "string" else ""
        faults.append(Diagnostic("Iteration over non-iterable value", detail, expr.collection.span, expr.span, hint))
        return None
    if expr.condition is not None and not _condition_fits(expr, expr.condition, scope, faults):
        return None
    return (_round(expr, scope, key, value) for key, value in collection.items())


def _round(expr: _For, scope: Scope, key: Value, value: Value) -> Scope:
    names: dict[str, Value | Namespace] = {}
    if expr.key_name:
        names[expr.key_name] = key
    names[expr.value_name] = value
    return Scope(names, None, scope)


def _condition_fits(expr: _For, condition: Expr, scope: Scope, faults: Faults) -> bool:
    """Try the condition without an element, so that a fault in each round alike is reported once."""
    before = len(faults)
    value = evaluate(condition, _round(expr, scope, UNKNOWN_DYNAMIC, UNKNOWN_DYNAMIC), faults)
    if value.is_null:
        detail = "The value of the 'if' clause must not be null."
        faults.append(Diagnostic("Condition is null", detail, condition.span, expr.span))
        return False
    try:
        convert(value, BOOL)
    except ConversionError as e:
        faults.append(_bad_condition(expr, condition, f"The 'if' clause value is invalid: {e.message}."))
        return False
    return len(faults) == before


def _include(expr: _For, scope: Scope, faults: Faults, *, report: bool) -> bool | None:
    """Tell whether this round counts; None where the condition has no value."""
    condition = expr.condition
    if condition is None:
        return True
    value = evaluate(condition, scope, faults)
    detail = ""
    if value.is_null:
        detail = "The value of the 'if' clause must not be null."
    elif not value.is_known:
        return None
    else:
        try:
            return bool(convert(value, BOOL).raw)
        except ConversionError as e:
            detail = f"The 'if' clause value is invalid: {e.message}."
    if report:
        faults.append(_bad_condition(expr, condition, detail))
    return None


def _bad_condition(expr: _For, condition: Expr, detail: str) -> Diagnostic:
    return Diagnostic(_CONDITION, detail, condition.span, expr.span)


def _key(expr: ForObject, scope: Scope, faults: Faults, *, report: bool) -> str | None:
    """Return this round's key, or None once its fault was reported."""
    key = evaluate(expr.key_body, scope, faults)
    if key.is_null:
        detail = "Key expression in 'for' expression must not produce a null value."
    elif not key.is_known:
        return None
    else:
        try:
            return str(convert(key, STRING).raw)
        except ConversionError as e:
            detail = f"The key expression produced an invalid result: {e.message}."
    if report:
        faults.append(Diagnostic("Invalid object key", detail, expr.key_body.span, expr.span))
    return None
