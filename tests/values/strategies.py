"""Types and values for properties."""

from __future__ import annotations

from hypothesis import strategies as st

from bakepy.values.numbers import Number, divide, multiply, parse_number
from bakepy.values.types import BOOL, NUMBER, STRING, ListType, MapType, ObjectType, SetType, TupleType, Type
from bakepy.values.value import Value, boolean, list_, map_, null, number, object_, set_, string, tuple_

NAMES = st.text("abcXYZ_é", min_size=1, max_size=3)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)


def _parsed(text: str) -> Number:
    found = parse_number(text)
    assert found is not None
    return found


INTEGERS = st.integers(-(2**512) + 1, 2**512 - 1)
DECIMALS = st.tuples(st.integers(-(10**40), 10**40), st.integers(-80, 80)).map(lambda t: _parsed(f"{t[0]}e{t[1]}"))
QUOTIENTS = st.tuples(st.integers(-999, 999), st.integers(1, 999)).map(lambda t: divide(*t))
NUMBERS: st.SearchStrategy[Number] = st.one_of(
    st.integers(-99, 99), INTEGERS, DECIMALS, QUOTIENTS, st.tuples(DECIMALS, DECIMALS).map(lambda t: multiply(*t))
)

PRIMITIVES: st.SearchStrategy[Type] = st.sampled_from([STRING, NUMBER, BOOL])
TYPES: st.SearchStrategy[Type] = st.recursive(
    PRIMITIVES,
    lambda inner: st.one_of(
        inner.map(ListType),
        inner.map(SetType),
        inner.map(MapType),
        st.lists(inner, max_size=3).map(lambda ts: TupleType(tuple(ts))),
        st.dictionaries(NAMES, inner, max_size=3).map(
            lambda attributes: ObjectType({name: attributes[name] for name in sorted(attributes)})
        ),
    ),
    max_leaves=6,
)


def of_type(type: Type) -> st.SearchStrategy[Value]:
    """Give values of a type, nulls among them."""
    return st.one_of(st.just(null(type)), filled(type)) if type is not STRING else filled(type)


def filled(type: Type) -> st.SearchStrategy[Value]:
    """Give values of a type that are not null; what is within may be."""
    if type is STRING:
        return TEXTS.map(string)
    if type is NUMBER:
        return NUMBERS.map(number)
    if type is BOOL:
        return st.booleans().map(boolean)
    if isinstance(type, ListType):
        return st.lists(of_type(type.element), max_size=3).map(lambda vs: list_(vs, type.element))
    if isinstance(type, SetType):
        return st.lists(of_type(type.element), max_size=3).map(lambda vs: set_(vs, type.element))
    if isinstance(type, MapType):
        return st.dictionaries(NAMES, of_type(type.element), max_size=3).map(lambda vs: map_(vs, type.element))
    if isinstance(type, TupleType):
        return st.tuples(*map(of_type, type.elements)).map(tuple_)
    assert isinstance(type, ObjectType)
    return st.fixed_dictionaries({name: of_type(t) for name, t in type.attributes.items()}).map(object_)


VALUES = TYPES.flatmap(of_type)
