"""Functions that a definition file defines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bakepy.diagnostics import BakeError, Diagnostic
from bakepy.evaluator import limits
from bakepy.evaluator.dispatch import evaluate
from bakepy.evaluator.functions.record import CallFault, Function, Parameter
from bakepy.evaluator.scope import Namespace, Scope
from bakepy.grammar.nodes import Expr
from bakepy.values.types import DYNAMIC, Type
from bakepy.values.value import Value, tuple_


class ResultFault(CallFault):
    """Carry the faults found in a function's result."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        super().__init__(str(BakeError(diagnostics)))
        self.diagnostics = diagnostics


class _Body(NamedTuple):
    params: tuple[str, ...]
    variadic: str | None
    result: Expr
    scope: Scope

    def run(self, args: Sequence[Value], returns: Type) -> Value:
        names: dict[str, Value | Namespace] = dict(zip(self.params, args, strict=False))
        if self.variadic is not None:
            names[self.variadic] = tuple_(args[len(self.params) :])
        limits.take_steps(limits.CALL_STEPS)
        faults: list[Diagnostic] = []
        value = evaluate(self.result, self.scope.child(names), faults)
        if faults:
            raise ResultFault(faults)
        return value


def user_function(name: str, params: list[str], variadic: str | None, result: Expr, scope: Scope) -> Function:
    """Make a function of the language whose value is that of `result`, with the parameters as names in `scope`."""
    return Function(
        name=name,
        params=tuple(Parameter(p) for p in params),
        variadic=None if variadic is None else Parameter(variadic),
        returns=DYNAMIC,
        impl=_Body(tuple(params), variadic, result, scope).run,
    )
