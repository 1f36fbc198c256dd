"""Functions that compare values and combine truths."""

from __future__ import annotations

from collections.abc import Callable

from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import Function, Parameter
from bakepy.values import operators
from bakepy.values.types import BOOL, NUMBER
from bakepy.values.value import Value


def _two(
    name: str, operation: Callable[[Value, Value], Value], params: tuple[Parameter, Parameter], doc: str
) -> Function:
    return Function(name, params, None, BOOL, lambda args, _: operation(args[0], args[1]), doc)


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    truths = (Parameter("a", BOOL, allow_dynamic=True), Parameter("b", BOOL, allow_dynamic=True))
    counts = (
        Parameter("a", NUMBER, allow_unknown=True, allow_dynamic=True),
        Parameter("b", NUMBER, allow_unknown=True, allow_dynamic=True),
    )
    anything = (
        Parameter("a", allow_null=True, allow_unknown=True, allow_dynamic=True),
        Parameter("b", allow_null=True, allow_unknown=True, allow_dynamic=True),
    )
    return [
        _two("and", operators.and_, truths, "Tells whether both arguments are true."),
        _two("or", operators.or_, truths, "Tells whether at least one argument is true."),
        Function(
            "not",
            (Parameter("val", BOOL, allow_dynamic=True),),
            None,
            BOOL,
            lambda args, _: operators.not_(args[0]),
            "Turns true into false and false into true.",
        ),
        _two("equal", operators.equals, anything, "Tells whether two values are equal in type and content."),
        _two("notequal", operators.not_equals, anything, "Tells whether two values differ in type or content."),
        _two("greaterthan", operators.greater, counts, "Tells whether the first number is the greater."),
        _two(
            "greaterthanorequalto",
            operators.greater_or_equal,
            counts,
            "Tells whether the first number is at least the second.",
        ),
        _two("lessthan", operators.less, counts, "Tells whether the first number is the smaller."),
        _two(
            "lessthanorequalto",
            operators.less_or_equal,
            counts,
            "Tells whether the first number is not the greater.",
        ),
    ]
