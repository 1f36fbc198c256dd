"""Describe a function, and call it: arity, types, nulls and unknowns are checked here, once for all functions."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Final, cast

from bakepy.diagnostics import Diagnostic
from bakepy.records import Record
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError, Path, ValueFault
from bakepy.values.strings import quoted
from bakepy.values.types import DYNAMIC, Type
from bakepy.values.value import UNKNOWN_DYNAMIC, Value, unknown

Closure = Callable[[], tuple[Value, Sequence[Diagnostic]]]
"""Evaluates an argument's expression when called, and gives its value and the faults found on the way."""

Argument = Value | Closure | Type
"""What a function gets for a parameter of kind VALUE, EXPRESSION or TYPE."""


class Kind(enum.Enum):
    """Say what a parameter takes: a value, an expression that is not evaluated yet, or a type constraint."""

    VALUE = "value"
    EXPRESSION = "expression"
    TYPE = "type"


class Parameter(Record):
    """Describe a parameter.

    Arguments are converted to `type`. A null is refused unless `allow_null`. With an unknown argument the function
    is not called and its result is unknown, unless `allow_unknown`; with one whose type is not known either, the
    type of the result is not known, unless `allow_dynamic`.
    """

    __slots__ = ("name", "type", "allow_null", "allow_unknown", "allow_dynamic", "kind")

    def __init__(
        self,
        name: str,
        type: Type = DYNAMIC,
        allow_null: bool = False,
        allow_unknown: bool = False,
        allow_dynamic: bool = False,
        kind: Kind = Kind.VALUE,
    ) -> None:
        self.name: Final = name
        self.type: Final = type
        self.allow_null: Final = allow_null
        self.allow_unknown: Final = allow_unknown
        self.allow_dynamic: Final = allow_dynamic
        self.kind: Final = kind


Returns = Type | Callable[[Sequence[Value]], Type]
Implementation = Callable[[Sequence[Value], Type], Value]


class Function(Record):
    """Describe a function of the language.

    `returns` is the type of the result, or computes it from arguments that may be unknown; `impl` gets the checked
    arguments and that type. Both raise `ArgumentFault` or `CallFault`. `impl` of a function with parameters that are
    not values gets those as `Closure` and `Type` in their places (`lazy` tells), and checks nothing of them.
    """

    __slots__ = ("name", "params", "variadic", "returns", "impl", "doc")

    def __init__(
        self,
        name: str,
        params: tuple[Parameter, ...],
        variadic: Parameter | None,
        returns: Returns,
        impl: Implementation,
        doc: str = "",
    ) -> None:
        self.name: Final = name
        self.params: Final = params
        self.variadic: Final = variadic
        self.returns: Final = returns
        self.impl: Final = impl
        self.doc: Final = doc

    def parameter(self, index: int) -> Parameter | None:
        """Return the parameter that the argument at `index` goes to, or None where the function takes fewer."""
        return self.params[index] if index < len(self.params) else self.variadic

    @property
    def lazy(self) -> bool:
        """Tell whether some parameter takes something other than a value."""
        return any(p.kind is not Kind.VALUE for p in (*self.params, *((self.variadic,) if self.variadic else ())))


class CallFault(ValueFault):
    """Say that a call has no result, for a reason that lies in no single argument. `message` is a clause."""


class ArgumentFault(CallFault):
    """Say that the argument at `index` is unsuitable. `path` leads into the argument's value."""

    def __init__(self, index: int, message: str, path: Path = ()) -> None:
        super().__init__(message, path)
        self.index = index


class Place(enum.Enum):
    """Say which part of a call a fault is shown at."""

    CLOSE = "the closing parenthesis"
    ARGUMENT = "the argument"
    CALL = "the call"
    NAME = "the start of the call"


class Complaint(Record):
    """Say what is wrong with a call, in HCL's words; the evaluator adds the spans.

    `argument` is the index of the argument at fault where `place` is ARGUMENT.
    """

    __slots__ = ("summary", "detail", "place", "argument", "path")

    def __init__(self, summary: str, detail: str, place: Place, argument: int = -1, path: Path = ()) -> None:
        self.summary: Final = summary
        self.detail: Final = detail
        self.place: Final = place
        self.argument: Final = argument
        self.path: Final = path


