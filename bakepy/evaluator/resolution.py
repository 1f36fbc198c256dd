"""From bodies to a module: definitions, variables, validation, functions, blocks, in the reference's order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bakepy.diagnostics import BakeError, Diagnostic, Span
from bakepy.evaluator import limits
from bakepy.evaluator.blocks import Blocks, missing_span
from bakepy.evaluator.definitions import Definitions, collect
from bakepy.evaluator.dependencies import dependencies
from bakepy.evaluator.expressions import evaluate
from bakepy.evaluator.listing import describe
from bakepy.evaluator.module import Inputs, Module, VariableInfo
from bakepy.evaluator.resolver import FailedError, ResolveError, Resolver
from bakepy.evaluator.scope import Scope
from bakepy.evaluator.unused import unused
from bakepy.grammar.nodes import Block, Body
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.types import BOOL, STRING
from bakepy.values.value import NULL

FRAMES_PER_NAME = 16
"""Python frames that a name may take which refers to another; a chain of all names must fit."""


def resolve(bodies: Sequence[Body], inputs: Inputs, faults: list[Diagnostic] | None = None) -> Module:
    """Evaluate the merged bodies.

    Raises BakeError with all faults of the first step that has any; where `faults` is given, appends those of all
    steps to it instead, returns what could be evaluated, and warns of what nothing uses too.
    """
    limits.start()
    found: list[Diagnostic] = []
    definitions = collect(bodies, inputs.schemas, inputs.builtins, found)
    if found and faults is None:
        raise BakeError(found)
    resolver = Resolver(definitions, inputs, stops=faults is None)
    resolver.report(found, stops=False)
    with _deep_enough(definitions):
        for name in inputs.builtins:
            resolver.resolve_variable(name, resolver.root)
        variables = _resolve_variables(resolver)
        _validate(resolver)
        _resolve_functions(resolver)
        blocks = Blocks(resolver, definitions.blocks)
        rows = blocks.evaluate()
        _resolve_attributes(resolver)
    if faults is not None:
        faults += resolver.reported
        definitions.warnings += unused(definitions)
    return Module(variables, rows, blocks.renamed, definitions.warnings, blocks.failed, blocks.nameless)


@contextmanager
def _deep_enough(definitions: Definitions) -> Iterator[None]:
    """Let the longest chain of names fit on the stack, which in Python 3.11 is memory like any other."""
    limit = sys.getrecursionlimit()
    names = len(definitions.variables) + len(definitions.attributes) + len(definitions.functions)
    names += len(definitions.blocks)
    sys.setrecursionlimit(limit + 4000 + FRAMES_PER_NAME * names)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _resolve_variables(resolver: Resolver) -> list[VariableInfo]:
    infos = []
    for name, variable in resolver.definitions.variables.items():
        at = missing_span(variable.block)
        if _attempt(resolver, partial(resolver.resolve_variable, name, resolver.root), "Invalid value", at):
            infos.append(describe(variable, resolver.root))
    resolver.raise_reported()
    return infos


def _attempt(
    resolver: Resolver, action: Callable[[], None], summary: str, at: Span, context: Span | None = None
) -> bool:
    """Tell whether something could be resolved; if not, report it, and let the rest be looked at all the same."""
    try:
        action()
    except FailedError:
        return False
    except BakeError as e:
        resolver.report(e.diagnostics, stops=True)
        return False
    except ResolveError as e:
        fault = Diagnostic(summary, e.message, at, context or at, e.hint, related=e.related)
        resolver.report([fault], stops=True)
        return False
    return True


def _validate(resolver: Resolver) -> None:
    faults: list[Diagnostic] = []
    for variable in resolver.definitions.variables.values():
        for rule in variable.validations:
            if not _lacks_values(rule, resolver):
                _check_rule(rule, resolver.root, faults)
    resolver.report(faults, stops=False)
    resolver.raise_reported()


def _lacks_values(rule: Block, resolver: Resolver) -> bool:
    """Tell whether a rule asks for variables whose own faults were reported."""
    roots = {root for attribute in rule.body.attributes.values() for root in dependencies(attribute.value).roots}
    return any(root in resolver.definitions.variables and root not in resolver.root.variables for root in roots)


def _check_rule(rule: Block, root: Scope, faults: list[Diagnostic]) -> None:
    """Report where a `validation` block's condition is not true."""
    condition = rule.body.attributes.get("condition")
    at = condition.value.span if condition else missing_span(rule)
    before = len(faults)
    value = evaluate(condition.value, root, faults) if condition else NULL
    if len(faults) > before:
        return
    if value.is_null:
        detail = "Condition expression must return either true or false, not null."
        faults.append(Diagnostic("Invalid condition result", detail, at))
        return
    try:
        holds = convert(value, BOOL).raw
    except ConversionError as e:
        detail = f"Invalid condition result value: {e.message}"
        faults.append(Diagnostic("Invalid condition result", detail, at))
        return
    if not holds:
        message = _error_message(rule, root, faults)
        if len(faults) == before:
            faults.append(Diagnostic("Validation failed", message, at, rule.header))


def _error_message(rule: Block, root: Scope, faults: list[Diagnostic]) -> str:
    attribute = rule.body.attributes.get("error_message")
    value = evaluate(attribute.value, root, faults) if attribute else NULL
    if not value.is_null and value.type.is_primitive and value.is_known:
        return str(convert(value, STRING).raw)
    return "This check failed, but has an invalid error message."


def _resolve_functions(resolver: Resolver) -> None:
    for name, function in resolver.definitions.functions.items():
        if function.params is not None:
            at = context = function.params.span
        else:
            at, context = function.block.label_spans[0], function.block.header
        _attempt(resolver, partial(resolver.resolve_function, name), "Invalid function", at, context)
    resolver.raise_reported()


def _resolve_attributes(resolver: Resolver) -> None:
    """Evaluate the global attributes that nothing referred to, for their faults."""
    for name, found in resolver.definitions.attributes.items():
        at = found.attribute.span
        _attempt(resolver, partial(resolver.resolve_variable, name, resolver.root), "Invalid attribute", at)
    resolver.raise_reported()
