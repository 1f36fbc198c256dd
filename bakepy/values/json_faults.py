"""Say what is wrong with a text that is not JSON, in the words of Go's decoder."""

from __future__ import annotations

import re

from bakepy.values.strings import quoted

_CONTEXT = {
    "top": " looking for beginning of value",
    "first element": " looking for beginning of value",
    "element": " looking for beginning of value",
    "member value": " looking for beginning of value",
    "after element": " after array element",
    "first key": "",
    "key": " looking for beginning of object key string",
    "colon": " after object key",
    "after member": " after object key:value pair",
}
"""What is expected next, and how a character that is something else is described."""

_VALUE_HERE = {"top", "first element", "element", "member value"}
_AFTER_VALUE = {"first element": "after element", "element": "after element", "member value": "after member"}
_UNEXPECTED_END = "unexpected EOF"
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER_PARTS = (
    (re.compile(r"-?", re.ASCII), re.compile(r"0|[1-9]\d*", re.ASCII), " in numeric literal"),
    (re.compile(r"\."), re.compile(r"\d+", re.ASCII), " after decimal point in numeric literal"),
    (re.compile(r"[eE][+-]?"), re.compile(r"\d+", re.ASCII), " in exponent of numeric literal"),
)


class _Fault(Exception):
    """Carry the message out of the scan."""


def explain(text: str) -> str:
    """Return what is wrong with the text, at its first fault."""
    state, outer, at = "top", list[str](), 0
    try:
        while True:
            at = _skip(text, at)
            if at == len(text):
                return "EOF"
            char = text[at]
            if char in "[{" and state in _VALUE_HERE:
                outer.append(state)
                state, at = ("first element" if char == "[" else "first key"), at + 1
                continue
            if char in "]}" and state in (
                ("first element", "after element") if char == "]" else ("first key", "after member")
            ):
                state, at = outer.pop(), at + 1
            elif char == ":" and state == "colon":
                state, at = "member value", at + 1
                continue
            elif char == "," and state in ("after element", "after member"):
                state, at = ("element" if state == "after element" else "key"), at + 1
                continue
            elif char == '"' and state in ("first key", "key"):
                state, at = "colon", _skip_string(text, at + 1)
                continue
            elif state in _VALUE_HERE:
                at = _skip_scalar(text, at)
            else:
                return _unexpected(text, at, _CONTEXT[state])
            if state == "top":
                return "extraneous data after JSON object"
            state = _AFTER_VALUE[state]
    except _Fault as fault:
        return str(fault)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _unexpected(text: str, at: int, context: str) -> str:
    if at >= len(text):
        return _UNEXPECTED_END
    char = text[at]
    shown = {"'": "\\'", '"': '"'}.get(char) or quoted(char)[1:-1]
    return f"invalid character '{shown}'{context}"


def _skip_scalar(text: str, at: int) -> int:
    char = text[at]
    if char == '"':
        return _skip_string(text, at + 1)
    if char == "-" or char in "0123456789":
        return _skip_number(text, at)
    for word in ("true", "false", "null"):
        if char == word[0]:
            for i, wanted in enumerate(word):
                if text[at + i : at + i + 1] != wanted:
                    raise _Fault(_unexpected(text, at + i, f" in literal {word} (expecting '{wanted}')"))
            return at + len(word)
    raise _Fault(_unexpected(text, at, _CONTEXT["top"]))


def _skip_string(text: str, at: int) -> int:
    while at < len(text):
        char = text[at]
        at += 1
        if char == '"':
            return at
        if char < " ":
            raise _Fault(_unexpected(text, at - 1, " in string literal"))
        if char != "\\":
            continue
        if text[at : at + 1] not in ("b", "f", "n", "r", "t", "\\", "/", '"', "u"):
            raise _Fault(_unexpected(text, at, " in string escape code"))
        digits = 4 if text[at] == "u" else 0
        for i in range(at + 1, at + 1 + digits):
            if text[i : i + 1] not in set("0123456789abcdefABCDEF"):
                raise _Fault(_unexpected(text, i, " in \\u hexadecimal character escape"))
        at += 1 + digits
    raise _Fault(_UNEXPECTED_END)


def _skip_number(text: str, at: int) -> int:
    for start, digits, context in _NUMBER_PARTS:
        begun = start.match(text, at)
        if begun is None:
            continue
        match = digits.match(text, begun.end())
        if match is None:
            raise _Fault(_unexpected(text, begun.end(), context))
        at = match.end()
    return at