class FunctionError(Exception):
    """Carry all that is wrong with a call."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        super().__init__("; ".join(c.detail for c in complaints))
        self.complaints = tuple(complaints)


def check_arity(function: Function, given: int) -> None:
    """Check the number of arguments.

    Raises:
        FunctionError: for too few or too many.

    """
    wanted, name = len(function.params), quoted(function.name)
    if given < wanted:
        at_least = " at least" if function.variadic else ""
        missing = quoted(function.params[given].name)
        detail = f"Function {name} expects{at_least} {wanted} argument(s). Missing value for {missing}."
        raise FunctionError([Complaint("Not enough function arguments", detail, Place.CLOSE)])
    if function.variadic is None and given > wanted:
        detail = f"Function {name} expects only {wanted} argument(s)."
        raise FunctionError([Complaint("Too many function arguments", detail, Place.ARGUMENT, wanted)])


def convert_arguments(function: Function, args: Sequence[Argument]) -> list[Argument]:
    """Return the arguments as values of the parameters' types; what is not a value stays as it is.

    Raises:
        FunctionError: with one complaint for each argument that cannot be converted.

    """
    complaints, out = [], []
    for i, arg in enumerate(args):
        param = function.parameter(i)
        if isinstance(arg, Value) and param is not None and param.type is not DYNAMIC:
            try:
                arg = convert(arg, param.type)
            except ConversionError as error:
                complaints.append(_bad_argument(i, param.name, error))
        out.append(arg)
    if complaints:
        raise FunctionError(complaints)
    return out


def call(function: Function, args: Sequence[Argument]) -> Value:
    """Call a function and return its result.

    Args:
        function: the record.
        args: one argument for each parameter, of the parameter's kind, and any number for a variadic one.

    Raises:
        FunctionError: where arguments are missing, surplus or unsuitable, or the function has no result for them.

    """
    check_arity(function, len(args))
    args = convert_arguments(function, args)
    try:
        return _call_checked(function, args)
    except ArgumentFault as fault:
        param = function.parameter(fault.index)
        if param is None:
            raise FunctionError([_failed(function, fault)]) from None
        raise FunctionError([_bad_argument(fault.index, param.name, fault, given=len(args))]) from None
    except ValueFault as fault:
        raise FunctionError([_failed(function, fault)]) from None
    except (MemoryError, OverflowError):
        # A count that somebody mistyped, such as the spaces to indent by: more than this machine can hold.
        raise FunctionError([_failed(function, ValueFault("the result would be too large"))]) from None


def _bad_argument(index: int, name: str, fault: ValueFault, given: int | None = None) -> Complaint:
    place = Place.ARGUMENT if given is None or index < given else Place.CALL
    detail = f"Invalid value for {quoted(name)} parameter: {fault.message}."
    return Complaint("Invalid function argument", detail, place, index, fault.path)


def _failed(function: Function, fault: ValueFault) -> Complaint:
    detail = f"Call to function {quoted(function.name)} failed: {fault.message}."
    return Complaint("Error in function call", detail, Place.NAME, path=fault.path)


def _call_checked(function: Function, args: Sequence[Argument]) -> Value:
    skip = untyped = False
    for i, arg in enumerate(args):
        param = function.parameter(i)
        if not isinstance(arg, Value) or param is None:
            continue
        if arg.raw is None and not param.allow_null:
            raise ArgumentFault(i, "argument must not be null")
        if arg.type is DYNAMIC and not param.allow_dynamic:
            untyped = True
        if not arg.is_known and not param.allow_unknown:
            skip = True
    if untyped:
        return UNKNOWN_DYNAMIC
    values = cast("Sequence[Value]", args)
    returns = function.returns if isinstance(function.returns, Type) else function.returns(values)
    return unknown(returns) if skip else function.impl(values, returns)
