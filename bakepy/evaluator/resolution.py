"""From bodies to a module: definitions, variables, validation, functions, blocks, in the reference's order."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bakepy.diagnostics import BakeError, Diagnostic
from bakepy.evaluator.blocks import Blocks, missing_span
from bakepy.evaluator.definitions import Definitions, FunctionDefinition, collect
from bakepy.evaluator.expressions import evaluate
from bakepy.evaluator.listing import describe
from bakepy.evaluator.module import Inputs, Module, VariableInfo
from bakepy.evaluator.resolver import FailedError, ResolveError, Resolver
from bakepy.evaluator.scope import Scope
from bakepy.grammar.nodes import Block, Body
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.types import BOOL, STRING
from bakepy.values.value import NULL

FRAMES_PER_NAME = 16
"""Python frames that a name may take which refers to another; a chain of all names must fit."""


def resolve(bodies: Sequence[Body], inputs: Inputs) -> Module:
    """Evaluate the merged bodies; raise BakeError with all faults found."""
    faults: list[Diagnostic] = []
    definitions = collect(bodies, inputs.schemas, inputs.builtins, faults)
    if faults:
        raise BakeError(faults)
    resolver = Resolver(definitions, inputs)
    with _deep_enough(definitions):
        for name in inputs.builtins:
            resolver.resolve_variable(name, resolver.root)
        variables = _resolve_variables(resolver)
        _validate(definitions, resolver.root)
        _resolve_functions(resolver)
        blocks = Blocks(resolver, definitions.blocks)
        rows = blocks.evaluate()
        _resolve_attributes(resolver)
    return Module(variables, rows, blocks.renamed, definitions.warnings)


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
    faults: list[Diagnostic] = []
    for name, variable in resolver.definitions.variables.items():
        try:
            resolver.resolve_variable(name, resolver.root)
        except BakeError as e:
            faults += [f for f in e.diagnostics if f not in faults and not f.implied]
        except FailedError:
            pass
        except ResolveError as e:
            at = missing_span(variable.block)
            faults.append(Diagnostic("Invalid value", e.message, at, variable.block.header, e.hint))
        else:
            infos.append(describe(variable, resolver.root))
    if faults:
        raise BakeError(faults)
    return infos


def _validate(definitions: Definitions, root: Scope) -> None:
    faults: list[Diagnostic] = []
    for variable in definitions.variables.values():
        for rule in variable.validations:
            _check_rule(rule, root, faults)
    if faults:
        raise BakeError(faults)


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
    faults: list[Diagnostic] = []
    for name, function in resolver.definitions.functions.items():
        try:
            resolver.resolve_function(name)
        except BakeError as e:
            faults += [f for f in e.diagnostics if f not in faults and not f.implied]
        except FailedError:
            pass
        except ResolveError as e:
            faults.append(_function_fault(function, e))
    if faults:
        raise BakeError(faults)


def _function_fault(function: FunctionDefinition, error: ResolveError) -> Diagnostic:
    block = function.block
    if function.params is not None:
        subject = context = function.params.span
    else:
        subject, context = block.label_spans[0], block.header
    return Diagnostic("Invalid function", error.message, subject, context, error.hint)


def _resolve_attributes(resolver: Resolver) -> None:
    """Evaluate the global attributes that nothing referred to, for their faults."""
    faults: list[Diagnostic] = []
    for name, found in resolver.definitions.attributes.items():
        try:
            resolver.resolve_variable(name, resolver.root)
        except BakeError as e:
            faults += e.diagnostics
        except FailedError:
            pass
        except ResolveError as e:
            span = found.attribute.span
            faults.append(Diagnostic("Invalid attribute", e.message, span, span, e.hint))
    if faults:
        raise BakeError(faults)
