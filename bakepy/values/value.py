"""Hold values: a type and the data of that type.

Values are never changed once made. Mappings keep their keys in the order of code points and sets keep their
elements in cty's order, so that iterating a value gives the reference's order.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias, cast

from bakepy.values.numbers import Number, from_int, number_text
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


class _Unknown(enum.Enum):
    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown.UNKNOWN
"""The data of a value that could not be computed, because a fault was reported on the way to it."""

Raw: TypeAlias = "str | bool | Number | tuple[Value, ...] | dict[str, Value] | _Unknown | None"
"""What a value holds: by its type a string, bool, number, the elements or the attributes; None for null."""


class Value:
    """Pair a type with data of that type.

    `raw` is None for null and `UNKNOWN` for an unknown value of any type; a tuple of values for lists, sets and
    tuples; a dict of values, in the order of its keys, for maps and objects. Treat it as read-only.
    `==` compares type and data exactly; the language's own equality is `operators.equals`.
    """

    __slots__ = ("raw", "type")

    def __init__(self, type: Type, raw: Raw) -> None:
        self.type = type
        self.raw = raw

    @property
    def is_null(self) -> bool:
        """Tell whether the value is null."""
        return self.raw is None

    @property
    def is_known(self) -> bool:
        """Tell whether the value itself is known; its elements may be unknown."""
        return self.raw is not UNKNOWN

    @property
    def wholly_known(self) -> bool:
        """Tell whether the value and everything within it is known."""
        raw = self.raw
        if isinstance(raw, tuple):
            return all(v.wholly_known for v in raw)
        if isinstance(raw, dict):
            return all(v.wholly_known for v in raw.values())
        return raw is not UNKNOWN

    @property
    def text(self) -> str:
        """Return the data of a known string that is not null."""
        return cast(str, self.raw)

    @property
    def number(self) -> Number:
        """Return the data of a known number that is not null."""
        return cast(Number, self.raw)

    @property
    def true(self) -> bool:
        """Return the data of a known bool that is not null."""
        return cast(bool, self.raw)

    @property
    def elements(self) -> tuple[Value, ...]:
        """Return the elements of a known list, set or tuple, or the values of a known map or object, in order."""
        raw = self.raw
        return tuple(raw.values()) if isinstance(raw, dict) else cast("tuple[Value, ...]", raw)

    @property
    def mapping(self) -> Mapping[str, Value]:
        """Return the elements of a known map, or the attributes of a known object, by name in order."""
        return cast("dict[str, Value]", self.raw)

    @property
    def can_iterate(self) -> bool:
        """Tell whether the value is a known collection, tuple or object that is not null."""
        return isinstance(self.raw, tuple | dict)

    def items(self) -> Iterator[tuple[Value, Value]]:
        """Give the key and value of each element in order: a number for lists and tuples, the element itself for sets.

        The value must be one that `can_iterate` is true for.
        """
        raw = self.raw
        if isinstance(raw, dict):
            for name, element in raw.items():
                yield Value(STRING, name), element
        elif isinstance(self.type, SetType):
            for element in self.elements:
                yield element, element
        else:
            for i, element in enumerate(self.elements):
                yield Value(NUMBER, from_int(i)), element

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value):
            return NotImplemented
        return self is other or (self.type == other.type and _same(self.raw, other.raw))

    def __hash__(self) -> int:
        raw = self.raw
        return hash(tuple(raw.items())) if isinstance(raw, dict) else hash(raw)

    def __repr__(self) -> str:
        raw = self.raw
        if self.type is NUMBER and isinstance(raw, int) and not isinstance(raw, bool):
            return f"Value(NUMBER, {number_text(raw)})"
        return f"Value({self.type!r}, {raw!r})"


def _same(a: Raw, b: Raw) -> bool:
    return type(a) is type(b) and a == b if isinstance(a, bool) or isinstance(b, bool) else a == b


TRUE: Final = Value(BOOL, True)
FALSE: Final = Value(BOOL, False)
UNKNOWN_DYNAMIC: Final = Value(DYNAMIC, UNKNOWN)
NULL: Final = Value(DYNAMIC, None)
"""The null that the keyword `null` stands for: of no type yet."""


def normalize(text: str) -> str:
    """Return the text in Unicode's normal form C, in which all strings are kept."""
    if text.isascii():
        return text
    from unicodedata import normalize as to_form

    return to_form("NFC", text)


def string(text: str) -> Value:
    """Make a string, normalised."""
    return Value(STRING, text if text.isascii() else normalize(text))


def number(value: Number) -> Value:
    """Make a number. A plain `int`, of at most 512 bits, has 512 bits of precision; `count` makes a computed one."""
    return Value(NUMBER, value)


def count(value: int) -> Value:
    """Make a number that was counted (a length, an index), which has 64 bits of precision."""
    return Value(NUMBER, from_int(value))


def boolean(value: bool) -> Value:
    """Make a bool."""
    return TRUE if value else FALSE


def null(type: Type = DYNAMIC) -> Value:
    """Make a null of a type."""
    return NULL if type is DYNAMIC else Value(type, None)


def unknown(type: Type = DYNAMIC) -> Value:
    """Make an unknown value of a type."""
    return UNKNOWN_DYNAMIC if type is DYNAMIC else Value(type, UNKNOWN)


def tuple_(elements: Iterable[Value]) -> Value:
    """Make a tuple."""
    raw = tuple(elements)
    return Value(TupleType(tuple([v.type for v in raw])), raw)


def object_(attributes: Mapping[str, Value]) -> Value:
    """Make an object. The names must be normalised, as strings of the language are."""
    raw = {name: attributes[name] for name in sorted(attributes)}
    return Value(ObjectType({name: v.type for name, v in raw.items()}), raw)


def _retype(element: Value, type: Type) -> Value:
    """Give an untyped null or unknown among typed elements the type of its neighbours."""
    return element if element.type is not DYNAMIC or type is DYNAMIC else Value(type, element.raw)


def same_types(elements: Iterable[Value]) -> bool:
    """Tell whether the values, but for untyped ones, all have one type, so that they can form a collection."""
    first: Type = DYNAMIC
    for element in elements:
        if first is DYNAMIC:
            first = element.type
        elif element.type is not DYNAMIC and element.type != first:
            return False
    return True


def _element_type(elements: Iterable[Value]) -> Type:
    return next((v.type for v in elements if v.type is not DYNAMIC), DYNAMIC)


def list_(elements: Iterable[Value], element: Type | None = None) -> Value:
    """Make a list. The elements have one type; `element` names it where there may be none of them."""
    raw = tuple(elements)
    type = _element_type(raw) if raw or element is None else element
    return Value(ListType(type), tuple([_retype(v, type) for v in raw]))


def map_(elements: Mapping[str, Value], element: Type | None = None) -> Value:
    """Make a map. The elements have one type; `element` names it where there may be none of them."""
    type = _element_type(elements.values()) if elements or element is None else element
    return Value(MapType(type), {name: _retype(elements[name], type) for name in sorted(elements)})


def set_(elements: Iterable[Value], element: Type | None = None) -> Value:
    """Make a set: equal elements become one, in cty's order. `element` names the type where there may be none."""
    from bakepy.values.sets import ordered

    raw = tuple(elements)
    type = _element_type(raw) if raw or element is None else element
    return Value(SetType(type), ordered([_retype(v, type) for v in raw]))


def element_type(type: Type) -> Type:
    """Return the element type of a collection type."""
    return cast(CollectionType, type).element
