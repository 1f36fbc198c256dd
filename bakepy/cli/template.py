r"""Go's templates, as far as `--format` is used: fields, pipelines, if, range, with, and Docker's functions.

    {{.Name}}\t{{json .Platforms}}     {{range .Parents}}- {{.}}{{end}}     {{if eq .Status "running"}}…{{else}}…{{end}}

(Go's package text/template; Docker's functions are json, split, join, title, lower, upper, pad and truncate.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from bakepy.diagnostics import BakeError
from bakepy.records import Record

Value = object
"""A field's value: text, number, truth, list, or a mapping of fields."""

TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<number>-?\d+)|(?P<field>(?:\.\w+)+)|(?P<dot>\.)'
    r"|(?P<variable>\$\w*(?:\.\w+)*)|(?P<word>\w+)|(?P<mark>[()|,]|:=))"
)

ACTION = re.compile(
    r"\{\{(?P<left>- )?\s*(?P<body>/\*.*?\*/|(?:\"(?:[^\"\\]|\\.)*\"|`[^`]*`|[^\"`])*?)\s*(?P<right> -)?\}\}", re.DOTALL
)


class TemplateError(BakeError):
    """Say that a `--format` cannot be read or used."""


class Text(Record):
    """Hold text between actions."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text: Final = text


class Action(Record):
    """Hold a pipeline: a list of commands, each a list of words or pipelines in brackets."""

    __slots__ = ("pipeline",)

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline: Final = pipeline


class Branch(Record):
    """Hold `if`, `with` or `range`, what it does, and what it does else."""

    __slots__ = ("kind", "pipeline", "then", "otherwise")

    def __init__(self, kind: str, pipeline: Pipeline, then: tuple[Node, ...], otherwise: tuple[Node, ...]) -> None:
        self.kind: Final = kind
        self.pipeline: Final = pipeline
        self.then: Final = then
        self.otherwise: Final = otherwise


Node = Text | Action | Branch
Word = tuple[str, str]
Pipeline = tuple[tuple["Word | Pipeline", ...], ...]


def parse(text: str) -> tuple[Node, ...]:
    """Read a template; raises TemplateError."""
    parts = list(_parts(text))
    parts.reverse()
    nodes, end = _block(parts)
    if end:
        raise TemplateError.of(f"template parsing error: unexpected {{{{{end}}}}}")
    return nodes


def render(nodes: Sequence[Node], dot: Value) -> str:
    """Fill a template in; raises TemplateError for a field or function that is not there."""
    return "".join(_render(node, dot, dot) for node in nodes)


def _parts(text: str) -> Iterator[Text | str]:
    """Yield text and the insides of actions, white space trimmed where a `-` asks for it."""
    at, trim = 0, False
    for action in ACTION.finditer(text):
        before = text[at : action.start()]
        before = before.lstrip() if trim else before
        yield Text(before.rstrip() if action["left"] else before)
        yield action["body"]
        at, trim = action.end(), bool(action["right"])
    rest = text[at:]
    if "{{" in rest:
        raise TemplateError.of("template parsing error: unclosed action", f"after {rest[:40]!r}")
    yield Text(rest.lstrip() if trim else rest)


def _block(parts: list[Text | str]) -> tuple[tuple[Node, ...], str]:
    """Read until `end` or `else`, and return which."""
    nodes: list[Node] = []
    while parts:
        part = parts.pop()
        if isinstance(part, Text):
            nodes.append(part)
        elif part.startswith("/*"):
            continue
        elif part == "end" or part.split(maxsplit=1)[:1] == ["else"]:
            return tuple(nodes), part
        else:
            nodes.append(_node(part, parts))
    return tuple(nodes), ""


def _node(body: str, parts: list[Text | str]) -> Node:
    kind, _, rest = body.partition(" ")
    if kind not in {"if", "with", "range"}:
        return Action(_pipeline(body))
    then, end = _block(parts)
    otherwise: tuple[Node, ...] = ()
    if end == "else":
        otherwise, end = _block(parts)
    elif end.startswith("else "):
        otherwise, end = (_node(end.removeprefix("else").strip(), parts),), "end"
    if end != "end":
        raise TemplateError.of(f"template parsing error: {{{{{kind}}}}} has no {{{{end}}}}")
    return Branch(kind, _pipeline(rest), then, otherwise)


def _pipeline(text: str) -> Pipeline:
    words: list[Word] = []
    at = 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if not found or not found.lastgroup:
            raise TemplateError.of(f"template parsing error: unexpected {text[at:].strip()[:20]!r} in {{{{{text}}}}}")
        words.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    words.reverse()
    pipeline = _commands(words)
    if words or not all(pipeline):
        raise TemplateError.of(f"template parsing error: missing value in {{{{{text}}}}}")
    return pipeline


def _commands(words: list[Word]) -> Pipeline:
    commands: list[tuple[Word | Pipeline, ...]] = []
    command: list[Word | Pipeline] = []
    while words:
        kind, text = words.pop()
        if (kind, text) == ("mark", ")"):
            break
        if (kind, text) == ("mark", "|"):
            commands.append(tuple(command))
            command = []
        elif (kind, text) == ("mark", "("):
            command.append(_commands(words))
        else:
            command.append((kind, text))
    return (*commands, tuple(command))


def _render(node: Node, dot: Value, root: Value) -> str:
    match node:
        case Text():
            return node.text
        case Action():
            return show(_run(node.pipeline, dot, root))
    value = _run(node.pipeline, dot, root)
    if node.kind == "range" and value:
        items = value.values() if isinstance(value, Mapping) else value
        if not isinstance(items, Sequence | type({}.values())) or isinstance(items, str):
            raise TemplateError.of(f"template parsing error: range can't iterate over {show(value)}")
        return "".join(_render(child, item, root) for item in items for child in node.then)
    inner = value if node.kind == "with" else dot
    return "".join(_render(child, inner if value else dot, root) for child in (node.then if value else node.otherwise))


def _run(pipeline: Pipeline, dot: Value, root: Value) -> Value:
    last: list[Value] = []
    for command in pipeline:
        first, *rest = command
        arguments = [_value(word, dot, root) for word in rest]
        if first[0] == "word" and first[1] not in {"true", "false", "nil"}:
            name = str(first[1])
            if name not in FUNCTIONS:
                raise TemplateError.of(f'template parsing error: function "{name}" not defined', hint=_known())
            try:
                last = [FUNCTIONS[name](*arguments, *last)]
            except (TypeError, ValueError, IndexError, AttributeError, KeyError) as error:
                raise TemplateError.of(f"template parsing error: error calling {name}: {error}") from error
        elif arguments or last:
            raise TemplateError.of("template parsing error: can't give argument to non-function")
        else:
            last = [_value(first, dot, root)]
    return last[0]


def _value(word: Word | Pipeline, dot: Value, root: Value) -> Value:
    kind, text = word if len(word) == 2 and isinstance(word[0], str) else ("pipeline", "")
    match kind:
        case "string":
            import ast

            return text[1:-1] if str(text).startswith("`") else ast.literal_eval(str(text))
        case "number":
            return int(str(text))
        case "dot":
            return dot
        case "field":
            return _field(dot, str(text).split(".")[1:])
        case "variable":
            return _field(root, str(text).split(".")[1:])
        case "word" if text in {"true", "false", "nil"}:
            return {"true": True, "false": False, "nil": None}[str(text)]
        case "word":
            return _run(((word,),), dot, root)
        case "pipeline":
            return _run(word, dot, root)  # type: ignore[arg-type]
    raise TemplateError.of(f"template parsing error: unexpected {text!r}")


def _field(value: Value, path: Sequence[str]) -> Value:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            fields = f"fields: {', '.join(f'.{key}' for key in value)}" if isinstance(value, Mapping) else ""
            raise TemplateError.of(f"template parsing error: can't evaluate field {name}", fields)
        value = value[name]
    return value


def show(value: Value) -> str:
    """Return a value as Go's fmt.Print shows it."""
    match value:
        case None:
            return "<no value>"
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case Mapping():
            return f"map[{' '.join(f'{key}:{show(item)}' for key, item in sorted(value.items()))}]"
        case Sequence():
            return f"[{' '.join(map(show, value))}]"
    return str(value)


