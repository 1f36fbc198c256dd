"""Names in scope: values and functions, looked up from the inside out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bakepy.evaluator.functions.record import Function
    from bakepy.values.value import Value


class Namespace(Protocol):
    """Stand for an object whose attributes are made on demand, such as all targets under the name `target`."""

    def member(self, name: str) -> Value | None:
        """Return one attribute's value, or None if there is none."""

    def whole(self) -> Value:
        """Return the object with all attributes; this may be costly."""


class Scope:
    """Hold the names that an expression may use; what is not here is looked up in `parent`."""

    __slots__ = ("functions", "parent", "variables")

    def __init__(
        self,
        variables: dict[str, Value | Namespace],
        functions: Mapping[str, Function] | None = None,
        parent: Scope | None = None,
    ) -> None:
        self.variables = variables
        self.functions = functions
        self.parent = parent

    def child(self, variables: dict[str, Value | Namespace]) -> Scope:
        """Return a scope inside this one."""
        return Scope(variables, None, self)

    def lookup(self, name: str) -> Value | Namespace | None:
        """Return what a name stands for, or None."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.variables.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def function(self, name: str) -> Function | None:
        """Return the function of this name, or None."""
        scope: Scope | None = self
        while scope is not None:
            if scope.functions is not None and (found := scope.functions.get(name)) is not None:
                return found
            scope = scope.parent
        return None

    def names(self) -> Iterator[str]:
        """Give the variables' names, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope.variables
            scope = scope.parent

    def function_names(self) -> Iterator[str]:
        """Give the functions' names, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope.functions or ()
            scope = scope.parent


CONSTANTS = Scope({})
"""The scope of expressions in which no names may be used."""


def suggestion(given: str, names: Iterable[str]) -> str | None:
    """Return the nearest name less than three edits away from `given`, the distance within which HCL suggests names."""
    found, best = None, 3
    for name in names:
        if abs(len(name) - len(given)) < best and name != "*" and (distance := _distance(given, name)) < best:
            found, best = name, distance
    return found


def _distance(a: str, b: str) -> int:
    """Return the Levenshtein distance up to 2; 3 or more for all greater ones.

    Only cells that near to the diagonal are looked at, so that long names take no longer than they are.
    """
    previous = {j: j for j in range(min(len(b), 2) + 1)}
    for i, x in enumerate(a, 1):
        row: dict[int, int] = {}
        for j in range(max(i - 2, 0), min(i + 2, len(b)) + 1):
            near = [previous.get(j, 3) + 1, row.get(j - 1, 3) + 1]
            row[j] = min(near if j == 0 else [*near, previous.get(j - 1, 3) + (x != b[j - 1])])
        previous = row
    return previous.get(len(b), 3)
