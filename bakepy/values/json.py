"""Turn values into JSON and back, as cty's json package does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

from bakepy.values.convert import convert
from bakepy.values.errors import AttributeStep, ConversionError, IndexStep, JSONError, Path
from bakepy.values.json_faults import explain
from bakepy.values.numbers import Float, TooLongError, number_text, parse_number
from bakepy.values.strings import quoted
from bakepy.values.types import (
    BOOL,
    DYNAMIC,
    NUMBER,
    STRING,
    CollectionType,
    MapType,
    ObjectType,
    SetType,
    TupleType,
    Type,
)
from bakepy.values.value import NULL, Value, boolean, count, list_, map_, null, object_, set_, string, tuple_

Node: TypeAlias = "str | bool | list[Node] | JSONObject | None"
"""What a JSON text parses to; numbers are `JSONNumber`, objects `JSONObject`."""


class JSONNumber(str):
    """Be a number as it stands in a JSON text."""

    __slots__ = ()


class JSONObject(list[tuple[str, "Node"]]):
    """Be the members of a JSON object in their order, names that come twice included."""

    __slots__ = ()


MAX_PIECES = 1 << 23
"""Values and signs of one text; elements that are the same value count each time they are written."""


def encode(value: Value) -> str:
    """Return the JSON text of a value, without white space, names in order, and HTML's characters escaped.

    Raises:
        JSONError: for unknown values and infinities.

    """
    out: list[str] = []
    _encode(value, (), out)
    return "".join(out)


def _encode(value: Value, path: Path, out: list[str]) -> None:
    raw = value.raw
    if not value.is_known:
        raise JSONError("value is not known", path)
    if len(out) > MAX_PIECES:
        raise JSONError("the text would be too large", path)
    if raw is None:
        out.append("null")
    elif isinstance(raw, bool):
        out.append("true" if raw else "false")
    elif isinstance(raw, str):
        out.append(encode_string(raw))
    elif isinstance(raw, int | Float):
        if isinstance(raw, Float) and raw.exponent is None:
            raise JSONError("cannot serialize infinity as JSON", path)
        out.append(number_text(raw))
    elif isinstance(raw, dict):
        for i, (name, element) in enumerate(raw.items()):
            out.append(f"{',' if i else '{'}{encode_string(name)}:")
            step = AttributeStep(name) if isinstance(value.type, ObjectType) else IndexStep(string(name))
            _encode(element, (*path, step), out)
        out.append("}" if raw else "{}")
    else:
        for i, element in enumerate(value.elements):
            out.append("," if i else "[")
            _encode(element, (*path, IndexStep(count(i))), out)
        out.append("]" if value.elements else "[]")


_SPACE = " \t\r\n"
_TOO_DEEP = "exceeded max depth"
_SPECIAL = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\ud800-\udfff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def encode_string(text: str) -> str:
    """Return the text as a JSON string, as Go writes it."""
    return f'"{_SPECIAL.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if "\ud800" <= char <= "\udfff":
        return "\\ufffd"
    return _SHORT.get(char) or f"\\u{ord(char):04x}"


def parse(text: str) -> Node:
    """Parse a JSON text, keeping numbers as they are written and the order of members.

    Raises:
        JSONError: where the text is not one JSON value.

    """
    import json

    try:
        decoder = json.JSONDecoder(
            object_pairs_hook=JSONObject, parse_float=JSONNumber, parse_int=JSONNumber, parse_constant=_refuse
        )
        node, end = decoder.raw_decode(text, len(text) - len(text.lstrip(_SPACE)))
    except ValueError:
        raise JSONError(explain(text)) from None
    except RecursionError:
        raise JSONError(_TOO_DEEP) from None
    rest = text[end:].lstrip(_SPACE)
    if rest and rest[0] not in "]}":
        raise JSONError(explain(text))
    return cast("Node", node)


def _refuse(constant: str) -> Node:
    raise ValueError(constant)


def implied_type(node: Node) -> Type:
    """Return the type that a parsed JSON text implies: objects and tuples, never maps or lists.

    Raises:
        JSONError: where an object names a property twice, with different types.

    """
    if node is None:
        return DYNAMIC
    if isinstance(node, bool):
        return BOOL
    if isinstance(node, JSONNumber):
        return NUMBER
    if isinstance(node, str):
        return STRING
    if isinstance(node, JSONObject):
        types: dict[str, Type] = {}
        for name, member in node:
            type = implied_type(member)
            if types.setdefault(name, type) != type:
                raise JSONError(f"duplicate {quoted(name)} property in JSON object")
        return ObjectType({name: types[name] for name in sorted(types)})
    return TupleType(tuple(implied_type(element) for element in node))


def decode(text: str) -> Value:
    """Return the value of a JSON text, with the type it implies.

    Raises:
        JSONError: where the text is not JSON, or names a property twice with different types.

    """
    node = parse(text)
    try:
        implied_type(node)
        return _plain(node)
    except RecursionError:
        raise JSONError(_TOO_DEEP) from None


def _plain(node: Node) -> Value:
    if node is None:
        return NULL
    if isinstance(node, bool):
        return boolean(node)
    if isinstance(node, JSONNumber):
        return _number(node, ())
    if isinstance(node, str):
        return string(_whole(node))
    if isinstance(node, JSONObject):
        return object_({string(_whole(name)).text: _plain(member) for name, member in node})
    return tuple_([_plain(element) for element in node])


def _whole(text: str) -> str:
    """Replace halves of surrogate pairs that stand alone, which no string may hold."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _number(text: str, path: Path) -> Value:
    try:
        number = parse_number(text)
    except TooLongError as error:
        raise JSONError(error.message, path) from None
    if number is None:
        raise JSONError("a number is required", path)
    return Value(NUMBER, number)


