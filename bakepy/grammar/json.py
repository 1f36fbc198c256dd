"""Read HCL's JSON form (hashicorp/hcl, json/spec.md) into the same tree as the native syntax.

JSON alone does not say what is a block, so the schema of definition files is applied here. Python's own decoder has no
positions; this one reports each fault where it is, in the words of HCL's users, and goes on behind it.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from bakepy.diagnostics import Diagnostic, Source, Span
from bakepy.grammar import nodes
from bakepy.grammar.parser import read_template
from bakepy.grammar.scanner import MAX_DEPTH, MAX_TOKENS
from bakepy.grammar.strings import distance, go_quote
from bakepy.records import Record


class _BlockType(Record):
    """Say how many labels a type of block has, and what types may stand in it."""

    __slots__ = ("labels", "blocks")

    def __init__(self, labels: int, blocks: Mapping[str, _BlockType] | None = None) -> None:
        self.labels: Final = labels
        self.blocks: Final[Mapping[str, _BlockType]] = {} if blocks is None else blocks


_NAMED = _BlockType(1)
SCHEMA = {
    "variable": _BlockType(1, {"validation": _BlockType(0)}),
    "function": _NAMED,
    "target": _NAMED,
    "group": _NAMED,
}
"""The types of block at the top of a definition file."""

_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:(?P<PUNCTUATION>[{}\[\],:=])|(?P<PLAIN>"[^"\\\x00-\x1f]*")|(?P<STRING>")"""
    r"""|(?P<NUMBER>[-+.0-9][-+.eE0-9]*)|(?P<KEYWORD>[A-Za-z][A-Za-z_]*)|(?P<END>\Z)|(?P<INVALID>[\s\S]))"""
)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# While `re` repeats a group it keeps a record of each round, so long strings are read in runs of some rounds.
_RUN = re.compile(r'(?:[^"\\\x00-\x1f]+|\\[^\x00-\x1f]){0,1000}')
_VALID_RUN = re.compile(r'(?:[^"\\\x00-\x1f]+|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}){0,1000}')
_STRING_END = re.compile(r'(?P<end>")|\\(?:u[0-9a-fA-F]{0,3})?|')
_CHARACTER = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[\s\S]")
_STARTS = "A JSON value must start with a brace, a bracket, a number, a string, or a keyword."
_WRONG_TYPE = "Incorrect JSON value type"
_Token = tuple[str, str, int, int]


class _Value(Record):
    """Hold a JSON value: kind is object, array, string, number, keyword, null or invalid."""

    __slots__ = ("kind", "span", "start", "close", "text", "items", "properties")

    def __init__(
        self,
        kind: str,
        span: Span,
        start: Span,
        close: Span,
        text: str = "",
        items: Sequence[_Value] = (),
        properties: Sequence[_Property] = (),
    ) -> None:
        self.kind = kind
        self.span = span
        self.start = start
        """Where a fault of the whole value is shown: its opening bracket, or all of it."""
        self.close = close
        self.text = text
        self.items = items
        self.properties = properties


class _Property(Record):
    __slots__ = ("name", "name_span", "value", "key")

    def __init__(self, name: str, name_span: Span, value: _Value, key: _Value) -> None:
        self.name = name
        self.name_span = name_span
        self.value = value
        self.key = key


def parse_json(source: Source, faults: list[Diagnostic]) -> nodes.Body:
    """Read a whole file in HCL's JSON form, after the schema of definition files; the body has `json` set.

    A string without `${` and `%{` is a `Literal`; any other a `Template` or `TemplateWrap`; one whose template is
    broken an `Invalid`, whose faults count only where it is evaluated.
    """
    reader = _Reader(source, faults)
    root = reader.whole()
    if root.kind not in ("object", "array"):
        detail = "The root value in a JSON-based configuration must be either a JSON object or a JSON array of objects."
        reader.fault("Root value must be object", detail, root.start)
        root = _Value("object", root.span, root.start, root.start)
    tree = _Tree(source, faults)
    body = tree.body(root, SCHEMA, "Duplicate attribute definition")
    if root.kind == "array" and not faults:
        detail = "A JSON object is required here, setting the arguments for this block."
        reader.fault(_WRONG_TYPE, detail, root.start)
    return body


def _tokens(text: str) -> Iterator[_Token]:
    """Yield the tokens, the last of them END; what follows an INVALID one is not read."""
    at = 1 if text.startswith("\ufeff") else 0
    kind = ""
    while kind not in ("END", "INVALID"):
        found = _TOKEN.match(text, at)
        assert found is not None and found.lastgroup is not None  # noqa: S101, PT018 (INVALID takes anything)
        kind = found.lastgroup
        start, at = found.span(kind)
        if kind == "STRING":
            at = _last(_RUN, text, at)
            at += text.startswith(('"', "\\"), at)
        yield text[start] if kind == "PUNCTUATION" else kind, text[start:at], start, at
    if kind == "INVALID":
        yield "END", "", at, at


