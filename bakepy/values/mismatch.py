"""Say in words why one type does not convert to another (cty's `convert.MismatchMessage`)."""

from __future__ import annotations

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
from bakepy.values.unify import can_convert


def message(given: Type, wanted: Type) -> str:
    """Return why values of type `given` cannot become values of type `wanted`, as a clause without a full stop."""
    if isinstance(given, ObjectType) and isinstance(wanted, ObjectType):
        return _objects(given, wanted)
    if isinstance(wanted, CollectionType):
        if wanted.element is DYNAMIC and _gathers(given, wanted):
            return f"all {wanted.kind} elements must have the same type"
        if isinstance(given, TupleType | ObjectType):
            return _collection_of_parts(given, wanted)
        if isinstance(given, CollectionType):
            return _collections(given, wanted)
    if not _confusing(given, wanted):
        return f"{wanted.friendly_name()} required, but have {given.friendly_name()}"
    return _required(wanted)


def _required(wanted: Type) -> str:
    return f"{wanted.friendly_name_for_constraint()} required"


def _gathers(given: Type, wanted: CollectionType) -> bool:
    if isinstance(given, TupleType):
        return isinstance(wanted, ListType | SetType)
    return isinstance(given, ObjectType) and isinstance(wanted, MapType)


def _objects(given: ObjectType, wanted: ObjectType) -> str:
    missing = [quoted(n) for n in sorted(wanted.attributes) if n not in given.attributes and n not in wanted.optional]
    if len(missing) == 1:
        return f"attribute {missing[0]} is required"
    if len(missing) == 2:
        return f"attributes {missing[0]} and {missing[1]} are required"
    if missing:
        return f"attributes {', '.join(missing[:-1])}, and {missing[-1]} are required"
    for unsafe in (True, False):
        for name in sorted(wanted.attributes):
            own, type = given.attributes.get(name), wanted.attributes[name]
            if own is not None and own != type and not can_convert(own, type, unsafe=unsafe):
                return f"attribute {quoted(name)}: {message(own, type)}"
    return "incorrect object attributes"


def _collection_of_parts(given: TupleType | ObjectType, wanted: CollectionType) -> str:
    if not _gathers(given, wanted):
        return _required(wanted)
    element = wanted.element
    named = (
        [(str(i), t) for i, t in enumerate(given.elements)]
        if isinstance(given, TupleType)
        else [(quoted(n), given.attributes[n]) for n in sorted(given.attributes)]
    )
    for name, type in named:
        if type != element and not can_convert(type, element, unsafe=True):
            return f"element {name}: {message(type, element)}"
    return f"all elements must be {element.friendly_name_for_constraint()}"


def _collections(given: CollectionType, wanted: CollectionType) -> str:
    if isinstance(given, MapType) != isinstance(wanted, MapType):
        return _required(wanted)
    return f"incorrect {wanted.kind} element type: {message(given.element, wanted.element)}"


def _confusing(given: Type, wanted: Type) -> bool:
    """Tell whether naming the given type would mislead: a string that is no number is wrong by value, not by type."""
    if given.is_primitive != wanted.is_primitive or wanted is STRING:
        return False
    if {given, wanted} == {BOOL, NUMBER}:
        return False
    return not (isinstance(given, TupleType) and isinstance(wanted, ObjectType))
