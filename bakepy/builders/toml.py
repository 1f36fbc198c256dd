"""Write TOML as buildx does, so that the builders that either tool makes of one file are the same to the byte.

The form is that of the library which buildx uses: keys sorted, values before tables, literal strings where they will
do, every table under a header of its own.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
NEEDS_ESCAPES = re.compile(r"['\x00-\x1f\x7f]")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

Table = Mapping[str, Any]


def dumps(table: Table) -> str:
    """Return the document of a table as tomllib reads it."""
    return _table(table, ())


def _table(table: Table, path: tuple[str, ...]) -> str:
    values = {key: value for key, value in sorted(table.items()) if not _is_tables(value)}
    lines = "".join(f"{_key(key)} = {_value(value)}\n" for key, value in values.items())
    parts = [_tables(value, (*path, key)) for key, value in sorted(table.items()) if key not in values]
    return "\n".join([lines, *parts]) if values else "\n".join(parts)


def _tables(value: Table | Sequence[Table], path: tuple[str, ...]) -> str:
    name = ".".join(map(_key, path))
    if isinstance(value, Mapping):
        return f"[{name}]\n{_table(value, path)}"
    return "\n".join(f"[[{name}]]\n{_table(item, path)}" for item in value)


def _is_tables(value: object) -> bool:
    """Tell whether a value gets headers of its own: a table, or a list of nothing but tables."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping)


def _key(key: str) -> str:
    return key if PLAIN_KEY.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    if not NEEDS_ESCAPES.search(text):
        return f"'{text}'"
    escaped = (ESCAPES.get(c) or (f"\\u{ord(c):04X}" if c < " " or c == "\x7f" else c) for c in text)
    return f'"{"".join(escaped)}"'


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case float():
            return _float(value)
        case datetime.datetime():
            return value.isoformat().replace("+00:00", "Z")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case Mapping():
            return f"{{{', '.join(f'{_key(k)} = {_value(v)}' for k, v in sorted(value.items()))}}}"
    return str(value)


def _float(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return str(value)
    # Never an exponent, always a point.
    text = format(value, "f") if value == math.trunc(value) else repr(value)
    if "e" in text:
        from decimal import Decimal

        return format(Decimal(text), "f")
    return f"{int(value)}.0" if value == math.trunc(value) else text
