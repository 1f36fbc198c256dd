"""Files of environment variables: `NAME=value` lines with quotes, comments and references to other variables."""

from __future__ import annotations

import re

from bakepy.diagnostics import BakeError
from bakepy.planner.compose.interpolation import Interpolation, Lookup

ESCAPE = re.compile(r"\\(?:[abcfnrtv$\"\\]|0\d{0,3})")
ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
EXPORT = re.compile(r"export\s+")
SPACES = "\t\v\f\r \x85\xa0"


def parse(text: str, lookup: Lookup) -> dict[str, str]:
    """Return the variables of a file; a reference in a value means what `lookup` gives, else an earlier line's value.

    Raises BakeError with the number of the line at fault.
    """
    return _Parser(text.removeprefix("\ufeff"), lookup).run()


class _Parser:
    def __init__(self, text: str, lookup: Lookup) -> None:
        self._text = text
        self._at = 0
        self._lookup = lookup
        self._found: dict[str, str] = {}

    def _fault(self, what: str) -> BakeError:
        line = self._text.count("\n", 0, self._at) + 1
        return BakeError.of(f"line {line}: {what}")

    def run(self) -> dict[str, str]:
        while self._skip_to_statement():
            name, inherited = self._name()
            if " " in name:
                raise self._fault("key cannot contain a space")
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
                raise self._fault(f'unexpected character "{char}" in variable name "{line}"')
        name = self._text[start:].rstrip()
        self._at = len(self._text)
        return name, True

    def _value(self) -> str:
        quote = self._text[self._at : self._at + 1]
        if quote not in {'"', "'"} or not quote:
            stop = self._text.find("\n", self._at)
            stop = len(self._text) if stop < 0 else stop
            raw = self._text[self._at : stop].split(" #")[0].rstrip()
            self._at = stop
            return self._expand(raw)
        return self._quoted(quote)

    def _quoted(self, quote: str) -> str:
        chars: list[str] = []
        escaped = False
        for at in range(self._at + 1, len(self._text)):
            char = self._text[at]
            if char == quote and not escaped:
                self._at = at + 1
                text = "".join(chars)
                return self._expand(ESCAPE.sub(_unescape, text)) if quote == '"' else text
            if char == "\\" and not escaped:
                escaped = True
                continue
            chars.append(char if not escaped or char == quote else "\\" + char)
            escaped = False
        raise self._fault(f"unterminated quoted value {self._text[self._at :].split(chr(10))[0]}")

    def _expand(self, text: str) -> str:
        def lookup(name: str) -> str | None:
            value = self._lookup(name)
            return self._found.get(name) if value is None else value

        return Interpolation(lookup).text(text)


def _unescape(found: re.Match[str]) -> str:
    text = found[0]
    if text == "\\$":
        return "$$"
    if text.startswith("\\0"):
        digits = text[2:]
        return chr(int(digits, 8)) if len(digits) == 3 and int(digits, 8) < 256 else text
    return ESCAPES.get(text[1:], text)
