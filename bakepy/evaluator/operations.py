"""Operators and conditions."""

from __future__ import annotations

from collections.abc import Callable

from bakepy.diagnostics import Diagnostic
from bakepy.evaluator.dispatch import Faults, evaluate, evaluates
from bakepy.evaluator.scope import Scope
from bakepy.grammar.nodes import Binary, Conditional, Expr, Unary
from bakepy.values import operators
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError, OperationError
from bakepy.values.types import BOOL, DYNAMIC, NUMBER, CollectionType, ObjectType, TupleType, Type
from bakepy.values.unify import unify
from bakepy.values.value import FALSE, TRUE, Value, unknown

_UNARY: dict[str, tuple[Callable[[Value], Value], Type]] = {
    "-": (operators.negate, NUMBER),
    "!": (operators.not_, BOOL),
}
# Each operator's function, the type of its operands, and the type of its result.
_BINARY: dict[str, tuple[Callable[[Value, Value], Value], Type, Type]] = {
    "||": (operators.or_, BOOL, BOOL),
    "&&": (operators.and_, BOOL, BOOL),
    "==": (operators.equals, DYNAMIC, BOOL),
    "!=": (operators.not_equals, DYNAMIC, BOOL),
    "<": (operators.less, NUMBER, BOOL),
    "<=": (operators.less_or_equal, NUMBER, BOOL),
    ">": (operators.greater, NUMBER, BOOL),
    ">=": (operators.greater_or_equal, NUMBER, BOOL),
    "+": (operators.add, NUMBER, NUMBER),
    "-": (operators.subtract, NUMBER, NUMBER),
    "*": (operators.multiply, NUMBER, NUMBER),
    "/": (operators.divide, NUMBER, NUMBER),
    "%": (operators.modulo, NUMBER, NUMBER),
}
_MISMATCH = "Inconsistent conditional result types"


@evaluates(Unary)
def _unary(expr: Unary, scope: Scope, faults: Faults) -> Value:
    function, kind = _UNARY[expr.op]
    before = len(faults)
    operand = _operand(expr.operand, evaluate(expr.operand, scope, faults), kind, "unary", expr, faults)
    if operand is None or len(faults) > before:
        return unknown(kind)
    try:
        _refuse_null(operand)
        return function(operand)
    except OperationError as e:
        faults.append(_failed(expr, e))
        return unknown(kind)


@evaluates(Binary)
def _binary(expr: Binary, scope: Scope, faults: Faults) -> Value:
    function, kind, result = _BINARY[expr.op]
    of_left: Faults = []
    of_right: Faults = []
    given_left = evaluate(expr.left, scope, of_left)
    given_right = evaluate(expr.right, scope, of_right)
    left = _operand(expr.left, given_left, kind, "left", expr, faults)
    right = _operand(expr.right, given_right, kind, "right", expr, faults)
    if left is None or right is None:
        faults += of_left
        faults += of_right
        return unknown(result)
    if kind is BOOL and (decided := _short_circuit(expr.op == "||", left, right, of_left, of_right)):
        value, kept = decided
        faults += kept
        return value
    faults += of_left
    faults += of_right
    if of_left or of_right:
        return unknown(result)
    try:
        if kind is not DYNAMIC:
            _refuse_null(left, right)
        return function(left, right)
    except OperationError as e:
        faults.append(_failed(expr, e))
        return unknown(result)


def _operand(expr: Expr, value: Value, kind: Type, side: str, whole: Expr, faults: Faults) -> Value | None:
    if kind is DYNAMIC or value.type is kind:
        return value
    try:
        return convert(value, kind)
    except ConversionError as e:
        detail = f"Unsuitable value for {side} operand: {e.message}."
        faults.append(Diagnostic("Invalid operand", detail, expr.span, whole.span))
        return None


def _refuse_null(*operands: Value) -> None:
    if any(operand.is_null for operand in operands):
        raise OperationError("argument must not be null")


def _failed(expr: Expr, error: OperationError) -> Diagnostic:
    return Diagnostic("Operation failed", f"Error during operation: {error.message}.", expr.span)


def _short_circuit(
    decisive: bool, left: Value, right: Value, of_left: Faults, of_right: Faults
) -> tuple[Value, Faults] | None:
    """Return the result that one operand decides and the faults that count with it, or None.

    Both operands have been evaluated; the one that does not matter may be faulty. Whatever is not true counts as
    false, null included, as the reference has it.
    """
    if not left.is_known and not right.is_known:
        return None if of_left else (unknown(BOOL), of_left)
    for operand, its_faults in ((left, of_left), (right, of_right)):
        if operand.is_known and (operand.raw is True) == decisive:
            return (TRUE if decisive else FALSE), its_faults
    if not left.is_known:
        return unknown(BOOL), of_left
    if not right.is_known:
        return unknown(BOOL), of_right
    return None


