"""How functions are called, in the words of the language, for lists of functions and their reference."""

from __future__ import annotations

from bakepy.evaluator.functions.record import Function, Kind, Parameter
from bakepy.values.types import DYNAMIC, CollectionType, Type


def signature(function: Function) -> str:
    """Return the call of a function with its parameters' types and its result's: `join(separator: string, …)`."""
    params = [parameter(p) for p in function.params]
    if function.variadic:
        params.append(f"{parameter(function.variadic)}...")
    # Where the type of the result depends on the arguments, none can be named.
    result = constraint(function.returns) if isinstance(function.returns, Type) else "any"
    return f"{function.name}({', '.join(params)}) -> {result}"


def parameter(param: Parameter) -> str:
    """Return a parameter's name and what it takes."""
    return f"{param.name}: {constraint(param.type) if param.kind is Kind.VALUE else param.kind.value}"


def constraint(kind: Type) -> str:
    """Return a type as `type = …` of a variable takes it, where it can."""
    if kind is DYNAMIC:
        return "any"
    if isinstance(kind, CollectionType):
        return f"{kind.kind}({constraint(kind.element)})"
    return kind.friendly_name()
