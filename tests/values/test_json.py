"""JSON of values: there and back, and what is wrong with what is not JSON."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakepy.values.errors import JSONError, render_path
from bakepy.values.json import decode, decode_as, encode, parse
from bakepy.values.numbers import INFINITY
from bakepy.values.types import BOOL, DYNAMIC, NUMBER, STRING, ListType, MapType, ObjectType, SetType, TupleType, Type
from bakepy.values.value import FALSE, Value, list_, map_, null, number, object_, set_, string, tuple_, unknown
from tests.values.strategies import VALUES


@given(VALUES)
@settings(max_examples=40)
def test_values_come_back(value: Value) -> None:
    """Read as a value of its type, the JSON text of a value is that value."""
    assert decode_as(encode(value), value.type) == value


@given(VALUES)
@settings(max_examples=40)
def test_text_is_json(value: Value) -> None:
    """The text is JSON to others too, and so is the text of what it implies."""
    text = encode(value)
    assert json.loads(encode(decode(text))) == json.loads(text)


def is_json(text: str) -> bool:
    """Tell whether Python's own parser takes the text."""
    try:
        json.loads(text, parse_constant=int)
    except ValueError:
        return False
    return True


def fault_of(text: str) -> str | None:
    """Return what we say is wrong with the text."""
    try:
        parse(text)
    except JSONError as error:
        return error.message
    return None


@given(st.text('{}[],:"\\ \n01.-eEtrufalsn\x01é', max_size=8))
def test_what_is_refused(text: str) -> None:
    """Exactly what is not JSON is refused, but for closing brackets that follow."""
    fault = fault_of(text)
    if fault is None:
        assert is_json(text) or re.search(r"[\]}]", text)
    else:
        assert fault
        assert not is_json(text)


@pytest.mark.parametrize(
    ("text", "type", "value"),
    [
        ('["b","a"]', SetType(STRING), set_([string("a"), string("b")])),
        ('{"a":1}', MapType(NUMBER), map_({"a": number(1)})),
        ('{"a":"1"}', MapType(NUMBER), map_({"a": number(1)})),
        ('[1,"x",null]', ListType(STRING), list_([string("1"), string("x"), null(STRING)])),
        ("true", STRING, string("true")),
        ("1.50", STRING, string("1.50")),
        ('"false"', BOOL, FALSE),
        ("{}", ObjectType({"a": STRING}), object_({"a": null(STRING)})),
        ("[1]", TupleType((NUMBER,)), tuple_([number(1)])),
        ("null", ListType(STRING), null(ListType(STRING))),
        ("[]", ListType(NUMBER), list_([], NUMBER)),
    ],
)
def test_texts_of_a_type(text: str, type: Type, value: Value) -> None:
    """A text is read as a value of the type asked for, primitives by conversion."""
    assert decode_as(text, type) == value


@pytest.mark.parametrize(
    ("text", "type", "path", "message"),
    [
        ("[1]", STRING, "", "string is required"),
        ("1", BOOL, "", "bool is required"),
        ("true", NUMBER, "", "number is required"),
        ('["x"]', ListType(NUMBER), "[0]", "a number is required"),
        ('{"a":{}}', MapType(ListType(STRING)), '["a"]', "missing expected ["),
        ("[]", MapType(STRING), "", "missing expected {"),
        ('{"b":1}', ObjectType({"a": STRING}), "", 'unsupported attribute "b"'),
        ('{"a":[]}', ObjectType({"a": BOOL}), ".a", "bool is required"),
        ("[1,2]", TupleType((NUMBER,)), "", "too many tuple elements (need 1)"),
        ("[]", TupleType((NUMBER,)), "", "not enough tuple elements (need 1)"),
        ('"x"', BOOL, "", "a bool is required"),
        ("1", DYNAMIC, "", "missing type in dynamically-typed value"),
    ],
)
def test_texts_of_another_type(text: str, type: Type, path: str, message: str) -> None:
    """A text that does not have the type's shape is refused, with the place."""
    with pytest.raises(JSONError) as caught:
        decode_as(text, type)
    assert (render_path(caught.value.path), caught.value.message) == (path, message)


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (object_({"a": tuple_([number(INFINITY)])}), ".a[0]", "cannot serialize infinity as JSON"),
        (map_({"k": unknown(STRING)}), '["k"]', "value is not known"),
    ],
)
def test_values_without_json(value: Value, path: str, message: str) -> None:
    """What JSON cannot say is refused, with the place."""
    with pytest.raises(JSONError) as caught:
        encode(value)
    assert (render_path(caught.value.path), caught.value.message) == (path, message)


def test_deep_texts_are_refused() -> None:
    """A text that is nested too deeply is a fault, not a crash."""
    for depth in (700, 100_000):
        with pytest.raises(JSONError, match="depth"):
            decode("[" * depth + "]" * depth)
