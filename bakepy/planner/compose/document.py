"""YAML as Compose files use it: YAML 1.2's scalars, string keys, merge keys, the tags `!reset` and `!override`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

import yaml

from bakepy.diagnostics import BakeError, Diagnostic, Source, Span, nearest
from bakepy.planner.compose.moment import moment
from bakepy.records import Record

Path = tuple[str, ...]

MAX_NODES = 200_000
"""Values made of one file; aliases of aliases can ask for any number."""
MAX_DEPTH = 200

BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NULLS = {"", "~", "null", "Null", "NULL"}
INT = re.compile(r"([-+]?)(0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|[1-9][0-9]*|0)")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(?:nan|NaN|NAN)")

PLAIN = "plain"
TOO_DEEP = "exceeded max depth"
MERGE_TAGS = {PLAIN, "tag:yaml.org,2002:merge"}
UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


class Document(Record):
    """Hold one document as plain data, and the paths that its `!reset` and `!override` tags clear in earlier files."""

    __slots__ = ("data", "cleared")

    def __init__(self, data: Any, cleared: list[Path] | None = None) -> None:
        self.data = data
        self.cleared: list[Path] = [] if cleared is None else cleared


def parse(name: str, text: bytes) -> Iterator[Document]:
    """Give the documents of a file; raise BakeError where it is not YAML."""
    composer = _Composer(name, text)
    try:
        for node in composer.documents():
            yield _Builder(name, text).document(node)
    except yaml.YAMLError as error:
        raise _fault(name, text, error) from None


def source_of(name: str, text: bytes) -> Source:
    """Return a file's text for spans; the parser counts its characters behind the byte order mark."""
    return Source(name, text.decode(UTF16.get(text[:2], "utf-8"), "replace").removeprefix("\ufeff"))


def roots(name: str, text: bytes) -> list[yaml.Node]:
    """Return the trees of a file's documents, as far as they can be read."""
    found: list[yaml.Node] = []
    try:
        for node in _Composer(name, text).documents():
            found.append(node)  # noqa: PERF402  # what was read before a fault stays
    except (yaml.YAMLError, BakeError):
        pass
    return found


class _Composer:
    """Turn the parser's events into nodes.

    PyYAML's own composer recurses without a limit, in C: a few thousand brackets end the process. It also decides
    what plain scalars mean, after YAML 1.1, in which `yes` is true and `1:30` is 90; here they are tagged as plain.
    """

    def __init__(self, name: str, text: bytes) -> None:
        self._name = name
        self._text = text
        self._events = yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._anchors: dict[str, yaml.Node] = {}

    def documents(self) -> Iterator[yaml.Node]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._node(next(self._events), 0)

    def _node(self, event: Any, depth: int) -> yaml.Node:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                what = f"unknown anchor '{event.anchor}' referenced"
                raise _at(self._name, self._text, event, what, _anchor(str(event.anchor), self._anchors))
            return self._anchors[event.anchor]
        if depth > MAX_DEPTH:
            raise _at(self._name, self._text, event, TOO_DEEP)
        start: Any = event.start_mark
        tag = event.tag or ""
        node: yaml.Node
        if isinstance(event, yaml.ScalarEvent):
            tag = tag or (PLAIN if event.implicit[0] else "str")
            node = yaml.ScalarNode(tag, event.value, start, cast(Any, event.end_mark), event.style)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = yaml.SequenceNode(tag, [], start)
        else:
            node = yaml.MappingNode(tag, [], start)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        if isinstance(node, yaml.SequenceNode):
            node.value.extend(self._children(yaml.SequenceEndEvent, depth + 1))
        elif isinstance(node, yaml.MappingNode):
            children = self._children(yaml.MappingEndEvent, depth + 1)
            node.value.extend(zip(children, children, strict=True))
        return node

    def _children(self, end: type, depth: int) -> Iterator[yaml.Node]:
        while not isinstance(event := next(self._events), end):
            yield self._node(event, depth)


