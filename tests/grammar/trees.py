"""Ways to look at trees: as plain data without spans, and as one short line."""

from __future__ import annotations

from collections.abc import Iterator

from bakepy.diagnostics import Diagnostic, Source, Span
from bakepy.grammar import nodes, parse, parse_expression, parse_template
from bakepy.records import fields


def shape(value: object) -> object:
    if isinstance(value, Span):
        return None
    if type(value).__module__ == nodes.__name__:
        names = [name for name in fields(type(value)) if name not in ("span", "header", "end")]
        return (type(value).__name__, *(shape(getattr(value, name)) for name in names if not name.endswith("_span")))
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shape(item) for item in value]
    return value


def outline(value: object) -> str:
    """Write a tree in brackets: `(Binary + a 1)`."""
    match value:
        case nodes.Literal(value=str() as text):
            return repr(text)
        case nodes.Literal():
            return str(value.value)
        case nodes.Number():
            return value.text
        case nodes.Variable():
            return value.root + "".join(map(outline, value.steps))
        case nodes.GetAttr():
            return f".{value.name}"
        case nodes.GetIndex():
            return f".{outline(value.key)}" if value.legacy else f"[{outline(value.key)}]"
        case nodes.SplatItem():
            return "@"
        case nodes.ObjectItem():
            key = str(value.key.value) if value.bare and isinstance(value.key, nodes.Literal) else outline(value.key)
            return f"{key}={outline(value.value)}"
        case nodes.Expr():
            inner = [getattr(value, name) for name in fields(type(value)) if not name.endswith("span")]
            if isinstance(value, nodes.Splat):
                inner.remove(value.item)
            return f"({type(value).__name__} {' '.join(words(inner))})"
        case _:
            return str(value)


def words(values: list[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, tuple):
            yield f"[{' '.join(map(outline, value))}]"
        elif value is True:
            yield "yes"
        elif value not in (None, False):
            yield outline(value)


def read(text: str, what: str = "expression") -> tuple[object, list[Diagnostic]]:
    """Return the tree of a file, expression or template, and the faults in it."""
    faults: list[Diagnostic] = []
    source = Source("f", text)
    reader = {"file": parse, "expression": parse_expression, "template": parse_template}[what]
    return reader(source, faults), faults


def tree(text: str, what: str = "expression") -> object:
    """Return the tree of a text that has no faults."""
    found, faults = read(text, what)
    assert not faults, "\n".join(map(str, faults))
    return found
