"""Cut source text into tokens.

HCL has no fixed set of tokens: a quote switches to text, `${` in it back to expressions, and whether a newline or
the word `if` means anything hangs on the brackets around it. So the scanner keeps a stack of modes, and hands the
parser a stream that a context-free grammar can read (bake.lark says what it relies on).

With `raw` the same scanner gives HCL's own stream of tokens, in which `explain` finds out what is wrong with a source
that the grammar refuses. What no token allows is a token that no rule takes, so the scanner itself reports nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bakepy.grammar import strings
from bakepy.records import Record

Token = tuple[str, str, int, int]
"""Kind, value, and the offsets where it starts and ends. The value of text is what it means, else what was written."""

MAX_DEPTH = 100
"""How deep blocks, brackets and expressions may nest; files in the wild stay below 20."""
MAX_TOKENS = 2_000_000
"""How many tokens a file may have: each takes some hundred bytes until the tree is made."""

# Patterns that few files need are compiled when one does, and kept by `re`: each would take a third of a millisecond.
_COMMENT = r"(?:\#|//)[^\n]*(?:\n|\Z)|/\*[\s\S]*?\*/"
# No group is repeated possessively, as in `(?:…)*+`: up to Python 3.11.3 that matches too much.
_TRIVIA = rf"(?>(?:[ \t]|\r?\n|{_COMMENT})*)"
_MAIN = re.compile(
    rf"""[ \t]*(?:
    (?P<NAME>[A-Za-z_][A-Za-z0-9_-]*)
  | (?P<NEWLINE>\r?\n)
  | (?P<EQUAL>=(?![=>]))
  | (?P<STRING>"[^"\\$%\r\n]*")
  | (?P<COMMA>,) | (?P<OBRACK>\[) | (?P<CBRACK>\]) | (?P<OBRACE>\{{) | (?P<CBRACE>\}}) | (?P<OPAREN>\() | (?P<CPAREN>\))
  | (?P<ELLIPSIS>\.\.\.) | (?P<DOT>\.)
  | (?P<NUMBER>[0-9]+(?:\.+[0-9]+|\.*[eE][+-]?[0-9]+)*)
  | (?P<COMMENT>{_COMMENT})
  | (?P<OQUOTE>")
  | (?P<OHEREDOC><<-?(?P<marker>(?:[A-Za-z_]|[^\x00-\x7f])(?:[A-Za-z0-9_-]|[^\x00-\x7f])*)\r?\n)
  | (?P<OPERATOR>==|!=|<=|>=|&&|\|\||[<>+/%]) | (?P<FATARROW>=>)
  | (?P<DCOLON>::) | (?P<COLON>:) | (?P<QUESTION>\?) | (?P<STAR>\*) | (?P<MINUS>-) | (?P<BANG>!)
  | (?P<TEND>~\}}) | (?P<BITWISE>[&|^~]) | (?P<BACKTICK>`) | (?P<APOSTROPHE>') | (?P<SEMICOLON>;)
  | (?P<END>\Z) | (?P<INVALID>[\s\S])
)""",
    re.VERBOSE,
)
_FOR = re.compile(rf"{_TRIVIA}(?P<for>for)(?![\w-])")
_FOR_NAMES = rf"{_TRIVIA}([\w-]++){_TRIVIA}(?:,{_TRIVIA}([\w-]++){_TRIVIA})?in(?![\w-])"
_STAR_NEXT = rf"{_TRIVIA}\*"
_DIRECTIVE = rf"%\{{~?{_TRIVIA}(if|else|endif|for|endfor)(?![\w-])"

_SEQUENCE = r"(?P<INTERP>\$\{~?)|(?P<CONTROL>%\{~?)"
_ESCAPED = r"\$\$\{~?|%%\{~?|\$(?!\{|\Z)|%(?!\{|\Z)"
_QUOTED = r'(?>(?:\\[^\r\n]|[^\\"$%\r\n])+)'
_QUOTED_REST = rf'|{_SEQUENCE}|(?P<CQUOTE>")|(?P<QUOTED_NEWLINE>[\r\n]+)|(?P<INVALID>[\s\S])'
_QUOTED_TEXT = re.compile(rf"(?P<LIT>(?>(?:{_QUOTED}|{_ESCAPED})+)){_QUOTED_REST}")
_QUOTED_RAW = rf"(?P<LIT>{_QUOTED}|{_ESCAPED}){_QUOTED_REST}"
_LINE_REST = rf"|{_SEQUENCE}|(?P<INVALID>[\s\S]+)"
_LINE_TEXT = rf"(?P<LIT>(?>(?:[^$%\r\n]++|{_ESCAPED})+)(?:\r?\n)?|\r?\n){_LINE_REST}"
_LINE_RAW = rf"(?P<LIT>(?:[^$%\r\n]++|{_ESCAPED})(?:\r?\n)?|\r?\n){_LINE_REST}"

# What encloses the point that the scanner has reached. Newlines are tokens only directly in bodies and objects.
_BODY, _OBJECT, _FOR_BRACE, _INTERPOLATION = "body", "object", "{for", "${"
_PAREN, _BRACKET, _FOR_BRACKET = "(", "[", "[for"
_NEWLINES_COUNT = frozenset((_BODY, _OBJECT))
_BRACED = frozenset((_BODY, _OBJECT, _FOR_BRACE, _INTERPOLATION))
_FORS = frozenset((_FOR_BRACE, _FOR_BRACKET))


class TooDeep(Exception):
    """Say that the source nests deeper than `MAX_DEPTH`, and at which offset."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class TooLong(Exception):
    """Say that the source has more than `MAX_TOKENS` tokens, and which offset was reached."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class _Template(Record):
    """Follow the template being read: a quoted string, a heredoc (`marker` set) or, at the bottom, a bare template."""

    __slots__ = ("quoted", "marker", "flush", "line_start", "strip_next", "parts")

    def __init__(
        self,
        quoted: bool,
        marker: str = "",
        flush: bool = False,
        line_start: bool = True,
        strip_next: bool = False,
        parts: list[int] | None = None,
    ) -> None:
        self.quoted = quoted
        self.marker = marker
        self.flush = flush
        self.line_start = line_start
        self.strip_next = strip_next
        self.parts: list[int] = [] if parts is None else parts
        """Where in the list of tokens the parts of a flush heredoc start."""


def scan(text: str, start: str = "file", *, offsets: Sequence[int] | None = None, raw: bool = False) -> list[Token]:
    """Return the tokens of a file, an expression or a template (`start`), the last of them END.

    The text may be part of a source: `offsets` then say where each of its characters, and its end, stands there. In a
    file, a NEWLINE that is not in the text comes before END where the grammar needs one. Raises TooDeep.
    """
    scanner = _Scanner(text, raw)
    scanner.enclosing.append(_BODY if start == "file" else _PAREN)
    if start == "template":
        scanner.templates.append(_Template(quoted=False))
        scanner.in_text = True
    try:
        while not scanner.done:
            if scanner.in_text:
                scanner.read_text()
            else:
                scanner.read_code()
            if len(scanner.tokens) > MAX_TOKENS:
                raise TooLong(scanner.at)
    except (TooDeep, TooLong) as error:
        raise type(error)(offsets[error.at] if offsets else error.at) from None
    tokens = scanner.tokens
    if start == "file" and not raw and tokens and tokens[-1][0] != "NEWLINE":
        tokens.append(("NEWLINE", "", len(text), len(text)))
    tokens.append(("END", "", len(text), len(text)))
    if offsets:
        return [(kind, value, offsets[first], offsets[end]) for kind, value, first, end in tokens]
    return tokens


class _Scanner:
    def __init__(self, text: str, raw: bool) -> None:
        self.text = text
        self.raw = raw
        self.at = 1 if text.startswith("\ufeff") else 0
        self.tokens: list[Token] = []
        self.enclosing: list[str] = []
        self.templates: list[_Template] = []
        self.in_text = False
        self.done = False
        self.special: dict[str, Callable[[int, int], None]] = {
            "NEWLINE": self.newline, "COMMENT": self.comment, "STRING": self.string, "OQUOTE": self.open_quote,
            "OHEREDOC": self.open_heredoc, "OBRACE": self.open_brace, "CBRACE": self.close_brace,
            "TEND": self.close_brace, "OBRACK": self.open_bracket, "CBRACK": self.close_bracket,
            "OPAREN": self.open_paren, "CPAREN": self.close_paren, "INVALID": self.invalid, "END": self.end,
        }  # fmt: skip
        if not text.isascii():
            self.special["NAME"] = self.name

    def add(self, kind: str, start: int, end: int) -> None:
        self.tokens.append((kind, self.text[start:end], start, end))

    def read_code(self) -> None:
        """Read tokens of expressions and bodies, up to where text starts or there are too many."""
        text, append, special, match = self.text, self.tokens.append, self.special, _MAIN.match
        for _ in range(MAX_TOKENS + 1 - len(self.tokens)):
            if self.in_text or self.done:
                break
            found = match(text, self.at)
            assert found is not None and found.lastgroup is not None  # noqa: S101, PT018 (INVALID takes anything)
            kind = found.lastgroup
            start, self.at = found.span(kind)
            if handler := special.get(kind):
                handler(start, self.at)
            else:
                append((kind, text[start : self.at], start, self.at))

    def end(self, _start: int, _end: int) -> None:
        self.done = True

    def newline(self, start: int, end: int) -> None:
        if self.raw or self.enclosing[-1] in _NEWLINES_COUNT or self.breaks_splat(end):
            self.add("NEWLINE", start, end)

    def breaks_splat(self, at: int) -> bool:
        """Tell whether a newline stands in `[*]` where newlines count around it: the only brackets that mind."""
        if self.enclosing[-1] != _BRACKET or self.enclosing[-2] not in _NEWLINES_COUNT:
            return False
        last = [token[0] for token in self.tokens[-2:]]
        return last == ["OBRACK", "STAR"] or (
            last[-1] == "OBRACK" and bool(re.compile(_STAR_NEXT).match(self.text, at))
        )

    def comment(self, start: int, end: int) -> None:
        if self.text[end - 1] == "\n":
            self.newline(start, end)
        elif self.raw:
            self.add("COMMENT", start, end)

    def name(self, start: int, end: int) -> None:
        self.at = end = strings.name_end(self.text, end)
        self.add("NAME", start, end)
        if not self.raw and self.enclosing[-1] in _FORS and self.tokens[-1][1] == "if":
            self.tokens[-1] = ("IF", "if", start, end)

    def invalid(self, start: int, end: int) -> None:
        if self.text[start].isidentifier():
            self.name(start, end)
        else:
            self.add("INVALID", start, end)

    def open(self, mode: str, at: int) -> None:
        self.enclosing.append(mode)
        if len(self.enclosing) > MAX_DEPTH:
            raise TooDeep(at)

    def open_brace(self, start: int, end: int) -> None:
        is_block = self.enclosing[-1] is _BODY and self.at_block()
        self.add("OBRACE", start, end)
        if is_block:
            self.open(_BODY, start)
        elif not self.for_head(_FOR_BRACE):
            self.open(_OBJECT, start)

    def at_block(self) -> bool:
        """Tell whether only a block's type and labels stand between the start of the item and here."""
        for kind, _, _, _ in reversed(self.tokens):
            if kind not in ("NAME", "STRING"):
                return kind in ("NEWLINE", "OBRACE")
        return True

    def for_head(self, mode: str) -> bool:
        """Read `for a, b in` where it follows the bracket that was just read, and open the bracket in `mode`."""
        word = None if self.raw else _FOR.match(self.text, self.at)
        if word is None:
            return False
        self.open(mode, self.at)
        self.special["NAME"] = self.name
        self.names("FOR", word.start("for"), word.end())
        return True

    def names(self, kind: str, start: int, at: int) -> None:
        """Add a token whose value is the comma-separated names up to `in`, the key's first."""
        found = re.compile(_FOR_NAMES).match(self.text, at)
        names = [name for name in found.groups() if name] if found else []
        if found and all(map(strings.is_name, names)):
            self.at = found.end()
            self.tokens.append((kind, ",".join(names), start, self.at))
        else:
            self.add("INVALID", start, at)
            self.at = at

    def open_bracket(self, start: int, end: int) -> None:
        self.add("OBRACK", start, end)
        if not self.for_head(_FOR_BRACKET):
            self.open(_BRACKET, start)

    def close_bracket(self, start: int, end: int) -> None:
        self.add("CBRACK", start, end)
        if self.enclosing[-1] in (_BRACKET, _FOR_BRACKET):
            self.enclosing.pop()

    def open_paren(self, start: int, end: int) -> None:
        self.add("OPAREN", start, end)
        self.open(_PAREN, start)

    def close_paren(self, start: int, end: int) -> None:
        self.add("CPAREN", start, end)
        if self.enclosing[-1] is _PAREN and len(self.enclosing) > 1:
            self.enclosing.pop()

    def close_brace(self, start: int, end: int) -> None:
        """Close a brace or a template's sequence, whichever is open, and with it brackets left open inside."""
        enclosing, closed = self.enclosing, ""
        if enclosing[-1] not in _BRACED and not _BRACED.isdisjoint(enclosing[1:]):
            while enclosing[-1] not in _BRACED:
                enclosing.pop()
        if enclosing[-1] in _BRACED and len(enclosing) > 1:
            closed = enclosing.pop()
        strips = end - start == 2
        self.add("TEND" if strips or closed is _INTERPOLATION else "CBRACE", start, end)
        if closed is _INTERPOLATION:
            self.templates[-1].strip_next = strips
            self.in_text = True

    # Templates

    def string(self, start: int, end: int) -> None:
        if not self.raw:
            self.tokens.append(("STRING", self.text[start + 1 : end - 1], start, end))
            return
        self.add("OQUOTE", start, start + 1)
        if end - start > 2:
            self.add("QUOTED_LIT", start + 1, end - 1)
        self.add("CQUOTE", end - 1, end)

    def open_quote(self, start: int, end: int) -> None:
        self.add("OQUOTE", start, end)
        self.templates.append(_Template(quoted=True))
        self.in_text = True

    def open_heredoc(self, start: int, end: int) -> None:
        flush = self.text[start + 2] == "-"
        marker = self.text[start + 2 + flush : end].rstrip("\r\n")
        if not strings.is_name(marker):
            self.at = start + 1
            self.add("OPERATOR", start, start + 1)
            return
        self.add("OHEREDOC", start, end)
        self.templates.append(_Template(quoted=False, marker=marker, flush=flush))
        self.in_text = True

    def read_text(self) -> None:
        """Read one piece of the template at hand: text, up to the end of a line in heredocs, or what ends it."""
        template, start = self.templates[-1], self.at
        if template.quoted:
            found = (re.compile(_QUOTED_RAW) if self.raw else _QUOTED_TEXT).match(self.text, start)
        else:
            found = re.compile(_LINE_RAW if self.raw else _LINE_TEXT).match(self.text, start)
        if found is None:
            self.done = True
            return
        kind, self.at = found.lastgroup or "", found.end()
        strip, template.strip_next = template.strip_next, False
        if kind in ("INTERP", "CONTROL"):
            self.open_sequence(kind, start)
        elif kind == "CQUOTE":
            self.close_quote(start)
        elif kind == "LIT":
            self.literal(template, start, strip)
        elif kind == "INVALID" and not template.quoted and not template.marker:
            self.literal(template, start, strip)  # a bare template is text from a lone carriage return on
        else:
            self.add(kind, start, self.at)

    def literal(self, template: _Template, start: int, strip: bool) -> None:
        raw = self.text[start : self.at]
        if template.marker:
            if template.line_start and raw[-1] == "\n" and raw.strip(strings.SPACE) == template.marker:
                self.close_heredoc(template, start)
                return
            template.line_start = raw[-1] == "\n"
        if self.raw:
            self.add("QUOTED_LIT" if template.quoted else "LIT", start, self.at)
            return
        value = strings.unquote(raw) if template.quoted else strings.unescape_text(raw)
        if value is None:
            self.add("INVALID", start, self.at)
            return
        if strip:
            value = value.lstrip(strings.SPACE)
        template.parts.append(len(self.tokens))
        self.tokens.append(("LIT", value, start, self.at))

    def open_sequence(self, kind: str, start: int) -> None:
        """Start `${` or `%{`; a `~` strips the end of the text before it, up to the start of the line in heredocs."""
        for template in self.templates[-1:]:
            template.line_start = False
            template.parts.append(len(self.tokens))
        if not self.raw and self.text[self.at - 1] == "~" and self.tokens and self.tokens[-1][0] == "LIT":
            _, value, at, end = self.tokens[-1]
            self.tokens[-1] = ("LIT", value.rstrip(strings.SPACE), at, end)
        self.open(_INTERPOLATION, start)
        self.in_text = False
        if kind == "INTERP" or self.raw:
            self.add(kind, start, self.at)
        else:
            self.directive(start)

    def directive(self, start: int) -> None:
        found = re.compile(_DIRECTIVE).match(self.text, start)
        if found is None:
            self.add("INVALID", start, self.at)
            return
        self.at = found.end()
        if found[1] == "for":
            self.names("FOR_DIRECTIVE", start, self.at)
        else:
            self.add(f"{found[1].upper()}_DIRECTIVE", start, self.at)

    def close_quote(self, start: int) -> None:
        if not self.raw and [token[0] for token in self.tokens[-2:]] == ["OQUOTE", "LIT"]:
            (_, _, start, _), (_, value, _, _) = self.tokens[-2:]
            self.tokens[-2:] = [("STRING", value, start, self.at)]
        else:
            self.add("CQUOTE", start, self.at)
        self.templates.pop()
        self.in_text = False

    def close_heredoc(self, template: _Template, start: int) -> None:
        """End a heredoc at the line that holds its marker; the newline after the marker stays to be read."""
        self.at -= 2 if self.text[self.at - 2] == "\r" else 1
        self.add("CHEREDOC", start, self.at)
        if template.flush and not self.raw:
            self.unindent(template.parts)
        self.templates.pop()
        self.in_text = False

    def unindent(self, parts: list[int]) -> None:
        """Take the indent that all lines share off their first text, as HCL does: blank lines do not count."""
        indents: dict[int, int] = {}
        least: int | None = None
        at_start = True
        for index in parts:
            kind, value, _, _ = self.tokens[index]
            if at_start:
                rest = value.lstrip(strings.SPACE) if kind == "LIT" else ""
                if kind != "LIT":
                    least = 0
                elif rest or not value.endswith("\n"):
                    indents[index] = len(value) - len(rest)
                    least = indents[index] if least is None else min(least, indents[index])
            at_start = kind == "LIT" and value.endswith("\n")
        for index in indents:
            kind, value, start, end = self.tokens[index]
            self.tokens[index] = (kind, value[least:], start + (least or 0), end)
