"""Functions that encode and decode: base64, CSV, JSON, URLs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bakepy.evaluator.functions.arguments import strings
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import CallFault, Function, Parameter
from bakepy.values.strings import quoted
from bakepy.values.types import DYNAMIC, STRING, ListType, ObjectType, Type
from bakepy.values.value import Value, element_type, list_, object_, string, unknown


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of a text in padded base64, in which line breaks may stand, or None where it is none."""
    import base64
    import binascii

    try:
        return base64.b64decode(text.replace("\r", "").replace("\n", "").encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None


def _base64_decode(args: Sequence[Value], returns: Type) -> Value:
    decoded = decode_base64(args[0].text)
    if decoded is None:
        raise CallFault(f"failed to decode base64 data '{args[0].text}'")
    try:
        return string(decoded.decode())
    except UnicodeDecodeError:
        raise CallFault("the result of decoding the the provided string is not valid UTF-8") from None


def _base64_encode(args: Sequence[Value], returns: Type) -> Value:
    import base64

    return string(base64.b64encode(args[0].text.encode()).decode())


def _url_encode(args: Sequence[Value], returns: Type) -> Value:
    from urllib.parse import quote_plus

    return string(quote_plus(args[0].text))


def _json_encode(args: Sequence[Value], returns: Type) -> Value:
    from bakepy.values.json import encode

    return string(encode(args[0])) if args[0].wholly_known else unknown(STRING)


def _json_decode(args: Sequence[Value], returns: Type) -> Value:
    from bakepy.values.json import decode

    return decode(args[0].text)


_BARE_QUOTE, _BAD_QUOTE = 'bare " in non-quoted-field', 'extraneous or missing " in quoted-field'


def _csv_fault(line: int, fault: str) -> CallFault:
    return CallFault(f"CSV parse error on line {line}: {fault}")


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Give the records of a CSV text (RFC 4180) with the line where each starts; empty lines are none."""
    lines = [f"{line}\n" for line in text.replace("\r\n", "\n").removesuffix("\r").split("\n")]
    lines[-1] = lines[-1][:-1]
    if not lines[-1]:
        lines.pop()
    at = 0
    while at < len(lines):
        start = at
        if lines[at] in ("", "\n"):
            at += 1
            continue
        fields, at = _record(lines, at)
        yield start + 1, fields


def _record(lines: list[str], at: int) -> tuple[list[str], int]:
    fields: list[str] = []
    line = lines[at]
    while True:
        if not line.startswith('"'):
            field, comma, line = line.partition(",")
            field = field if comma else field.removesuffix("\n")
            if '"' in field:
                raise _csv_fault(at + 1, _BARE_QUOTE)
            fields.append(field)
            if not comma:
                return fields, at + 1
            continue
        field, line, at = _quoted_field(lines, at, line[1:])
        fields.append(field)
        if not line.startswith(","):
            return fields, at + 1
        line = line[1:]


def _quoted_field(lines: list[str], at: int, line: str) -> tuple[str, str, int]:
    """Read a field up to its closing quote, over line ends; return it, what follows and the line it ends on."""
    field = ""
    while True:
        before, quote, after = line.partition('"')
        field += before
        if not quote:
            if at + 1 >= len(lines):
                raise _csv_fault(at + 1, _BAD_QUOTE)
            at += 1
            line = lines[at]
        elif after.startswith('"'):
            field += '"'
            line = after[1:]
        elif after in ("", "\n") or after.startswith(","):
            return field, after, at
        else:
            raise _csv_fault(at + 1, _BAD_QUOTE)


def _csv_type(args: Sequence[Value]) -> Type:
    if not args[0].is_known:
        return DYNAMIC
    for _, names in _records(args[0].text):
        for i, name in enumerate(names):
            if name in names[:i]:
                raise CallFault(f"duplicate column name {quoted(name)}")
        return ListType(ObjectType({string(name).text: STRING for name in sorted(names)}))
    raise CallFault("missing header line")


def _csv_decode(args: Sequence[Value], returns: Type) -> Value:
    records = _records(args[0].text)
    _, names = next(records)
    rows = []
    for line, fields in records:
        if len(fields) != len(names):
            raise _csv_fault(line, "wrong number of fields")
        rows.append(object_({string(n).text: string(f) for n, f in zip(names, fields, strict=True)}))
    return list_(rows, element_type(returns))


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    anything = Parameter("val", allow_null=True, allow_unknown=True, allow_dynamic=True)
    text = strings("str")
    return [
        Function("base64decode", text, None, STRING, _base64_decode, "Decodes base64 of UTF-8 text."),
        Function("base64encode", text, None, STRING, _base64_encode, "Encodes text as UTF-8 in base64."),
        Function("urlencode", text, None, STRING, _url_encode, "Escapes text for the query of a URL."),
        Function("jsonencode", (anything,), None, STRING, _json_encode, "Returns the JSON text of a value."),
        Function("jsondecode", text, None, DYNAMIC, _json_decode, "Returns the value of a JSON text."),
        Function("csvdecode", text, None, _csv_type, _csv_decode, "Returns the rows of a CSV text as objects."),
    ]
