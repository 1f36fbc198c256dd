"""Functions of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bakepy.evaluator.functions.arguments import double, integer, numbers
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import ArgumentFault, CallFault, Function, Parameter
from bakepy.values import operators
from bakepy.values.digits import digits_to_int
from bakepy.values.numbers import (
    INFINITY,
    MAX_LENGTH,
    NEGATIVE_INFINITY,
    Float,
    NotANumberError,
    absolute,
    compare,
    from_float,
    from_int,
    is_integer,
    make,
    precision_of,
    too_long,
    truncate,
)
from bakepy.values.strings import quoted
from bakepy.values.types import NUMBER, STRING, Type
from bakepy.values.value import Value, count, number

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _whole(value: Value, up: int) -> Value:
    """Return the next whole number: above the value for `up` 1, below it for -1."""
    x = value.number
    if isinstance(x, Float) and x.exponent is None:
        return value
    whole = truncate(x)
    if not is_integer(x) and (compare(x, whole) == up):
        whole += up
    return number(make(whole < 0, abs(whole), 0, precision_of(x)))


def _int(args: Sequence[Value], returns: Type) -> Value:
    if is_integer(args[0].number):
        return args[0]
    try:
        return number(from_int(truncate(args[0].number)))
    except NotANumberError:
        raise CallFault("can't truncate infinity to an integer") from None


def _log(args: Sequence[Value], returns: Type) -> Value:
    from bakepy.evaluator.functions.gomath import log

    top, bottom = log(double(args[0])), log(double(args[1]))
    return _from_double(_divide(top, bottom), "the logarithm is not a number")


def _divide(top: float, bottom: float) -> float:
    if bottom == 0:
        return float("nan") if top == 0 or top != top else top * float("inf")
    return top / bottom


def _pow(args: Sequence[Value], returns: Type) -> Value:
    from bakepy.evaluator.functions.gomath import power

    return _from_double(power(double(args[0]), double(args[1])), "the power is not a number")


def _from_double(value: float, fault: str) -> Value:
    try:
        return number(from_float(value))
    except NotANumberError:
        raise CallFault(fault) from None


def _signum(args: Sequence[Value], returns: Type) -> Value:
    value = integer(args[0])
    return count((value > 0) - (value < 0))


def _extreme(start: Float, wanted: int) -> Callable[[Sequence[Value], Type], Value]:
    def choose(args: Sequence[Value], returns: Type) -> Value:
        if not args:
            raise CallFault("must pass at least one number")
        best = number(start)
        for arg in args:
            if compare(arg.number, best.number) == wanted:
                best = arg
        return best

    return choose


def _parse_int_type(args: Sequence[Value]) -> Type:
    if args[0].type is not STRING:
        raise ArgumentFault(0, f"first argument must be a string, not {args[0].type.friendly_name()}")
    return NUMBER


def _parse_int(args: Sequence[Value], returns: Type) -> Value:
    text = args[0].text
    try:
        base = integer(args[1])
    except CallFault as fault:
        raise ArgumentFault(1, fault.message) from None
    if not 2 <= base <= 62:
        raise ArgumentFault(1, "base must be a whole number between 2 and 62 inclusive")
    digits = text[1:] if text[:1] in ("+", "-") else text
    folded = digits.lower() if base <= 36 else digits
    if not digits.isascii() or not digits or set(folded) - set(_DIGITS[:base]):
        raise ArgumentFault(0, f"cannot parse {quoted(text)} as a base {base} integer")
    if len(text) > MAX_LENGTH:
        raise ArgumentFault(0, too_long().message)
    if base <= 36:
        result = digits_to_int(digits, base)
    else:
        result = 0
        for digit in digits:
            result = result * base + _DIGITS.index(digit)
    return number(from_int(-result if text.startswith("-") else result))


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    num = numbers("num")
    plain = (Parameter("num", NUMBER),)
    many = Parameter("numbers", NUMBER, allow_dynamic=True)

    def two(name: str, operation: Callable[[Value, Value], Value], doc: str) -> Function:
        return Function(name, numbers("a", "b"), None, NUMBER, lambda args, _: operation(args[0], args[1]), doc)

    return [
        two("add", operators.add, "Returns the sum of two numbers."),
        two("subtract", operators.subtract, "Returns the difference of two numbers."),
        two("multiply", operators.multiply, "Returns the product of two numbers."),
        two("divide", operators.divide, "Divides the first number by the second."),
        two("modulo", operators.modulo, "Returns what is left of the first number after dividing it by the second."),
        Function(
            "absolute",
            num,
            None,
            NUMBER,
            lambda args, _: number(absolute(args[0].number)),
            "Returns the number without its sign.",
        ),
        Function(
            "negate", num, None, NUMBER, lambda args, _: operators.negate(args[0]), "Returns the number times -1."
        ),
        Function(
            "ceil", plain, None, NUMBER, lambda args, _: _whole(args[0], 1), "Rounds up to the next whole number."
        ),
        Function(
            "floor", plain, None, NUMBER, lambda args, _: _whole(args[0], -1), "Rounds down to the next whole number."
        ),
        Function("int", num, None, NUMBER, _int, "Drops what follows the decimal point."),
        Function("log", (*plain, Parameter("base", NUMBER)), None, NUMBER, _log, "Returns the logarithm in a base."),
        Function("pow", (*plain, Parameter("power", NUMBER)), None, NUMBER, _pow, "Raises a number to a power."),
        Function("signum", plain, None, NUMBER, _signum, "Returns -1, 0 or 1, by the sign of a whole number."),
        Function("min", (), many, NUMBER, _extreme(INFINITY, -1), "Returns the smallest of its arguments."),
        Function("max", (), many, NUMBER, _extreme(NEGATIVE_INFINITY, 1), "Returns the greatest of its arguments."),
        Function(
            "parseint",
            (Parameter("number"), Parameter("base", NUMBER)),
            None,
            _parse_int_type,
            _parse_int,
            "Parses a string as a whole number in a base between 2 and 62.",
        ),
    ]
