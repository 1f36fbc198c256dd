"""The syntax tree, after HCL's native syntax specification (hashicorp/hcl, hclsyntax/spec.md).

Nodes are plain data and are never changed once made. Every node has a span; equality is identity.
The JSON form gives the same nodes, so nothing above this room knows which form a file had.
"""

from __future__ import annotations

from bakepy.diagnostics import Diagnostic, Span


class Expr:
    """Be the base of every expression."""

    __slots__ = ("span",)

    def __init__(self, span: Span) -> None:
        self.span = span


class Literal(Expr):
    """Hold a string (escapes resolved), a bool or null."""

    __slots__ = ("value",)

    def __init__(self, span: Span, value: str | bool | None) -> None:
        self.span = span
        self.value = value


class Number(Expr):
    """Hold a number as it was written, for instance `1.50` or `1e20`."""

    __slots__ = ("text",)

    def __init__(self, span: Span, text: str) -> None:
        self.span = span
        self.text = text


class Template(Expr):
    """Join the parts into a string; an absent interpolation makes it a plain string. Empty parts give ""."""

    __slots__ = ("parts",)

    def __init__(self, span: Span, parts: tuple[Expr, ...]) -> None:
        self.span = span
        self.parts = parts


class TemplateWrap(Expr):
    """Hold `"${expr}"` with nothing around it: the value itself, of any type."""

    __slots__ = ("inner",)

    def __init__(self, span: Span, inner: Expr) -> None:
        self.span = span
        self.inner = inner


class TemplateJoin(Expr):
    """Join the strings that a `%{for}` in a template gives; `each` is a `ForTuple`."""

    __slots__ = ("each",)

    def __init__(self, span: Span, each: Expr) -> None:
        self.span = span
        self.each = each


class GetAttr:
    """Step into an attribute: `.name`."""

    __slots__ = ("span", "name")

    def __init__(self, span: Span, name: str) -> None:
        self.span = span
        self.name = name


class GetIndex:
    """Step into an element by a literal key: `[0]`, `["a"]` or the legacy `.0` (text of digits, `legacy` set)."""

    __slots__ = ("span", "key", "legacy")

    def __init__(self, span: Span, key: Literal | Number, legacy: bool = False) -> None:
        self.span = span
        self.key = key
        self.legacy = legacy


Step = GetAttr | GetIndex


class Variable(Expr):
    """Refer to a name in scope and step into it: `root.a[0].b`, as far as the steps are literal."""

    __slots__ = ("root", "root_span", "steps")

    def __init__(self, span: Span, root: str, root_span: Span, steps: tuple[Step, ...] = ()) -> None:
        self.span = span
        self.root = root
        self.root_span = root_span
        self.steps = steps


class Traverse(Expr):
    """Step into the value of another expression with literal steps: `f(x).a[0]`."""

    __slots__ = ("source", "steps")

    def __init__(self, span: Span, source: Expr, steps: tuple[Step, ...]) -> None:
        self.span = span
        self.source = source
        self.steps = steps


class Index(Expr):
    """Look up a computed key: `collection[key]`."""

    __slots__ = ("collection", "key")

    def __init__(self, span: Span, collection: Expr, key: Expr) -> None:
        self.span = span
        self.collection = collection
        self.key = key


class SplatItem(Expr):
    """Stand for the current element inside the `each` of a `Splat`."""

    __slots__ = ()


class Splat(Expr):
    """Apply `each`, which is built on `item`, to every element: `source.*.a` (`full` unset) or `source[*].a[0]`."""

    __slots__ = ("source", "each", "item", "full")

    def __init__(self, span: Span, source: Expr, each: Expr, item: SplatItem, full: bool) -> None:
        self.span = span
        self.source = source
        self.each = each
        self.item = item
        self.full = full


class Call(Expr):
    """Call a function; `expand` where the last argument is followed by `...`. Names may hold `::`."""

    __slots__ = ("name", "name_span", "args", "expand")

    def __init__(self, span: Span, name: str, name_span: Span, args: tuple[Expr, ...], expand: bool = False) -> None:
        self.span = span
        self.name = name
        self.name_span = name_span
        self.args = args
        self.expand = expand


class Unary(Expr):
    """Apply `-` or `!`."""

    __slots__ = ("op", "operand")

    def __init__(self, span: Span, op: str, operand: Expr) -> None:
        self.span = span
        self.op = op
        self.operand = operand


class Binary(Expr):
    """Apply `|| && == != < <= > >= + - * / %`."""

    __slots__ = ("op", "left", "right")

    def __init__(self, span: Span, op: str, left: Expr, right: Expr) -> None:
        self.span = span
        self.op = op
        self.left = left
        self.right = right


