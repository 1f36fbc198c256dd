"""Functions of lists, tuples, maps and objects: looking up, counting, combining."""

from __future__ import annotations

from collections.abc import Sequence

from bakepy.evaluator.functions.arguments import integer
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import ArgumentFault, CallFault, Function, Parameter
from bakepy.values import operators
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.numbers import is_integer, truncate
from bakepy.values.strings import quoted
from bakepy.values.types import BOOL, DYNAMIC, NUMBER, STRING, ListType, MapType, ObjectType, SetType, TupleType, Type
from bakepy.values.unify import unify
from bakepy.values.value import (
    FALSE,
    UNKNOWN_DYNAMIC,
    Value,
    boolean,
    count,
    element_type,
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


def _element_index(index: Value, length: int) -> int:
    try:
        at = integer(index)
    except CallFault as fault:
        raise CallFault(f"invalid index: {fault.message}") from None
    if length == 0:
        raise CallFault("cannot use element function with an empty list")
    return at % length


def _element_type(args: Sequence[Value]) -> Type:
    type, index = args[0].type, args[1]
    if isinstance(type, ListType):
        return type.element
    if not isinstance(type, TupleType):
        raise CallFault(f"cannot read elements from {type.friendly_name()}")
    return type.elements[_element_index(index, len(type.elements))] if index.is_known else DYNAMIC


def _element(args: Sequence[Value], returns: Type) -> Value:
    return args[0].elements[_element_index(args[1], len(args[0].elements))]


def _coalesce_type(args: Sequence[Value]) -> Type:
    common = unify([v.type for v in args], unsafe=True)
    if common is None:
        raise CallFault("all arguments must have the same type")
    return common


def _coalesce(args: Sequence[Value], returns: Type) -> Value:
    for arg in args:
        if not arg.is_known:
            return unknown(returns)
        if not arg.is_null:
            return convert(arg, returns)
    raise CallFault("no non-null arguments")


def _coalesce_list_type(args: Sequence[Value]) -> Type:
    if not args:
        raise CallFault("at least one argument is required")
    for arg in args:
        if not arg.is_known:
            return DYNAMIC
        if not isinstance(arg.type, ListType | TupleType):
            raise CallFault("coalescelist arguments must be lists or tuples")
    first = args[0].type
    return first if all(v.type == first for v in args) else DYNAMIC


def _coalesce_list(args: Sequence[Value], returns: Type) -> Value:
    for arg in args:
        if not arg.is_known:
            return unknown(returns)
        if not arg.is_null and arg.elements:
            return arg
    raise CallFault("no non-null arguments")


def _compact(args: Sequence[Value], returns: Type) -> Value:
    if not args[0].wholly_known:
        return unknown(returns)
    return list_([v for v in args[0].elements if v.raw], STRING)


def _contains(args: Sequence[Value], returns: Type) -> Value:
    collection, wanted = args
    if not isinstance(collection.type, ListType | TupleType | SetType):
        raise CallFault("argument must be list, tuple, or set")
    results = [operators.equals(wanted, v) for v in collection.elements]
    if any(r.raw is True for r in results):
        return boolean(True)
    return FALSE if all(r.is_known for r in results) else unknown(BOOL)


def _same_type(args: Sequence[Value]) -> Type:
    return args[0].type


def _distinct(args: Sequence[Value], returns: Type) -> Value:
    if not args[0].wholly_known:
        return unknown(returns)
    kept: list[Value] = []
    for element in args[0].elements:
        if not any(operators.equals(other, element).raw is True for other in kept):
            kept.append(element)
    return list_(kept, element_type(returns))


def _chunk_list(args: Sequence[Value], returns: Type) -> Value:
    try:
        size = integer(args[1])
    except CallFault as fault:
        raise CallFault(f"invalid size: {fault.message}") from None
    if size < 0:
        raise CallFault("the size argument must be positive")
    whole, elements = args[0], args[0].elements
    if not elements:
        return list_((), whole.type)
    if size == 0:
        return list_([whole])
    chunks = [elements[at : at + size] for at in range(0, len(elements), size)]
    return list_([list_(chunk, element_type(whole.type)) for chunk in chunks])


def _flatten_type(args: Sequence[Value]) -> Type:
    if not args[0].wholly_known:
        return DYNAMIC
    if not isinstance(args[0].type, ListType | SetType | TupleType):
        raise CallFault("can only flatten lists, sets and tuples")
    return TupleType(tuple(v.type for v in _flat(args[0])))


def _flat(sequence: Value) -> list[Value]:
    out: list[Value] = []
    for element in sequence.elements:
        if isinstance(element.type, ListType | SetType | TupleType) and not element.is_null:
            out += _flat(element)
        else:
            out.append(element)
    return out


def _flatten(args: Sequence[Value], returns: Type) -> Value:
    return make_tuple(_flat(args[0])) if args[0].wholly_known else UNKNOWN_DYNAMIC


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


def _reverse_type(args: Sequence[Value]) -> Type:
    type = args[0].type
    if isinstance(type, TupleType):
        return TupleType(type.elements[::-1])
    if isinstance(type, ListType | SetType):
        return ListType(type.element)
    raise ArgumentFault(0, f"can only reverse list or tuple values, not {type.friendly_name()}")


def _reverse(args: Sequence[Value], returns: Type) -> Value:
    elements = args[0].elements[::-1]
    return list_(elements, returns.element) if isinstance(returns, ListType) else make_tuple(elements)


def _bounds(args: Sequence[Value], length: int | None) -> tuple[int, int] | None:
    """Return the first index and the one behind the last, or None where one is not known."""
    start = end = None
    if args[1].is_known:
        start = _bound(args, 1, "start index", length)
    if args[2].is_known:
        end = _bound(args, 2, "end index", length)
    if start is None or end is None:
        return None
    if start > end:
        raise ArgumentFault(1, "start index must not be greater than end index")
    return start, end


def _bound(args: Sequence[Value], which: int, name: str, length: int | None) -> int:
    try:
        at = integer(args[which])
    except CallFault as fault:
        raise ArgumentFault(which, f"invalid {name}: {fault.message}") from None
    if at < 0:
        raise ArgumentFault(which, f"{name} must not be less than zero")
    if length is not None and at > length:
        raise ArgumentFault(which, f"{name} must not be greater than the length of the list")
    return at


def _slice_type(args: Sequence[Value]) -> Type:
    type = args[0].type
    if isinstance(type, SetType):
        raise ArgumentFault(
            0,
            "cannot slice a set, because its elements do not have indices; explicitly convert to a list if the"
            " ordering of the result is not important",
        )
    if not isinstance(type, ListType | TupleType):
        raise ArgumentFault(0, "must be a list or tuple value")
    if isinstance(type, TupleType):
        bounds = _bounds(args, len(type.elements))
        return TupleType(type.elements[slice(*bounds)]) if bounds else DYNAMIC
    _bounds(args, len(args[0].elements) if args[0].can_iterate else None)
    return type


def _slice(args: Sequence[Value], returns: Type) -> Value:
    bounds = _bounds(args, len(args[0].elements))
    elements = args[0].elements[slice(*bounds)] if bounds else ()
    return list_(elements, returns.element) if isinstance(returns, ListType) else make_tuple(elements)


def _sort(args: Sequence[Value], returns: Type) -> Value:
    if not args[0].wholly_known:
        return unknown(returns)
    for i, element in enumerate(args[0].elements):
        if element.is_null:
            raise CallFault(f"given list element {i} is null; a null string cannot be sorted")
    return list_(sorted(args[0].elements, key=lambda v: v.text), STRING)


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


def _concat_type(args: Sequence[Value]) -> Type:
    if not args:
        raise CallFault("at least one argument is required")
    if all(isinstance(v.type, ListType) for v in args):
        common = unify([v.type for v in args], unsafe=True)
        if common is not None:
            return common
    types: list[Type] = []
    for i, arg in enumerate(args):
        if isinstance(arg.type, TupleType):
            types += arg.type.elements
        elif isinstance(arg.type, ListType):
            if not arg.is_known:
                return DYNAMIC
            types += [arg.type.element] * len(arg.elements)
        else:
            raise ArgumentFault(i, f"all arguments must be lists or tuples; got {arg.type.friendly_name()}")
    return TupleType(tuple(types))


def _concat(args: Sequence[Value], returns: Type) -> Value:
    if not isinstance(returns, ListType):
        return make_tuple([v for arg in args for v in arg.elements])
    elements: list[Value] = []
    for i, arg in enumerate(args):
        try:
            elements += convert(arg, returns).elements
        except ConversionError as error:
            raise ArgumentFault(i, error.message, error.path) from None
    return list_(elements, returns.element)


_RANGE_LIMIT = 1024


def _range(args: Sequence[Value], returns: Type) -> Value:
    if len(args) not in (1, 2, 3):
        raise CallFault("must have one, two, or three arguments")
    start = count(0) if len(args) == 1 else args[0]
    end = args[0] if len(args) == 1 else args[1]
    backwards = operators.less(end, start).true
    step = args[2] if len(args) == 3 else count(-1 if backwards else 1)
    down = operators.less(step, count(0)).true
    if operators.equals(step, count(0)).true:
        raise ArgumentFault(2, "step must not be zero")
    if down and operators.greater(end, start).true:
        raise ArgumentFault(1, "end must be less than start when step is negative")
    if not down and backwards:
        raise ArgumentFault(1, "end must be greater than start when step is positive")
    reached = operators.less_or_equal if down else operators.greater_or_equal
    values: list[Value] = []
    at = start
    while not reached(at, end).true:
        if len(values) >= _RANGE_LIMIT:
            raise CallFault(
                f"more than {_RANGE_LIMIT} values were generated; either decrease the difference between start and end"
                " or use a smaller step"
            )
        values.append(at)
        at = operators.add(at, step)
    return list_(values, NUMBER)


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    anything, key = Parameter("collection", allow_dynamic=True), Parameter("key", allow_dynamic=True)
    given, texts = Parameter("list"), Parameter("list", ListType(STRING))
    elements = Parameter("list", ListType(DYNAMIC))
    optional = Parameter("vals", allow_null=True, allow_unknown=True, allow_dynamic=True)
    length = Parameter("collection", allow_unknown=True, allow_dynamic=True)
    mapping = Parameter("inputMap", allow_unknown=True)
    merged = Parameter("maps", allow_null=True, allow_dynamic=True)
    bounds = (Parameter("start_index", NUMBER), Parameter("end_index", NUMBER))
    look = (Parameter("inputMap"), Parameter("key", STRING), Parameter("default"))
    zipped = (Parameter("keys", ListType(STRING)), Parameter("values"))
    return [
        Function(
            "hasindex", (anything, key), None, _has_index_type, _has_index, "Tells whether a collection has a key."
        ),
        Function("index", (Parameter("collection"), key), None, _index_type, _index, "Returns the element at a key."),
        Function("length", (length,), None, _length_type, _length, "Counts the elements of a collection."),
        Function(
            "element",
            (given, Parameter("index", NUMBER)),
            None,
            _element_type,
            _element,
            "Returns the element at an index, which starts over past the end.",
        ),
        Function("coalesce", (), optional, _coalesce_type, _coalesce, "Returns its first argument that is not null."),
        Function(
            "coalescelist",
            (),
            optional,
            _coalesce_list_type,
            _coalesce_list,
            "Returns its first list that is not empty.",
        ),
        Function("compact", (texts,), None, ListType(STRING), _compact, "Drops the empty strings of a list."),
        Function(
            "contains",
            (given, Parameter("value")),
            None,
            BOOL,
            _contains,
            "Tells whether a list, tuple or set holds a value.",
        ),
        Function("distinct", (elements,), None, _same_type, _distinct, "Keeps the first of elements that are equal."),
        Function(
            "chunklist",
            (elements, Parameter("size", NUMBER)),
            None,
            lambda args: ListType(args[0].type),
            _chunk_list,
            "Splits a list into lists of at most a given length.",
        ),
        Function("flatten", (given,), None, _flatten_type, _flatten, "Replaces lists in a list by their elements."),
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
        Function("reverselist", (given,), None, _reverse_type, _reverse, "Turns the order of a list around."),
        Function(
            "slice", (given, *bounds), None, _slice_type, _slice, "Returns the elements from one index up to another."
        ),
        Function(
            "sort",
            (Parameter("list", ListType(STRING), allow_unknown=True),),
            None,
            ListType(STRING),
            _sort,
            "Sorts strings by their code points.",
        ),
        Function("zipmap", zipped, None, _zipmap_type, _zipmap, "Makes a map of a list of keys and a list of values."),
        Function("concat", (), Parameter("seqs"), _concat_type, _concat, "Joins lists or tuples, one after the other."),
        Function(
            "range",
            (),
            Parameter("params", NUMBER),
            ListType(NUMBER),
            _range,
            "Counts from a start up to, and without, an end by a step.",
        ),
    ]