def _last(run: re.Pattern[str], text: str, at: int) -> int:
    """Return where runs that follow each other end."""
    while (found := run.match(text, at)) and found.end() > at:
        at = found.end()
    return at


class _Reader:
    """Read JSON values from tokens, as HCL does: after a fault it skips to the end of the object or array."""

    def __init__(self, source: Source, faults: list[Diagnostic]) -> None:
        self.source = source
        self.faults = faults
        self.tokens = _tokens(source.text)
        self.next = next(self.tokens)
        self.count = 0
        self.depth = 0
        self.given_up = False

    def span(self, token: _Token) -> Span:
        return Span(self.source, token[2], token[3])

    def fault(self, summary: str, detail: str, subject: _Token | Span, hint: str = "") -> None:
        span = subject if isinstance(subject, Span) else self.span(subject)
        if not self.given_up:
            self.faults.append(Diagnostic(summary, detail, span, hint=hint))

    def peek(self) -> _Token:
        return self.next

    def read(self) -> _Token:
        token = self.next
        if token[0] != "END":
            self.next = next(self.tokens)
            self.count += 1
            if self.count > MAX_TOKENS:
                self.give_up("Definition too large", f"A definition may have {MAX_TOKENS} tokens at most.", token)
        return token

    def give_up(self, summary: str, detail: str, token: _Token) -> None:
        """Report a fault that is the last one, and read nothing after it."""
        self.fault(summary, detail, token)
        self.given_up = True
        self.next = ("END", "", token[3], token[3])

    def whole(self) -> _Value:
        """Read a value with nothing after it."""
        value = self.value()
        if not self.faults and self.peek()[0] != "END":
            detail = "Extra characters appear after the JSON value."
            self.fault("Extraneous data after value", detail, self.peek())
        return value

    def value(self) -> _Value:
        """Read a value, which is `invalid` after a fault."""
        token = self.peek()
        kind = token[0]
        if kind in ("{", "["):
            if self.depth >= MAX_DEPTH:
                detail = f"Objects and arrays may nest {MAX_DEPTH} levels deep at most."
                self.give_up("Nesting too deep", detail, token)
                return self.invalid(token)
            self.depth += 1
            value = self.object(self.read()) if kind == "{" else self.array(self.read())
            self.depth -= 1
            return value or self.invalid(token)
        if kind == "NUMBER":
            self.read()
            if _NUMBER.fullmatch(token[1]):
                return self.simple("number", token)
            self.fault("Invalid JSON number", "There is a syntax error in the given JSON number.", token)
        elif kind == "PLAIN":
            token = self.read()
            return self.simple("string", token, token[1][1:-1])
        elif kind == "STRING":
            return self.string(self.read())
        elif kind == "KEYWORD":
            return self.keyword(self.read())
        elif kind == "}":
            self.fault("Missing JSON value", _STARTS, token)
        elif kind == "]":
            self.fault("Missing array element value", _STARTS, token)
        elif kind == "END":
            self.fault("Missing value", "The JSON data ends prematurely.", token)
        else:
            hint = "JSON has no comments; a property named “//” is one." if token[1] in ("/", "#") else ""
            self.fault("Invalid start of value", _STARTS, token, hint)
        return self.invalid(token)

    def simple(self, kind: str, token: _Token, text: str | None = None) -> _Value:
        span = self.span(token)
        return _Value(kind, span, span, span, token[1] if text is None else text)

    def invalid(self, token: _Token) -> _Value:
        return self.simple("invalid", token)

    def string(self, token: _Token) -> _Value:
        found = _STRING_END.match(token[1], _last(_VALID_RUN, token[1], 1))
        assert found is not None  # noqa: S101 (it takes nothing at least)
        if found["end"] is None or found.end() != len(token[1]):
            offset = token[2] + min(found.end() + 1, len(token[1]))
            end = min(offset + 1, len(self.source.text))
            closed = len(token[1]) > 1 and token[1][-1] == '"'
            hint = "" if closed else "The closing quote is missing; a line break in a string is written \\n."
            detail = "There is a syntax error in the given JSON string."
            self.fault("Invalid JSON string", detail, Span(self.source, min(offset, end), end), hint)
            return self.invalid(token)
        text: str = json.loads(token[1])
        if not text.isascii():  # half a surrogate pair is no character
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return self.simple("string", token, text)

    def keyword(self, token: _Token) -> _Value:
        word = token[1]
        if word in ("true", "false"):
            return self.simple("keyword", token)
        if word == "null":
            return self.simple("null", token)
        if word in ("undefined", "NaN", "Infinity"):
            detail = f'The JavaScript identifier "{word}" cannot be used in JSON.'
        else:
            near = next((known for known in ("false", "true", "null") if distance(word, known) < 3), None)
            detail = f'"{word}" is not a valid JSON keyword.' + (f' Did you mean "{near}"?' if near else "")
        self.fault("Invalid JSON keyword", detail, token)
        return self.invalid(token)

    def skip(self, token: _Token, opener: str, closer: str) -> None:
        """Skip to the closer, or to that of the first nested one."""
        nesting = 1
        while token[0] != "END":
            nesting += (token[0] == opener) - (token[0] == closer)
            if token[0] == closer and nesting <= 1:
                return
            token = self.read()

    def object(self, opener: _Token) -> _Value | None:
        properties: list[_Property] = []
        while self.peek()[0] != "}":
            key = self.value()
            if key.kind != "string":
                detail = "A JSON object property name must be a string"
                self.fault("Invalid object property name", detail, key.start)
                return None
            colon = self.read()
            if colon[0] != ":":
                self.skip(colon, "{", "}")
                self.no_colon(colon)
                return None
            properties.append(_Property(key.text, key.span, self.value(), key))
            if self.peek()[0] == "}":
                break
            if self.peek()[0] != ",":
                self.object_separator(opener)
                return None
            comma = self.read()
            if self.peek()[0] == "}":
                detail = "JSON does not permit a trailing comma after the final property in an object."
                self.fault("Trailing comma in object", detail, comma, "Remove the comma.")
                return None
        start, close = self.span(opener), self.span(self.read())
        return _Value("object", start.to(close), start, close, properties=properties)

    def no_colon(self, bad: _Token) -> None:
        summary = "Missing property value colon"
        if bad[0] in ("}", ","):
            summary, detail = (
                "Missing object value",
                "A JSON object attribute must have a value, introduced by a colon.",
            )
        elif bad[0] == "=":
            detail = "JSON uses a colon as its name/value delimiter, not an equals sign."
        else:
            detail = "A colon must appear between an object property's name and its value."
        self.fault(summary, detail, bad)

    def object_separator(self, opener: _Token) -> None:
        bad = self.peek()
        if bad[0] == "END":
            detail = "No closing brace was found for this JSON object."
            self.fault("Unclosed object", detail, opener)
            return
        self.read()
        if bad[0] == "]":
            self.fault("Mismatched braces", "A JSON object must be closed with a brace, not a bracket.", self.peek())
            return
        self.skip(bad, "{", "}")
        detail = "A comma must appear between each property definition in an object."
        self.fault("Missing attribute seperator comma", detail, self.peek())

    def array(self, opener: _Token) -> _Value | None:
        items: list[_Value] = []
        while self.peek()[0] != "]":
            items.append(self.value())
            if self.peek()[0] == "]":
                break
            if self.peek()[0] != ",":
                self.array_separator(opener)
                return None
            comma = self.read()
            if self.peek()[0] == "]":
                detail = "JSON does not permit a trailing comma after the final value in an array."
                self.fault("Trailing comma in array", detail, comma, "Remove the comma.")
                return None
        start, close = self.span(opener), self.span(self.read())
        return _Value("array", start.to(close), start, close, items=items)

    def array_separator(self, opener: _Token) -> None:
        bad = self.read()
        self.skip(bad, "[", "]")
        if bad[0] == "END":
            self.fault("Unclosed object", "No closing bracket was found for this JSON array.", opener)
        elif bad[0] == ":":
            detail = "A colon is not used to introduce values in a JSON array."
            self.fault("Invalid array value", detail, self.peek())
        elif bad[0] == "}":
            detail = "A JSON array must be closed with a bracket, not a brace."
            self.fault("Mismatched brackets", detail, self.peek())
        else:
            detail = "A comma must appear between each value in an array."
            self.fault("Missing attribute seperator comma", detail, self.peek())


