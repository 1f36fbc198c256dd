"""Functions that search and replace. The syntax of patterns is RE2's, which is the reference's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, cast

from bakepy.evaluator.functions.arguments import strings
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import ArgumentFault, CallFault, Function
from bakepy.evaluator.limits import check_text
from bakepy.values.types import DYNAMIC, STRING, ListType, ObjectType, TupleType, Type
from bakepy.values.value import Value, element_type, list_, null, object_, string, tuple_


class _Span(Protocol):
    def span(self, group: int = 0) -> tuple[int, int]: ...


class _Pattern(Protocol):
    groups: int
    groupindex: dict[str, int]

    def search(self, text: bytes, pos: int = 0) -> _Span | None: ...


class _Match:
    """Hold where a pattern matches, in bytes of UTF-8: offsets in characters would cost a walk over the text each."""

    def __init__(self, text: bytes, found: _Span) -> None:
        self._text = text
        self._found = found

    def span(self, group: int = 0) -> tuple[int, int]:
        """Return where a group starts and ends; (-1, -1) where it takes no part."""
        start, end = self._found.span(group)
        return (start, end) if start < 0 else (_whole(self._text, start), _whole(self._text, end))

    def group(self, group: int = 0) -> str | None:
        """Return a group's text, or None where it takes no part."""
        start, end = self.span(group)
        return None if start < 0 else self._text[start:end].decode()


_DIGITS = 10
"""More than the number of any group has."""


def _whole(text: bytes, at: int) -> int:
    r"""Return the next place between characters: to RE2, `\B` is also within one."""
    while at < len(text) and text[at] & 0xC0 == 0x80:
        at += 1
    return at


def _search(compiled: _Pattern, text: bytes, at: int = 0) -> _Match | None:
    found = compiled.search(text, at)
    return None if found is None else _Match(text, found)


_CODES = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}
"""The names of faults that differ between RE2 in C++ and in Go."""


class _PatternFault(Exception):
    def __init__(self, code: str, part: str) -> None:
        super().__init__(code)
        self.code = code
        self.part = part


def _compile(pattern: str) -> _Pattern:
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return cast("_Pattern", re2.compile(pattern, options=options))
    except re2.error as error:
        text = error.args[0]
        code, _, part = (text.decode() if isinstance(text, bytes) else str(text)).partition(": ")
        raise _PatternFault(_CODES.get(code, code), part) from None


def _compile_argument(pattern: str) -> _Pattern:
    try:
        return _compile(pattern)
    except _PatternFault as fault:
        raise ArgumentFault(0, f"invalid regexp pattern: {fault.code} in {fault.part}") from None


def _match_type(pattern: str) -> Type:
    """Return the type of a match: a string, or a tuple of its groups, or an object where the groups have names."""
    compiled = _compile_argument(pattern)
    names = _names(compiled)
    if not compiled.groups:
        return STRING
    if names and len(names) < compiled.groups:
        raise ArgumentFault(0, "invalid regexp pattern: cannot mix both named and unnamed capture groups")
    if names:
        return ObjectType(dict.fromkeys(sorted(names), STRING))
    return TupleType((STRING,) * compiled.groups)


def _names(compiled: _Pattern) -> list[str]:
    return list(compiled.groupindex)


def _groups(match: _Match, numbers: Sequence[int]) -> list[Value]:
    return [null(STRING) if (text := match.group(n)) is None else string(text) for n in numbers]


def _result(compiled: _Pattern, match: _Match, type: Type) -> Value:
    if isinstance(type, TupleType):
        return tuple_(_groups(match, range(1, compiled.groups + 1)))
    if isinstance(type, ObjectType):
        values = _groups(match, list(compiled.groupindex.values()))
        return object_(dict(zip(_names(compiled), values, strict=True)))
    return string(match.group() or "")


def _regex_type(args: Sequence[Value]) -> Type:
    return _match_type(args[0].text) if args[0].is_known else DYNAMIC


