"""The functions format and formatlist, after C's printf and Go's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from bakepy.evaluator.functions.arguments import strings
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import ArgumentFault, CallFault, Function, Parameter
from bakepy.evaluator.functions.string import clusters
from bakepy.evaluator.limits import check_text
from bakepy.records import Record
from bakepy.values import json
from bakepy.values.convert import convert
from bakepy.values.digits import int_text
from bakepy.values.errors import ValueFault
from bakepy.values.number_format import number_form
from bakepy.values.numbers import MAX_BITS, Float, is_integer, truncate
from bakepy.values.strings import quoted
from bakepy.values.types import BOOL, NUMBER, STRING, ListType, SetType, TupleType, Type
from bakepy.values.value import Value, list_, string, unknown

_VERB = re.compile(
    r"%(?P<flags>[0#\-+ ]*)(?P<width>[1-9]\d*)?(?:\.(?P<precision>\d*))?(?:\[(?P<index>[1-9]\d*)\])?(?P<mode>[A-Za-z])",
    re.ASCII,
)
_PREFIXES = (
    re.compile(r"%[0#\-+ ]*"),
    re.compile(r"%[0#\-+ ]*[1-9]\d*", re.ASCII),
    re.compile(r"%[0#\-+ ]*(?:[1-9]\d*)?\.\d*", re.ASCII),
    re.compile(r"%[0#\-+ ]*(?:[1-9]\d*)?(?:\.\d*)?\[(?:[1-9]\d*\]?)?", re.ASCII),
)


class _Verb(Record):
    """Be one verb of a format: its text and place for messages, and what it asks for."""

    __slots__ = ("raw", "offset", "mode", "flags", "width", "precision", "overlong")

    def __init__(
        self,
        raw: str,
        offset: int,
        mode: str,
        flags: str,
        width: int | None,
        precision: int | None,
        overlong: bool,
    ) -> None:
        self.raw: Final = raw
        self.offset: Final = offset
        self.mode: Final = mode
        self.flags: Final = flags
        self.width: Final = width
        self.precision: Final = precision
        self.overlong: Final = overlong

    def fault(self, reason: str) -> CallFault:
        return CallFault(f"unsupported value for {quoted(self.raw)} at {self.offset}: {reason}")


def apply_format(layout: str, args: Sequence[Value]) -> str:
    """Return the layout with its verbs replaced by the arguments, which are wholly known.

    Raises:
        CallFault: where a verb and its argument do not fit, or the layout is not one.
        ArgumentFault: where arguments are left over; its index counts the layout as argument 0.

    """
    out: list[str] = []
    at, following, highest = 0, 1, 0
    while at < len(layout):
        percent = layout.find("%", at)
        if percent < 0:
            break
        out.append(layout[at:percent])
        if layout.startswith("%%", percent):
            out.append("%")
            at = percent + 2
            continue
        match = _VERB.match(layout, percent)
        if match is None:
            raise _bad_verb(layout, percent)
        number = _wrapped(match["index"]) if match["index"] else following
        highest, following = max(highest, number), number + 1
        out.append(_format_one(_read_verb(layout, match), number, args))
        at = match.end()
    out.append(layout[at:])
    if highest < len(args):
        used = f"only {highest} used by format string" if highest else "no verbs in format string"
        raise ArgumentFault(highest + 1, f"too many arguments; {used}")
    return "".join(out)


def _byte_offset(text: str, at: int) -> int:
    return at if text.isascii() else len(text[:at].encode())


def _bad_verb(layout: str, at: int) -> CallFault:
    end = max(m.end() for m in (p.match(layout, at) for p in _PREFIXES) if m)
    if end >= len(layout):
        return CallFault(f"invalid format string starting at offset {_byte_offset(layout, len(layout))}")
    char = quoted(layout[end])[1:-1] if layout[end] != '"' else '"'
    char = "\\'" if char == "'" else char
    return CallFault(f"unrecognized format character '{char}' at offset {_byte_offset(layout, end)}")


def _read_verb(layout: str, match: re.Match[str]) -> _Verb:
    width, precision = match["width"], match["precision"]
    counts = [(digits or "").lstrip("0") for digits in (width, precision)]
    return _Verb(
        match[0],
        _byte_offset(layout, match.start()),
        match["mode"],
        match["flags"],
        _wrapped(width) if width else None,
        _wrapped(precision or "0") if precision is not None else None,
        any(len(digits) > 8 or int(digits or "0") > _MOST for digits in counts),
    )


_BLOCK = 4000
"""Digits that Python converts at once."""
_MOST = 10_000_009
"""The greatest width and precision that Go's own formatting reads; past it, its answer is that the verb is missing."""