class _Tree:
    """Make the nodes of JSON values."""

    def __init__(self, source: Source, faults: list[Diagnostic]) -> None:
        self.source = source
        self.faults = faults

    def fault(self, summary: str, detail: str, subject: Span, context: Span | None = None) -> None:
        self.faults.append(Diagnostic(summary, detail, subject, context))

    # Bodies

    def body(self, value: _Value, schema: Mapping[str, _BlockType], duplicate: str) -> nodes.Body:
        """Make the body that an object, or the objects of an array, describe."""
        end = value.close if value.kind == "object" else value.start
        body = nodes.Body(value.span, end=end, json=True)
        for each in self.collect(value, ""):
            if each.name == "//":
                continue
            if each.name in schema:
                self.blocks(each, each.value, schema[each.name], (), body)
                continue
            whole = each.name_span.to(each.value.span)
            if first := body.attributes.get(each.name):
                detail = f"The argument {go_quote(each.name)} was already set at {first.span}."
                self.fault(duplicate, detail, each.name_span, whole)
            else:
                body.attributes[each.name] = nodes.Attribute(whole, each.name, each.name_span, self.expr(each.value))
        return body

    def collect(self, value: _Value, labels: str) -> Sequence[_Property]:
        """Return the properties of an object or of all objects of an array; `labels` if they are labels of a block."""
        purpose = f"to specify {labels} labels for this block." if labels else "to define arguments and child blocks."
        if value.kind == "object":
            return value.properties
        if value.kind == "array":
            for item in value.items:
                if item.kind not in ("object", "invalid"):
                    self.fault(_WRONG_TYPE, f"A JSON object is required here, {purpose}", item.start)
            return [each for item in value.items for each in item.properties]
        if value.kind not in ("null", "invalid"):
            detail = f"Either a JSON object or JSON array of objects is required here, {purpose}"
            self.fault(_WRONG_TYPE, detail, value.start)
        return []

    def blocks(
        self, of: _Property, value: _Value, type_: _BlockType, labels: Sequence[_Property], body: nodes.Body
    ) -> None:
        """Add the blocks that a property describes, after taking the labels that are still to come."""
        if len(labels) < type_.labels:
            found = self.collect(value, "name")
            if not found and value.kind != "invalid":
                detail = f"At least one object property is required, whose name represents the {of.name} block's name."
                self.fault("Missing block label", detail, value.start)
            for each in found:
                self.blocks(of, each.value, type_, (*labels, each), body)
            return
        if value.kind not in ("object", "array", "null", "invalid"):
            detail = (
                "Either a JSON object or a JSON array is required, representing the contents of one or more "
                f'"{of.name}" blocks.'
            )
            self.fault(_WRONG_TYPE, detail, value.start)
        contents = {"object": [value], "array": value.items}.get(value.kind, ())
        for content in contents:
            block = nodes.Block(
                span=of.name_span.to(content.span),
                type=of.name,
                type_span=of.name_span,
                labels=tuple([label.name for label in labels]),
                label_spans=tuple([label.name_span for label in labels]),
                body=self.body(content, type_.blocks, "Duplicate argument"),
                header=value.start,
            )
            body.blocks.append(block)

    # Expressions

    def expr(self, value: _Value) -> nodes.Expr:
        """Make the expression that a value is."""
        if value.kind == "string":
            return self.string(value)
        if value.kind == "number":
            return self.number(value)
        if value.kind == "keyword":
            return nodes.Literal(value.span, value.text == "true")
        if value.kind == "null":
            return nodes.Literal(value.span, None)
        if value.kind == "array":
            return nodes.Tuple(value.span, tuple([self.expr(item) for item in value.items]))
        return self.object(value) if value.kind == "object" else nodes.Invalid(value.span)

    def number(self, value: _Value) -> nodes.Expr:
        """Make a number, of which the native syntax has no negative ones."""
        if value.text[0] != "-":
            return nodes.Number(value.span, value.text)
        return nodes.Unary(value.span, "-", nodes.Number(value.span, value.text[1:]))

    def object(self, value: _Value) -> nodes.Expr:
        """Make an object; its keys are strings and may be templates."""
        items = [nodes.ObjectItem(self.string(each.key), self.expr(each.value)) for each in value.properties]
        return nodes.Object(value.span, tuple(items), json=True)

    def string(self, value: _Value) -> nodes.Expr:
        """Make the template that a string is, most often no more than text."""
        if "${" not in value.text and "%{" not in value.text:
            return nodes.Literal(value.span, value.text)
        found: list[Diagnostic] = []
        tree = read_template(self.source, value.text, self.offsets(value), found)
        tree.span = value.span
        return nodes.Invalid(value.span, tuple(found)) if found else tree

    def offsets(self, value: _Value) -> Sequence[int]:
        """Return where each character of a string's value, and its end, stands in the source."""
        first, last = value.span.start + 1, value.span.end - 1
        raw = self.source.text[first:last]
        if "\\" not in raw:
            return range(first, last + 1)
        return array("q", chain((first + found.start() for found in _CHARACTER.finditer(raw)), (last,)))
