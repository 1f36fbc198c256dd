"""Describe the types of values: the closed set of cty's type system.

Types are compared by structure. The primitive types and `DYNAMIC` are singletons, so `is` tells them apart.
`DYNAMIC` as a constraint means "any type"; as the type of a value it means that the type is not known
(an unknown value, or a null that nobody gave a type to).
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Final

from bakepy.records import Record


class Type:
    """Be the base of every type."""

    __slots__ = ()

    is_primitive = False
    is_collection = False

    @property
    def size(self) -> int:
        """Count the types that stand in this one, those of the elements of collections left out."""
        return 1

    def friendly_name(self) -> str:
        """Return the English name of the type, for instance `list of string`."""
        return self._name(constraint=False)

    def friendly_name_for_constraint(self) -> str:
        """Return the English name of the type as a demand: `DYNAMIC` is called `any type`."""
        return self._name(constraint=True)

    def has_dynamic(self) -> bool:
        """Tell whether the type is `DYNAMIC` or holds it at any depth."""
        return False

    def without_optional(self) -> Type:
        """Return the type with every optional attribute, at any depth, made a plain one."""
        return self

    def _name(self, *, constraint: bool) -> str:
        raise NotImplementedError


class Primitive(Type):
    """Be one of `STRING`, `NUMBER`, `BOOL` and `DYNAMIC`, of which there is one object each."""

    __slots__ = ("is_primitive", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_primitive = name != "dynamic"

    def has_dynamic(self) -> bool:
        """Tell whether this is `DYNAMIC`."""
        return not self.is_primitive

    def _name(self, *, constraint: bool) -> str:
        return "any type" if constraint and not self.is_primitive else self.name

    def __reduce__(self) -> str:
        return self.name.upper()

    def __repr__(self) -> str:
        return self.name.upper()


STRING = Primitive("string")
NUMBER = Primitive("number")
BOOL = Primitive("bool")
DYNAMIC = Primitive("dynamic")


class CollectionType(Type, Record):
    """Be the base of the types whose elements all have one type."""

    __slots__ = ("element",)

    def __init__(self, element: Type) -> None:
        self.element: Final = element

    is_collection = True
    kind = "collection"

    def has_dynamic(self) -> bool:
        """Tell whether the element type is, or holds, `DYNAMIC`."""
        return self.element.has_dynamic()

    def without_optional(self) -> Type:
        """Return the type with plain attributes only."""
        element = self.element.without_optional()
        return self if element is self.element else type(self)(element)

    def _name(self, *, constraint: bool) -> str:
        if constraint and self.element is DYNAMIC:
            return f"{self.kind} of any single type"
        return f"{self.kind} of {self.element._name(constraint=constraint)}"


class ListType(CollectionType):
    """Be a sequence of elements of one type."""

    __slots__ = ()

    kind = "list"


class SetType(CollectionType):
    """Be distinct elements of one type, without an order of their own."""

    __slots__ = ()

    kind = "set"


class MapType(CollectionType):
    """Map strings to elements of one type."""

    __slots__ = ()

    kind = "map"


class TupleType(Type, Record):
    """Be a sequence with a type for each position."""

    __slots__ = ("elements", "__size")

    def __init__(self, elements: tuple[Type, ...]) -> None:
        self.elements: Final = elements
        self.__size = 0

    @property
    def size(self) -> int:
        """Count the types that stand in this one; counted when first asked for."""
        if not self.__size:
            self.__size = 1 + sum([e.size for e in self.elements])
        return self.__size

    def has_dynamic(self) -> bool:
        """Tell whether any element type is, or holds, `DYNAMIC`."""
        return any(e.has_dynamic() for e in self.elements)

    def without_optional(self) -> Type:
        """Return the type with plain attributes only."""
        elements = tuple(e.without_optional() for e in self.elements)
        return self if all(map(operator.is_, elements, self.elements)) else TupleType(elements)

    def _name(self, *, constraint: bool) -> str:
        return "tuple"


class ObjectType(Type, Record):
    """Be a set of named attributes, each with its type.

    `optional` names attributes that a value converted to this type may lack; a value's own type never has any.
    """

    __slots__ = ("attributes", "optional", "__size")

    def __init__(self, attributes: Mapping[str, Type], optional: frozenset[str] = frozenset()) -> None:
        self.attributes: Final = attributes
        self.optional: Final = optional
        self.__size = 0

    @property
    def size(self) -> int:
        """Count the types that stand in this one; counted when first asked for."""
        if not self.__size:
            self.__size = 1 + sum([a.size for a in self.attributes.values()])
        return self.__size

    def has_dynamic(self) -> bool:
        """Tell whether any attribute type is, or holds, `DYNAMIC`."""
        return any(a.has_dynamic() for a in self.attributes.values())

    def without_optional(self) -> Type:
        """Return the type with plain attributes only."""
        attributes = {name: a.without_optional() for name, a in self.attributes.items()}
        if not self.optional and all(map(operator.is_, attributes.values(), self.attributes.values())):
            return self
        return ObjectType(attributes)

    def _name(self, *, constraint: bool) -> str:
        return "object"

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, ObjectType):
            return NotImplemented
        return self.attributes == other.attributes and self.optional == other.optional

    def __hash__(self) -> int:
        return hash((frozenset(self.attributes.items()), self.optional))


class CapsuleType(Type, Record):
    """Be a type that the language cannot look into, known by its name alone."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: Final = name

    def _name(self, *, constraint: bool) -> str:
        return self.name


def conforms(given: Type, want: Type) -> bool:
    """Tell whether `given` is `want` where `DYNAMIC` in `want` stands for any type.

    Nothing is converted: a tuple conforms to no list.
    """
    if want is DYNAMIC or given is want:
        return True
    if type(given) is not type(want):
        return False
    if isinstance(given, CollectionType) and isinstance(want, CollectionType):
        return conforms(given.element, want.element)
    if isinstance(given, TupleType) and isinstance(want, TupleType):
        return _all_conform(given.elements, want.elements)
    if isinstance(given, ObjectType) and isinstance(want, ObjectType):
        return given.attributes.keys() == want.attributes.keys() and all(
            conforms(g, want.attributes[name]) for name, g in given.attributes.items()
        )
    return False


def _all_conform(given: Sequence[Type], want: Sequence[Type]) -> bool:
    return len(given) == len(want) and all(conforms(g, w) for g, w in zip(given, want, strict=True))
