r"""Go's templates, as far as `--format` is used: fields, pipelines, if, range, with, and Docker's functions.

    {{.Name}}\t{{json .Platforms}}     {{range .Parents}}- {{.}}{{end}}     {{if eq .Status "running"}}…{{else}}…{{end}}

(Go's package text/template; Docker's functions are json, split, join, title, lower, upper, pad and truncate.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from bakepy.diagnostics import BakeError
from bakepy.quantities import whole
from bakepy.records import Record

Value = object
"""A field's value: text, number, truth, list, or a mapping of fields."""

TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<number>-?\d+(?:\.\d+)?)|(?P<field>(?:\.\w+)+)|(?P<dot>\.)'
    r"|(?P<variable>\$\w*(?:\.\w+)*)|(?P<word>\w+)|(?P<mark>[()|,]|:=))"
)

DECLARED = re.compile(r"\s*\$(\w+)\s*(?:,\s*\$(\w+)\s*)?:=")

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


class Pipeline(Record):
    """Hold commands, each a list of words or pipelines in brackets, and the variables that take the result."""

    __slots__ = ("commands", "variables")

    def __init__(self, commands: tuple[Command, ...], variables: tuple[str, ...] = ()) -> None:
        self.commands: Final = commands
        self.variables: Final = variables


class Action(Record):
    """Hold a pipeline whose result is printed, unless variables take it."""

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


class Scope(Record):
    """Hold what a template sees: the dot, its variables, and the functions that it may call."""

    __slots__ = ("dot", "variables", "functions")

    def __init__(self, dot: Value, variables: dict[str, Value], functions: Mapping[str, Function]) -> None:
        self.dot: Final = dot
        self.variables: Final = variables
        self.functions: Final = functions

    def inner(self, dot: Value, **variables: Value) -> Scope:
        """Return the scope of a branch, whose variables end with it."""
        return Scope(dot, {**self.variables, **variables}, self.functions)


class Object(dict[str, Value]):
    """Hold the fields of a thing whose JSON is not just these."""

    def __init__(self, fields: Mapping[str, Value], as_json: Callable[[], str]) -> None:
        super().__init__(fields)
        self.as_json = as_json


Node = Text | Action | Branch
Word = tuple[str, str]
Command = tuple["Word | Pipeline", ...]
Function = Callable[..., Value]


def parse(text: str) -> tuple[Node, ...]:
    """Read a template; raises TemplateError."""
    parts = list(_parts(text))
    parts.reverse()
    nodes, end = _block(parts)
    if end:
        raise TemplateError.of(f"template parsing error: unexpected {{{{{end}}}}}")
    return nodes


def render(nodes: Sequence[Node], dot: Value, functions: Mapping[str, Function] | None = None) -> str:
    """Fill a template in, with FUNCTIONS where no others are given; raises TemplateError for what is not there."""
    return _all(nodes, Scope(dot, {"": dot}, FUNCTIONS if functions is None else functions))


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
        raise TemplateError.of("template parsing error: unclosed action", f'after "{rest[:40]}"')
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
    declared = DECLARED.match(text)
    words: list[Word] = []
    at = declared.end() if declared else 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if not found or not found.lastgroup:
            raise TemplateError.of(f'template parsing error: unexpected "{text[at:].strip()[:20]}" in {{{{{text}}}}}')
        words.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    words.reverse()
    pipeline = _commands(words)
    if words or not all(pipeline.commands):
        raise TemplateError.of(f"template parsing error: missing value in {{{{{text}}}}}")
    return Pipeline(pipeline.commands, tuple(filter(None, declared.groups()))) if declared else pipeline


def _commands(words: list[Word]) -> Pipeline:
    commands: list[Command] = []
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
    return Pipeline((*commands, tuple(command)))


def _all(nodes: Sequence[Node], scope: Scope) -> str:
    return "".join(_render(node, scope) for node in nodes)


def _render(node: Node, scope: Scope) -> str:
    match node:
        case Text():
            return node.text
        case Action():
            value = _run(node.pipeline, scope)
            scope.variables.update(dict.fromkeys(node.pipeline.variables, value))
            return "" if node.pipeline.variables else show(value)
    value = _run(node.pipeline, scope)
    if not value:
        return _all(node.otherwise, scope.inner(scope.dot))
    names = node.pipeline.variables
    if node.kind == "range":
        return "".join(
            _all(node.then, scope.inner(item, **dict(zip(reversed(names), (item, key), strict=False))))
            for key, item in _items(value)
        )
    return _all(node.then, scope.inner(value if node.kind == "with" else scope.dot, **dict.fromkeys(names, value)))