def _regex(args: Sequence[Value], returns: Type) -> Value:
    compiled = _compile_argument(args[0].text)
    match = _search(compiled, args[1].text.encode())
    if match is None:
        raise CallFault("pattern did not match any part of the given string")
    return _result(compiled, match, returns)


def _matches(compiled: _Pattern, text: bytes) -> Iterator[_Match]:
    """Give all matches that do not overlap; an empty one right behind another is none."""
    at, before = 0, -1
    while at <= len(text):
        match = _search(compiled, text, at)
        if match is None:
            return
        start, end = match.span()
        empty_behind = end == at and start == before
        at = end if end > at else _whole(text, at + 1)
        before = end
        if not empty_behind:
            yield match


def _regex_all(args: Sequence[Value], returns: Type) -> Value:
    compiled, type = _compile_argument(args[0].text), element_type(returns)
    return list_([_result(compiled, m, type) for m in _matches(compiled, args[1].text.encode())], type)


def _regex_replace(args: Sequence[Value], returns: Type) -> Value:
    text, template = args[0].text.encode(), args[2].text
    try:
        compiled = _compile(args[1].text)
    except _PatternFault as fault:
        raise CallFault(f"error parsing regexp: {fault.code}: `{fault.part}`") from None
    out: list[str] = []
    at = last = size = 0
    while at <= len(text):
        match = _search(compiled, text, at)
        if match is None:
            break
        start, end = match.span()
        out.append(text[last:start].decode())
        if end > last or start == 0:
            out.append(_expand(template, compiled, match))
            size += len(out[-1])
            check_text(size)
        last = end
        at = end if end > at else _whole(text, at + 1)
    return string("".join(out) + text[last:].decode())


def _expand(template: str, compiled: _Pattern, match: _Match) -> str:
    """Fill in `$1`, `$name` and `${name}`; a group that there is not gives nothing, and `$$` a dollar sign."""
    out: list[str] = []
    while True:
        before, dollar, template = template.partition("$")
        out.append(before)
        if not dollar:
            return "".join(out)
        if template.startswith("$"):
            out.append("$")
            template = template[1:]
            continue
        name, rest = _group_name(template)
        if not name:
            out.append("$")
            continue
        template = rest
        is_number = name.isascii() and name.isdigit() and len(name) < _DIGITS and (name == "0" or name[0] != "0")
        number = int(name) if is_number else None
        if number is None:
            number = dict(zip(_names(compiled), compiled.groupindex.values(), strict=True)).get(name)
        if number is not None and number <= compiled.groups:
            out.append(match.group(number) or "")


def _group_name(template: str) -> tuple[str, str]:
    brace = template.startswith("{")
    text = template[1:] if brace else template
    length = next((i for i, c in enumerate(text) if not (c.isalpha() or c.isdecimal() or c == "_")), len(text))
    if brace and text[length : length + 1] != "}":
        return "", template
    return text[:length], text[length + brace :]


def _replace(args: Sequence[Value], returns: Type) -> Value:
    text, part, new = (arg.text for arg in args)
    check_text(len(text) + max(len(new) - len(part), 0) * text.count(part))
    return string(text.replace(part, new))


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    pattern = strings("pattern", "string")
    return [
        Function("regex", pattern, None, _regex_type, _regex, "Returns the first match of a pattern, or its groups."),
        Function(
            "regexall",
            pattern,
            None,
            lambda args: ListType(_regex_type(args)),
            _regex_all,
            "Returns all matches of a pattern, or their groups.",
        ),
        Function(
            "regex_replace",
            strings("str", "pattern", "replace"),
            None,
            STRING,
            _regex_replace,
            "Replaces the matches of a pattern; $1 and ${name} stand for its groups.",
        ),
        Function(
            "replace",
            strings("str", "substr", "replace"),
            None,
            STRING,
            _replace,
            "Replaces a part wherever it occurs.",
        ),
    ]
