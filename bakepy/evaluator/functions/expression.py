"""Functions that look at expressions and types, not only at values: try, can, convert."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from bakepy.diagnostics import Diagnostic, Severity
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import ArgumentFault, CallFault, Closure, Function, Kind, Parameter
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.types import BOOL, DYNAMIC, Type
from bakepy.values.value import FALSE, TRUE, UNKNOWN_DYNAMIC, Value, unknown


def _failed(faults: Sequence[Diagnostic]) -> bool:
    return any(f.severity is Severity.ERROR for f in faults)


def _try(args: Sequence[Value], returns: Type) -> Value:
    closures = cast("Sequence[Closure]", args)
    if not closures:
        raise CallFault("at least one argument is required")
    found: list[Diagnostic] = []
    for evaluate in closures:
        value, faults = evaluate()
        found += faults
        if not _failed(faults):
            return value if value.wholly_known else UNKNOWN_DYNAMIC
    lines = [f"- {f.summary}{f' (at {f.subject})' if f.subject else ''}\n  {f.detail}\n" for f in found]
    listed = "".join(lines)
    raise CallFault(f"no expression succeeded:\n{listed}\nAt least one expression must produce a successful result")


def _can(args: Sequence[Value], returns: Type) -> Value:
    value, faults = cast("Closure", args[0])()
    if _failed(faults):
        return FALSE
    return TRUE if value.wholly_known else unknown(BOOL)


def _convert(args: Sequence[Value], returns: Type) -> Value:
    try:
        # As in the reference, the argument must also convert to the type of the result, which has no optional
        # attributes any more: in effect none may lack here.
        return convert(args[0], convert(args[0], cast("Type", args[1])).type)
    except ConversionError as error:
        raise ArgumentFault(0, error.message, error.path) from None


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    expression = Parameter("expression", kind=Kind.EXPRESSION)
    return [
        Function(
            "try",
            (),
            Parameter("expressions", kind=Kind.EXPRESSION),
            DYNAMIC,
            _try,
            "Evaluates its arguments in turn and returns the first that succeeds.",
        ),
        Function("can", (expression,), None, BOOL, _can, "Tells whether an expression evaluates without a fault."),
        Function(
            "convert",
            (
                Parameter("value", allow_null=True, allow_unknown=True, allow_dynamic=True),
                Parameter("type", kind=Kind.TYPE),
            ),
            None,
            DYNAMIC,
            _convert,
            "Converts a value to a type, given as a type constraint.",
        ),
    ]
