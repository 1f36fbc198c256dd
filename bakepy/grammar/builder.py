"""Make the nodes of the tree, one method for each alternative of bake.lark.

A method takes the values of its alternative: a token for each terminal, for everything else what a method here made.
Spans are HCL's, node by node. What HCL refuses beyond the grammar is noted in `refused`; `explain` says why.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bakepy.diagnostics import Source, Span
from bakepy.grammar import nodes
from bakepy.grammar.nodes import Expr, GetAttr, GetIndex, Literal, ObjectItem, Step
from bakepy.grammar.scanner import MAX_DEPTH, Token, TooDeep

Pieces = tuple[Expr | Token, ...]
_NUMBER = r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
_KEYWORDS = {"true": True, "false": False, "null": None}
_WORDS = {True: "true", False: "false", None: "null"}
_PRECEDENCE = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}  # fmt: skip


class Builder:
    """Make the nodes of one source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.refused = False

    def span(self, start: int, end: int) -> Span:
        """Return the span of two offsets."""
        return Span(self.source, start, end)

    # Lists

    def nothing(self) -> None:
        """Stand for an optional token that is absent."""

    def none(self) -> list[object]:
        """Begin an empty list."""
        return []

    def one(self, item: object) -> list[object]:
        """Begin a list."""
        return [item]

    def more(self, items: list[object], item: object) -> list[object]:
        """Go on with a list."""
        items.append(item)
        return items

    def more_separated(self, items: list[object], _separator: Token, item: object) -> list[object]:
        """Go on with a list that has separators."""
        items.append(item)
        return items

    # Bodies

    def file(self, body: nodes.Body) -> nodes.Body:
        """Finish the body of a whole file."""
        end = len(self.source.text)
        body.span, body.end = self.span(0, end), self.span(0, 0)
        return body

    def no_items(self) -> nodes.Body:
        """Begin a body."""
        return nodes.Body(self.span(0, 0))

    def add_attribute(self, body: nodes.Body, attribute: nodes.Attribute, _newline: Token) -> nodes.Body:
        """Go on with a body; a second attribute of the name is refused and left out."""
        if body.attributes.setdefault(attribute.name, attribute) is not attribute:
            self.refused = True
        return body

    def add_block(self, body: nodes.Body, block: nodes.Block, _newline: Token) -> nodes.Body:
        """Go on with a body."""
        body.blocks.append(block)
        return body

    def attribute(self, name: Token, _equal: Token, value: Expr) -> nodes.Attribute:
        """Set a name; the depth of an expression is checked here, where it is complete."""
        start, end = value.span.start, value.span.end
        if end - start > MAX_DEPTH:
            check_depth(value)
        return nodes.Attribute(self.span(name[2], end), name[1], self.span(name[2], name[3]), value)

    def block(
        self, name: Token, labels: list[Token], brace: Token, _newline: Token, body: nodes.Body, close: Token
    ) -> nodes.Block:
        """Finish a block over several lines."""
        body.span, body.end = self.span(brace[2], close[3]), self.span(brace[2], brace[2])
        header = self.span(name[2], labels[-1][3] if labels else name[3])
        return nodes.Block(
            self.span(name[2], close[3]),
            name[1],
            self.span(name[2], name[3]),
            tuple([label[1] for label in labels]),
            tuple([self.span(label[2], label[3]) for label in labels]),
            body,
            header,
        )

    def empty_block(self, name: Token, labels: list[Token], brace: Token, close: Token) -> nodes.Block:
        """Finish a block without content."""
        return self.block(name, labels, brace, close, self.no_items(), close)

    def line_block(
        self, name: Token, labels: list[Token], brace: Token, attribute: nodes.Attribute, close: Token
    ) -> nodes.Block:
        """Finish a block on one line, whose body HCL takes to be its only attribute."""
        block = self.block(name, labels, brace, close, self.no_items(), close)
        block.body.attributes[attribute.name] = attribute
        block.body.span, start = attribute.span, attribute.span.start
        block.body.end = self.span(start, start)
        return block

    # Terms

    def string(self, token: Token) -> Literal:
        """Make a string without interpolations."""
        return Literal(Span(self.source, token[2], token[3]), token[1])

    def name(self, token: Token) -> Expr:
        """Make a reference, or one of the three words that are values."""
        span = Span(self.source, token[2], token[3])
        if token[1] in _KEYWORDS:
            return Literal(span, _KEYWORDS[token[1]])
        return nodes.Variable(span, token[1], span)

    def number(self, token: Token) -> nodes.Number:
        """Make a number."""
        if not re.fullmatch(_NUMBER, token[1]):
            self.refused = True
        return nodes.Number(self.span(token[2], token[3]), token[1])

    def parens(self, opener: Token, inner: Expr, closer: Token) -> nodes.Parens:
        """Keep the parentheses."""
        return nodes.Parens(self.span(opener[2], closer[3]), inner)

    def call(self, name: Token, _opener: Token, arguments: Sequence[Expr], closer: Token) -> nodes.Call:
        """Call a function; `expanded` made a tuple of the arguments where the last one is."""
        expand = isinstance(arguments, tuple)
        name_span = self.span(name[2], name[3])
        return nodes.Call(self.span(name[2], closer[3]), name[1], name_span, tuple(arguments), expand)

    scoped_call = call

    def expanded(self, arguments: list[Expr], _ellipsis: Token) -> tuple[Expr, ...]:
        """Mark that the last argument is expanded."""
        return tuple(arguments)

    def scoped(self, scope: Token, _colons: Token, name: Token) -> Token:
        """Join a scope and a name to the name of a function."""
        return "NAME", f"{scope[1]}::{name[1]}", scope[2], name[3]

    more_scoped = scoped

    # Operators

    def unary(self, operator: Token, operand: Expr) -> nodes.Unary:
        """Apply a prefix operator."""
        return nodes.Unary(self.span(operator[2], operand.span.end), operator[1], operand)

    def chain(self, left: Expr, operator: Token, right: Expr) -> list[Expr | Token]:
        """Begin a chain of operands and operators."""
        return [left, operator, right]

    def more_chain(self, chain: list[Expr | Token], operator: Token, right: Expr) -> list[Expr | Token]:
        """Go on with a chain of operands and operators."""
        chain += (operator, right)
        return chain

    def operation(self, chain: list[Expr | Token]) -> Expr:
        """Fold a chain by HCL's precedence; all operators bind to the left."""
        operands: list[Expr] = []
        operators: list[str] = []
        for item in chain:
            if isinstance(item, Expr):
                operands.append(item)
                continue
            while operators and _PRECEDENCE[operators[-1]] >= _PRECEDENCE[item[1]]:
                self.apply(operands, operators.pop())
            operators.append(item[1])
        while operators:
            self.apply(operands, operators.pop())
        return operands[0]

    def apply(self, operands: list[Expr], operator: str) -> None:
        """Replace the last two operands by their operation."""
        right, left = operands.pop(), operands.pop()
        operands.append(nodes.Binary(left.span.to(right.span), operator, left, right))

    def conditional(self, condition: Expr, _question: Token, yes: Expr, _colon: Token, no: Expr) -> nodes.Conditional:
        """Choose between two expressions."""
        return nodes.Conditional(condition.span.to(no.span), condition, yes, no)

    def operation_conditional(
        self, chain: list[Expr | Token], question: Token, yes: Expr, colon: Token, no: Expr
    ) -> nodes.Conditional:
        """Choose between two expressions by an operation."""
        return self.conditional(self.operation(chain), question, yes, colon, no)

    # Steps into a value

    def attribute_step(self, dot: Token, name: Token) -> GetAttr:
        """Step to an attribute."""
        return GetAttr(Span(self.source, dot[2], name[3]), name[1])

    def legacy_step(self, dot: Token, number: Token) -> GetIndex:
        """Step to an element the old way; `a.0.1` scans as the number 0.1, which is refused."""
        if "." in number[1]:
            self.refused = True
        return GetIndex(self.span(dot[2], number[3]), self.number(number), legacy=True)

    def index_step(self, opener: Token, key: Expr, closer: Token) -> GetIndex | nodes.Index:
        """Step to an element: by a literal key, or with an `Index` that `traversal` completes."""
        span = self.span(opener[2], closer[3])
        if isinstance(key, Literal | nodes.Number):
            return GetIndex(span, key)
        return nodes.Index(span, key, key)

    def attribute_splat(self, dot: Token, star: Token) -> nodes.SplatItem:
        """Begin `.*`."""
        return nodes.SplatItem(self.span(dot[2], star[3]))

    def full_splat(self, opener: Token, _star: Token, closer: Token) -> nodes.Splat:
        """Begin `[*]`, as a `Splat` that `traversal` completes."""
        item = nodes.SplatItem(self.span(opener[2], closer[3]))
        return nodes.Splat(item.span, item, item, item, full=True)

    def one_step(self, term: Expr, step: object) -> list[object]:
        """Begin a term with its steps."""
        return [term, step]

    def traversal(self, steps: list[Expr | Step]) -> Expr:
        """Apply the steps to the term, the first of the list.

        What follows `[*]` is applied to each element; of what follows `.*`, only attributes and legacy indexes are.
        """
        term, *rest = steps
        assert isinstance(term, Expr)  # noqa: S101
        splats: list[tuple[Expr, nodes.Splat]] = []
        at = 0
        while at < len(rest):
            step = rest[at]
            at += 1
            if isinstance(step, nodes.Splat):
                splats.append((term, step))
                term = step.item
            elif isinstance(step, nodes.SplatItem):
                term, at = self.splat_attributes(term, step, rest, at)
            elif isinstance(step, nodes.Index):
                term = nodes.Index(term.span.to(step.span), term, step.key)
            else:
                first = at - 1
                while at < len(rest) and isinstance(rest[at], GetAttr | GetIndex):
                    at += 1
                term = self.step(term, rest[first:at])
        if len(splats) > MAX_DEPTH:
            raise TooDeep(term.span.start)
        for source, splat in reversed(splats):
            span = source.span.to(term.span)
            term = nodes.Splat(span, source, term, splat.item, full=True)
        return term

    def splat_attributes(
        self, term: Expr, item: nodes.SplatItem, rest: list[Expr | Step], at: int
    ) -> tuple[nodes.Splat, int]:
        """Complete `.*` with the steps from `at` on that it takes, and say where it left off; `.*.*` is refused."""
        first, each = at, item
        taken: list[Step] = []
        while at < len(rest):
            step = rest[at]
            if isinstance(step, nodes.SplatItem):
                self.refused = True
            if not isinstance(step, GetAttr) and not (isinstance(step, GetIndex) and step.legacy):
                break
            taken.append(step)
            at += 1
        end = taken[-1].span if taken else item.span
        whole = term.span.to(end)
        if taken:
            return nodes.Splat(
                whole, term, nodes.Traverse(rest[first].span.to(end), each, tuple(taken)), item, False
            ), at
        return nodes.Splat(whole, term, each, item, full=False), at

    def step(self, term: Expr, run: Sequence[Expr | Step]) -> Expr:
        """Step into a value; literal steps are gathered in one node."""
        span = term.span.to(run[-1].span)
        steps = tuple([step for step in run if isinstance(step, GetAttr | GetIndex)])
        if isinstance(term, nodes.Variable):
            return nodes.Variable(span, term.root, term.root_span, (*term.steps, *steps))
        if isinstance(term, nodes.Traverse):
            return nodes.Traverse(span, term.source, (*term.steps, *steps))
        return nodes.Traverse(span, term, steps)

    # Collections

    def tuple_of(self, opener: Token, items: list[Expr], closer: Token) -> nodes.Tuple:
        """Build a tuple."""
        return nodes.Tuple(self.span(opener[2], closer[3]), tuple(items))

    def tuple_comma(self, opener: Token, items: list[Expr], _comma: Token, closer: Token) -> nodes.Tuple:
        """Build a tuple whose last item is followed by a comma."""
        return self.tuple_of(opener, items, closer)

    def empty_tuple(self, opener: Token, closer: Token) -> nodes.Tuple:
        """Build a tuple without items."""
        return nodes.Tuple(self.span(opener[2], closer[3]), ())

    def object_of(self, opener: Token, _newlines: None, items: list[ObjectItem], *closers: Token) -> nodes.Object:
        """Build an object; a separator may stand before the closing brace."""
        return nodes.Object(self.span(opener[2], closers[-1][3]), tuple(items))

    def empty_object(self, opener: Token, _newlines: None, closer: Token) -> nodes.Object:
        """Build an object without attributes."""
        return nodes.Object(self.span(opener[2], closer[3]), ())

    def pair(self, key: Expr, _separator: Token, value: Expr) -> ObjectItem:
        """Pair a key with a value; a name alone is its own text."""
        if isinstance(key, nodes.Variable) and not key.steps:
            return ObjectItem(Literal(key.span, key.root), value, bare=True)
        if isinstance(key, Literal) and not isinstance(key.value, str):
            return ObjectItem(Literal(key.span, _WORDS[key.value]), value, bare=True)
        return ObjectItem(key, value)

    def for_tuple(
        self, opener: Token, head: Token, collection: Expr, _colon: Token, body: Expr, *rest: Expr | Token
    ) -> nodes.ForTuple:
        """Build a tuple from a collection; `rest` is the closer, or `if`, a condition and the closer."""
        key, value = _names(head)
        condition = rest[1] if len(rest) == 3 else None
        return nodes.ForTuple(self.span(opener[2], _end(rest[-1])), key, value, collection, body, _expr(condition))

    for_tuple_if = for_tuple

    def for_object(
        self, opener: Token, head: Token, collection: Expr, _colon: Token, key_body: Expr, _arrow: Token,
        value_body: Expr, grouping: Token | None, *rest: Expr | Token,
    ) -> nodes.ForObject:  # fmt: skip
        """Build an object from a collection."""
        key, value = _names(head)
        condition = _expr(rest[1] if len(rest) == 3 else None)
        span = self.span(opener[2], _end(rest[-1]))
        return nodes.ForObject(
            span, key, value, collection, key_body, value_body, grouping is not None, condition
        )  # fmt: skip

    for_object_if = for_object

    # Templates

    def add_literal(self, parts: list[Expr], token: Token) -> list[Expr]:
        """Go on with text; pieces that follow each other are one."""
        last = parts[-1] if parts else None
        if not isinstance(last, _Text):
            last = _Text(Span(self.source, token[2], token[3]))
            parts.append(last)
        last.pieces.append(token[1])
        last.end = token[3]
        return parts

    def add_interpolation(self, parts: list[Expr], opener: Token, inner: Expr, closer: Token) -> list[Expr]:
        """Go on with `${}`."""
        parts.append(_Interpolation(self.span(opener[2], closer[3]), inner))
        return parts

    def add_if(
        self,
        parts: list[Expr],
        opener: Token,
        condition: Expr,
        brace: Token,
        yes: list[Expr],
        *rest: Token | list[Expr],
    ) -> list[Expr]:
        """Go on with `%{if}`, whose branches are templates; `rest` ends with `%{endif` and its brace."""
        no = rest[2] if len(rest) == 5 else []
        endif, closer = rest[-2:]
        branches = self.section(yes, brace[3]), self.section(no, endif[2])  # type: ignore[arg-type]
        parts.append(nodes.Conditional(self.span(opener[2], closer[3]), condition, *branches))  # type: ignore[arg-type]
        return parts

    add_if_else = add_if

    def add_for(
        self,
        parts: list[Expr],
        head: Token,
        collection: Expr,
        brace: Token,
        body: list[Expr],
        _end: Token,
        closer: Token,
    ) -> list[Expr]:
        """Go on with `%{for}`, whose body is a template."""
        key, value = _names(head)
        span = self.span(head[2], closer[3])
        each = nodes.ForTuple(span, key, value, collection, self.section(body, brace[3]), None)
        parts.append(nodes.TemplateJoin(span, each))
        return parts

    def section(self, parts: list[Expr], start: int) -> Expr:
        """Make the template between two directives; `start` is where it is, should it be empty."""
        if not parts:
            return Literal(self.span(start, start), "")
        return self.template(parts, _bare(parts[0]).span.to(_bare(parts[-1]).span))

    def quoted(self, opener: Token, parts: list[Expr], closer: Token) -> Expr:
        """Make a quoted template or heredoc: a literal, an expression alone, or a template."""
        span = self.span(opener[2], closer[3])
        if len(parts) == 1 and isinstance(parts[0], _Interpolation):
            return nodes.TemplateWrap(span, parts[0].inner)
        return self.template(parts, span)

    def bare_template(self, parts: list[Expr]) -> Expr:
        """Make a template without quotes around it."""
        end = len(self.source.text)
        return self.quoted(("", "", 0, 0), parts, ("", "", end, end))

    def template(self, parts: list[Expr], span: Span) -> Expr:
        """Make a template, or a literal where it is text alone."""
        if not parts:
            return Literal(span, "")
        if len(parts) == 1 and isinstance(parts[0], _Text):
            return Literal(span, parts[0].text())
        return nodes.Template(span, tuple([_bare(part) for part in parts]))


