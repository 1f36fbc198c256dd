"""Run the tables of bake.lark over the tokens of a source."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

from bakepy.diagnostics import Diagnostic, Source, Span
from bakepy.grammar import nodes
from bakepy.grammar.builder import Builder, check_depth
from bakepy.grammar.scanner import MAX_DEPTH, MAX_TOKENS, Token, TooDeep, TooLong, scan
from bakepy.grammar.tables import ACTIONS, GOTOS, RULES, STARTS


def decode(name: str, data: bytes, faults: list[Diagnostic]) -> Source:
    """Return the text of a file as a source, without its byte order mark; bytes that are not UTF-8 are a fault."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return Source(name, data.decode())
    except UnicodeDecodeError as error:
        source = Source(name, data.decode(errors="replace"))
        at = len(data[: error.start].decode())
        faults.append(
            Diagnostic(
                "Invalid character encoding",
                "All input files must be UTF-8 encoded. Ensure that UTF-8 encoding is selected in your editor.",
                Span(source, at, at + 1),
            )
        )
        return source


def parse(source: Source, faults: list[Diagnostic]) -> nodes.Body:
    """Read a whole file in HCL's native syntax; after a fault the body holds what was complete before it."""
    tree = _read("file", source, source.text, None, faults)
    return tree if isinstance(tree, nodes.Body) else nodes.Body(Span(source, 0, 0), end=Span(source, 0, 0))


def parse_expression(source: Source, faults: list[Diagnostic]) -> nodes.Expr:
    """Read a source that holds a single expression, for instance a type or the value of an override."""
    tree = _read("expression", source, source.text, None, faults)
    return tree if isinstance(tree, nodes.Expr) else nodes.Invalid(Span(source, 0, len(source.text)))


def parse_template(source: Source, faults: list[Diagnostic]) -> nodes.Expr:
    """Read a source that holds a bare template: text with `${}` and `%{}` in it and no quotes around it."""
    return read_template(source, source.text, None, faults)


def read_template(source: Source, text: str, offsets: Sequence[int] | None, faults: list[Diagnostic]) -> nodes.Expr:
    """Read a bare template that stands in a source; `offsets` say where each of its characters, and its end, does."""
    tree = _read("template", source, text, offsets, faults)
    return tree if isinstance(tree, nodes.Expr) else nodes.Invalid(Span(source, 0, len(source.text)))


def _read(start: str, source: Source, text: str, offsets: Sequence[int] | None, faults: list[Diagnostic]) -> object:
    """Return the tree of the whole text, or as much of it as came before the first fault, and report the faults."""
    builder = Builder(source)
    collecting = gc.isenabled()
    gc.disable()  # all nodes are alive: to look for garbage among them would take a third of the time
    try:
        tokens = scan(text, start, offsets=offsets)
        tree, bad = _run(start, tokens, builder)
        if isinstance(tree, nodes.Expr):
            check_depth(tree)
        if bad or builder.refused:
            from bakepy.grammar.explain import explain

            _, _, at, end = bad or tokens[-1]
            unknown = Diagnostic("Invalid syntax", "This cannot stand here.", Span(source, at, end))
            faults += explain(start, source, scan(text, start, offsets=offsets, raw=True)) or [unknown]
    except TooDeep as error:
        detail = f"Blocks, brackets and expressions may nest {MAX_DEPTH} levels deep at most."
        faults.append(Diagnostic("Nesting too deep", detail, Span(source, error.at, error.at + 1)))
        return None
    except TooLong as error:
        detail = f"A definition may have {MAX_TOKENS} tokens at most."
        faults.append(Diagnostic("Definition too large", detail, Span(source, error.at, error.at)))
        return None
    finally:
        if collecting:
            gc.enable()
    return tree


def _run(start: str, tokens: list[Token], builder: Builder) -> tuple[object, Token | None]:
    """Return what the tokens make; or what was made before the first token that no rule takes, and that token."""
    rules = [(size, made, None if method == "first" else getattr(builder, method)) for made, size, method in RULES]
    states = [STARTS[start]]
    values: list[Any] = []
    push_state, push_value, actions, gotos = states.append, values.append, ACTIONS, GOTOS  # locals are faster
    for token in tokens:
        kind = token[0]
        while True:
            action = actions[states[-1]].get(kind)
            if action is None:
                return (values[0] if values else None), token
            if action >= 0:
                push_state(action)
                push_value(token)
                break
            size, made, method = rules[-1 - action]
            if method is None and size == 1 and made != start:
                states[-1] = gotos[states[-2]][made]
                continue
            first = len(values) - size
            value = values[first] if method is None else method(*values[first:])
            if made == start:
                return value, None
            del values[first:], states[first + 1 :]
            push_value(value)
            push_state(gotos[states[-1]][made])
    raise AssertionError("the tokens have no END")
