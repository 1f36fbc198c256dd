"""Values: order, equality, sets, operators with nulls and unknowns."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings

from bakepy.values import operators
from bakepy.values.numbers import Int64
from bakepy.values.types import BOOL, NUMBER, STRING, ListType, SetType
from bakepy.values.value import (
    FALSE,
    NULL,
    TRUE,
    Value,
    boolean,
    count,
    list_,
    map_,
    null,
    number,
    object_,
    set_,
    string,
    tuple_,
    unknown,
)
from tests.values.strategies import VALUES


def texts(*given: str) -> list[Value]:
    """Return strings."""
    return [string(text) for text in given]


def test_keys_are_in_order() -> None:
    """Maps and objects give their elements in the order of the keys' code points."""
    given = {name: number(1) for name in ("b", "é", "a", "😀", "ﬀ", "B")}
    wanted = ["B", "a", "b", "é", "ﬀ", "😀"]
    assert list(object_(given).mapping) == list(map_(given).mapping) == wanted
    assert [key.text for key, _ in map_(given).items()] == wanted


def test_sets_are_in_order_without_doubles() -> None:
    """Sets sort strings by code point, numbers by value and bools, with unknowns and then nulls last."""
    assert set_(texts("b", "a", "b", "B")).elements == tuple(texts("B", "a", "b"))
    assert set_([number(10), number(9), number(1), count(9)]).elements == (number(1), number(9), number(10))
    assert set_([TRUE, FALSE, TRUE]).elements == (FALSE, TRUE)
    some = [null(STRING), unknown(STRING), string("z"), unknown(STRING)]
    assert [v.raw for v in set_(some).elements] == ["z", some[1].raw, some[1].raw, None]


def test_indexes_of_elements() -> None:
    """Lists give their elements with numbers, and sets with the elements themselves."""
    assert [(key.raw, v.raw) for key, v in list_(texts("x", "y")).items()] == [(0, "x"), (1, "y")]
    assert [(key.raw, v.raw) for key, v in set_(texts("x")).items()] == [("x", "x")]


def test_counts_have_less_precision() -> None:
    """A count is a number of 64 bits."""
    assert isinstance(count(3).raw, Int64)
    assert operators.divide(count(1), count(3)) != operators.divide(number(1), number(3))


def test_strings_are_normalised() -> None:
    """Strings that look alike are alike."""
    assert string("e\u0301").raw == string("\u00e9").raw


def test_collections_type_their_nulls() -> None:
    """A null without a type takes that of its neighbours."""
    assert list_([NULL, string("a")]) == list_([null(STRING), string("a")])
    assert list_([], NUMBER).type == ListType(NUMBER)
    assert set_([], BOOL).type == SetType(BOOL)


def test_python_equality_is_exact() -> None:
    """A bool is no number, and a null of one type is not one of another."""
    assert Value(NUMBER, 1) != Value(BOOL, True)
    assert null(STRING) != null(NUMBER)
    assert tuple_([TRUE]) != tuple_([number(1)])


@given(VALUES)
@settings(max_examples=40)
def test_values_equal_themselves(value: Value) -> None:
    """Every known value equals itself, hashes alike and is kept by pickle."""
    assert operators.equals(value, value) is TRUE
    copy = pickle.loads(pickle.dumps(value))
    assert copy == value
    assert hash(copy) == hash(value)


@given(a=VALUES, b=VALUES)
@settings(max_examples=40)
def test_equality_is_mutual(a: Value, b: Value) -> None:
    """It does not matter which of two values stands first."""
    assert operators.equals(a, b) is operators.equals(b, a)


@pytest.mark.parametrize(
    ("a", "b", "result"),
    [
        (null(STRING), null(NUMBER), True),
        (string("1"), number(1), False),
        (list_(texts("a")), tuple_(texts("a")), False),
        (set_(texts("b", "a")), set_(texts("a", "b")), True),
        (set_(texts("a")), set_(texts("a", "b")), False),
        (object_({"a": NULL}), object_({"a": null(STRING)}), True),
        (object_({"a": NULL}), object_({"a": string("x")}), False),
        (tuple_([number(1), unknown(NUMBER)]), tuple_([number(1), number(2)]), None),
        (tuple_([number(1), unknown(NUMBER)]), tuple_([number(3), number(2)]), False),
        (unknown(STRING), number(1), False),
        (unknown(STRING), string("a"), None),
        (unknown(), string("a"), None),
        (unknown(STRING), NULL, None),
        (set_([unknown(STRING)]), set_(texts("a")), None),
    ],
)
def test_equality(a: Value, b: Value, result: bool | None) -> None:
    """Equality is of type and content; it is unknown where something unknown decides."""
    got = operators.equals(a, b)
    assert (got.raw if got.is_known else None) is result


@pytest.mark.parametrize(
    ("operation", "a", "b", "result"),
    [
        (operators.and_, FALSE, unknown(BOOL), False),
        (operators.and_, unknown(BOOL), FALSE, False),
        (operators.and_, TRUE, unknown(BOOL), None),
        (operators.or_, unknown(BOOL), TRUE, True),
        (operators.or_, FALSE, unknown(BOOL), None),
        (operators.less, unknown(NUMBER), number(1), None),
        (operators.less_or_equal, number(1), number(1), True),
        (operators.greater_or_equal, number(0), number(1), False),
    ],
)
def test_unknown_operands(operation: object, a: Value, b: Value, result: bool | None) -> None:
    """An operand that decides alone does so; otherwise an unknown one makes the result unknown."""
    assert callable(operation)
    got = operation(a, b)
    assert got.type is BOOL
    assert (got.raw if got.is_known else None) is result


def test_wholly_known() -> None:
    """A value is wholly known where nothing within it is unknown."""
    assert tuple_([boolean(True)]).wholly_known
    assert not object_({"a": tuple_([unknown()])}).wholly_known
