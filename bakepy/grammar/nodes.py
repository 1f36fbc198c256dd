"""The syntax tree, after HCL's native syntax specification (hashicorp/hcl, hclsyntax/spec.md).

Nodes are plain data and are never changed once made. Every node has a span; equality is identity.
The JSON form gives the same nodes, so nothing above this room knows which form a file had.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bakepy.diagnostics import Diagnostic, Span


@dataclass(slots=True, eq=False)
class Expr:
    """Be the base of every expression."""

    span: Span


@dataclass(slots=True, eq=False)
class Literal(Expr):
    """Hold a string (escapes resolved), a bool or null."""

    value: str | bool | None


@dataclass(slots=True, eq=False)
class Number(Expr):
    """Hold a number as it was written, for instance `1.50` or `1e20`."""

    text: str


@dataclass(slots=True, eq=False)
class Template(Expr):
    """Join the parts into a string; an absent interpolation makes it a plain string. Empty parts give ""."""

    parts: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class TemplateWrap(Expr):
    """Hold `"${expr}"` with nothing around it: the value itself, of any type."""

    inner: Expr


@dataclass(slots=True, eq=False)
class TemplateJoin(Expr):
    """Join the strings that a `%{for}` in a template gives; `each` is a `ForTuple`."""

    each: Expr


@dataclass(slots=True, eq=False)
class GetAttr:
    """Step into an attribute: `.name`."""

    span: Span
    name: str


@dataclass(slots=True, eq=False)
class GetIndex:
    """Step into an element by a literal key: `[0]`, `["a"]` or the legacy `.0` (text of digits, `legacy` set)."""

    span: Span
    key: Literal | Number
    legacy: bool = False


Step = GetAttr | GetIndex


@dataclass(slots=True, eq=False)
class Variable(Expr):
    """Refer to a name in scope and step into it: `root.a[0].b`, as far as the steps are literal."""

    root: str
    root_span: Span
    steps: tuple[Step, ...] = ()


@dataclass(slots=True, eq=False)
class Traverse(Expr):
    """Step into the value of another expression with literal steps: `f(x).a[0]`."""

    source: Expr
    steps: tuple[Step, ...]


@dataclass(slots=True, eq=False)
class Index(Expr):
    """Look up a computed key: `collection[key]`."""

    collection: Expr
    key: Expr


@dataclass(slots=True, eq=False)
class SplatItem(Expr):
    """Stand for the current element inside the `each` of a `Splat`."""


@dataclass(slots=True, eq=False)
class Splat(Expr):
    """Apply `each`, which is built on `item`, to every element: `source.*.a` (`full` unset) or `source[*].a[0]`."""

    source: Expr
    each: Expr
    item: SplatItem
    full: bool


@dataclass(slots=True, eq=False)
class Call(Expr):
    """Call a function; `expand` where the last argument is followed by `...`. Names may hold `::`."""

    name: str
    name_span: Span
    args: tuple[Expr, ...]
    expand: bool = False


@dataclass(slots=True, eq=False)
class Unary(Expr):
    """Apply `-` or `!`."""

    op: str
    operand: Expr


@dataclass(slots=True, eq=False)
class Binary(Expr):
    """Apply `|| && == != < <= > >= + - * / %`."""

    op: str
    left: Expr
    right: Expr


@dataclass(slots=True, eq=False)
class Conditional(Expr):
    """Choose: `condition ? yes : no`. Templates' `%{if}` gives it too, with `Template` branches."""

    condition: Expr
    yes: Expr
    no: Expr


@dataclass(slots=True, eq=False)
class Parens(Expr):
    """Keep that an expression stood in parentheses: it turns a name into an object key's expression."""

    inner: Expr


@dataclass(slots=True, eq=False)
class Tuple(Expr):
    """Build a tuple."""

    items: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class ObjectItem:
    """Pair a key with a value.

    `key` is a `Literal` string where the key was a bare name (`bare` set, so a fault can say so), else any expression.
    """

    key: Expr
    value: Expr
    bare: bool = False


@dataclass(slots=True, eq=False)
class Object(Expr):
    """Build an object; `json` where it is one of the JSON form, in which a key may not come twice."""

    items: tuple[ObjectItem, ...]
    json: bool = False


@dataclass(slots=True, eq=False)
class ForTuple(Expr):
    """Build a tuple: `[for key, value in collection: body if condition]`."""

    key_name: str | None
    value_name: str
    collection: Expr
    body: Expr
    condition: Expr | None


@dataclass(slots=True, eq=False)
class ForObject(Expr):
    """Build an object: `{for key, value in collection: key_body => value_body... if condition}`."""

    key_name: str | None
    value_name: str
    collection: Expr
    key_body: Expr
    value_body: Expr
    group: bool
    condition: Expr | None


@dataclass(slots=True, eq=False)
class Invalid(Expr):
    """Stand for what could not be read: its value is unknown, and whoever evaluates it reports `faults`.

    The JSON form gives it (a string is a template only where it is used as one); otherwise `faults` is empty, as
    the parser reported them.
    """

    faults: tuple[Diagnostic, ...] = ()


@dataclass(slots=True, eq=False)
class Attribute:
    """Hold `name = value`."""

    span: Span
    name: str
    name_span: Span
    value: Expr


@dataclass(slots=True, eq=False)
class Block:
    """Hold `type "label" { body }`; `header` spans the type and labels."""

    span: Span
    type: str
    type_span: Span
    labels: tuple[str, ...]
    label_spans: tuple[Span, ...]
    body: Body
    header: Span


@dataclass(slots=True, eq=False)
class Body:
    """Hold attributes and blocks in source order.

    A name that is set twice in one body is a fault that the parser reports; `attributes` keeps the first.
    `end` is the empty span where an item that is missing would go.
    """

    span: Span
    attributes: dict[str, Attribute] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    end: Span | None = None
    json: bool = False


def children(node: Expr) -> list[Expr]:
    """Return the expressions directly inside one, in source order; for a splat also its `each`."""
    match node:
        case Template():
            return list(node.parts)
        case TemplateWrap() | Parens():
            return [node.inner]
        case TemplateJoin():
            return [node.each]
        case Traverse():
            return [node.source]
        case Index():
            return [node.collection, node.key]
        case Splat():
            return [node.source, node.each]
        case Call():
            return list(node.args)
        case Unary():
            return [node.operand]
        case Binary():
            return [node.left, node.right]
        case Conditional():
            return [node.condition, node.yes, node.no]
        case Tuple():
            return list(node.items)
        case Object():
            return [part for item in node.items for part in (item.key, item.value)]
        case ForTuple():
            return [part for part in (node.collection, node.body, node.condition) if part]
        case ForObject():
            parts = (node.collection, node.key_body, node.value_body, node.condition)
            return [part for part in parts if part]
        case _:
            return []
