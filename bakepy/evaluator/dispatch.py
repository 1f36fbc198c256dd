"""The way from a node's class to the function that evaluates it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from bakepy.diagnostics import Diagnostic
from bakepy.evaluator.scope import Scope
from bakepy.grammar.nodes import Expr
from bakepy.values.value import Value

Faults = list[Diagnostic]
# The table's functions each take their own class of node, which no type can say of a dictionary.
_EVALUATORS: dict[type[Expr], Callable[[Any, Scope, Faults], Value]] = {}

_Node = TypeVar("_Node", bound=Expr)
_Evaluator = Callable[[_Node, Scope, Faults], Value]


def evaluates(node: type[_Node]) -> Callable[[_Evaluator[_Node]], _Evaluator[_Node]]:
    """Enter the decorated function as the one that evaluates nodes of a class."""

    def enter(function: _Evaluator[_Node]) -> _Evaluator[_Node]:
        _EVALUATORS[node] = function
        return function

    return enter


def evaluate(expr: Expr, scope: Scope, faults: Faults) -> Value:
    """Return the value of `expr`; where it has none, append the faults and return an unknown value.

    A value is unknown only where a fault was appended.
    """
    return _EVALUATORS[type(expr)](expr, scope, faults)
