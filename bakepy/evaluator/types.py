"""Type constraints: the expressions that say of which type a variable is, after HCL's typeexpr extension."""

from __future__ import annotations

from collections.abc import Sequence

from bakepy.diagnostics import Diagnostic, Source, Span, nearest
from bakepy.evaluator.spans import closing_span, start_span
from bakepy.grammar.nodes import Call, Expr, Literal, Object, Template, Tuple, Variable
from bakepy.values.types import BOOL, DYNAMIC, NUMBER, STRING, ListType, MapType, ObjectType, SetType, TupleType, Type

_PRIMITIVES: dict[str, Type] = {"bool": BOOL, "string": STRING, "number": NUMBER, "any": DYNAMIC}
_COLLECTIONS = {"list": ListType, "set": SetType, "map": MapType}
_NEEDS = {
    "object": "one argument specifying the attribute types and values as a map",
    "tuple": "one argument specifying the element types as a list",
}
_ELEMENT = "one argument specifying the element type"
_WORDS = (*_PRIMITIVES, *_COLLECTIONS, *_NEEDS)


def keyword(expr: Expr, *, json: bool = False) -> str | None:
    """Return the bare word that an expression is; in the JSON form words are strings."""
    if isinstance(expr, Variable) and not expr.steps:
        return expr.root
    if isinstance(expr, Literal):
        if isinstance(expr.value, str):
            return expr.value if json and expr.value.replace("-", "_").isidentifier() else None
        return "null" if expr.value is None else str(expr.value).lower()
    if json and isinstance(expr, Template) and len(expr.parts) == 1:
        return keyword(expr.parts[0], json=True)
    return None


def static_list(expr: Expr) -> tuple[Expr, ...] | None:
    """Return the items of a tuple that is written out, or None."""
    return expr.items if isinstance(expr, Tuple) else None


def constraint(expr: Expr, faults: list[Diagnostic], *, json: bool = False) -> Type:
    """Return the type that `expr` names, or `DYNAMIC` after a fault was reported.

    In the JSON form the constraint stands in a string. The faults then point into a source in which the string's
    quotes and escapes are gone, at the places that the reference names.
    """
    return _Reader(faults, json).type(expr)


class _Reader:
    def __init__(self, faults: list[Diagnostic], json: bool) -> None:
        self.faults = faults
        self.json = json

    def type(self, expr: Expr) -> Type:
        if (word := keyword(expr, json=self.json)) is not None:
            return self._word(word, expr)
        call = self._call(expr)
        if call is None:
            return self._fail(
                "A type specification is either a primitive type keyword (bool, number, string) or a complex type "
                "constructor call, like list(string).",
                expr.span,
            )
        return self._constructor(call)

    def _word(self, word: str, expr: Expr) -> Type:
        if found := _PRIMITIVES.get(word):
            return found
        if word in _COLLECTIONS or word in _NEEDS:
            example = {"object": "object({ name = string })", "tuple": "tuple([string, number])"}.get(word, "")
            return self._fail(
                f"The {word} type constructor requires {_NEEDS.get(word, _ELEMENT)}.",
                expr.span,
                hint=f"write for instance {example or word + '(string)'}",
            )
        near = nearest(word, _WORDS)
        hint = f'did you mean "{near}"?' if near else ""
        return self._fail(f'The keyword "{word}" is not a valid type specification.', expr.span, hint=hint)

    def _constructor(self, call: Call) -> Type:
        name, arguments = call.name, _arguments_span(call)
        if name in _PRIMITIVES:
            kind = "Type constraint" if name == "any" else "Primitive type"
            return self._fail(f'{kind} keyword "{name}" does not expect arguments.', arguments, hint=f"write {name}")
        if name == "optional":
            detail = 'Keyword "optional" is valid only as a modifier for object type attributes.'
            return self._fail(detail, call.name_span)
        if name not in _COLLECTIONS and name not in _NEEDS:
            near = nearest(name, (*_COLLECTIONS, *_NEEDS))
            hint = f'did you mean "{near}"?' if near else ""
            return self._fail(f'Keyword "{name}" is not a valid type constructor.', call.span, hint=hint)
        if len(call.args) != 1:
            subject = call.args[1].span.to(call.args[-1].span) if len(call.args) > 1 else arguments
            detail = f"The {name} type constructor requires {_NEEDS.get(name, _ELEMENT)}."
            return self._fail(detail, subject, arguments)
        if collection := _COLLECTIONS.get(name):
            return collection(self.type(call.args[0]))
        return self._object(call) if name == "object" else self._tuple(call)

    def _tuple(self, call: Call) -> Type:
        items = static_list(call.args[0])
        if items is None:
            return self._fail("Tuple type constructor requires a list of element types.", call.args[0].span, call.span)
        return TupleType(tuple(self.type(item) for item in items))

    def _object(self, call: Call) -> Type:
        argument = call.args[0]
        if not isinstance(argument, Object):
            return self._fail(
                "Object type constructor requires a map whose keys are attribute names and whose values are the "
                "corresponding attribute types.",
                argument.span,
                call.span,
            )
        attributes: dict[str, Type] = {}
        optional: set[str] = set()
        for item in argument.items:
            name = keyword(item.key, json=self.json or item.bare)
            if name is None:
                self._fail("Object constructor map keys must be attribute names.", item.key.span, call.span)
            elif name in attributes:
                self._fail("Object constructor map keys must be unique.", item.key.span, call.span)
            else:
                self._attribute(name, item.value, attributes, optional)
        return ObjectType(attributes, frozenset(optional))

    def _attribute(self, name: str, expr: Expr, attributes: dict[str, Type], optional: set[str]) -> None:
        call = self._call(expr)
        if call is not None and call.name == "optional":
            if not call.args:
                detail = "Optional attribute modifier requires the attribute type as its argument."
                self._fail(detail, _arguments_span(call), expr.span)
                return
            if len(call.args) == 1:
                optional.add(name)
            else:
                detail = "Optional attribute modifier expects only one argument: the attribute type."
                self._fail(detail, _arguments_span(call), expr.span)
            expr = call.args[0]
        attributes[name] = self.type(expr)

    def _call(self, expr: Expr) -> Call | None:
        """Return the call that an expression is; in the JSON form its text is in a string."""
        if isinstance(expr, Call):
            return expr
        if not self.json:
            return None
        if isinstance(expr, Template) and len(expr.parts) == 1:
            expr = expr.parts[0]
        if not isinstance(expr, Literal) or not isinstance(expr.value, str):
            return None
        from bakepy.grammar import parse_expression

        faults: list[Diagnostic] = []
        before = expr.span.source.text[: expr.span.start]
        blank = "".join("\n" if c == "\n" else " " for c in before)
        inner = parse_expression(Source(expr.span.source.name, blank + expr.value), faults)
        return inner if isinstance(inner, Call) and not faults else None

    def _fail(self, detail: str, subject: Span, context: Span | None = None, *, hint: str = "") -> Type:
        self.faults.append(Diagnostic("Invalid type specification", detail, subject, context, hint))
        return DYNAMIC


def _arguments_span(call: Call) -> Span:
    opening = start_span(call)
    return Span(opening.source, opening.end - 1, opening.end).to(closing_span(call))


def parameter_names(items: Sequence[Expr], faults: list[Diagnostic], *, json: bool) -> list[str]:
    """Return the names that the items of a parameter list are, reporting those that are none."""
    names = []
    for item in items:
        name = keyword(item, json=json)
        if name is None:
            faults.append(
                Diagnostic("Invalid param element", "Each parameter name must be an identifier.", subject=item.span)
            )
        else:
            names.append(name)
    return names
