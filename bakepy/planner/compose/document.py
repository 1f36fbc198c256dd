"""YAML as Compose files use it: YAML 1.2's scalars, string keys, merge keys, the tags `!reset` and `!override`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import yaml

from bakepy.diagnostics import BakeError
from bakepy.records import Record

Path = tuple[str, ...]

MAX_NODES = 200_000
"""Values made of one file; aliases of aliases can ask for any number."""
MAX_DEPTH = 200

BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NULLS = {"", "~", "null", "Null", "NULL"}
INT = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(?:nan|NaN|NAN)")

PLAIN = "plain"


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
            yield _Builder(name).document(node)
    except yaml.YAMLError as error:
        raise _fault(name, error) from None


class _Composer:
    """Turn the parser's events into nodes.

    PyYAML's own composer recurses without a limit, in C: a few thousand brackets end the process. It also decides
    what plain scalars mean, after YAML 1.1, in which `yes` is true and `1:30` is 90; here they are tagged as plain.
    """

    def __init__(self, name: str, text: bytes) -> None:
        self._name = name
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
                raise _at(self._name, event.start_mark, f"unknown anchor '{event.anchor}' referenced")
            return self._anchors[event.anchor]
        if depth > MAX_DEPTH:
            raise _at(self._name, event.start_mark, "exceeded max depth")
        start: Any = event.start_mark
        tag = event.tag or ""
        node: yaml.Node
        if isinstance(event, yaml.ScalarEvent):
            tag = tag or (PLAIN if event.implicit[0] else "str")
            node = yaml.ScalarNode(tag, event.value, start, None, event.style)
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


def _at(name: str, mark: Any, what: str) -> BakeError:
    return BakeError.of(f"failed to parse {name}: yaml: line {mark.line + 1}: {what}")


def _fault(name: str, error: yaml.YAMLError) -> BakeError:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    return BakeError.of(f"failed to parse {name}: yaml: line {mark.line + 1 if mark else 1}: {what}")


class _Builder:
    """Turn nodes into plain data."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._made = 0
        self._open: set[int] = set()

    def document(self, node: yaml.Node) -> Document:
        out = Document(None)
        out.data = self._value(node, (), out)
        return out

    def _error(self, node: yaml.Node, what: str) -> BakeError:
        return _at(self._name, node.start_mark, what)

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
            made: Any = [self._value(item, (*path, "[]"), out) for item in node.value]
        else:
            made = self._mapping(cast(yaml.MappingNode, node), path, out)
        self._open.discard(id(node))
        return made

    def _mapping(self, node: yaml.MappingNode, path: Path, out: Document) -> dict[str, Any]:
        made: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.value == "<<" and key.tag in {PLAIN, "tag:yaml.org,2002:merge"} and not key.style:
                for source in self._merge_sources(value):
                    merged = {**self._mapping(source, path, out), **merged}
                continue
            name = _scalar(key) if isinstance(key, yaml.ScalarNode) else None
            if not isinstance(name, str):
                where = f"in {'.'.join(path)}" if path else "at top level"
                raise BakeError.of(f"non-string key {where}: {key.value if name is not None else 'nil'}")
            if name in made:
                raise self._error(key, f'mapping key "{name}" already defined')
            if value.tag in {"!reset", "!override"}:
                out.cleared.append((*path, name))
            if value.tag != "!reset":
                made[name] = self._value(value, (*path, name), out)
        return {**merged, **made}

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
    if tag not in {PLAIN, "int", "float", "bool", "null", "!reset", "!override"} or (
        tag.startswith("!") and node.style is not None
    ):
        return text
    if text in NULLS:
        return None
    if text in BOOLS:
        return BOOLS[text]
    if INT.fullmatch(text):
        return _integer(text)
    if FLOAT.fullmatch(text) or SPECIAL.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".nan", "nan").replace(".NaN", "nan").replace(".Inf", "inf"))
    return text


def _integer(text: str) -> int | str:
    digits = text.replace("_", "")
    sign, body = (-1, digits[1:]) if digits.startswith("-") else (1, digits.removeprefix("+"))
    bases = {"0x": 16, "0o": 8, "0b": 2}
    try:
        if body[:2].lower() in bases:
            return sign * int(body[2:], bases[body[:2].lower()])
        if len(body) > 1 and body.startswith("0"):
            return sign * int(body, 8)
        return sign * int(body)
    except ValueError:
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
    digits, _, power = repr(float(value)).partition("e")
    exponent = int(power) if power else len(digits.lstrip("-").partition(".")[0]) - 1
    if value and (exponent < -4 or exponent >= 21):
        return f"{digits.removesuffix('.0')}e{exponent:+03d}"
    from decimal import Decimal

    plain = format(Decimal(repr(float(value))), "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
