"""Where the files say what a whole target is, for faults that only show once inheritance is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakepy.diagnostics import Span
from bakepy.grammar.nodes import Attribute, Expr, Literal, Object, Tuple

if TYPE_CHECKING:
    from bakepy.planner.config import Definition

Related = tuple[tuple[str, Span], ...]
"""Places that play a part in a fault, each with the words that say which."""


def related(definition: Definition, target: str, attribute: str, text: str = "") -> Related:
    """Return where an attribute of a target is set, and where the target inherits it.

    `text` is the element of the attribute to point at, where it is written out. Without any place of the attribute, as
    where its default is at fault, the target's own place is returned.
    """
    if typed := _typed(definition, target, attribute, text):
        return typed
    places = definition.places(target, attribute)
    if not places:
        block = next(iter(definition.blocks.get(target, [])), None)
        composed = definition.written.target(target) if definition.written and not block else None
        span = block.header if block else composed
        return ((f"target {target} is defined here", span),) if span else ()
    owner, found = next((p for p in places if text and _find(p[1].value, text)), places[0])
    if owner == target:
        return ((f"target {target} sets {attribute} here", element(found, text)),)
    parent = _heir(definition, target, owner)
    inherits = definition.places(target, "inherits")
    here = ((f"target {owner} sets {attribute} here", element(found, text)),)
    if not inherits or inherits[0][0] != target:
        return here
    return (*here, (f"target {target} inherits from {parent} here", element(inherits[0][1], parent)))


def _typed(definition: Definition, target: str, attribute: str, text: str) -> Related:
    """Return where the command line sets an attribute of a target, or the element of it that is at fault."""
    from bakepy.planner.overrides import covers

    for setting in reversed(definition.settings):
        argument = setting.argument
        if argument is None or setting.attribute != attribute or not covers(setting, target):
            continue
        value = argument.text.find("=") + 1
        adds = setting.change.append or setting.change.name
        if text in argument.text[value:] or not adds:
            return argument.place(text, value)
    return ()


def element(attribute: Attribute, text: str) -> Span:
    """Return the place of an element of a list or map, or the whole attribute's where it is not written out."""
    found = _find(attribute.value, text) if text else None
    return found.span if found else attribute.span


def _find(expr: Expr, text: str) -> Expr | None:
    if isinstance(expr, Literal):
        return expr if expr.value == text else None
    inner = expr.items if isinstance(expr, Tuple) else ()
    if isinstance(expr, Object):
        inner = tuple(item.value for item in expr.items)
    return next((found for one in inner if (found := _find(one, text))), None)


def _heir(definition: Definition, target: str, owner: str) -> str:
    """Return the direct parent of a target through which it inherits from `owner`."""
    parents = definition.targets[target].inherits or []
    return next((p for p in reversed(parents) if owner in definition.family(p)), "")
