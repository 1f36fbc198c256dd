"""Read the small texts that entries are written in: one line of CSV, Go's words for true, quoting as in Go."""

from __future__ import annotations

from bakepy.booleans import FALSE, TRUE


class EntryError(ValueError):
    """Say why the text or the fields of an entry cannot be read; the message is for the user."""


def parse_bool(text: str) -> bool:
    """Return what Go's `strconv.ParseBool` makes of a word; raises EntryError in its words."""
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise EntryError(f"strconv.ParseBool: parsing {quote(text)}: invalid syntax")


ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def quote(text: str) -> str:
    """Return text in double quotes, escaped as Go's `%q` does."""
    out = []
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char in ESCAPES:
            out.append(ESCAPES[char])
        elif char.isprintable():
            out.append(char)
        elif ord(char) < 0x80:
            out.append(f"\\x{ord(char):02x}")
        else:
            out.append(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
    return '"' + "".join(out) + '"'


def split_csv(line: str) -> list[str]:
    """Return the fields of one line of CSV (RFC 4180, one record); raises EntryError.

    A line break at the end is allowed; an empty line has no fields and is a fault.
    """
    line = line.removesuffix("\n").removesuffix("\r") if line.endswith("\n") else line
    if not line:
        raise EntryError("EOF")
    if '"' not in line:
        return line.split(",")
    fields, at = [], 0
    while True:
        if line[at : at + 1] != '"':
            stop = line.find(",", at)
            field = line[at:] if stop < 0 else line[at:stop]
            if '"' in field:
                raise _csv_fault(line, at + field.index('"'), 'bare " in non-quoted field')
            end = at + len(field)
        else:
            field, end = _quoted_field(line, at)
        fields.append(field)
        if end >= len(line):
            return fields
        at = end + 1


def _quoted_field(line: str, at: int) -> tuple[str, int]:
    """Return the text of the quoted field that starts at `at`, and the offset of what follows its closing quote."""
    parts, at = [], at + 1
    while True:
        stop = line.find('"', at)
        if stop < 0:
            raise _csv_fault(line, at, 'extraneous or missing " in quoted-field')
        parts.append(line[at:stop])
        following = line[stop + 1 : stop + 2]
        if following in {"", ","}:
            return "".join(parts), stop + 1
        if following != '"':
            raise _csv_fault(line, stop, 'extraneous or missing " in quoted-field')
        parts.append('"')
        at = stop + 2


def _csv_fault(line: str, at: int, what: str) -> EntryError:
    column = len(line[:at].encode()) + 1
    return EntryError(f"parse error on line 1, column {column}: {what}")


def join_csv(pairs: list[tuple[str, str]]) -> str:
    """Return `key=value` pairs as one line of CSV, quoted where they hold a comma or a quote."""
    out = []
    for key, value in pairs:
        pair = f"{key}={value}"
        out.append('"' + pair.replace('"', '""') + '"' if "," in pair or '"' in pair else pair)
    return ",".join(out)
