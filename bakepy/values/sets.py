"""Order the elements of sets as cty iterates them.

Strings go by code point, numbers by value, false before true, unknowns last and nulls after them. Anything else has
an order that is arbitrary but always the same: that of the text cty hashes the element to.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cmp_to_key
from typing import TYPE_CHECKING, cast

from bakepy.values.number_format import number_form
from bakepy.values.numbers import Float, compare
from bakepy.values.strings import quoted
from bakepy.values.types import BOOL, NUMBER, STRING, MapType, TupleType

if TYPE_CHECKING:
    from bakepy.values.value import Value


class Index:
    """Find equal values among many of one type without comparing them all."""

    __slots__ = ("_groups",)

    def __init__(self, elements: Iterable[Value] = ()) -> None:
        self._groups: dict[str, list[Value]] = {}
        for element in elements:
            self.add(element)

    def __contains__(self, element: Value) -> bool:
        return any(_equivalent(element, other) for other in self._groups.get(hash_text(element), ()))

    def add(self, element: Value) -> bool:
        """Take in a value; return whether none was equal to it. Unknown values are never equal."""
        group = self._groups.setdefault(hash_text(element), [])
        new = not any(_equivalent(element, other) for other in group)
        if new:
            group.append(element)
        return new


def unique(elements: Iterable[Value]) -> list[Value]:
    """Return the first of each group of equal values."""
    seen = Index()
    return [element for element in elements if seen.add(element)]


def ordered(elements: Iterable[Value]) -> tuple[Value, ...]:
    """Return the elements, all of one type, in order and each once; unknown elements are never one."""
    elements = tuple(elements)
    if all(isinstance(v.raw, str) for v in elements):
        return tuple(v for _, v in sorted({v.text: v for v in elements}.items()))
    kept = unique(elements)
    if len(kept) < 2:
        return tuple(kept)
    if kept[0].type is STRING:
        return tuple(sorted(kept, key=lambda v: (*_rank(v), v.raw if isinstance(v.raw, str) else "")))
    if kept[0].type is BOOL:
        return tuple(sorted(kept, key=lambda v: (*_rank(v), v.raw is True)))
    if kept[0].type is NUMBER:
        return tuple(sorted(kept, key=cmp_to_key(_compare_numbers)))
    return tuple(sorted(kept, key=lambda v: (*_rank(v), hash_text(v).encode("utf-8", "surrogatepass"))))


def _rank(v: Value) -> tuple[bool, bool]:
    return v.raw is None, not v.is_known


def _compare_numbers(a: Value, b: Value) -> int:
    ar, br = _rank(a), _rank(b)
    if ar != br or any(ar):
        return (ar > br) - (ar < br)
    return compare(a.number, b.number)


def _equivalent(a: Value, b: Value) -> bool:
    from bakepy.values.operators import equals

    return equals(a, b).raw is True


def hash_text(value: Value) -> str:
    """Return the text by which cty tells elements apart and orders those that have no order."""
    raw = value.raw
    if raw is None:
        return "~"
    if not value.is_known:
        return "?"
    if isinstance(raw, bool):
        return "T" if raw else "F"
    if isinstance(raw, str):
        return quoted(raw)
    if isinstance(raw, int | Float):
        return number_form(raw, "g", 10)
    if isinstance(value.type, MapType):
        pairs = cast("dict[str, Value]", raw).items()
        return "{" + "".join(f"{quoted(k)}:{hash_text(v)};" for k, v in pairs) + "}"
    inner = "".join(f"{hash_text(v)};" for v in value.elements)
    return f"<{inner}>" if isinstance(raw, dict) or isinstance(value.type, TupleType) else f"[{inner}]"
