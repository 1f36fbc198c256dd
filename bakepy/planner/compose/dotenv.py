"""Files of environment variables: `NAME=value` lines with quotes, comments and references to other variables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bakepy.diagnostics import BakeError, Diagnostic, Source, Span
from bakepy.planner.compose.interpolation import Interpolation, Lookup
from bakepy.records import replace

ESCAPE = re.compile(r"\\(?:[abcfnrtv$\"\\]|0\d{0,3})")
ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
EXPORT = re.compile(r"export\s+")
SPACES = "\t\v\f\r \x85\xa0"


def parse(text: str, lookup: Lookup, name: str = "", found: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of a file, on top of those `found` in files before.

    A reference in a value means what `lookup` gives, else the value of an earlier line or file.

    Raises BakeError with the number of the line at fault, which is shown where the file's name is given.
    """
    return _Parser(text.removeprefix("\ufeff"), lookup, name, found or {}).run()


class _Parser:
    def __init__(self, text: str, lookup: Lookup, file: str, found: Mapping[str, str]) -> None:
        self._text = text
        self._file = file
        self._at = 0
        self._lookup = lookup
        self._found = dict(found)

    def _fault(self, what: str, hint: str, start: int, end: int) -> BakeError:
        line = self._text.count("\n", 0, self._at) + 1
        return BakeError([Diagnostic(f"line {line}: {what}", hint=hint, related=self._here(start, end))])

    def _here(self, start: int, end: int) -> tuple[tuple[str, Span], ...]:
        # What follows on the line may be a secret.
        source = Source(self._file, self._text[:end])
        return (("it is here", Span(source, start, end)),) if self._file else ()

    def run(self) -> dict[str, str]:
        while self._skip_to_statement():
            start = self._at
            name, inherited = self._name()
            if " " in name:
                hint = "Write NAME=value, each on a line of its own."
                raise self._fault("key cannot contain a space", hint, start, start + len(name))
            if inherited:
                if (value := self._lookup(name)) is not None:
                    self._found[name] = value
                continue
            self._found[name] = self._value()
        return self._found

    def _skip_to_statement(self) -> bool:
        while self._at < len(self._text):
            if self._text[self._at].isspace():
                self._at += 1
            elif self._text[self._at] == "#":
                stop = self._text.find("\n", self._at)
                self._at = len(self._text) if stop < 0 else stop
            else:
                return True
        return False

    def _name(self) -> tuple[str, bool]:
        """Read a name and the `=` or `:` after it; without one, the variable is taken from outside."""
        if found := EXPORT.match(self._text, self._at):
            self._at = found.end()
        start = self._at
        for at in range(start, len(self._text)):
            char = self._text[at]
            if char in "=:\n":
                self._at = at + 1
                while self._at < len(self._text) and self._text[self._at] in SPACES:
                    self._at += 1
                return self._text[start:at].rstrip(), char == "\n"
            if char not in SPACES and char not in "_.-[]" and not char.isalnum():
                line = self._text[start:].split("\n")[0]
                message = f'unexpected character "{char}" in variable name "{line}"'
                raise self._fault(message, "Write NAME=value; a remark begins with #.", at, at + 1)
        name = self._text[start:].rstrip()
        self._at = len(self._text)
        return name, True

    def _value(self) -> str:
        quote = self._text[self._at : self._at + 1]
        if quote not in {'"', "'"} or not quote:
            stop = self._text.find("\n", self._at)
            stop = len(self._text) if stop < 0 else stop
            raw = self._text[self._at : stop].split(" #")[0].rstrip()
            start, self._at = self._at, stop
            return self._expand(raw, start)
        return self._quoted(quote)

    def _quoted(self, quote: str) -> str:
        chars: list[str] = []
        escaped = False
        start = self._at
        for at in range(self._at + 1, len(self._text)):
            char = self._text[at]
            if char == quote and not escaped:
                self._at = at + 1
                text = "".join(chars)
                return self._expand(ESCAPE.sub(_unescape, text), start) if quote == '"' else text
            if char == "\\" and not escaped:
                escaped = True
                continue
            chars.append(char if not escaped or char == quote else "\\" + char)
            escaped = False
        rest = self._text[start:].split("\n")[0]
        message = f"unterminated quoted value {rest}"
        raise self._fault(message, f"Close it with {quote}.", start, start + len(rest))

    def _expand(self, text: str, start: int) -> str:
        def lookup(name: str) -> str | None:
            value = self._lookup(name)
            return self._found.get(name) if value is None else value

        try:
            return Interpolation(lookup).text(text)
        except BakeError as error:
            related = self._here(self._text.rfind("\n", 0, start) + 1, start)
            raise BakeError([replace(d, related=related) for d in error.diagnostics]) from None


def _unescape(found: re.Match[str]) -> str:
    text = found[0]
    if text == "\\$":
        return "$$"
    if text.startswith("\\0"):
        digits = text[2:]
        return chr(int(digits, 8)) if len(digits) == 3 and int(digits, 8) < 256 else text
    return ESCAPES.get(text[1:], text)
