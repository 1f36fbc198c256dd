"""Decide which types convert to which, and which type several have in common (cty's convert package)."""

from __future__ import annotations

from collections.abc import Sequence

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


def can_convert(given: Type, wanted: Type, *, unsafe: bool = False) -> bool:
    """Tell whether values of one type convert to the other: always, or with `unsafe` perhaps, by their content."""
    if wanted is DYNAMIC or given is wanted:
        return True
    if given is DYNAMIC:
        return unsafe
    if given.is_primitive or wanted.is_primitive:
        return _can_convert_primitive(given, wanted, unsafe)
    if isinstance(wanted, ObjectType):
        return _can_become_object(given, wanted, unsafe)
    if isinstance(wanted, TupleType):
        return (
            isinstance(given, TupleType)
            and len(given.elements) == len(wanted.elements)
            and all(_fits(g, w, unsafe) for g, w in zip(given.elements, wanted.elements, strict=True))
        )
    if isinstance(wanted, MapType):
        if isinstance(given, MapType):
            return can_convert(given.element, wanted.element, unsafe=unsafe)
        return isinstance(given, ObjectType) and _can_gather(list(given.attributes.values()), wanted, unsafe)
    if isinstance(given, TupleType) and isinstance(wanted, CollectionType):
        return _can_gather(given.elements, wanted, unsafe)
    if isinstance(given, ListType | SetType) and isinstance(wanted, CollectionType):
        if isinstance(wanted, SetType) and isinstance(given, ListType) and not unsafe:
            return False
        return _fits(given.element, wanted.element, unsafe)
    return False


def _fits(given: Type, wanted: Type, unsafe: bool) -> bool:
    return given == wanted or can_convert(given, wanted, unsafe=unsafe)


def _can_convert_primitive(given: Type, wanted: Type, unsafe: bool) -> bool:
    if not (given.is_primitive and wanted.is_primitive):
        return False
    return wanted is STRING or (unsafe and given is STRING and wanted in (NUMBER, BOOL))


def _can_become_object(given: Type, wanted: ObjectType, unsafe: bool) -> bool:
    if isinstance(given, ObjectType):
        for name, type in wanted.attributes.items():
            own = given.attributes.get(name)
            if own is None:
                if name not in wanted.optional:
                    return False
            elif not _fits(own, type, unsafe):
                return False
        return True
    if not isinstance(given, MapType) or not unsafe:
        return False
    return all(n in wanted.optional or _fits(given.element, t, unsafe) for n, t in wanted.attributes.items())


def _can_gather(elements: Sequence[Type], wanted: Type, unsafe: bool) -> bool:
    """Tell whether the parts of a tuple or object can be the elements of the wanted collection."""
    assert isinstance(wanted, CollectionType)  # noqa: S101
    if not elements:
        return True
    target = wanted.element
    if target is DYNAMIC:
        common = unify(elements, unsafe=unsafe)
        if common is None:
            return False
        target = common
        if target is DYNAMIC and not isinstance(wanted, MapType):
            return all(e is DYNAMIC for e in elements)
    return all(_fits(e, target, unsafe) for e in elements)


def unify(types: Sequence[Type], *, unsafe: bool = False) -> Type | None:
    """Return the most general of the types that all convert to, or a type made of their parts; None where none fits.

    Args:
        types: any number of types; none have nothing in common.
        unsafe: whether conversions that may fail count.

    """
    if not types:
        return None
    first = types[0]
    if len(types) > 1 and all(t is first for t in types) and (first.is_primitive or first is DYNAMIC):
        return first
    kinds = {type(t) for t in types if t is not DYNAMIC and not t.is_primitive}
    if kinds and not any(t.is_primitive for t in types):
        found, decided = _unify_kinds(types, kinds, unsafe)
        if decided:
            return found
    elif kinds >= {ObjectType, TupleType}:
        return None
    return _most_general(types, unsafe)


def _unify_kinds(types: Sequence[Type], kinds: set[type[Type]], unsafe: bool) -> tuple[Type | None, bool]:
    """Unify types that are all compound (or dynamic); the second result tells whether that was the last word."""
    dynamic = any(t is DYNAMIC for t in types)
    if len(kinds) == 1:
        if dynamic:
            return DYNAMIC, True
        kind = next(iter(kinds))
        if kind is ObjectType:
            return _unify_objects([t for t in types if isinstance(t, ObjectType)], unsafe), True
        if kind is TupleType:
            return _unify_tuples([t for t in types if isinstance(t, TupleType)], unsafe), True
        element = unify([t.element for t in types if isinstance(t, CollectionType)], unsafe=unsafe)
        made = ListType if kind is ListType else SetType if kind is SetType else MapType
        return (made(element) if element else None), True
    if kinds == {MapType, ObjectType} or kinds == {ListType, TupleType}:
        collection = MapType if MapType in kinds else ListType
        gathered = _gather([t for t in types if isinstance(t, ObjectType | TupleType)], collection, unsafe)
        if gathered:
            common = unify([gathered if isinstance(t, ObjectType | TupleType) else t for t in types], unsafe=unsafe)
            if isinstance(common, collection):
                return common, True
        return None, False
    return None, ObjectType in kinds and TupleType in kinds