def _wrapped(digits: str) -> int:
    """Return a count as the reference reads it: in 64 bits, what is beyond them left out."""
    value = 0
    for start in range(0, len(digits), _BLOCK):  # not at once, which takes longer than in proportion to the digits
        block = digits[start : start + _BLOCK]
        value = (value * 10 ** len(block) + int(block)) % 2**64
    return (value + 2**63) % 2**64 - 2**63


def _format_one(verb: _Verb, number: int, args: Sequence[Value]) -> str:
    if not 0 < number <= len(args):
        raise CallFault(
            f"not enough arguments for {quoted(verb.raw)} at {verb.offset}: need index {number} but have"
            f" {len(args)} total"
        )
    arg = args[number - 1]
    if verb.mode != "v" and arg.is_null:
        raise verb.fault("null value cannot be formatted")
    if verb.mode == "v":
        return _pad(verb, _as_is(verb, arg))
    if verb.mode == "t":
        return "true" if _converted(verb, arg, BOOL).true else "false"
    if verb.mode in "bdoxX":
        return _integer(verb, _converted(verb, arg, NUMBER))
    if verb.mode in "eEfgG":
        return _float(verb, _converted(verb, arg, NUMBER))
    if verb.mode in "sq":
        return _text(verb, _converted(verb, arg, STRING).text)
    raise CallFault(f"unsupported format verb '{verb.mode}' in {quoted(verb.raw)} at offset {verb.offset}")


def _converted(verb: _Verb, arg: Value, type: Type) -> Value:
    try:
        return convert(arg, type)
    except ValueFault as fault:
        raise verb.fault(fault.message) from None


def _as_is(verb: _Verb, arg: Value) -> str:
    if "#" not in verb.flags and not arg.is_null:
        if arg.type is STRING:
            return arg.text
        if arg.type is NUMBER:
            return number_form(arg.number, "g")
    try:
        return json.encode(arg)
    except ValueFault as fault:
        raise verb.fault(fault.message) from None


def _pad(verb: _Verb, text: str) -> str:
    if not verb.width or verb.width <= 0:
        return text
    missing = verb.width - len(clusters(text))
    if missing <= 0:
        return text
    check_text(verb.width)
    padding = ("0" if "0" in verb.flags else " ") * missing
    return text + padding if "-" in verb.flags else padding + text


def _text(verb: _Verb, text: str) -> str:
    if verb.precision and verb.precision > 0:
        text = "".join(clusters(text)[: verb.precision])
    return _pad(verb, json.encode_string(text) if verb.mode == "q" else text)


_BASES = {"b": "b", "o": "o", "x": "x", "X": "X"}
_BASE_PREFIXES = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}


