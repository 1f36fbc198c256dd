"""Small ways from text to values for the tests of this room."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bakepy.diagnostics import Diagnostic, Source
from bakepy.evaluator import Inputs, Module, resolve
from bakepy.evaluator.expressions import evaluate
from bakepy.evaluator.functions.library import Surroundings, standard_library
from bakepy.evaluator.scope import Scope
from bakepy.grammar import parse, parse_expression
from bakepy.grammar.nodes import Expr
from bakepy.planner.define import schemas, validate_label
from bakepy.values.value import Value

SURROUNDINGS = Surroundings(now=lambda: datetime(2026, 1, 2, tzinfo=UTC), home=lambda: "/home/baker")


def expression(text: str) -> Expr:
    """Parse an expression."""
    faults: list[Diagnostic] = []
    expr = parse_expression(Source("e.hcl", text), faults)
    assert not faults
    return expr


def value_of(text: str, variables: Mapping[str, Value] | None = None) -> tuple[Value, list[Diagnostic]]:
    """Evaluate an expression."""
    faults: list[Diagnostic] = []
    scope = Scope({**(variables or {})}, standard_library(SURROUNDINGS))
    return evaluate(expression(text), scope, faults), faults


def module_of(*texts: str, overrides: Mapping[str, str] | None = None) -> Module:
    """Resolve definition files named f0.hcl, f1.hcl and so on."""
    faults: list[Diagnostic] = []
    bodies = [parse(Source(f"f{i}.hcl", text), faults) for i, text in enumerate(texts)]
    assert not faults
    inputs = Inputs({}, (overrides or {}).get, schemas(), validate_label, SURROUNDINGS)
    return resolve(bodies, inputs)


def check_of(*texts: str) -> tuple[Module, list[Diagnostic]]:
    """Resolve definition files as far as that goes, and return what is wrong with them too."""
    faults: list[Diagnostic] = []
    bodies = [parse(Source(f"f{i}.hcl", text), faults) for i, text in enumerate(texts)]
    inputs = Inputs({}, {}.get, schemas(), validate_label, SURROUNDINGS)
    return resolve(bodies, inputs, faults), faults