def _items(value: Value) -> list[tuple[Value, Value]]:
    """Return the keys and values of what is ranged over: a list, or a mapping in the order of its keys."""
    if isinstance(value, Mapping):
        return [*sorted(value.items())]
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TemplateError.of(f"template parsing error: range can't iterate over {show(value)}")
    return [*enumerate(value)]


def _run(pipeline: Pipeline, scope: Scope) -> Value:
    last: list[Value] = []
    for command in pipeline.commands:
        first, *rest = command
        arguments = [_value(word, scope) for word in rest]
        if isinstance(first, tuple) and first[0] == "word" and first[1] not in CONSTANTS:
            last = [_call(first[1], [*arguments, *last], scope)]
        elif arguments or last:
            raise TemplateError.of("template parsing error: can't give argument to non-function")
        else:
            last = [_value(first, scope)]
    return last[0]


def _call(name: str, arguments: Sequence[Value], scope: Scope) -> Value:
    if name not in scope.functions:
        known = f"functions: {', '.join(sorted(scope.functions))}"
        raise TemplateError.of(f'template parsing error: function "{name}" not defined', hint=known)
    try:
        return scope.functions[name](*arguments)
    except (TypeError, ValueError, IndexError, AttributeError, KeyError) as error:
        raise TemplateError.of(f"template parsing error: error calling {name}: {error}") from error


def _value(word: Word | Pipeline, scope: Scope) -> Value:
    if isinstance(word, Pipeline):
        return _run(word, scope)
    kind, text = word
    match kind:
        case "string":
            import ast

            return text[1:-1] if text.startswith("`") else ast.literal_eval(text)
        case "number":
            if (number := float(text) if "." in text else whole(text)) is None:
                raise TemplateError.of(f"template parsing error: integer overflow on {text[:20]}…")
            return number
        case "dot":
            return scope.dot
        case "field":
            return _field(scope.dot, text.split(".")[1:])
        case "variable":
            name, *path = text.removeprefix("$").split(".")
            if name not in scope.variables:
                raise TemplateError.of(f'template parsing error: undefined variable "${name}"')
            return _field(scope.variables[name], path)
        case "word":
            return CONSTANTS[text] if text in CONSTANTS else _call(text, (), scope)
    raise TemplateError.of(f'template parsing error: unexpected "{text}"')


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

    if isinstance(value, Object):
        return value.as_json()
    plain = dict(value) if isinstance(value, Mapping) else value
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _printf(form: str, *values: Value) -> str:
    """Fill in a format of C's, of which Go has %v for any value, %t for truth and %q for a text in quotes."""
    kinds = [kind for kind in VERB.findall(form) if kind != "%"]
    if len(kinds) != len(values):
        raise ValueError(f"{len(values)} values for {len(kinds)} verbs")
    turned = [
        json_text(show(value)) if kind == "q" else show(value) if kind in "vst" else value
        for kind, value in zip(kinds, values, strict=True)
    ]
    return VERB.sub(lambda m: m[0][:-1] + ("s" if m[1] in "vqt" else m[1]), form) % tuple(turned)


def json_text(text: str) -> str:
    """Return a text in double quotes."""
    import json

    return json.dumps(text, ensure_ascii=False)


def _urlquery(text: Value) -> str:
    from urllib.parse import quote_plus

    return quote_plus(show(text))


def _html(text: Value) -> str:
    return show(text).translate({ord(c): f"&{name};" for c, name in MARKUP.items()})


def _js(text: Value) -> str:
    return show(text).translate({ord(c): f"\\{c}" for c in "'\"\\"} | {ord(c): f"\\u{ord(c):04X}" for c in "<>&="})


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


CONSTANTS: dict[str, Value] = {"true": True, "false": False, "nil": None}

VERB = re.compile(r"%[-+# 0]*\d*(?:\.\d+)?([a-zA-Z%])")

MARKUP = {"<": "lt", ">": "gt", "&": "amp", '"': "#34", "'": "#39"}

FUNCTIONS: dict[str, Function] = {
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
    "printf": _printf,
    "slice": lambda value, start=0, end=None: value[start:end],
    "html": _html,
    "js": _js,
    "urlquery": _urlquery,
}
"""What a template may call; an argument that comes through a pipe is the last one."""

HEADING_FUNCTIONS: dict[str, Function] = FUNCTIONS | dict.fromkeys(
    ("json", "split", "join", "title", "lower", "upper", "truncate"), lambda heading, *_options: heading
)
"""The same for the headings of a table, which most of Docker's own leave as they are."""