class _Text(Expr):
    """Text of a template that more may follow; a heredoc has a piece for each line, joined once."""

    __slots__ = ("pieces", "end")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.pieces: list[str] = []
        self.end = span.end

    def text(self) -> str:
        return "".join(self.pieces)


class _Interpolation(nodes.TemplateWrap):
    """Be `${}` in a template, not yet known to be alone."""

    __slots__ = ()


def _bare(part: Expr) -> Expr:
    if isinstance(part, _Interpolation):
        return part.inner
    if isinstance(part, _Text):
        return Literal(Span(part.span.source, part.span.start, part.end), part.text())
    return part


def _names(head: Token) -> tuple[str | None, str]:
    key, _, value = head[1].rpartition(",")
    return key or None, value


def _end(closer: Expr | Token) -> int:
    assert isinstance(closer, tuple)  # noqa: S101
    return closer[3]


def _expr(value: Expr | Token | None) -> Expr | None:
    assert not isinstance(value, tuple)  # noqa: S101
    return value


def check_depth(root: Expr) -> None:
    """Raise TooDeep where an expression nests deeper than `MAX_DEPTH`: chains of operators do so without brackets."""
    level: list[Expr] = [root]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in nodes.children(node)]
        if not level:
            return
    raise TooDeep(level[0].span.start)
