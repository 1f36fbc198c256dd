"""What text in a source means: names, escapes, and the space that templates strip."""

from __future__ import annotations

import re
from collections.abc import Iterator

SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""The characters that `~` and flush heredocs strip: Unicode's White_Space, as Go's unicode.IsSpace has it."""

ESCAPE = r"\\(?:u[0-9A-Fa-f]{0,4}|U[0-9A-Fa-f]{0,8}|[\s\S])|\$\$\{|%%\{"
_TEXT_ESCAPE = r"([$%])\1\{"
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_GO_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def is_name(text: str) -> bool:
    """Tell whether the text is an identifier of HCL: Unicode's, with dashes after its first character."""
    return text[:1] != "-" and text.replace("-", "_").isidentifier()


def name_end(text: str, at: int) -> int:
    """Return where the identifier that goes on at `at` ends."""
    while at < len(text) and (text[at] == "-" or ("a" + text[at]).isidentifier()):
        at += 1
    return at


def unquote(raw: str) -> str | None:
    """Return what stands between two quotes with its escapes resolved; None where one of them is not valid."""
    if "\\" not in raw and "{" not in raw:
        return raw
    parts: list[str] = []
    at = 0
    for match in re.finditer(ESCAPE, raw):
        value = escape_value(match.group())
        if value is None:
            return None
        parts += (raw[at : match.start()], value)
        at = match.end()
    return "".join((*parts, raw[at:]))


def escape_value(escape: str) -> str | None:
    """Return the text that an escape as matched by `ESCAPE` stands for; None where it is not valid."""
    if escape[0] != "\\":
        return escape[1:]
    if escape[1] not in "uU":
        return _SIMPLE.get(escape[1])
    if len(escape) != (6 if escape[1] == "u" else 10):
        return None
    code = int(escape[2:], 16)
    return None if code > 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)


def escape_faults(raw: str) -> Iterator[tuple[str, int, int]]:
    """Yield, for every escape that is not valid, what is wrong with it and where it starts and ends in `raw`."""
    for match in re.finditer(ESCAPE, raw):
        escape = match.group()
        if escape_value(escape) is not None:
            continue
        if escape[1] == "u" and len(escape) != 6:
            detail = "The \\u escape sequence must be followed by four hexadecimal digits."
        elif escape[1] == "U" and len(escape) != 10:
            detail = "The \\U escape sequence must be followed by eight hexadecimal digits."
        elif escape[1] in "uU":
            detail = f"Cannot encode character U+{int(escape[2:], 16):04x} in UTF-8."
        else:
            detail = f"The symbol {go_quote(escape[1:])} is not a valid escape sequence selector."
        yield detail, *match.span()


def unescape_text(raw: str) -> str:
    """Return the text of a heredoc or bare template with `$${` and `%%{` resolved, its only escapes."""
    return re.sub(_TEXT_ESCAPE, r"\1{", raw) if "{" in raw else raw


def go_quote(text: str) -> str:
    """Quote the text as messages that come from the reference do (Go's %q)."""
    return '"' + "".join(_GO_ESCAPES.get(c) or (c if c.isprintable() else _numeric(ord(c))) for c in text) + '"'


def distance(word: str, other: str) -> int:
    """Return how many letters must be inserted, deleted or replaced to make one word the other (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        previous, row = row, [i]
        for j, wanted in enumerate(other):
            row.append(min(previous[j] + (letter != wanted), previous[j + 1] + 1, row[j] + 1))
    return row[-1]


def _numeric(code: int) -> str:
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
