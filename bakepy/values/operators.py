"""Apply the language's operators to values.

Operands have been converted to the operator's type and are not null (`equals` and `not_equals` take anything).
An unknown operand gives an unknown result of the operator's type.
"""

from __future__ import annotations

from collections.abc import Callable

from bakepy.values import numbers
from bakepy.values.errors import OperationError
from bakepy.values.numbers import NotANumberError, Number
from bakepy.values.sets import Index
from bakepy.values.types import BOOL, NUMBER, SetType, conforms
from bakepy.values.value import FALSE, TRUE, UNKNOWN, Value, boolean

UNKNOWN_NUMBER = Value(NUMBER, UNKNOWN)
UNKNOWN_BOOL = Value(BOOL, UNKNOWN)


def _arithmetic(operation: Callable[[Number, Number], Number], a: Value, b: Value, fault: str) -> Value:
    if a.raw is UNKNOWN or b.raw is UNKNOWN:
        return UNKNOWN_NUMBER
    try:
        return Value(NUMBER, operation(a.number, b.number))
    except NotANumberError:
        raise OperationError(fault) from None


def add(a: Value, b: Value) -> Value:
    """Return `a + b`.

    Raises:
        OperationError: for opposing infinities.

    """
    return _arithmetic(numbers.add, a, b, "can't compute sum of opposing infinities")


def subtract(a: Value, b: Value) -> Value:
    """Return `a - b`.

    Raises:
        OperationError: for an infinity taken from itself.

    """
    return _arithmetic(numbers.subtract, a, b, "can't subtract infinity from itself")


def multiply(a: Value, b: Value) -> Value:
    """Return `a * b`.

    Raises:
        OperationError: for zero times infinity.

    """
    return _arithmetic(numbers.multiply, a, b, "can't multiply zero by infinity")


def divide(a: Value, b: Value) -> Value:
    """Return `a / b`; what is not zero divided by zero is an infinity.

    Raises:
        OperationError: for zero by zero and infinity by infinity.

    """
    return _arithmetic(numbers.divide, a, b, "can't divide zero by zero or infinity by infinity")


def modulo(a: Value, b: Value) -> Value:
    """Return `a % b`, with the sign of `a`; `a` where `b` is zero.

    Raises:
        OperationError: for zero and infinity.

    """
    return _arithmetic(numbers.modulo, a, b, "can't use modulo with zero and infinity")


def negate(a: Value) -> Value:
    """Return `-a`."""
    return UNKNOWN_NUMBER if a.raw is UNKNOWN else Value(NUMBER, numbers.negate(a.number))


def less(a: Value, b: Value) -> Value:
    """Return `a < b`."""
    return UNKNOWN_BOOL if a.raw is UNKNOWN or b.raw is UNKNOWN else boolean(numbers.compare(a.number, b.number) < 0)


def greater(a: Value, b: Value) -> Value:
    """Return `a > b`."""
    return less(b, a)


def less_or_equal(a: Value, b: Value) -> Value:
    """Return `a <= b`, which also holds where the two are equal as `equals` sees it."""
    return or_(less(a, b), equals(a, b))


def greater_or_equal(a: Value, b: Value) -> Value:
    """Return `a >= b`, which also holds where the two are equal as `equals` sees it."""
    return or_(less(b, a), equals(a, b))


def and_(a: Value, b: Value) -> Value:
    """Return `a && b`; false decides alone."""
    if a.raw is False or b.raw is False:
        return FALSE
    return UNKNOWN_BOOL if a.raw is UNKNOWN or b.raw is UNKNOWN else TRUE


def or_(a: Value, b: Value) -> Value:
    """Return `a || b`; true decides alone."""
    if a.raw is True or b.raw is True:
        return TRUE
    return UNKNOWN_BOOL if a.raw is UNKNOWN or b.raw is UNKNOWN else FALSE


def not_(a: Value) -> Value:
    """Return `!a`."""
    return UNKNOWN_BOOL if a.raw is UNKNOWN else FALSE if a.raw is True else TRUE


def not_equals(a: Value, b: Value) -> Value:
    """Return `a != b`."""
    return not_(equals(a, b))


def equals(a: Value, b: Value) -> Value:
    """Return `a == b`: same type and deeply equal. Nulls of all types are equal; nothing is converted."""
    x, y = a.raw, b.raw
    if isinstance(x, str) and isinstance(y, str):
        return TRUE if x == y else FALSE
    if x is UNKNOWN or y is UNKNOWN:
        return _equals_unknown(a, b)
    if x is None or y is None:
        return TRUE if x is y else FALSE
    if not (_conforms_either_way(a, b) if _has_dynamic(a, b) else a.type == b.type):
        return FALSE
    if a.type is NUMBER:
        return boolean(numbers.equal(a.number, b.number))
    if not isinstance(x, tuple | dict):
        return boolean(x == y)
    if isinstance(a.type, SetType):
        return _equal_sets(a, b)
    return _equal_elements(a, b)


def _has_dynamic(a: Value, b: Value) -> bool:
    return a.type.has_dynamic() or b.type.has_dynamic()


def _conforms_either_way(a: Value, b: Value) -> bool:
    return conforms(a.type, b.type) or conforms(b.type, a.type)


def _equals_unknown(a: Value, b: Value) -> Value:
    """Compare where one is unknown: types that differ decide, unless a null may turn up."""
    if a.raw is UNKNOWN and b.raw is UNKNOWN:
        return UNKNOWN_BOOL
    known, other = (b, a) if a.raw is UNKNOWN else (a, b)
    if known.raw is None or other.type.has_dynamic() or other.type == known.type:
        return UNKNOWN_BOOL
    return FALSE


def _equal_elements(a: Value, b: Value) -> Value:
    x, y = a.raw, b.raw
    if isinstance(x, dict) and isinstance(y, dict) and x.keys() != y.keys():
        return FALSE
    ours, theirs = a.elements, b.elements
    if len(ours) != len(theirs):
        return FALSE
    for left, right in zip(ours, theirs, strict=True):
        result = equals(left, right)
        if result.raw is not True:
            return result
    return TRUE


def _equal_sets(a: Value, b: Value) -> Value:
    if any(v.raw is UNKNOWN for v in (*a.elements, *b.elements)):
        return UNKNOWN_BOOL
    if len(a.elements) != len(b.elements):
        return FALSE
    theirs = Index(b.elements)
    return boolean(all(v in theirs for v in a.elements))


def contains(collection: Value, element: Value) -> bool:
    """Tell whether an element of the known collection equals the given value."""
    return any(equals(v, element).raw is True for v in collection.elements)