def _integer(verb: _Verb, value: Value) -> str:
    if not is_integer(value.number):
        raise verb.fault("an integer is required")
    if isinstance(value.number, Float) and (value.number.exponent or 0) > MAX_BITS:
        raise verb.fault("the number is too large")
    whole = truncate(value.number)
    sign = "-" if whole < 0 else "+" if "+" in verb.flags else " " if " " in verb.flags else ""
    prefix = _BASE_PREFIXES.get(verb.mode, "") if "#" in verb.flags else ""
    if verb.overlong:
        return f"%!(NOVERB)%!(EXTRA *big.Int={int_text(whole)})"
    digits = format(abs(whole), _BASES[verb.mode]) if verb.mode in _BASES else int_text(abs(whole))
    if verb.precision is not None:
        if digits == "0" and verb.precision == 0:
            return ""
        digits = digits.rjust(verb.precision, "0")
    missing = (verb.width or 0) - len(sign) - len(prefix) - len(digits)
    if missing > 0:
        if "-" in verb.flags:
            return f"{sign}{prefix}{digits}{' ' * missing}"
        if "0" in verb.flags and verb.precision is None:
            return f"{sign}{prefix}{'0' * missing}{digits}"
    return f"{' ' * missing}{sign}{prefix}{digits}"


def _float(verb: _Verb, value: Value) -> str:
    if verb.overlong:
        return f"%!(NOVERB)%!(EXTRA *big.Float={number_form(value.number, 'g')})"
    precision = verb.precision if verb.precision is not None or verb.mode in "gG" else 6
    text = number_form(value.number, verb.mode, precision)
    infinite = isinstance(value.number, Float) and value.number.exponent is None
    sign = ""
    if text[0] in "+-":
        sign, text = text[0], text[1:]
        if sign == "+" and " " in verb.flags:
            sign = " "
    elif "+" in verb.flags:
        sign = "+"
    elif " " in verb.flags:
        sign = " "
    padding = (verb.width or 0) - len(sign) - len(text)
    if "0" in verb.flags and "-" not in verb.flags and not infinite:
        return f"{sign}{'0' * padding}{text}"
    if "-" in verb.flags:
        return f"{sign}{text}{' ' * padding}"
    return f"{' ' * padding}{sign}{text}"


def _format(args: Sequence[Value], returns: Type) -> Value:
    if not all(v.wholly_known for v in args[1:]):
        return unknown(STRING)
    return string(apply_format(args[0].text, args[1:]))


def _is_sequence(value: Value) -> bool:
    return isinstance(value.type, ListType | SetType | TupleType) and not value.is_null


def _format_list(args: Sequence[Value], returns: Type) -> Value:
    layout, given = args[0].text, args[1:]
    if not all(v.is_known for v in given):
        return unknown(returns)
    length = chooser = -1
    for i, arg in enumerate(given):
        if not _is_sequence(arg):
            continue
        if length == -1:
            length, chooser = len(arg.elements), i
        elif len(arg.elements) != length:
            raise ArgumentFault(
                i + 1,
                f"argument {i + 1} has length {len(arg.elements)}, which is inconsistent with argument {chooser + 1}"
                f" of length {length}",
            )
    rows: list[Value] = []
    size = 0
    for i in range(1 if length == -1 else length):
        rows.append(_format_row(layout, given, i))
        size += len(rows[-1].text) if rows[-1].is_known else 0
        check_text(size)
    return list_(rows, STRING)


def _format_row(layout: str, given: Sequence[Value], i: int) -> Value:
    row = [arg.elements[i] if _is_sequence(arg) else arg for arg in given]
    if not all(v.wholly_known for v in row):
        return unknown(STRING)
    try:
        return string(apply_format(layout, row))
    except CallFault as fault:
        if not given:
            raise
        raise CallFault(f"error on format iteration {i}: {fault.message}") from None


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    layout = strings("format")
    args = Parameter("args", allow_null=True, allow_unknown=True, allow_dynamic=True)
    return [
        Function("format", layout, args, STRING, _format, "Fills values into a string by verbs such as %s and %02d."),
        Function(
            "formatlist",
            layout,
            args,
            ListType(STRING),
            _format_list,
            "Fills the elements of lists into a string by verbs, one string for each.",
        ),
    ]
