"""Functions of sets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import ArgumentFault, CallFault, Function, Parameter
from bakepy.evaluator.limits import check_elements
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.operators import contains
from bakepy.values.sets import Index
from bakepy.values.types import BOOL, DYNAMIC, ListType, SetType, TupleType, Type
from bakepy.values.unify import unify
from bakepy.values.value import Value, boolean, element_type, list_, set_, tuple_, unknown

_Combine = Callable[[Value, Value], list[Value]]


def _has_element(args: Sequence[Value], returns: Type) -> Value:
    collection, wanted = args
    if not collection.wholly_known or not wanted.wholly_known:
        return unknown(BOOL)
    return boolean(element_type(collection.type) == wanted.type and contains(collection, wanted))


def _result_type(args: Sequence[Value]) -> Type:
    types = [element_type(v.type) for v in args if isinstance(v.type, SetType) and not _empty_of_anything(v)]
    if not types:
        return SetType(DYNAMIC)
    common = unify(types, unsafe=True)
    if common is None:
        raise CallFault("given sets must all have compatible element types")
    return SetType(common)


def _empty_of_anything(value: Value) -> bool:
    return value.is_known and not value.elements and element_type(value.type) is DYNAMIC


def _combining(combine: _Combine, *, keep_unknown: bool = False) -> Callable[[Sequence[Value], Type], Value]:
    def run(args: Sequence[Value], returns: Type) -> Value:
        result: Value | None = None
        for i, arg in enumerate(args):
            try:
                given = convert(arg, returns)
            except ConversionError as error:
                raise ArgumentFault(i, error.message, error.path) from None
            if not keep_unknown and not given.wholly_known:
                return unknown(returns)
            result = given if result is None else set_(combine(result, given), element_type(returns))
        return result if result is not None else unknown(returns)

    return run


def _union(a: Value, b: Value) -> list[Value]:
    return [*a.elements, *b.elements]


def _intersection(a: Value, b: Value) -> list[Value]:
    theirs = Index(b.elements)
    return [v for v in a.elements if v in theirs]


def _difference(a: Value, b: Value) -> list[Value]:
    theirs = Index(b.elements)
    return [v for v in a.elements if v not in theirs]


def _symmetric(a: Value, b: Value) -> list[Value]:
    return [*_difference(a, b), *_difference(b, a)]


def _product_type(args: Sequence[Value]) -> Type:
    if len(args) < 2:
        raise CallFault("at least two arguments are required")
    types: list[Type] = []
    for i, arg in enumerate(args):
        if isinstance(arg.type, SetType | ListType):
            types.append(arg.type.element)
        elif isinstance(arg.type, TupleType):
            common = unify(arg.type.elements, unsafe=True) if arg.type.elements else DYNAMIC
            if common is None:
                raise ArgumentFault(i, "all elements must be of the same type")
            types.append(common)
        else:
            raise ArgumentFault(i, "a set or a list is required")
    ordered = not any(isinstance(v.type, SetType) for v in args)
    return ListType(TupleType(tuple(types))) if ordered else SetType(TupleType(tuple(types)))


def _product(args: Sequence[Value], returns: Type) -> Value:
    if not all(arg.is_known for arg in args):
        return unknown(returns)
    row = element_type(returns)
    types = row.elements if isinstance(row, TupleType) else ()
    check_elements(math.prod([len(arg.elements) for arg in args]))
    columns = [[convert(v, type) for v in arg.elements] for arg, type in zip(args, types, strict=True)]
    rows = [tuple_(values) for values in itertools.product(*columns)]
    return list_(rows, row) if isinstance(returns, ListType) else set_(rows, row)


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    anything = SetType(DYNAMIC)

    def param(name: str) -> Parameter:
        return Parameter(name, anything, allow_dynamic=True)

    first, others = (param("first_set"),), param("other_sets")
    return [
        Function(
            "sethaselement",
            (param("set"), Parameter("elem", allow_dynamic=True)),
            None,
            BOOL,
            _has_element,
            "Tells whether a set holds an element.",
        ),
        Function(
            "setunion", first, others, _result_type, _combining(_union, keep_unknown=True), "Joins sets into one set."
        ),
        Function(
            "setintersection",
            first,
            others,
            _result_type,
            _combining(_intersection),
            "Keeps what is in all of the sets.",
        ),
        Function(
            "setsubtract",
            (param("a"), param("b")),
            None,
            _result_type,
            _combining(_difference),
            "Keeps what is in the first set and not in the second.",
        ),
        Function(
            "setsymmetricdifference",
            first,
            others,
            _result_type,
            _combining(_symmetric),
            "Keeps what is in an odd number of the sets.",
        ),
        Function(
            "setproduct",
            (),
            Parameter("sets", allow_unknown=True),
            _product_type,
            _product,
            "Returns every combination of one element from each set or list.",
        ),
    ]
