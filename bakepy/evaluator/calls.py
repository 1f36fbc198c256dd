"""Calls of functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bakepy.diagnostics import Diagnostic, Span, nearest
from bakepy.evaluator import limits
from bakepy.evaluator.dispatch import Faults, evaluate, evaluates
from bakepy.evaluator.functions.record import (
    Argument,
    Closure,
    Complaint,
    Function,
    FunctionError,
    Kind,
    Place,
    call,
    check_arity,
    convert_arguments,
)
from bakepy.evaluator.scope import CONSTANTS, Scope, suggestion
from bakepy.evaluator.spans import closing_span, start_span
from bakepy.evaluator.types import constraint
from bakepy.evaluator.userfunctions import ResultFault
from bakepy.grammar.nodes import Call, Expr
from bakepy.values.types import DYNAMIC, ListType, SetType, TupleType
from bakepy.values.value import UNKNOWN_DYNAMIC, Value


class _Given(NamedTuple):
    """Hold an argument's expression, or the value of one of several that `...` gave."""

    expr: Expr
    value: Value | None = None


@evaluates(Call)
def _call(expr: Call, scope: Scope, faults: Faults) -> Value:
    function = scope.function(expr.name)
    if function is None:
        faults.append(_unknown_function(expr, scope))
        return UNKNOWN_DYNAMIC
    given = [_Given(arg) for arg in expr.args]
    if expr.expand:
        expanded = _expand(expr, scope, faults)
        if expanded is None:
            return UNKNOWN_DYNAMIC
        given[-1:] = expanded
    before = len(faults)
    try:
        check_arity(function, len(given))
        args = [_argument(function, i, one, scope, faults) for i, one in enumerate(given)]
        if len(faults) > before:
            convert_arguments(function, args)
            return UNKNOWN_DYNAMIC
        result = call(function, args)
        limits.take_result(result.raw)
        return result
    except limits.LimitFault as reached:
        faults.append(limits.fault(reached, expr.span))
        return UNKNOWN_DYNAMIC
    except FunctionError as error:
        # Faults in the result of a function of the user's are where the function is; show that place too.
        inner = error.__context__.diagnostics if isinstance(error.__context__, ResultFault) else ()
        related = tuple(("here", d.subject) for d in inner if d.subject is not None and not d.implied)
        hint = "" if related else _usage(function)
        faults.extend(_diagnostic(expr, c, given, related, hint) for c in error.complaints)
        return UNKNOWN_DYNAMIC


def _usage(function: Function) -> str:
    from bakepy.evaluator.functions.signature import signature

    return f"it is called as {signature(function)}"


def _argument(function: Function, index: int, given: _Given, scope: Scope, faults: Faults) -> Argument:
    param = function.parameter(index)
    kind = Kind.VALUE if param is None else param.kind
    if kind is Kind.TYPE:
        return constraint(given.expr, faults)
    if kind is Kind.EXPRESSION:
        return _closure(given, scope)
    return evaluate(given.expr, scope, faults) if given.value is None else given.value


def _closure(given: _Given, scope: Scope) -> Closure:
    def run() -> tuple[Value, Sequence[Diagnostic]]:
        if given.value is not None:
            return given.value, ()
        faults: Faults = []
        return evaluate(given.expr, scope, faults), faults

    return run


def _expand(expr: Call, scope: Scope, faults: Faults) -> list[_Given] | None:
    """Return what `...` makes of the last argument, or None once its fault was reported."""
    last = expr.args[-1]
    before = len(faults)
    value = evaluate(last, scope, faults)
    if len(faults) > before:
        return None
    if value.is_null and (value.type is DYNAMIC or isinstance(value.type, TupleType | ListType | SetType)):
        detail = "The expanding argument (indicated by ...) must not be null."
    elif not value.is_known:
        return None
    elif isinstance(value.type, TupleType | ListType | SetType):
        return [_Given(last, element) for element in value.elements]
    else:
        detail = "The expanding argument (indicated by ...) must be of a tuple, list, or set type."
    faults.append(Diagnostic("Invalid expanding argument value", detail, last.span, expr.span))
    return None


def _diagnostic(
    expr: Call, complaint: Complaint, given: Sequence[_Given], related: tuple[tuple[str, Span], ...], hint: str
) -> Diagnostic:
    context: Span | None = expr.span
    match complaint.place:
        case Place.CLOSE:
            subject = closing_span(expr)
        case Place.ARGUMENT:
            subject = start_span(given[complaint.argument].expr)
        case Place.CALL:
            subject, context = expr.span, None
        case Place.NAME:
            subject = start_span(expr)
    return Diagnostic(complaint.summary, complaint.detail, subject, context, hint, related=related)


def _unknown_function(expr: Call, scope: Scope) -> Diagnostic:
    if scope is CONSTANTS:
        return Diagnostic("Function calls not allowed", "Functions may not be called here.", expr.span)
    # The reference suggests names in the detail only where the innermost scope holds functions itself.
    offered = sorted(scope.function_names()) if scope.functions is not None else []
    namespace, separator, name = expr.name.rpartition("::")
    hint = ""
    if separator:
        namespace += separator
        inside = [n.removeprefix(namespace) for n in offered if n.startswith(namespace)]
        near = suggestion(name, inside)
        detail = f'There are no functions in namespace "{namespace}".'
        if inside:
            mean = f" Did you mean {namespace}{near}?" if near else ""
            detail = f'There is no function named "{name}" in namespace {namespace}.{mean}'
    else:
        near = suggestion(name, offered)
        mean = f' Did you mean "{near}"?' if near else ""
        detail = f'There is no function named "{name}".{mean}'
        close = None if near else nearest(name, scope.function_names())
        if close:
            hint = f'did you mean "{close}"?'
        elif not near:
            hint = "`bakepy functions` lists those that there are"
    return Diagnostic("Call to unknown function", detail, expr.name_span, expr.span, hint)