def span_of(source: Source, node: Any) -> Span:
    """Return the characters of a scalar's node or event; of others, those to the end of their first line."""
    start = min(node.start_mark.index, max(0, len(source.text.rstrip()) - 1))
    if node.end_mark is not None and not isinstance(node, yaml.CollectionStartEvent):
        return Span(source, start, max(start + 1, node.end_mark.index))
    line, column = source.position(start)
    return Span(source, start, start + max(1, len(source.line(line).rstrip()) - column + 1))


def line_above(span: Span) -> Span:
    """Return a span that starts on the line before."""
    text = span.source.text
    line = text.rfind("\n", 0, span.start)
    return Span(span.source, text.rfind("\n", 0, max(0, line)) + 1, span.end)


def _at(name: str, text: bytes, node: Any, what: str, hint: str = "") -> BakeError:
    """Return the error for a node or an event."""
    span = span_of(source_of(name, text), node)
    summary = f"failed to parse {name}: yaml: line {node.start_mark.line + 1}: {what}"
    return BakeError([Diagnostic(summary, related=(("it is here", span),), context=line_above(span), hint=hint)])


def _fault(name: str, text: bytes, error: yaml.YAMLError) -> BakeError:
    """Return the error for what the parser does not take."""
    source = source_of(name, text)
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    if mark and _brackets(source.text[: mark.index]) > MAX_DEPTH:
        what = TOO_DEEP  # the parser has a limit as well, that depends on its version
    summary = f"failed to parse {name}: yaml: line {mark.line + 1 if mark else 1}: {what}"
    at = mark.index if mark else len(text[: getattr(error, "position", 0)].decode("utf-8", "replace"))
    end = max(0, len(source.text.rstrip()) - 1)  # what is missing at the end is missing behind the last sign
    span = Span(source, min(at, end), min(at, end) + 1)
    related = [("it is here", span)]
    opened = getattr(error, "context_mark", None)
    if opened and opened.index < span.start:
        related.append((str(error.context), Span(source, opened.index, opened.index + 1)))  # type: ignore[attr-defined]
    return BakeError([Diagnostic(summary, related=tuple(related), context=line_above(span), hint=_remedy(span))])


def _brackets(text: str) -> int:
    """Return how many brackets and braces are open at the end of a text, those in quotes included."""
    return sum(text.count(sign) for sign in "[{") - sum(text.count(sign) for sign in "]}")


def _remedy(span: Span) -> str:
    """Return what to do where the parser stopped, as far as the characters there tell."""
    text = span.source.text
    before = text[text.rfind("\n", 0, span.start) + 1 : span.start + 1]
    if "\t" in before and not before.strip():
        return "Indent with spaces: YAML does not allow tabs there."
    if text[span.start : span.end] == ":" and ":" in before[:-1]:
        return "Put a value that holds a colon and a space in quotes."
    if text[span.start : span.end] in tuple("@`%"):
        return "Put a value that begins with such a sign in quotes."
    return ""


