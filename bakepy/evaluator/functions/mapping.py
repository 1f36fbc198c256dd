"""Functions that look into collections by key or index, and that make and take apart maps and objects."""

from __future__ import annotations

from collections.abc import Sequence

from bakepy.evaluator.functions.arguments import integer
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import ArgumentFault, CallFault, Function, Parameter
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.numbers import is_integer, truncate
from bakepy.values.strings import quoted
from bakepy.values.types import BOOL, DYNAMIC, NUMBER, STRING, ListType, MapType, ObjectType, SetType, TupleType, Type
from bakepy.values.value import (
    Value,
    boolean,
    count,
    list_,
    map_,
    object_,
    unknown,
)
from bakepy.values.value import tuple_ as make_tuple

_NOT_INDEXED = "collection must be a list, a map or a tuple"


def _position(collection: Value, key: Value) -> int | None:
    """Return the index that a numeric key means, where the sequence has it."""
    if key.type is not NUMBER or not is_integer(key.number):
        return None
    at = truncate(key.number)
    return at if 0 <= at < len(collection.elements) else None


def _has_index_type(args: Sequence[Value]) -> Type:
    if not isinstance(args[0].type, TupleType | ListType | MapType) and args[0].type is not DYNAMIC:
        raise CallFault(_NOT_INDEXED)
    return BOOL


def _has_index(args: Sequence[Value], returns: Type) -> Value:
    collection, key = args
    if isinstance(collection.type, MapType):
        return boolean(key.type is STRING and key.text in collection.mapping)
    return boolean(_position(collection, key) is not None)


def _index_type(args: Sequence[Value]) -> Type:
    collection, key = args[0].type, args[1]
    if isinstance(collection, TupleType):
        if key.type is not NUMBER and key.type is not DYNAMIC:
            raise CallFault("key for tuple must be number")
        if not key.is_known:
            return DYNAMIC
        try:
            at = integer(key)
        except CallFault as fault:
            raise CallFault(f"invalid key for tuple: {fault.message}") from None
        if not 0 <= at < len(collection.elements):
            raise CallFault(f"key must be between 0 and {len(collection.elements)} inclusive")
        return collection.elements[at]
    if isinstance(collection, ListType):
        if key.type is not NUMBER and key.type is not DYNAMIC:
            raise CallFault("key for list must be number")
        return collection.element
    if isinstance(collection, MapType):
        if key.type is not STRING and key.type is not DYNAMIC:
            raise CallFault("key for map must be string")
        return collection.element
    raise CallFault(_NOT_INDEXED)


def _index(args: Sequence[Value], returns: Type) -> Value:
    collection, key = args
    if isinstance(collection.type, MapType):
        if key.text in collection.mapping:
            return collection.mapping[key.text]
    else:
        at = _position(collection, key)
        if at is not None:
            return collection.elements[at]
    raise CallFault("invalid index")


def _length_type(args: Sequence[Value]) -> Type:
    if not isinstance(args[0].type, TupleType | ListType | MapType | SetType) and args[0].type is not DYNAMIC:
        raise CallFault(_NOT_INDEXED)
    return NUMBER


def _length(args: Sequence[Value], returns: Type) -> Value:
    value = args[0]
    if isinstance(value.type, TupleType):
        return count(len(value.type.elements))
    return count(len(value.elements)) if value.can_iterate else unknown(NUMBER)


def _keys_type(args: Sequence[Value]) -> Type:
    type = args[0].type
    if isinstance(type, MapType):
        return ListType(STRING)
    if isinstance(type, ObjectType):
        return TupleType((STRING,) * len(type.attributes))
    raise ArgumentFault(0, "must have map or object type")


def _keys(args: Sequence[Value], returns: Type) -> Value:
    type = args[0].type
    if isinstance(type, ObjectType):
        return make_tuple([Value(STRING, name) for name in sorted(type.attributes)])
    if not args[0].is_known:
        return unknown(returns)
    return list_([Value(STRING, name) for name in args[0].mapping], STRING)


def _values_type(args: Sequence[Value]) -> Type:
    type = args[0].type
    if isinstance(type, MapType):
        return ListType(type.element)
    if isinstance(type, ObjectType):
        return TupleType(tuple(type.attributes[name] for name in sorted(type.attributes)))
    raise CallFault("values() requires a map as the first argument")


def _values(args: Sequence[Value], returns: Type) -> Value:
    elements = args[0].elements
    return list_(elements, returns.element) if isinstance(returns, ListType) else make_tuple(elements)


