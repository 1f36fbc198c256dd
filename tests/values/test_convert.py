"""Conversion and unification beyond the recorded answers: laws, paths, nulls and unknowns."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakepy.values.convert import can_convert, convert, unify
from bakepy.values.errors import ConversionError, render_path
from bakepy.values.types import (
    BOOL,
    DYNAMIC,
    NUMBER,
    STRING,
    CapsuleType,
    ListType,
    MapType,
    ObjectType,
    SetType,
    TupleType,
    Type,
    conforms,
)
from bakepy.values.value import NULL, Value, list_, map_, null, number, object_, string, tuple_, unknown
from tests.values.strategies import PRIMITIVES, TYPES, VALUES, of_type


@given(VALUES)
@settings(max_examples=40)
def test_own_type_and_any_type_change_nothing(value: Value) -> None:
    """A value converted to its own type, or to any type, is that value."""
    assert convert(value, value.type) is value
    assert convert(value, DYNAMIC) is value


@given(st.data())
@settings(max_examples=40)
def test_safe_conversions_succeed(data: st.DataObject) -> None:
    """Where types convert safely, every value does, and conforms to the type."""
    given_type, wanted = data.draw(TYPES), data.draw(TYPES)
    if can_convert(given_type, wanted):
        assert conforms(convert(data.draw(of_type(given_type)), wanted).type, wanted)


def attempt(value: Value, wanted: Type) -> Value | str:
    """Return the converted value, or why there is none."""
    try:
        return convert(value, wanted)
    except ConversionError as error:
        return error.message


@given(value=VALUES, wanted=TYPES)
@settings(max_examples=40)
def test_conversion_is_settled_by_types_or_content(value: Value, wanted: Type) -> None:
    """A conversion gives a value of the type, or a fault; and what was converted stays as it is."""
    result = attempt(value, wanted)
    if isinstance(result, str):
        assert result
    else:
        assert result.type == wanted
        assert convert(result, wanted) is result


@given(st.lists(TYPES, min_size=1, max_size=3))
def test_all_types_convert_to_what_they_have_in_common(types: list[Type]) -> None:
    """The type that types have in common is one that all convert to."""
    common = unify(types)
    if common is not None:
        assert all(t == common or can_convert(t, common) for t in types)


@given(st.lists(PRIMITIVES, min_size=1, max_size=4))
def test_order_of_primitives_does_not_matter(types: list[Type]) -> None:
    """Primitive types have the same type in common in any order."""
    assert unify(types) == unify(types[::-1])


@pytest.mark.parametrize(
    ("types", "common"),
    [
        ([], None),
        ([DYNAMIC, STRING], DYNAMIC),
        ([DYNAMIC, DYNAMIC], DYNAMIC),
        ([NUMBER, BOOL], None),
        ([ListType(NUMBER), DYNAMIC], DYNAMIC),
        ([ListType(NUMBER), SetType(STRING)], None),
        ([ObjectType({}), TupleType(())], None),
        ([ObjectType({}), STRING], None),
        ([MapType(NUMBER), MapType(STRING)], MapType(STRING)),
        ([TupleType((NUMBER,)), TupleType((STRING, BOOL))], ListType(STRING)),
    ],
)
def test_types_in_common(types: list[Type], common: Type | None) -> None:
    """Dynamic types make everything dynamic; other kinds meet where both convert safely."""
    assert unify(types) == common


def test_unsafe_unification_takes_chances() -> None:
    """Where conversions may fail, a dynamic type gives way, and strings may become numbers."""
    assert unify([DYNAMIC, STRING], unsafe=True) is STRING
    assert unify([NUMBER, BOOL], unsafe=True) is None
    assert unify([ListType(NUMBER), SetType(STRING)], unsafe=True) == ListType(NUMBER)


@pytest.mark.parametrize(
    ("value", "wanted", "path", "message"),
    [
        (tuple_([string("1"), string("x")]), ListType(NUMBER), "[1]", "a number is required"),
        (object_({"a": string("x")}), MapType(NUMBER), '["a"]', "a number is required"),
        (object_({"a": string("x")}), ObjectType({"a": BOOL}), ".a", "a bool is required"),
        (tuple_([string("x")]), TupleType((NUMBER,)), "[0]", "a number is required"),
        (
            object_({"a": tuple_([object_({"b": string("x")})])}),
            ObjectType({"a": ListType(MapType(NUMBER))}),
            '.a[0]["b"]',
            "a number is required",
        ),
        (list_([map_({"k": string("x")})]), SetType(MapType(NUMBER)), '[0]["k"]', "a number is required"),
        (tuple_([]), STRING, "", "string required, but have tuple"),
        (string("x"), CapsuleType("bytes"), "", "bytes required, but have string"),
        (tuple_([]), CapsuleType("bytes"), "", "bytes required"),
    ],
)
def test_faults_say_where(value: Value, wanted: Type, path: str, message: str) -> None:
    """A fault names the part of the value that does not fit."""
    with pytest.raises(ConversionError) as caught:
        convert(value, wanted)
    assert (render_path(caught.value.path), caught.value.message) == (path, message)


@pytest.mark.parametrize(
    ("value", "wanted", "result"),
    [
        (NULL, STRING, null(STRING)),
        (NULL, ListType(DYNAMIC), null(ListType(DYNAMIC))),
        (null(STRING), NUMBER, null(NUMBER)),
        (unknown(STRING), NUMBER, unknown(NUMBER)),
        (unknown(), BOOL, unknown(BOOL)),
        (null(TupleType((NUMBER,))), ListType(DYNAMIC), null(ListType(NUMBER))),
        (unknown(ObjectType({"a": NUMBER})), MapType(DYNAMIC), unknown(MapType(NUMBER))),
        (null(MapType(STRING)), ObjectType({"a": DYNAMIC}), null(ObjectType({"a": STRING}))),
        (
            NULL,
            ObjectType({"a": STRING}, frozenset({"a"})),
            null(ObjectType({"a": STRING})),
        ),
        (
            object_({}),
            ObjectType({"a": ObjectType({"b": STRING}, frozenset({"b"}))}, frozenset({"a"})),
            object_({"a": null(ObjectType({"b": STRING}))}),
        ),
        (tuple_([NULL, number(1)]), ListType(STRING), list_([null(STRING), string("1")])),
    ],
)
def test_nulls_and_unknowns_take_the_type(value: Value, wanted: Type, result: Value) -> None:
    """Nulls and unknown values take on the type, in which nothing is optional, with its dynamic parts filled in."""
    assert convert(value, wanted) == result


@pytest.mark.parametrize(
    ("type", "name", "constraint"),
    [
        (STRING, "string", "string"),
        (DYNAMIC, "dynamic", "any type"),
        (ListType(DYNAMIC), "list of dynamic", "list of any single type"),
        (SetType(ListType(DYNAMIC)), "set of list of dynamic", "set of list of any single type"),
        (MapType(NUMBER), "map of number", "map of number"),
        (TupleType((STRING,)), "tuple", "tuple"),
        (ObjectType({"a": STRING}), "object", "object"),
    ],
)
def test_names_of_types(type: Type, name: str, constraint: str) -> None:
    """Types are called as cty calls them."""
    assert (type.friendly_name(), type.friendly_name_for_constraint()) == (name, constraint)
