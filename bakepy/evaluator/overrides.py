"""Texts from the environment or the command line to the values of variables."""

from __future__ import annotations

import math
import re

from bakepy import booleans
from bakepy.values.errors import ValueFault
from bakepy.values.numbers import from_float
from bakepy.values.strings import quoted
from bakepy.values.types import (
    BOOL,
    NUMBER,
    STRING,
    CollectionType,
    ListType,
    MapType,
    SetType,
    TupleType,
    Type,
)
from bakepy.values.value import FALSE, TRUE, Value, list_, map_, number, set_, string, tuple_

_DIGITS = r"\d+(_\d+)*"
_DECIMAL = rf"(?a:[+-]?({_DIGITS}\.?({_DIGITS})?|\.{_DIGITS})([eE][+-]?{_DIGITS})?)"
_HEXADECIMAL = r"(?a:[+-]?0[xX]([0-9a-fA-F_]+\.?[0-9a-fA-F_]*|\.[0-9a-fA-F_]+)[pP][+-]?\d+)"
_SPECIAL = r"(?i:[+-]?(inf|infinity)|nan)"


class OverrideError(Exception):
    """Say why a text is no value for a variable; `hint` says what would be."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def from_json(name: str, text: str, kind: Type) -> Value:
    """Return the value that a JSON text gives a variable of a type; raise OverrideError."""
    from bakepy.values.json import decode_as

    try:
        return decode_as(text, kind)
    except ValueFault as e:
        raise OverrideError(f"failed to convert variable {name} from JSON: {e.message}") from None


def takes_csv(kind: Type) -> bool:
    """Tell whether a variable of this type is overridden by comma-separated values."""
    return isinstance(kind, ListType | SetType | TupleType | MapType)


def primitive(name: str, text: str, kind: Type) -> Value:
    """Return the string, bool or number that a text says; raise OverrideError."""
    if kind is STRING:
        return string(text)
    if kind is BOOL:
        if text in booleans.TRUE | booleans.FALSE:
            return TRUE if text in booleans.TRUE else FALSE
        why = f"strconv.ParseBool: parsing {quoted(text)}: invalid syntax"
        raise OverrideError(f"failed to parse {name} as bool: {why}", "use true or false")
    if kind is NUMBER:
        return number(from_float(_float(name, text)))
    raise OverrideError(f"{name} of type {kind.friendly_name()} is not a primitive")


def _float(name: str, text: str) -> float:
    """Read a 64-bit float with the syntax of Go's strconv.ParseFloat."""
    if re.fullmatch(_SPECIAL, text):
        raise OverrideError(f"failed to parse {name} as number: invalid number value")
    if re.fullmatch(_DECIMAL, text):
        value = float(text)
    elif re.fullmatch(_HEXADECIMAL, text):
        value = float.fromhex(text.replace("_", ""))
    else:
        why = f"strconv.ParseFloat: parsing {quoted(text)}: invalid syntax"
        raise OverrideError(f"failed to parse {name} as number: {why}", "use a number such as 3 or 0.5")
    if math.isinf(value):
        why = f"strconv.ParseFloat: parsing {quoted(text)}: value out of range"
        raise OverrideError(f"failed to parse {name} as number: {why}")
    return value


def from_csv(name: str, text: str, kind: Type) -> Value:
    """Return the list, set, tuple or map that a line of comma-separated values gives; raise OverrideError."""
    try:
        fields = csv_fields(text)
        if isinstance(kind, TupleType):
            return _tuple(name, fields, kind)
        if not isinstance(kind, CollectionType) or not kind.element.is_primitive:
            raise _unsupported(kind, name)
        if isinstance(kind, MapType):
            return _map(name, fields, kind)
        elements = [_element(name, field, kind.element, kind) for field in fields]
        return list_(elements, kind.element) if isinstance(kind, ListType) else set_(elements, kind.element)
    except CSVError as e:
        message = f"failed to convert variable {name} from CSV: failed to parse {text} as CSV: {e}"
        raise OverrideError(message, f"or give {name}_JSON a JSON value") from None
    except OverrideError as e:
        raise OverrideError(f"failed to convert variable {name} from CSV: {e.message}", e.hint) from None


def _unsupported(kind: Type, name: str) -> OverrideError:
    message = f"unsupported type {kind.friendly_name()} for CSV specification"
    return OverrideError(message, f"give {name}_JSON a JSON value instead")


def _element(name: str, field: str, element: Type, kind: Type, word: str = "of") -> Value:
    try:
        return primitive(name, field, element)
    except OverrideError as e:
        message = f"failed to parse element {word} type {kind.friendly_name()}: {e.message}"
        raise OverrideError(message, e.hint) from None


def _tuple(name: str, fields: list[str], kind: TupleType) -> Value:
    if len(kind.elements) != len(fields):
        message = f"{kind.friendly_name()} expects {len(kind.elements)} elements but only {len(fields)} provided"
        raise OverrideError(message)
    if not all(element.is_primitive for element in kind.elements):
        raise _unsupported(kind, name)
    return tuple_([_element(name, f, e, kind) for f, e in zip(fields, kind.elements, strict=True)])


def _map(name: str, fields: list[str], kind: MapType) -> Value:
    values = {}
    for field in fields:
        try:
            pair = csv_fields(field, ":")
        except CSVError as e:
            raise OverrideError(f"failed to parse {field} as k/v for variable {name}: {e}") from None
        if len(pair) != 2:
            message = f"expected one k/v pair but got {len(pair)} pieces from {field}"
            raise OverrideError(message, "write key:value,key:value")
        values[pair[0]] = _element(name, pair[1], kind.element, kind, "from")
    return map_(values, kind.element)


class CSVError(Exception):
    """Say where a line is not comma-separated values, in the words of Go's encoding/csv."""


def csv_fields(line: str, comma: str = ",") -> list[str]:
    """Split one line of comma-separated values (RFC 4180); a line break at its end is ignored. Raise CSVError."""
    line = line.removesuffix("\n").removesuffix("\r") if line.endswith("\n") else line
    if not line:
        raise CSVError("EOF")
    fields: list[str] = []
    at = 0
    while True:
        if line.startswith('"', at):
            field, at = _quoted_field(line, at + 1, comma)
        else:
            end = line.find(comma, at)
            field = line[at:] if end < 0 else line[at:end]
            if (quote := field.find('"')) >= 0:
                raise CSVError(f'{_where(line, at + quote)}: bare " in non-quoted-field')
            at += len(field)
        fields.append(field)
        if at >= len(line):
            return fields
        at += len(comma)


def _quoted_field(line: str, at: int, comma: str) -> tuple[str, int]:
    """Return the field whose opening quote is before `at`, and where it ends."""
    parts: list[str] = []
    while True:
        quote = line.find('"', at)
        if quote < 0:
            raise CSVError(f'{_where(line, at)}: extraneous or missing " in quoted-field')
        parts.append(line[at:quote])
        at = quote + 1
        if line.startswith('"', at):
            parts.append('"')
            at += 1
        elif at >= len(line) or line.startswith(comma, at):
            return "".join(parts), at
        else:
            raise CSVError(f'{_where(line, quote)}: extraneous or missing " in quoted-field')


def _where(line: str, at: int) -> str:
    return f"parse error on line 1, column {len(line[:at].encode()) + 1}"
