"""Convert values between types, and find the type that several types have in common, as cty's convert package does.

A conversion is *safe* where it always succeeds (number to string) and *unsafe* where it may fail (string to number).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bakepy.values import mismatch
from bakepy.values.errors import AttributeStep, ConversionError, IndexStep, Path
from bakepy.values.numbers import TooLongError, number_text, parse_number
from bakepy.values.strings import quoted
from bakepy.values.types import (
    BOOL,
    DYNAMIC,
    NUMBER,
    STRING,
    CollectionType,
    ListType,
    MapType,
    ObjectType,
    SetType,
    TupleType,
    Type,
)
from bakepy.values.unify import can_convert, unify
from bakepy.values.value import (
    FALSE,
    TRUE,
    UNKNOWN,
    Value,
    count,
    list_,
    map_,
    null,
    object_,
    same_types,
    set_,
    string,
    tuple_,
    unknown,
)

__all__ = ["can_convert", "convert", "unify"]


def convert(value: Value, type: Type) -> Value:
    """Return the value as one of the type, by an unsafe conversion where need be.

    Raises:
        ConversionError: with cty's message and the path to the part that does not fit.

    """
    if value.type is type or type is DYNAMIC:
        return value
    if value.type == type.without_optional():
        return value
    if _holds_elements(value, type):
        return Value(type, value.raw)
    if not can_convert(value.type, type, unsafe=True):
        raise ConversionError(mismatch.message(value.type, type))
    return _convert(value, type, ())


def _holds_elements(value: Value, type: Type) -> bool:
    """Tell whether a tuple or object has just the elements of a list or map, the most frequent case by far."""
    raw = value.raw
    if isinstance(type, MapType):
        if type.element.is_primitive and isinstance(value.type, ObjectType) and isinstance(raw, dict):
            return all(v.type is type.element for v in raw.values())
    elif isinstance(type, ListType) and isinstance(value.type, TupleType) and isinstance(raw, tuple):
        return type.element.is_primitive and all(v.type is type.element for v in raw)
    return False


def _convert(value: Value, type: Type, path: Path, *, unsafe: bool = True) -> Value:
    """Convert where `can_convert` said yes for the types."""
    given = value.type
    if type is DYNAMIC or given == type:
        return value
    if value.raw is None or value.raw is UNKNOWN:
        target = _fill_dynamic(given, type.without_optional())
        return null(target) if value.raw is None else unknown(target)
    if type is STRING:
        return _to_string(value)
    if type is NUMBER or type is BOOL:
        return _from_string(value, type, path)
    if isinstance(type, ObjectType):
        return _to_object(value, type, path) if isinstance(given, ObjectType) else _map_to_object(value, type, path)
    if isinstance(type, TupleType):
        pairs = zip(value.elements, type.elements, strict=True)
        return tuple_(_convert(v, t, (*path, IndexStep(count(i)))) for i, (v, t) in enumerate(pairs))
    if isinstance(type, MapType):
        return _to_map(value, type, path, unsafe=unsafe)
    assert isinstance(type, ListType | SetType)  # noqa: S101
    return _to_sequence(value, type, path, unsafe=unsafe)


def _to_string(value: Value) -> Value:
    raw = value.raw
    if isinstance(raw, bool):
        return Value(STRING, "true" if raw else "false")
    return Value(STRING, number_text(value.number))


def _from_string(value: Value, type: Type, path: Path) -> Value:
    text = value.text
    if type is NUMBER:
        try:
            number = parse_number(text)
        except TooLongError as error:
            raise ConversionError(error.message, path) from None
        if number is None:
            raise ConversionError("a number is required", path)
        return Value(NUMBER, number)
    if text in ("true", "1"):
        return TRUE
    if text in ("false", "0"):
        return FALSE
    if text.lower() in ("true", "false"):
        raise ConversionError(f'a bool is required; to convert from string, use lowercase "{text.lower()}"', path)
    raise ConversionError("a bool is required", path)


def _plain_null(value: Value) -> Value:
    return null(value.type.without_optional()) if value.raw is None else value


def _to_object(value: Value, type: ObjectType, path: Path) -> Value:
    given = value.mapping
    result = {}
    for name, wanted in type.attributes.items():
        if name in given:
            result[name] = _plain_null(_convert(given[name], wanted, (*path, AttributeStep(name))))
        else:
            result[name] = null(wanted.without_optional())
    return object_(result)


def _map_to_object(value: Value, type: ObjectType, path: Path) -> Value:
    given = value.mapping
    element = value.type.element if isinstance(value.type, MapType) else DYNAMIC
    result = {}
    for name, item in given.items():
        wanted = type.attributes.get(name)
        if wanted is None:
            continue
        if not can_convert(element, wanted, unsafe=True):
            reason = mismatch.message(item.type, wanted)
            raise ConversionError(f"map element type is incompatible with attribute {quoted(name)}: {reason}", path)
        result[name] = _plain_null(_convert(item, wanted, (*path, IndexStep(string(name)))))
    for name in sorted(type.attributes):
        if name in result:
            continue
        if name not in type.optional:
            raise ConversionError(f"map has no element for required attribute {quoted(name)}", path)
        result[name] = null(type.attributes[name].without_optional())
    return object_(result)


def _to_map(value: Value, type: MapType, path: Path, *, unsafe: bool) -> Value:
    wanted = type.element
    given = value.mapping
    from_object = isinstance(value.type, ObjectType)
    if not given:
        own = value.type.element if isinstance(value.type, MapType) and wanted is DYNAMIC else wanted
        return map_({}, own.without_optional())
    if wanted is DYNAMIC and from_object:
        wanted = unify([v.type for v in given.values()], unsafe=unsafe) or DYNAMIC
    result: Mapping[str, Value] = {
        name: v if v.type is wanted else _convert(v, wanted, (*path, IndexStep(string(name))), unsafe=unsafe)
        for name, v in given.items()
    }
    if isinstance(wanted, CollectionType | ObjectType):
        names = list(result)
        unified = _unify_elements(list(result.values()), names, path, unsafe=unsafe and from_object)
        result = dict(zip(names, unified, strict=True))
    if not same_types(result.values()):
        kind = "attribute" if from_object else "element"
        raise ConversionError(f"{kind} types must all match for conversion to map", path)
    return map_(result)


def _to_sequence(value: Value, type: ListType | SetType, path: Path, *, unsafe: bool) -> Value:
    wanted, given = type.element, value.elements
    make = list_ if isinstance(type, ListType) else set_
    from_tuple = isinstance(value.type, TupleType)
    if not given:
        own = value.type.element if isinstance(value.type, CollectionType) and wanted is DYNAMIC else wanted
        return make((), own.without_optional())
    if wanted is DYNAMIC and from_tuple:
        wanted = unify([v.type for v in given], unsafe=unsafe) or DYNAMIC
    elements = [
        v if v.type is wanted else _convert(v, wanted, (*path, IndexStep(count(i))), unsafe=unsafe)
        for i, v in enumerate(given)
    ]
    if from_tuple and isinstance(type, ListType):
        elements = _unify_elements(elements, list(range(len(elements))), path, unsafe=unsafe)
    else:
        elements = [_plain_null(v) for v in elements]
    if not same_types(elements):
        raise ConversionError(f"element types must all match for conversion to {type.kind}", path)
    return make(elements)


def _unify_elements(elements: list[Value], keys: Sequence[str | int], path: Path, *, unsafe: bool) -> list[Value]:
    """Bring elements that may differ within, such as objects with optional attributes, to one type."""
    first = elements[0].type
    if all(v.type is first or v.type == first for v in elements):
        return elements
    common = unify([v.type for v in elements], unsafe=unsafe)
    if common is None:
        raise ConversionError("cannot find a common base type for all elements", path)
    steps = (IndexStep(string(k) if isinstance(k, str) else count(k)) for k in keys)
    return [_convert(v, common, (*path, step), unsafe=unsafe) for v, step in zip(elements, steps, strict=True)]


def _fill_dynamic(given: Type, wanted: Type) -> Type:
    """Return `wanted` with its dynamic parts taken from the type of the value that is being converted."""
    if given is DYNAMIC:
        return wanted
    if wanted is DYNAMIC:
        return given
    if isinstance(wanted, MapType | ListType | SetType):
        return _fill_element(given, wanted)
    if isinstance(wanted, TupleType) and isinstance(given, TupleType):
        pairs = zip(given.elements, wanted.elements, strict=True)
        return TupleType(tuple(_fill_dynamic(g, w) for g, w in pairs))
    if isinstance(wanted, ObjectType):
        source: Mapping[str, Type] = {}
        if isinstance(given, ObjectType):
            source = given.attributes
        elif isinstance(given, MapType):
            source = dict.fromkeys(wanted.attributes, given.element)
        return ObjectType({n: _fill_dynamic(source.get(n, DYNAMIC), w) for n, w in wanted.attributes.items()})
    return wanted


def _fill_element(given: Type, wanted: MapType | ListType | SetType) -> Type:
    inner: Type | None = None
    if isinstance(given, ObjectType):
        inner = unify(list(given.attributes.values()), unsafe=True)
    elif isinstance(given, TupleType):
        inner = unify(given.elements, unsafe=True)
    elif isinstance(given, CollectionType):
        inner = given.element
    return type(wanted)(_fill_dynamic(inner or DYNAMIC, wanted.element))
