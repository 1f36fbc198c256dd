"""Variables and functions that nothing in the files refers to."""

from __future__ import annotations

from collections.abc import Iterator

from bakepy.diagnostics import Diagnostic, Severity
from bakepy.evaluator.definitions import Definitions
from bakepy.evaluator.dependencies import dependencies
from bakepy.grammar.nodes import Block, Expr


def unused(definitions: Definitions) -> list[Diagnostic]:
    """Return a warning for each variable and function that no expression but its own refers to.

    A variable with a rule is of use without that: it lets the rule check what the environment sets.
    """
    variables: set[str] = set()
    functions: set[str] = set()
    for owner, expr in _expressions(definitions):
        needs = dependencies(expr)
        variables |= needs.roots - {owner}
        functions.update(name for name in needs.calls if f"{name}()" != owner)
    idle = [d.block for name, d in definitions.variables.items() if name not in variables and not d.validations]
    idle += [d.block for name, d in definitions.functions.items() if name not in functions]
    return [_warning(block) for block in idle]


def _expressions(definitions: Definitions) -> Iterator[tuple[str, Expr]]:
    """Give every expression of the files with the name of what it belongs to, which it cannot use by itself."""
    for name, found in definitions.attributes.items():
        yield name, found.attribute.value
    for name, variable in definitions.variables.items():
        yield from ((name, expr) for expr in _of_block(variable.block))
    for name, function in definitions.functions.items():
        yield from ((f"{name}()", expr) for expr in _of_block(function.block))
    for block in definitions.blocks:
        yield from (("", expr) for expr in _of_block(block))


def _of_block(block: Block) -> Iterator[Expr]:
    for attribute in block.body.attributes.values():
        yield attribute.value
    for inner in block.body.blocks:
        yield from _of_block(inner)


def _warning(block: Block) -> Diagnostic:
    kind, name = block.type, block.labels[0]
    hint = f"Refer to it, or remove the {kind}."
    detail = f'Nothing refers to the {kind} "{name}".'
    return Diagnostic(f"Unused {kind}", detail, block.label_spans[0], block.header, hint, Severity.WARNING)
