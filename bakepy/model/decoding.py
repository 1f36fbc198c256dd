"""From evaluated values to the data of a target: what each shape of attribute accepts, and how other blocks see it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from bakepy.model.attribute import Attribute, Shape
from bakepy.model.resources import NUMBERS, Resources
from bakepy.model.secret import Secret
from bakepy.model.ssh import Ssh
from bakepy.model.text import EntryError
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError, IndexStep
from bakepy.values.mismatch import message
from bakepy.values.numbers import Number, compare, is_integer, truncate
from bakepy.values.types import (
    BOOL,
    NUMBER,
    STRING,
    ListType,
    MapType,
    ObjectType,
    TupleType,
    Type,
)
from bakepy.values.value import Value, list_, map_, null, object_, string

TEXTS = ListType(STRING)
MAP = MapType(STRING)


def _object(**attributes: Type) -> ObjectType:
    named = {name.replace("_", "-"): type_ for name, type_ in attributes.items()}
    return ObjectType(named, frozenset(named))


ELEMENTS: Mapping[Any, Type] = {
    Secret: _object(id=STRING, src=STRING, env=STRING),
    Ssh: _object(id=STRING, paths=TEXTS),
}
"""The type of an entry that is written as an object; other entries are maps of strings."""

RESOURCES = _object(**{name: NUMBER if name in NUMBERS else STRING for name in Resources().fields()})
NULL_FAULT = "null value is not allowed"
"""What the reference says of a null among values that must be there."""


class PlainDecoder:
    """Convert a value to the type of its field; `strict` where no element may be null."""

    def __init__(self, type_: Type, unset: Value, *, strict: bool = False) -> None:
        self.type = type_
        self.unset = unset
        self.strict = strict

    def __call__(self, value: Value) -> Value:
        """Return the converted value; raise ConversionError where it does not fit."""
        out = value if value.type is self.type else convert(value, self.type)
        if self.strict and out.can_iterate:
            for key, element in out.items():
                if element.is_null:
                    raise ConversionError(NULL_FAULT, (IndexStep(key),))
        return out


class ResourcesDecoder:
    """Convert an object of limits; numbers must be whole."""

    unset = null(RESOURCES)

    def __call__(self, value: Value) -> Value:
        """Return the converted value; raise ConversionError where it does not fit."""
        out = convert(value, RESOURCES)
        if out.can_iterate:
            for name in NUMBERS:
                if out.mapping[name].is_known and not out.mapping[name].is_null:
                    _limit(out.mapping[name].number)
        return out


def _limit(number: Number) -> int:
    """Return a limit as an integer of 64 bits."""
    if not is_integer(number) or compare(number, -(2**63)) < 0 or compare(number, 2**63) >= 0:
        raise ConversionError(f"value must be a whole number, between {-(2**63)} and {2**63 - 1} inclusive")
    return truncate(number)


class EntriesDecoder:
    """Read a list whose elements are each a string or an object, skipping empty strings."""

    def __init__(self, entry: Any) -> None:
        self.entry = entry
        self.element = ELEMENTS.get(entry, MAP)
        self.unset = list_([], self.element.without_optional())

    def __call__(self, value: Value) -> Value:
        """Return the entries as objects, each with its canonical attributes; raise ConversionError for others."""
        if value.is_null or not value.is_known:
            return Value(self.unset.type, value.raw)
        if not isinstance(value.type, TupleType | ListType):
            raise ConversionError(message(value.type, ListType(self.element)))
        found: list[Any] = []
        for element in value.elements:
            if element.is_known and element.raw != "":
                found += self._read(element)
        return list_([self._value(entry) for entry in found], self.element.without_optional())

    def _read(self, element: Value) -> list[Any]:
        try:
            if element.type is STRING and not element.is_null:
                return list(self.entry.parse(element.text))
            return [self.entry.of(fields(convert(element, self.element)))]
        except EntryError as fault:
            raise ConversionError(str(fault)) from None

    def _value(self, entry: Any) -> Value:
        made = {k: string(v) if isinstance(v, str) else _texts(v) for k, v in entry.fields().items()}
        return map_(made, STRING) if self.element is MAP else object_(made)


def _texts(items: list[str]) -> Value:
    return list_([string(item) for item in items], STRING)


def fields(value: Value) -> dict[str, Any]:
    """Return the attributes of an object or the elements of a map as plain data; unset ones are left out."""
    if value.is_null:
        raise ConversionError(NULL_FAULT)
    out: dict[str, Any] = {}
    for name, item in value.mapping.items():
        if item.is_null and isinstance(value.type, MapType):
            raise ConversionError(NULL_FAULT, (IndexStep(string(name)),))
        if item.is_known and not item.is_null:
            out[name] = [e.text for e in item.elements] if item.can_iterate else item.raw
    return out


PLAIN = {
    Shape.TEXT: PlainDecoder(STRING, null(STRING)),
    Shape.FLAG: PlainDecoder(BOOL, null(BOOL)),
    Shape.TEXTS: PlainDecoder(TEXTS, null(TEXTS), strict=True),
    Shape.MAP: PlainDecoder(MAP, null(MAP)),
    Shape.STRICT_MAP: PlainDecoder(MAP, null(MAP), strict=True),
}

Decoder = PlainDecoder | EntriesDecoder | ResourcesDecoder


@cache
def decoder(shape: Shape, entry: Any = None) -> Decoder:
    """Return what decodes an attribute of a shape; `entry` is the class of the entries, if it has any."""
    if shape is Shape.ENTRIES:
        return EntriesDecoder(entry)
    return ResourcesDecoder() if shape is Shape.RESOURCES else PLAIN[shape]


def load(attribute: Attribute, value: Value) -> Any:
    """Return a decoded value as the data of a target; None where it is null or could not be computed."""
    raw = value.raw
    if raw is None or not value.wholly_known:
        return None
    if attribute.shape in {Shape.TEXT, Shape.FLAG}:
        return raw
    if attribute.shape is Shape.TEXTS:
        return [element.raw for element in value.elements]
    if attribute.shape is Shape.RESOURCES:
        limits = {name: limit for name, limit in value.mapping.items() if not limit.is_null}
        return Resources.of({k: _limit(v.number) if k in NUMBERS else v.text for k, v in limits.items()})
    if attribute.shape is Shape.ENTRIES:
        return [cast(Any, attribute.entry).of(fields(element)) for element in value.elements]
    return {name: element.raw for name, element in value.mapping.items()}