class Conditional(Expr):
    """Choose: `condition ? yes : no`. Templates' `%{if}` gives it too, with `Template` branches."""

    __slots__ = ("condition", "yes", "no")

    def __init__(self, span: Span, condition: Expr, yes: Expr, no: Expr) -> None:
        self.span = span
        self.condition = condition
        self.yes = yes
        self.no = no


class Parens(Expr):
    """Keep that an expression stood in parentheses: it turns a name into an object key's expression."""

    __slots__ = ("inner",)

    def __init__(self, span: Span, inner: Expr) -> None:
        self.span = span
        self.inner = inner


class Tuple(Expr):
    """Build a tuple."""

    __slots__ = ("items",)

    def __init__(self, span: Span, items: tuple[Expr, ...]) -> None:
        self.span = span
        self.items = items


class ObjectItem:
    """Pair a key with a value.

    `key` is a `Literal` string where the key was a bare name (`bare` set, so a fault can say so), else any expression.
    """

    __slots__ = ("key", "value", "bare")

    def __init__(self, key: Expr, value: Expr, bare: bool = False) -> None:
        self.key = key
        self.value = value
        self.bare = bare


class Object(Expr):
    """Build an object; `json` where it is one of the JSON form, in which a key may not come twice."""

    __slots__ = ("items", "json")

    def __init__(self, span: Span, items: tuple[ObjectItem, ...], json: bool = False) -> None:
        self.span = span
        self.items = items
        self.json = json


class ForTuple(Expr):
    """Build a tuple: `[for key, value in collection: body if condition]`."""

    __slots__ = ("key_name", "value_name", "collection", "body", "condition")

    def __init__(
        self, span: Span, key_name: str | None, value_name: str, collection: Expr, body: Expr, condition: Expr | None
    ) -> None:
        self.span = span
        self.key_name = key_name
        self.value_name = value_name
        self.collection = collection
        self.body = body
        self.condition = condition


class ForObject(Expr):
    """Build an object: `{for key, value in collection: key_body => value_body... if condition}`."""

    __slots__ = ("key_name", "value_name", "collection", "key_body", "value_body", "group", "condition")

    def __init__(
        self,
        span: Span,
        key_name: str | None,
        value_name: str,
        collection: Expr,
        key_body: Expr,
        value_body: Expr,
        group: bool,
        condition: Expr | None,
    ) -> None:
        self.span = span
        self.key_name = key_name
        self.value_name = value_name
        self.collection = collection
        self.key_body = key_body
        self.value_body = value_body
        self.group = group
        self.condition = condition


class Invalid(Expr):
    """Stand for what could not be read: its value is unknown, and whoever evaluates it reports `faults`.

    The JSON form gives it (a string is a template only where it is used as one); otherwise `faults` is empty, as
    the parser reported them.
    """

    __slots__ = ("faults",)

    def __init__(self, span: Span, faults: tuple[Diagnostic, ...] = ()) -> None:
        self.span = span
        self.faults = faults


class Attribute:
    """Hold `name = value`."""

    __slots__ = ("span", "name", "name_span", "value")

    def __init__(self, span: Span, name: str, name_span: Span, value: Expr) -> None:
        self.span = span
        self.name = name
        self.name_span = name_span
        self.value = value


class Block:
    """Hold `type "label" { body }`; `header` spans the type and labels."""

    __slots__ = ("span", "type", "type_span", "labels", "label_spans", "body", "header")

    def __init__(
        self,
        span: Span,
        type: str,
        type_span: Span,
        labels: tuple[str, ...],
        label_spans: tuple[Span, ...],
        body: Body,
        header: Span,
    ) -> None:
        self.span = span
        self.type = type
        self.type_span = type_span
        self.labels = labels
        self.label_spans = label_spans
        self.body = body
        self.header = header


class Body:
    """Hold attributes and blocks in source order.

    A name that is set twice in one body is a fault that the parser reports; `attributes` keeps the first.
    `end` is the empty span where an item that is missing would go.
    """

    __slots__ = ("span", "attributes", "blocks", "end", "json")

    def __init__(
        self,
        span: Span,
        attributes: dict[str, Attribute] | None = None,
        blocks: list[Block] | None = None,
        end: Span | None = None,
        json: bool = False,
    ) -> None:
        self.span = span
        self.attributes: dict[str, Attribute] = {} if attributes is None else attributes
        self.blocks: list[Block] = [] if blocks is None else blocks
        self.end = end
        self.json = json


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
