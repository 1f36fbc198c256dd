"""Names, and the steps into the values that they stand for: attributes, indices, splats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bakepy.diagnostics import Diagnostic, Span, nearest
from bakepy.evaluator import limits
from bakepy.evaluator.dispatch import Faults, evaluate, evaluates
from bakepy.evaluator.scope import CONSTANTS, Namespace, Scope, suggestion
from bakepy.evaluator.spans import bracket_span, marker_span
from bakepy.grammar.nodes import GetAttr, Index, Splat, SplatItem, Step, Traverse, Variable
from bakepy.values import numbers
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.types import (
    DYNAMIC,
    NUMBER,
    STRING,
    ListType,
    MapType,
    ObjectType,
    SetType,
    TupleType,
    Type,
)
from bakepy.values.value import UNKNOWN_DYNAMIC, Value, list_, same_types, tuple_, unknown

# The name of the current element of a splat; no variable can have it.
_ITEM = "*"


@evaluates(Variable)
def _variable(expr: Variable, scope: Scope, faults: Faults) -> Value:
    found = scope.lookup(expr.root)
    steps = expr.steps
    if isinstance(found, Value):
        return found if not steps else _walk(found, steps, faults)
    if found is None:
        faults.append(unknown_variable(expr, scope))
        return UNKNOWN_DYNAMIC
    return _walk_namespace(found, steps, faults)


def unknown_variable(expr: Variable, scope: Scope) -> Diagnostic:
    """Return the fault of a name that nothing defines."""
    if scope is CONSTANTS:
        return Diagnostic("Variables not allowed", "Variables may not be used here.", expr.root_span, expr.span)
    near = suggestion(expr.root, scope.names())
    mean = f' Did you mean "{near}"?' if near else ""
    hint = "" if near else f'define it with: variable "{expr.root}" {{}}'
    detail = f'There is no variable named "{expr.root}".{mean}'
    return Diagnostic("Unknown variable", detail, expr.root_span, expr.span, hint)


def _walk_namespace(space: Namespace, steps: Sequence[Step], faults: Faults) -> Value:
    """Step into an object that is made on demand, without making it whole where one attribute is enough."""
    if steps and isinstance(steps[0], GetAttr):
        member = space.member(steps[0].name)
        if member is not None:
            return _walk(member, steps[1:], faults)
    return _walk(space.whole(), steps, faults)


def _walk(value: Value, steps: Sequence[Step], faults: Faults) -> Value:
    before = len(faults)
    for step in steps:
        if isinstance(step, GetAttr):
            value = attribute(value, step.name, step.span, faults)
        else:
            value = element(value, evaluate(step.key, CONSTANTS, faults), step.span, faults)
        if len(faults) > before:
            return UNKNOWN_DYNAMIC
    return value


@evaluates(Traverse)
def _traverse(expr: Traverse, scope: Scope, faults: Faults) -> Value:
    return _walk(evaluate(expr.source, scope, faults), expr.steps, faults)


@evaluates(Index)
def _index(expr: Index, scope: Scope, faults: Faults) -> Value:
    collection = evaluate(expr.collection, scope, faults)
    key = evaluate(expr.key, scope, faults)
    before = len(faults)
    value = element(collection, key, expr.span, faults)
    if len(faults) > before:
        fault = faults.pop()
        faults.append(
            Diagnostic(fault.summary, fault.detail, bracket_span(expr), expr.span, fault.hint, related=fault.related)
        )
    return value


@evaluates(SplatItem)
def _splat_item(expr: SplatItem, scope: Scope, faults: Faults) -> Value:
    found = scope.lookup(_ITEM)
    return found if isinstance(found, Value) else UNKNOWN_DYNAMIC


@evaluates(Splat)
def _splat(expr: Splat, scope: Scope, faults: Faults) -> Value:
    before = len(faults)
    source = evaluate(expr.source, scope, faults)
    if len(faults) > before:
        return UNKNOWN_DYNAMIC
    if source.is_null:
        if not isinstance(source.type, TupleType | ListType | SetType):
            return tuple_([])
        detail = "Splat expressions (with the * symbol) cannot be applied to null sequences."
        context = expr.source.span.to(marker_span(expr))
        faults.append(Diagnostic("Splat of null value", detail, expr.source.span, context))
        return UNKNOWN_DYNAMIC
    if not source.is_known:
        return UNKNOWN_DYNAMIC
    if not isinstance(source.type, TupleType | ListType | SetType):
        source = tuple_([source])
    if not limits.step_fits(expr.span, faults, len(source.elements)):
        return UNKNOWN_DYNAMIC
    values = [_each(expr, value, scope, faults) for value in source.elements]
    if len(faults) > before:
        return unknown(_type_of_all(expr, source.type, scope))
    if not isinstance(source.type, ListType | SetType):
        return tuple_(values)
    if not values:
        return list_([], _each(expr, unknown(source.type.element), scope, faults).type)
    if same_types(values):
        return list_(values)
    faults.append(
        Diagnostic(
            "Invalid nested splat expressions",
            "The second level of splat expression produced elements of different types, so it isn't possible to "
            "construct a valid list to represent the top-level result.\n\nConsider using a for expression instead, to "
            "produce a tuple-typed result which can therefore have non-homogenous element types.",
            expr.each.span,
            expr.span,
        )
    )
    return UNKNOWN_DYNAMIC


def _type_of_all(expr: Splat, source: Type, scope: Scope) -> Type:
    """Return the type that a splat has whatever its elements are; it counts where both ways of a condition must fit."""
    ignored: Faults = []
    if isinstance(source, TupleType):
        return TupleType(tuple(_each(expr, unknown(t), scope, ignored).type for t in source.elements))
    if isinstance(source, ListType | SetType):
        return ListType(_each(expr, unknown(source.element), scope, ignored).type)
    return DYNAMIC


def _each(expr: Splat, value: Value, scope: Scope, faults: Faults) -> Value:
    return evaluate(expr.each, scope.child({_ITEM: value}), faults)


def attribute(value: Value, name: str, span: Span, faults: Faults) -> Value:
    """Return `value.name`; where there is none, report it at `span` and return an unknown value."""
    kind = value.type
    if value.is_null:
        detail = "This value is null, so it does not have any attributes."
        return _fault(faults, "Attempt to get attribute from null value", detail, span)
    if isinstance(kind, ObjectType):
        if name in kind.attributes:
            return value.mapping[name] if value.is_known else unknown(kind.attributes[name])
        detail = f'This object does not have an attribute named "{name}".'
        return _fault(faults, "Unsupported attribute", detail, span, _instead(name, kind.attributes))
    if isinstance(kind, MapType):
        if not value.is_known:
            return unknown(kind.element)
        found = value.mapping.get(name)
        if found is not None:
            return found
        detail = f'This map does not have an element with the key "{name}".'
        return _fault(faults, "Missing map element", detail, span, _instead(name, value.mapping))
    if kind is DYNAMIC:
        return UNKNOWN_DYNAMIC
    return _fault(faults, "Unsupported attribute", _no_attributes(kind, name), span)


def _no_attributes(kind: Type, name: str) -> str:
    if isinstance(kind, ListType) and isinstance(kind.element, ObjectType):
        which = f'attribute "{name}"' if name in kind.element.attributes else "an attribute"
        return (
            f"Can't access attributes on a list of objects. Did you mean to access {which} for a specific element of "
            "the list, or across all elements of the list?"
        )
    if isinstance(kind, SetType) and isinstance(kind.element, ObjectType):
        return (
            "Can't access attributes on a set of objects. Did you mean to access an attribute across all elements of "
            "the set?"
        )
    if kind.is_primitive:
        return f"Can't access attributes on a primitive-typed value ({kind.friendly_name()})."
    return "This value does not have any attributes."


_NULL_HINT = "Set it in the last file that defines the block: other blocks see what that file sets, and nothing else."
_NO_ELEMENT = "The given key does not identify an element in this collection value"


def element(value: Value, key: Value, span: Span, faults: Faults) -> Value:
    """Return `value[key]`; where there is none, report it at `span` and return an unknown value."""
    kind = value.type
    if value.is_null:
        detail = "This value is null, so it does not have any indices."
        return _fault(faults, "Attempt to index null value", detail, span, _NULL_HINT)
    if key.is_null:
        return _fault(faults, "Invalid index", "Can't use a null value as an indexing key.", span)
    if kind is DYNAMIC or key.type is DYNAMIC:
        return UNKNOWN_DYNAMIC
    try:
        if isinstance(kind, ListType | TupleType):
            return _in_sequence(value, convert(key, NUMBER), span, faults)
        if isinstance(kind, MapType | ObjectType):
            return _by_name(value, convert(key, STRING), span, faults, by_number=key.type is NUMBER)
    except ConversionError as e:
        return _fault(faults, "Invalid index", f"{_NO_ELEMENT}: {e.message}.", span)
    if isinstance(kind, SetType):
        detail = (
            "Elements of a set are identified only by their value and don't have any separate index or key to select "
            "with, so it's only possible to perform operations across all elements of the set."
        )
        return _fault(faults, "Invalid index", detail, span, "tolist(…) makes a list of a set")
    return _fault(faults, "Invalid index", "This value does not have any indices.", span)


def _in_sequence(value: Value, key: Value, span: Span, faults: Faults) -> Value:
    if not value.is_known or not key.is_known:
        return UNKNOWN_DYNAMIC
    index, elements = key.number, value.elements
    if not numbers.is_integer(index):
        why = "indexing a sequence requires a whole number, but the given index has a fractional part"
    elif numbers.sign(index) < 0:
        why = "a negative number is not a valid index for a sequence"
    else:
        at = numbers.truncate(index)
        if at < len(elements):
            return elements[at]
        # The reference has special words only for the index that equals the length.
        if not elements and at == 0:
            why = "the collection has no elements"
        elif at == len(elements):
            why = "the given index is greater than or equal to the length of the collection"
        else:
            why = ""
    count = len(elements)
    hint = f"it has {count} elements, 0 to {count - 1}" if count else "it is empty"
    return _fault(faults, "Invalid index", f"{_NO_ELEMENT}: {why}." if why else f"{_NO_ELEMENT}.", span, hint)


def _by_name(value: Value, key: Value, span: Span, faults: Faults, *, by_number: bool) -> Value:
    kind = value.type
    if not key.is_known:
        return UNKNOWN_DYNAMIC
    name = key.text
    if isinstance(kind, ObjectType):
        if name in kind.attributes:
            return value.mapping[name] if value.is_known else unknown(kind.attributes[name])
        more = " An object only supports looking up attributes by name, not by numeric index." if by_number else ""
        return _fault(faults, "Invalid index", f"{_NO_ELEMENT}.{more}", span, _instead(name, kind.attributes))
    if not value.is_known:
        return UNKNOWN_DYNAMIC
    found = value.mapping.get(name)
    if found is not None:
        return found
    return _fault(faults, "Invalid index", f"{_NO_ELEMENT}.", span, _instead(name, value.mapping))


def _instead(name: str, present: Iterable[str]) -> str:
    """Say what is there in place of a name that is not."""
    names = list(present)
    if near := nearest(name, names):
        return f'did you mean "{near}"?'
    if not names:
        return "it is empty"
    return f"it has {', '.join(names)}" if len(names) <= 8 else ""


def _fault(faults: Faults, summary: str, detail: str, span: Span, hint: str = "") -> Value:
    faults.append(Diagnostic(summary, detail, span, hint=hint))
    return UNKNOWN_DYNAMIC