@evaluates(Conditional)
def _conditional(expr: Conditional, scope: Scope, faults: Faults) -> Value:
    of_yes: Faults = []
    of_no: Faults = []
    yes = evaluate(expr.yes, scope, of_yes)
    no = evaluate(expr.no, scope, of_no)
    kind = _common_type(yes, no)
    if kind is None:
        detail = "The true and false result expressions must have consistent types. "
        detail += f"{_describe_mismatch(yes.type, no.type)}."
        faults.append(Diagnostic(_MISMATCH, detail, expr.yes.span.to(expr.no.span), expr.span))
        return unknown(DYNAMIC)
    condition = evaluate(expr.condition, scope, faults)
    if condition.is_null:
        detail = "The condition value is null. Conditions must either be true or false."
        faults.append(Diagnostic("Null condition", detail, expr.condition.span, expr.span))
        return unknown(kind)
    if not condition.is_known:
        return unknown(kind)
    try:
        chosen = convert(condition, BOOL).raw
    except ConversionError:
        detail = "The condition expression must be of type bool."
        hint = f"this is {condition.type.friendly_name()}; compare it, for instance with == or !="
        faults.append(Diagnostic("Incorrect condition type", detail, expr.condition.span, expr.span, hint))
        return unknown(kind)
    faults += of_yes if chosen else of_no
    result, branch, side = (yes, expr.yes, "true") if chosen else (no, expr.no, "false")
    if kind is DYNAMIC or result.type is kind:
        return result
    try:
        return convert(result, kind)
    except ConversionError as e:
        detail = f"The {side} result value has the wrong type: {e.message}."
        faults.append(Diagnostic(_MISMATCH, detail, branch.span, expr.span))
        return unknown(kind)


def _common_type(yes: Value, no: Value) -> Type | None:
    if yes.type is no.type:
        return yes.type
    if yes.type is DYNAMIC and yes.is_null:
        return no.type
    if no.type is DYNAMIC and no.is_null:
        return yes.type
    if yes.type is DYNAMIC or no.type is DYNAMIC:
        return DYNAMIC
    return unify([yes.type, no.type], unsafe=True)


def _describe_mismatch(yes: Type, no: Type) -> str:
    """Say where two types that do not unify differ, in the words of HCL."""
    said = ""
    if isinstance(yes, ObjectType) and isinstance(no, ObjectType):
        said = _describe_objects(yes, no)
    elif isinstance(yes, TupleType) and isinstance(no, TupleType):
        said = _describe_tuples(yes, no)
    elif isinstance(yes, CollectionType) and isinstance(no, CollectionType) and yes.kind == no.kind:
        inner = yes.element, no.element
        if all(isinstance(t, ObjectType) for t in inner) or all(isinstance(t, TupleType) for t in inner):
            return f"Mismatched {yes.kind} element types: {_describe_mismatch(*inner)}"
    if said:
        return said
    if yes.friendly_name() == no.friendly_name():
        return (
            "At least one deeply-nested attribute or element is not compatible across both the 'true' and the "
            "'false' value"
        )
    return f"The 'true' value is {yes.friendly_name()}, but the 'false' value is {no.friendly_name()}"


def _describe_objects(yes: ObjectType, no: ObjectType) -> str:
    absent = "The '{}' value includes object attribute \"{}\", which is absent in the '{}' value"
    for name, kind in sorted(yes.attributes.items()):
        if name not in no.attributes:
            return absent.format("true", name, "false")
        if kind != no.attributes[name]:
            inner = _describe_mismatch(kind, no.attributes[name])
            return f'Type mismatch for object attribute "{name}": {inner}'
    for name in sorted(no.attributes):
        if name not in yes.attributes:
            return absent.format("false", name, "true")
    return ""


def _describe_tuples(yes: TupleType, no: TupleType) -> str:
    count = len(yes.elements), len(no.elements)
    if count[0] != count[1]:
        return f"The 'true' tuple has length {count[0]}, but the 'false' tuple has length {count[1]}"
    for i, (a, b) in enumerate(zip(yes.elements, no.elements, strict=True)):
        if a != b:
            return f"Type mismatch for tuple element {i}: {_describe_mismatch(a, b)}"
    return ""