def _parts(type: ObjectType | TupleType) -> Sequence[Type]:
    return list(type.attributes.values()) if isinstance(type, ObjectType) else type.elements


def _gather(types: Sequence[ObjectType | TupleType], collection: type[MapType | ListType], unsafe: bool) -> Type | None:
    """Return the collection type that holds the parts of all the structural types."""
    element = unify([part for t in types for part in _parts(t)], unsafe=unsafe)
    if element is None:
        return None
    result = collection(element)
    return result if all(can_convert(t, result, unsafe=unsafe) for t in types) else None


def _unify_objects(types: Sequence[ObjectType], unsafe: bool) -> Type | None:
    names = types[0].attributes.keys()
    if any(t.attributes.keys() != names for t in types):
        return _gather(types, MapType, unsafe)
    attributes = {}
    for name in names:
        common = unify([t.attributes[name] for t in types], unsafe=unsafe)
        if common is None:
            return None
        attributes[name] = common
    result = ObjectType(attributes)
    return result if all(_fits(t, result, unsafe) for t in types) else _gather(types, MapType, unsafe)


def _unify_tuples(types: Sequence[TupleType], unsafe: bool) -> Type | None:
    if any(len(t.elements) != len(types[0].elements) for t in types):
        return _gather(types, ListType, unsafe)
    elements = []
    for across in zip(*(t.elements for t in types), strict=True):
        common = unify(across, unsafe=unsafe)
        if common is None:
            return None
        elements.append(common)
    result = TupleType(tuple(elements))
    return result if all(_fits(t, result, unsafe) for t in types) else _gather(types, ListType, unsafe)


def _most_general(types: Sequence[Type], unsafe: bool) -> Type | None:
    """Return the first type, the more general before the less, that all the others convert to."""
    distinct = list(dict.fromkeys(types))
    for wanted in _by_generality(distinct):
        if all(_fits(t, wanted, unsafe) for t in distinct):
            return wanted
    return None


def _by_generality(types: list[Type]) -> list[Type]:
    """Sort topologically by `compare_generality`, otherwise keeping the order."""
    edges: list[list[int]] = [[] for _ in types]
    waiting = [0] * len(types)
    for i, a in enumerate(types):
        for j in range(i + 1, len(types)):
            order = _compare_generality(a, types[j])
            if order:
                above, below = (i, j) if order < 0 else (j, i)
                edges[above].append(below)
                waiting[below] += 1
    queue = [i for i, n in enumerate(waiting) if n == 0]
    for i in queue:
        for j in edges[i]:
            waiting[j] -= 1
            if waiting[j] == 0:
                queue.append(j)
    return [types[i] for i in queue]


_RANK: dict[type[Type], int] = {ListType: 0, TupleType: 1, SetType: 2}


def _compare_generality(a: Type, b: Type) -> int:
    """Return less than 0 where `a` is the more general, more than 0 where `b` is, 0 where neither."""
    if a is DYNAMIC or b is DYNAMIC:
        return (a is DYNAMIC) - (b is DYNAMIC)
    if a.is_primitive and b.is_primitive:
        return (b is STRING) - (a is STRING)
    if isinstance(a, CollectionType) and type(a) is type(b) and isinstance(b, CollectionType):
        return _compare_generality(a.element, b.element)
    if type(a) in _RANK and type(b) in _RANK and type(a) is not type(b):
        return -1 if _RANK[type(a)] < _RANK[type(b)] else 1
    if isinstance(a, MapType) and isinstance(b, ObjectType):
        return -1
    if isinstance(a, ObjectType) and isinstance(b, MapType):
        return 1
    if isinstance(a, ObjectType) and isinstance(b, ObjectType) and a.attributes.keys() == b.attributes.keys():
        return _compare_parts([(t, b.attributes[n]) for n, t in a.attributes.items()])
    if isinstance(a, TupleType) and isinstance(b, TupleType) and len(a.elements) == len(b.elements):
        return _compare_parts(list(zip(a.elements, b.elements, strict=True)))
    return 0


def _compare_parts(pairs: Sequence[tuple[Type, Type]]) -> int:
    orders = [_compare_generality(a, b) for a, b in pairs]
    above, below = any(o < 0 for o in orders), any(o > 0 for o in orders)
    return 0 if above and below else -1 if above else 1 if below else 0
