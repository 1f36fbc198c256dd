"""Read arguments as Python data, and write the records of functions tersely."""

from __future__ import annotations

import sys

from bakepy.evaluator.functions.record import CallFault, Parameter
from bakepy.values.numbers import is_integer, to_float, truncate
from bakepy.values.types import NUMBER, STRING
from bakepy.values.value import Value

_LOW, _HIGH = -(2**63), 2**63 - 1
_MAX_DOUBLE = f"{sys.float_info.max:f}"


def integer(value: Value) -> int:
    """Return a known number as a 64 bit integer.

    Raises:
        CallFault: where it is not whole, or too large.

    """
    number = value.number
    if is_integer(number) and _LOW <= (whole := truncate(number)) <= _HIGH:
        return whole
    raise CallFault(f"value must be a whole number, between {_LOW} and {_HIGH}")


def double(value: Value) -> float:
    """Return a known number as a double.

    Raises:
        CallFault: where it is beyond the range of doubles.

    """
    result = to_float(value.number)
    if result in (float("inf"), float("-inf")) and not _is_infinite(value):
        raise CallFault(f"value must be between -{_MAX_DOUBLE} and {_MAX_DOUBLE} inclusive")
    return result


def _is_infinite(value: Value) -> bool:
    return getattr(value.number, "exponent", 0) is None


def strings(*names: str) -> tuple[Parameter, ...]:
    """Make parameters that take strings."""
    return tuple(Parameter(name, STRING) for name in names)


def numbers(*names: str) -> tuple[Parameter, ...]:
    """Make parameters that take numbers."""
    return tuple(Parameter(name, NUMBER, allow_dynamic=True) for name in names)
