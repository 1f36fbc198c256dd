"""Records of functions: what a call checks, what the library holds, and what it costs to have."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

from bakepy.evaluator.functions.record import (
    ArgumentFault,
    CallFault,
    Complaint,
    Function,
    FunctionError,
    Parameter,
    Place,
    call,
)
from bakepy.values.types import NUMBER, STRING, ListType, Type
from bakepy.values.value import NULL, UNKNOWN_DYNAMIC, Value, number, string, tuple_, unknown
from tests.evaluator.functions.test_reference import LIBRARY


def _echo(args: Sequence[Value], returns: Type) -> Value:
    return string("called")


def _refuse_second(args: Sequence[Value], returns: Type) -> Value:
    raise ArgumentFault(1, "it is wrong")


def _fail(args: Sequence[Value], returns: Type) -> Value:
    raise CallFault("there is no result")


PLAIN = Function("f", (Parameter("a", STRING), Parameter("b", NUMBER)), None, STRING, _echo)
LOOSE = Function(
    "f",
    (Parameter("a", STRING, allow_null=True, allow_unknown=True, allow_dynamic=True),),
    Parameter("rest", NUMBER),
    STRING,
    _echo,
)


def complaints(function: Function, *args: Value) -> tuple[Complaint, ...]:
    """Return what is wrong with a call."""
    with pytest.raises(FunctionError) as caught:
        call(function, args)
    return caught.value.complaints


def outcome(function: Function, args: Sequence[Value]) -> Value | FunctionError:
    """Return the result of a call, or the fault that it ends in."""
    try:
        return call(function, args)
    except FunctionError as error:
        return error


def test_missing_and_surplus_arguments() -> None:
    """A call names the parameter that lacks a value, and the first argument that is too many."""
    (missing,) = complaints(PLAIN, string("x"))
    assert missing.detail == 'Function "f" expects 2 argument(s). Missing value for "b".'
    assert (missing.summary, missing.place) == ("Not enough function arguments", Place.CLOSE)
    (surplus,) = complaints(PLAIN, string("x"), number(1), number(2))
    assert surplus.detail == 'Function "f" expects only 2 argument(s).'
    assert (surplus.place, surplus.argument) == (Place.ARGUMENT, 2)
    (few,) = complaints(LOOSE)
    assert few.detail == 'Function "f" expects at least 1 argument(s). Missing value for "a".'


def test_every_unsuitable_argument_is_reported() -> None:
    """All arguments that cannot be converted are reported at once."""
    first, second = complaints(PLAIN, tuple_([]), string("x"))
    assert first.detail == 'Invalid value for "a" parameter: string required, but have tuple.'
    assert second.detail == 'Invalid value for "b" parameter: a number is required.'
    assert (first.argument, second.argument) == (0, 1)


def test_nulls_are_refused_unless_allowed() -> None:
    """A null is refused, except by a parameter that takes nulls."""
    (refused,) = complaints(PLAIN, string("x"), NULL)
    assert refused.detail == 'Invalid value for "b" parameter: argument must not be null.'
    assert call(LOOSE, [NULL]) == string("called")
    (variadic,) = complaints(LOOSE, NULL, number(1), NULL)
    assert (variadic.detail, variadic.argument) == ('Invalid value for "rest" parameter: argument must not be null.', 2)


def test_unknown_arguments_give_unknown_results() -> None:
    """With an unknown argument the function is not called, unless it takes unknowns."""
    assert call(PLAIN, [string("x"), unknown(NUMBER)]) == unknown(STRING)
    assert call(LOOSE, [UNKNOWN_DYNAMIC]) == string("called")
    assert call(LOOSE, [string("x"), unknown(NUMBER)]) == unknown(STRING)
    untyped = Function("f", (Parameter("a"),), None, STRING, _echo)
    assert call(untyped, [UNKNOWN_DYNAMIC]) == UNKNOWN_DYNAMIC


def test_faults_of_the_function_itself() -> None:
    """What the function finds wrong is told of the argument, or of the call."""
    picky = Function("f", (Parameter("a"),), Parameter("more"), STRING, _refuse_second)
    (given,) = complaints(picky, number(1), number(2))
    assert (given.detail, given.place) == ('Invalid value for "more" parameter: it is wrong.', Place.ARGUMENT)
    (absent,) = complaints(picky, number(1))
    assert absent.place is Place.CALL
    failing = Function("f", (), None, STRING, _fail)
    (failed,) = complaints(failing)
    assert (failed.summary, failed.detail) == (
        "Error in function call",
        'Call to function "f" failed: there is no result.',
    )


def test_every_function_has_its_record() -> None:
    """Each name leads to the record of that name, with a doc of one sentence and named parameters."""
    assert len(LIBRARY) == len(list(LIBRARY)) == 106
    for name, record in LIBRARY.items():
        assert record.name == name
        assert record.doc.endswith(".")
        assert "\n" not in record.doc
        assert all(p.name for p in (*record.params, *([record.variadic] if record.variadic else [])))


def test_unknown_names_are_no_functions() -> None:
    """A name that there is not is not found."""
    assert "nope" not in LIBRARY
    assert LIBRARY.get("nope") is None


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_functions_stand_unknown_arguments(name: str) -> None:
    """Given only unknown values of no type, a function gives an unknown result and reports nothing."""
    record = LIBRARY[name]
    if record.lazy:
        return
    args = [UNKNOWN_DYNAMIC] * (len(record.params) + (2 if record.variadic else 0))
    assert args == [] or not call(record, args).wholly_known


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_functions_stand_unknown_elements(name: str) -> None:
    """Given collections with unknown elements, a function gives a result or a fault, and does not crash."""
    record = LIBRARY[name]
    if record.lazy:
        return
    holed = tuple_([string("1"), unknown(STRING), UNKNOWN_DYNAMIC])
    args = [holed] * (len(record.params) + (1 if record.variadic else 0))
    assert isinstance(outcome(record, args), Value | FunctionError)


def test_having_the_library_costs_nothing() -> None:
    """The library's names are known without a single family, and without the modules that families need."""
    program = (
        "import sys; from bakepy.evaluator.functions.library import standard_library as lib, Surroundings as S;"
        "l = lib(S(lambda: None, lambda: '')); 'upper' in l; l['upper'];"
        "print(*sorted(m for m in sys.modules if m in"
        " ('re2', 'regex', 'bcrypt', 'ipaddress', 'datetime', 'json', 'hashlib', 'uuid', 'asyncio')"
        " or m.startswith('bakepy.evaluator.functions.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    families = {"arguments", "library", "record", "string"}
    assert set(done.stdout.split()) == {f"bakepy.evaluator.functions.{name}" for name in families}


def test_list_of_strings_is_a_type_of_parameter() -> None:
    """A tuple given for a list is converted before the call."""
    seen: list[Type] = []

    def note(args: Sequence[Value], returns: Type) -> Value:
        seen.append(args[0].type)
        return args[0]

    call(Function("f", (Parameter("a", ListType(STRING)),), None, ListType(STRING), note), [tuple_([number(1)])])
    assert seen == [ListType(STRING)]