def _lookup_type(args: Sequence[Value]) -> Type:
    type, key, default = args[0].type, args[1], args[2]
    if isinstance(type, ObjectType):
        return type.attributes.get(key.text, default.type) if key.is_known else DYNAMIC
    if isinstance(type, MapType):
        try:
            convert(default, type.element)
        except ConversionError:
            raise ArgumentFault(2, "the default value must have the same type as the map elements") from None
        return type.element
    raise ArgumentFault(0, "lookup() requires a map as the first argument")


def _lookup(args: Sequence[Value], returns: Type) -> Value:
    collection, key, default = args
    if not collection.wholly_known:
        return unknown(returns)
    found = collection.mapping.get(key.text)
    return convert(default, returns) if found is None else found


def _merge_type(args: Sequence[Value]) -> Type:
    if not args:
        return ObjectType({})
    attributes: dict[str, Type] = {}
    types: list[Type] = []
    known = True
    for arg in args:
        type = arg.type
        if type is DYNAMIC:
            return DYNAMIC
        if not isinstance(type, MapType | ObjectType):
            raise _not_a_mapping(type)
        if isinstance(type, ObjectType):
            type = ObjectType({}) if arg.is_null else type
            attributes.update(type.attributes)
        elif arg.can_iterate:
            attributes.update(dict.fromkeys(arg.mapping, type.element))
        else:
            known = known and arg.is_null
        types.append(type)
    if all(t == types[0] for t in types):
        return types[0]
    return ObjectType({name: attributes[name] for name in sorted(attributes)}) if known else DYNAMIC


def _not_a_mapping(type: Type) -> CallFault:
    return CallFault(f"arguments must be maps or objects, got {quoted(type.friendly_name())}")


def _merge(args: Sequence[Value], returns: Type) -> Value:
    merged: dict[str, Value] = {}
    for arg in args:
        if not isinstance(arg.type, MapType | ObjectType) and not arg.is_null:
            raise _not_a_mapping(arg.type)
        if arg.can_iterate:
            merged.update(arg.mapping)
    return map_(merged, returns.element) if isinstance(returns, MapType) else object_(merged)


def _zipmap_type(args: Sequence[Value]) -> Type:
    keys, type = args[0], args[1].type
    if isinstance(type, ListType):
        return MapType(type.element)
    if not isinstance(type, TupleType):
        raise CallFault("values argument must be a list or tuple value")
    if not keys.wholly_known:
        return DYNAMIC
    _same_length(len(keys.elements), len(type.elements))
    _no_null_keys(keys)
    types = {key.text: t for key, t in zip(keys.elements, type.elements, strict=True)}
    return ObjectType({name: types[name] for name in sorted(types)})


def _same_length(keys: int, values: int) -> None:
    if keys != values:
        raise CallFault(f"number of keys ({keys}) does not match number of values ({values})")


def _no_null_keys(keys: Value) -> None:
    for i, key in enumerate(keys.elements):
        if key.is_null:
            raise CallFault(f"keys list has null value at index {i}")


def _zipmap(args: Sequence[Value], returns: Type) -> Value:
    keys, values = args
    if not keys.wholly_known:
        return unknown(returns)
    _same_length(len(keys.elements), len(values.elements))
    _no_null_keys(keys)
    pairs = {key.text: v for key, v in zip(keys.elements, values.elements, strict=True)}
    return map_(pairs, returns.element) if isinstance(returns, MapType) else object_(pairs)


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    anything, key = Parameter("collection", allow_dynamic=True), Parameter("key", allow_dynamic=True)
    length = Parameter("collection", allow_unknown=True, allow_dynamic=True)
    mapping = Parameter("inputMap", allow_unknown=True)
    merged = Parameter("maps", allow_null=True, allow_dynamic=True)
    look = (Parameter("inputMap"), Parameter("key", STRING), Parameter("default"))
    zipped = (Parameter("keys", ListType(STRING)), Parameter("values"))
    return [
        Function(
            "hasindex", (anything, key), None, _has_index_type, _has_index, "Tells whether a collection has a key."
        ),
        Function("index", (Parameter("collection"), key), None, _index_type, _index, "Returns the element at a key."),
        Function("length", (length,), None, _length_type, _length, "Counts the elements of a collection."),
        Function("keys", (mapping,), None, _keys_type, _keys, "Returns the keys of a map or object in order."),
        Function(
            "values",
            (Parameter("mapping"),),
            None,
            _values_type,
            _values,
            "Returns the values of a map, ordered by key.",
        ),
        Function("lookup", look, None, _lookup_type, _lookup, "Returns the element at a key, or else a default."),
        Function("merge", (), merged, _merge_type, _merge, "Joins maps or objects; later ones win."),
        Function("zipmap", zipped, None, _zipmap_type, _zipmap, "Makes a map of a list of keys and a list of values."),
    ]