def decode_as(text: str, type: Type) -> Value:
    """Return the value of a JSON text as one of the given type.

    Raises:
        JSONError: where the text is not JSON or does not have the type's shape.

    """
    try:
        return _typed(parse(text), type, ())
    except RecursionError:
        raise JSONError(_TOO_DEEP) from None


def _typed(node: Node, type: Type, path: Path) -> Value:
    if node is None:
        return null(type)
    if type is DYNAMIC:
        raise JSONError("missing type in dynamically-typed value", path)
    if type.is_primitive:
        return _typed_primitive(node, type, path)
    if isinstance(type, MapType | ObjectType):
        if not isinstance(node, JSONObject):
            raise JSONError("missing expected {", path)
        return _typed_map(node, type, path) if isinstance(type, MapType) else _typed_object(node, type, path)
    if not isinstance(node, list) or isinstance(node, JSONObject):
        raise JSONError("missing expected [", path)
    if isinstance(type, TupleType):
        return _typed_tuple(node, type, path)
    assert isinstance(type, CollectionType)  # noqa: S101
    elements = [_typed(n, type.element, (*path, IndexStep(count(i)))) for i, n in enumerate(node)]
    make: Callable[[list[Value], Type], Value] = set_ if isinstance(type, SetType) else list_
    return make(elements, type.element)


def _typed_primitive(node: Node, type: Type, path: Path) -> Value:
    if isinstance(node, JSONObject | list) or (type is BOOL and isinstance(node, JSONNumber)):
        raise JSONError(f"{type.friendly_name()} is required", path)
    if type is NUMBER:
        if isinstance(node, bool) or node is None:
            raise JSONError("number is required", path)
        return _number(node, path)
    if isinstance(node, str) and type is STRING:
        return string(_whole(str(node)))
    value = boolean(node) if isinstance(node, bool) else string(str(node))
    try:
        return convert(value, type)
    except ConversionError as error:
        raise JSONError(error.message, path) from None


def _typed_map(node: JSONObject, type: MapType, path: Path) -> Value:
    elements: Mapping[str, Value] = {
        name: _typed(member, type.element, (*path, IndexStep(string(name)))) for name, member in node
    }
    return map_(elements, type.element)


def _typed_object(node: JSONObject, type: ObjectType, path: Path) -> Value:
    attributes = {name: null(t) for name, t in type.attributes.items()}
    for name, member in node:
        wanted = type.attributes.get(name)
        if wanted is None:
            raise JSONError(f"unsupported attribute {quoted(name)}", path)
        attributes[name] = _typed(member, wanted, (*path, AttributeStep(name)))
    return object_(attributes)


def _typed_tuple(node: list[Node], type: TupleType, path: Path) -> Value:
    wanted = len(type.elements)
    if len(node) != wanted:
        fault = "too many" if len(node) > wanted else "not enough"
        raise JSONError(f"{fault} tuple elements (need {wanted})", path)
    pairs = zip(node, type.elements, strict=True)
    return tuple_([_typed(n, t, (*path, IndexStep(count(i)))) for i, (n, t) in enumerate(pairs)])
