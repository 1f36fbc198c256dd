"""Every function has an example, and every example is true."""

from __future__ import annotations

import pytest

from bakepy.evaluator.functions.examples import EXAMPLES
from bakepy.evaluator.functions.library import standard_library
from bakepy.evaluator.functions.signature import constraint, signature
from bakepy.values.json import encode
from bakepy.values.types import DYNAMIC, NUMBER, STRING, ListType, MapType, SetType, Type
from tests.evaluator.evaluating import SURROUNDINGS, value_of

LIBRARY = standard_library(SURROUNDINGS)
CASES = [pytest.param(name, *example, id=example[0]) for name in EXAMPLES for example in EXAMPLES[name]]


def json_of(text: str) -> str:
    value, faults = value_of(text)
    assert faults == []
    return encode(value)


@pytest.mark.parametrize(("name", "call", "result"), CASES)
def test_an_example_has_the_result_beside_it(name: str, call: str, result: str) -> None:
    """What the reference of functions shows is what evaluation gives, and it calls the function it is for."""
    assert f"{name}(" in call
    assert json_of(call) == json_of(result)


def test_every_function_has_examples_in_order_of_names() -> None:
    """No function is left out and none is made up."""
    assert list(EXAMPLES) == list(LIBRARY)


def test_every_function_and_parameter_says_what_it_is() -> None:
    """Docs are one sentence; parameters have names that can be shown."""
    for function in LIBRARY.values():
        assert function.doc.endswith(".")
        assert function.doc[0].isupper()
        assert all(p.name for p in function.params)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("upper", "upper(str: string) -> string"),
        ("homedir", "homedir() -> string"),
        ("join", "join(separator: string, lists: list(string)...) -> string"),
        ("convert", "convert(value: any, type: type) -> any"),
        ("try", "try(expressions: expression...) -> any"),
        ("element", "element(list: any, index: number) -> any"),
    ],
)
def test_a_signature_is_written_in_the_types_of_the_language(name: str, expected: str) -> None:
    """Parameters show their constraints; what takes no value says so, and a result that depends on arguments is any."""
    assert signature(LIBRARY[name]) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (STRING, "string"),
        (DYNAMIC, "any"),
        (ListType(NUMBER), "list(number)"),
        (SetType(MapType(DYNAMIC)), "set(map(any))"),
    ],
)
def test_types_are_written_as_constraints(kind: Type, expected: str) -> None:
    """A type reads as `type = …` of a variable takes it."""
    assert constraint(kind) == expected
