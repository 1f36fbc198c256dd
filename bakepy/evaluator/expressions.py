"""Expressions to values, as HCL's native syntax specification says (hashicorp/hcl, hclsyntax/spec.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakepy.diagnostics import Diagnostic
from bakepy.grammar.nodes import Expr

if TYPE_CHECKING:
    from bakepy.evaluator.scope import Scope
    from bakepy.values.value import Value


def evaluate(expr: Expr, scope: Scope, faults: list[Diagnostic]) -> Value:
    """Return the value of `expr`; where it has none, append the faults and return an unknown value."""
    raise NotImplementedError
