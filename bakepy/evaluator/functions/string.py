"""Functions of strings. What the language calls a character is a grapheme cluster."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from bakepy.evaluator.functions.arguments import integer, strings
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import ArgumentFault, CallFault, Function, Implementation, Parameter
from bakepy.evaluator.limits import check_text
from bakepy.values.types import NUMBER, STRING, CapsuleType, ListType, Type
from bakepy.values.value import Value, count, list_, string, unknown

_BYTES = CapsuleType("bytes")
_FLAG_LETTERS = "[\U0001f1e6-\U0001f1ff]{3,}"
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"  # noqa: E501


def clusters(text: str) -> list[str]:
    """Split the text into grapheme clusters (Unicode Standard Annex 29)."""
    if text.isascii() and "\r" not in text:
        return list(text)
    import regex

    found: list[str] = []
    for part in _between_flags(text):
        found += regex.findall(r"\X", part)
    return found


def _between_flags(text: str) -> Iterator[str]:
    """Split the text between flags that follow each other, which clusters never cross.

    A flag is a pair of letters, so `regex` counts at each letter those before it: its time grows with their square.
    """
    start = 0
    for run in re.finditer(_FLAG_LETTERS, text):
        for end in range(run.start() + 2, run.end(), 2):
            yield text[start:end]
            start = end
    yield text[start:]


def upper(text: str) -> str:
    """Return the text in upper case, letter by letter: none becomes two."""
    return text.upper() if text.isascii() else "".join(map(_upper_char, text))


def _upper_char(char: str) -> str:
    for changed in (char.upper(), char.title()):
        if len(changed) == 1:
            return changed
    return char


def lower(text: str) -> str:
    """Return the text in lower case, letter by letter."""
    return text.lower() if text.isascii() else "".join(c.lower()[0] for c in text)


def title(text: str) -> str:
    """Return the text with every letter that starts a word in title case."""
    out, before = [], " "
    for char in text:
        out.append(_title_char(char) if _separates(before) else char)
        before = char
    return "".join(out)


def _title_char(char: str) -> str:
    changed = char.title()
    return changed if len(changed) == 1 else char


def _separates(char: str) -> bool:
    if char.isascii():
        return not (char.isalnum() or char == "_")
    return char in _SPACE


def _substr(args: Sequence[Value], returns: Type) -> Value:
    offset, length = integer(args[1]), integer(args[2])
    if length == 0 and offset >= 0:
        return string("")
    parts = clusters(args[0].text)
    start = offset if offset >= 0 else max(offset + len(parts), 0)
    end = start + length if length > 0 else len(parts)
    return string("".join(parts[start:end]))


def _join(args: Sequence[Value], returns: Type) -> Value:
    lists = args[1:]
    if not lists:
        raise CallFault("at least one list is required")
    if not all(v.wholly_known for v in lists):
        return unknown(STRING)
    items = []
    for number, given in enumerate(lists, 1):
        for i, element in enumerate(given.elements):
            if element.is_null:
                where = f"{i} of list {number}" if len(lists) > 1 else f"{i}"
                raise ArgumentFault(number, f"element {where} is null; cannot concatenate null values")
            items.append(element.text)
    check_text(sum(map(len, items)) + len(args[0].text) * len(items))
    return string(args[0].text.join(items))


def _split(args: Sequence[Value], returns: Type) -> Value:
    separator, text = args[0].text, args[1].text
    parts = text.split(separator) if separator else list(text)
    return list_([string(p) for p in parts], STRING)


def _indent(args: Sequence[Value], returns: Type) -> Value:
    spaces = integer(args[0])
    if spaces < 0:
        raise ArgumentFault(0, "the number of spaces must not be negative")
    check_text(len(args[1].text) + spaces * args[1].text.count("\n"))
    return string(args[1].text.replace("\n", "\n" + " " * spaces)) if "\n" in args[1].text else args[1]


def _bytes_unreachable(args: Sequence[Value], returns: Type) -> Value:
    raise CallFault("no value of the language is a buffer of bytes")


def _trim(text: str, cut: str) -> str:
    return text.strip(cut) if cut else text


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    text = Parameter("str", STRING, allow_dynamic=True)
    buffer = Parameter("buf", _BYTES, allow_dynamic=True)
    window = (Parameter("offset", NUMBER, allow_dynamic=True), Parameter("length", NUMBER, allow_dynamic=True))

    def of_text(name: str, change: Callable[[str], str], doc: str, param: Parameter = text) -> Function:
        return Function(name, (param,), None, STRING, lambda args, _: string(change(args[0].text)), doc)

    def of_two(name: str, second: str, change: Callable[[str, str], str], doc: str) -> Function:
        implementation: Implementation = lambda args, _: string(change(args[0].text, args[1].text))  # noqa: E731
        return Function(name, strings("str", second), None, STRING, implementation, doc)

    plain = Parameter("str", STRING)
    return [
        of_text("upper", upper, "Turns all letters into upper case."),
        of_text("lower", lower, "Turns all letters into lower case."),
        of_text("reverse", lambda s: "".join(reversed(clusters(s))), "Turns the order of the characters around."),
        of_text("title", title, "Turns the first letter of each word into upper case.", plain),
        of_text("chomp", lambda s: s.rstrip("\r\n"), "Removes line breaks from the end.", plain),
        of_text("trimspace", lambda s: s.strip(_SPACE), "Removes white space from both ends.", plain),
        of_two("trim", "cutset", _trim, "Removes the characters of a set from both ends."),
        of_two("trimprefix", "prefix", str.removeprefix, "Removes a prefix, where there is one."),
        of_two("trimsuffix", "suffix", str.removesuffix, "Removes a suffix, where there is one."),
        Function(
            "strlen",
            (Parameter("str", STRING, allow_dynamic=True),),
            None,
            NUMBER,
            lambda args, _: count(len(clusters(args[0].text))),
            "Counts the characters of a string.",
        ),
        Function(
            "substr",
            (text, *window),
            None,
            STRING,
            _substr,
            "Returns a part of a string; a negative offset counts from the end, a negative length means all the rest.",
        ),
        Function(
            "join",
            strings("separator"),
            Parameter("lists", ListType(STRING)),
            STRING,
            _join,
            "Joins the strings of lists with a separator.",
        ),
        Function(
            "split", strings("separator", "str"), None, ListType(STRING), _split, "Splits a string at each separator."
        ),
        Function(
            "indent",
            (Parameter("spaces", NUMBER), plain),
            None,
            STRING,
            _indent,
            "Adds spaces after each line break.",
        ),
        Function("byteslen", (buffer,), None, NUMBER, _bytes_unreachable, "Counts the bytes of a buffer."),
        Function("bytesslice", (buffer, *window), None, _BYTES, _bytes_unreachable, "Returns a part of a buffer."),
    ]