def _anchor(name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    return f"Did you mean '*{near}'?" if near else f"Write &{name} at a value before."


class _Builder:
    """Turn nodes into plain data."""

    def __init__(self, name: str, text: bytes) -> None:
        self._name = name
        self._text = text
        self._made = 0
        self._open: set[int] = set()

    def document(self, node: yaml.Node) -> Document:
        out = Document(None)
        out.data = self._value(node, (), out)
        return out

    def _error(self, node: yaml.Node, what: str, hint: str = "") -> BakeError:
        return _at(self._name, self._text, node, what, hint)

    def _value(self, node: yaml.Node, path: Path, out: Document) -> Any:
        self._made += 1
        if self._made > MAX_NODES or len(path) > MAX_DEPTH:
            raise self._error(node, "document contains excessive aliasing or nesting")
        if id(node) in self._open:
            raise self._error(node, "an anchor contains itself")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        self._open.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            made: Any = [self._value(item, (*path, "[]"), out) for item in node.value if item.tag != "!reset"]
        else:
            made = self._mapping(cast(yaml.MappingNode, node), path, out)
        self._open.discard(id(node))
        return made

    def _mapping(self, node: yaml.MappingNode, path: Path, out: Document) -> dict[str, Any]:
        made: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        merges = 0
        for key, value in node.value:
            if key.value == "<<" and key.tag in MERGE_TAGS and not key.style:
                merges += 1
                if merges > 1:
                    raise self._twice(node, key)
                for source in self._merge_sources(value):
                    merged = {**self._mapping(source, path, out), **merged}
                continue
            name = _scalar(key) if isinstance(key, yaml.ScalarNode) else None
            if type(name) is not str:
                where = f"in {'.'.join(path)}" if path else "at top level"
                raise self._no_text(key, f"non-string key {where}: {key.value if name is not None else 'nil'}")
            if name in made:
                raise self._twice(node, key)
            if value.tag in {"!reset", "!override"}:
                out.cleared.append((*path, name))
            if value.tag != "!reset":
                made[name] = self._value(value, (*path, name), out)
        return {**merged, **made}

    def _no_text(self, key: yaml.Node, message: str) -> BakeError:
        span = span_of(source_of(self._name, self._text), key)
        hint = f'Put it in quotes: "{key.value}".' if isinstance(key, yaml.ScalarNode) and key.value else ""
        return BakeError(
            [Diagnostic(message, related=(("the key is here", span),), context=line_above(span), hint=hint)]
        )

    def _twice(self, node: yaml.MappingNode, key: yaml.ScalarNode) -> BakeError:
        first = next(other for other, _ in node.value if other.value == key.value)
        span = span_of(source_of(self._name, self._text), key)
        line = key.start_mark.line + 1
        summary = f'failed to parse {self._name}: yaml: line {line}: mapping key "{key.value}" already defined'
        related = (("it is here", span), ("it was defined here", span_of(span.source, first)))
        return BakeError([Diagnostic(summary, related=related, hint="Merge the two, or rename one.")])

    def _merge_sources(self, node: yaml.Node) -> list[yaml.MappingNode]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise self._error(node, "map merge requires map or sequence of maps as the value")
            if id(source) in self._open:
                raise self._error(node, "an anchor contains itself")
        return list(sources)


def _scalar(node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    tag = node.tag.removeprefix("tag:yaml.org,2002:")
    if tag not in {PLAIN, "int", "float", "bool", "null", "timestamp", "!reset", "!override"} or (
        tag.startswith("!") and node.style is not None
    ):
        return text
    if text in NULLS:
        return None
    if text in BOOLS:
        return BOOLS[text]
    if SPECIAL.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".nan", "nan").replace(".NaN", "nan").replace(".Inf", "inf"))
    return moment(text) or _number(text)


def _number(text: str) -> int | float | str:
    """Return the number of 64 bits that a text denotes, or the text; whole numbers beyond them are floating ones."""
    plain = text if text.startswith(".") else text.replace("_", "")
    found = INT.fullmatch(plain)
    if found and len(plain) <= 100 and plain != "-0":
        sign, digits = found.groups()
        octal = digits.startswith("0") and digits.isdecimal()
        value = int(sign + digits, 8 if octal else 0)
        if -(2**63) <= value < (2**63 if sign else 2**64):
            return value
    if FLOAT.fullmatch(plain):
        number = float(plain)
        if abs(number) != float("inf"):
            return number
    return text


def shown(value: Any) -> str:
    """Return a scalar as Go's `%v` prints it, which is what it means where a text is wanted."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _float(value)
    return str(value)


def _float(value: float) -> str:
    if value != value or value in {float("inf"), float("-inf")}:
        return {"inf": "+Inf", "-inf": "-Inf"}.get(str(value), "NaN")
    sign = "-" if str(value).startswith("-") else ""
    digits, _, power = repr(abs(value)).partition("e")
    whole, _, fraction = digits.partition(".")
    exponent = int(power) if power else len(whole) - 1
    digits = (whole + fraction).rstrip("0")
    if power or exponent >= 6:
        return f"{sign}{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e{exponent:+03d}"
    return f"{sign}{whole}.{fraction}".removesuffix(".0")