def to_json(value: Value) -> str:
    """Return JSON as Docker's `json` prints it: keys sorted, no spaces."""
    import json

    plain = dict(value) if isinstance(value, Mapping) else value
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _join(items: Value, separator: str) -> str:
    if isinstance(items, Mapping):
        return separator.join(sorted(map(show, items.values())))
    if isinstance(items, str) or not isinstance(items, Sequence):
        raise TypeError(f"expected slice, got {show(items)}")
    return separator.join(map(show, items))


def _index(value: Value, *keys: Value) -> Value:
    for key in keys:
        value = value[key]  # type: ignore[index]
    return value


def _known() -> str:
    return f"functions: {', '.join(sorted(FUNCTIONS))}"


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "json": to_json,
    "split": lambda text, separator: text.split(separator),
    "join": _join,
    "title": lambda text: re.sub(r"\b[a-z]", lambda m: m[0].upper(), text),
    "lower": lambda text: text.lower(),
    "upper": lambda text: text.upper(),
    "pad": lambda text, before, after: f"{' ' * before}{text}{' ' * after}" if text else text,
    "truncate": lambda text, length: text[:length],
    "print": lambda *values: "".join(map(show, values)),
    "println": lambda *values: " ".join(map(show, values)) + "\n",
    "len": lambda value: len(value),
    "index": _index,
    "not": lambda value: not value,
    "and": lambda *values: next((v for v in values if not v), values[-1]),
    "or": lambda *values: next((v for v in values if v), values[-1]),
    "eq": lambda first, *rest: any(first == other for other in rest),
    "ne": lambda first, second: first != second,
    "lt": lambda first, second: first < second,
    "gt": lambda first, second: first > second,
    "le": lambda first, second: first <= second,
    "ge": lambda first, second: first >= second,
    "printf": lambda form, *values: re.sub(r"%[vq]", lambda m: "%s" if m[0] == "%v" else '"%s"', form) % values,
}
"""What a template may call; an argument that comes through a pipe is the last one."""
