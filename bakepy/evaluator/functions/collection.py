"""Functions of lists, tuples and sets: choosing, joining, splitting, ordering."""

from __future__ import annotations

from collections.abc import Sequence

from bakepy.evaluator.functions.arguments import integer
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import ArgumentFault, CallFault, Function, Parameter
from bakepy.values import operators
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.sets import unique
from bakepy.values.types import BOOL, DYNAMIC, NUMBER, STRING, ListType, SetType, TupleType, Type
from bakepy.values.unify import unify
from bakepy.values.value import (
    FALSE,
    UNKNOWN_DYNAMIC,
    Value,
    boolean,
    count,
    element_type,
    list_,
    unknown,
)
from bakepy.values.value import tuple_ as make_tuple


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
    return list_(unique(args[0].elements), element_type(returns))


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
    given, texts = Parameter("list"), Parameter("list", ListType(STRING))
    elements = Parameter("list", ListType(DYNAMIC))
    optional = Parameter("vals", allow_null=True, allow_unknown=True, allow_dynamic=True)
    bounds = (Parameter("start_index", NUMBER), Parameter("end_index", NUMBER))
    return [
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
