"""Variables and functions: each gets its value when something first needs it, so that their order does not matter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from bakepy.diagnostics import BakeError, Diagnostic, Span
from bakepy.evaluator import overrides
from bakepy.evaluator.definitions import Definitions, FunctionDefinition, VariableDefinition
from bakepy.evaluator.dependencies import Dependencies, dependencies
from bakepy.evaluator.expressions import evaluate
from bakepy.evaluator.functions.library import standard_library
from bakepy.evaluator.functions.record import Function
from bakepy.evaluator.module import Inputs
from bakepy.evaluator.overrides import OverrideError
from bakepy.evaluator.scope import Namespace, Scope
from bakepy.evaluator.spans import start_span
from bakepy.evaluator.types import constraint, keyword, parameter_names, static_list
from bakepy.evaluator.userfunctions import user_function
from bakepy.grammar.nodes import Attribute, Expr, Variable
from bakepy.records import replace
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.types import DYNAMIC, Type
from bakepy.values.value import Value, null, string


class ResolveError(Exception):
    """Say why something has no value, where the place is known only to the one who asked for it."""

    def __init__(self, message: str, hint: str = "", related: tuple[tuple[str, Span], ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.related = related


class UndefinedError(ResolveError):
    """Say that nothing of a name is defined; whether that is a fault shows when the expression is evaluated."""


class FailedError(ResolveError):
    """Say that a name has no value, which was reported when it was first asked for."""


class Resolver:
    """Resolve names into `root`, the scope that all expressions of the files share.

    `refer` is set by whoever resolves blocks: it makes the block attribute that a variable refers to available, and
    returns False for a variable that refers to no block. `stops` tells that faults of one step keep the next from
    being taken.
    """

    def __init__(self, definitions: Definitions, inputs: Inputs, *, stops: bool = True) -> None:
        self.definitions = definitions
        self.inputs = inputs
        self.stops = stops
        self.functions: dict[str, Function] = {}
        self.root = Scope({}, self.functions, Scope({}, standard_library(inputs.surroundings)))
        self.refer: Callable[[Variable], bool] = lambda variable: False
        self.trail: list[str] = []
        self._resolving: set[tuple[Scope, str]] = set()
        self._resolving_functions: set[str] = set()
        self._callable: set[str] = set()
        self._failed: set[str] = set()
        self.reported: list[Diagnostic] = []
        self._shown: set[str] = set()
        self._dependencies: dict[Expr, Dependencies] = {}

    def dependencies(self, expr: Expr) -> Dependencies:
        """Return what an expression depends on, worked out once."""
        found = self._dependencies.get(expr)
        if found is None:
            found = self._dependencies[expr] = dependencies(expr)
        return found

    def load(
        self,
        expr: Expr,
        scope: Scope,
        *,
        params: Collection[str] = (),
        strict: bool = False,
        json: bool = False,
    ) -> None:
        """Resolve all that `expr` refers to, but for `params`; what is not defined is passed over unless `strict`.

        Raises:
            BakeError: where something that it refers to has no value.

        """
        needs = self.dependencies(expr)
        local, known = scope.variables, self.root.variables
        try:
            # The reference does not look for calls inside the strings of the JSON form.
            for name in () if json else needs.calls:
                if name not in self._callable:
                    self._load_function(name, strict=strict)
            for variable in needs.variables:
                root = variable.root
                if root in params or self.refer(variable) or root in known or root in local:
                    continue
                self._load_variable(variable, scope, strict=strict)
        except ResolveError as e:
            implied = isinstance(e, FailedError)
            fault = Diagnostic(
                "Invalid expression", e.message, expr.span, expr.span, e.hint, related=e.related, implied=implied
            )
            raise BakeError([fault]) from None

    def _load_function(self, name: str, *, strict: bool) -> None:
        try:
            self.resolve_function(name)
            self._callable.add(name)
        except UndefinedError:
            if strict:
                raise

    def _load_variable(self, variable: Variable, scope: Scope, *, strict: bool) -> None:
        try:
            self.resolve_variable(variable.root, scope)
        except UndefinedError:
            if strict:
                raise

    def report(self, found: Sequence[Diagnostic], *, stops: bool) -> None:
        """Collect faults; `stops` tells that the reference would stop at the first of these places."""
        further = stops and bool(self.reported)
        for fault in found:
            if not further:
                self.reported.append(fault)
            elif not fault.implied and str(fault) not in self._shown:
                self.reported.append(replace(fault, further=True))
            self._shown.add(str(fault))

    def raise_reported(self) -> None:
        """Raise BakeError where faults were reported, unless the run looks for more of them."""
        if self.reported and self.stops:
            raise BakeError(self.reported)

    def value(self, expr: Expr, scope: Scope, *, json: bool = False) -> Value:
        """Load what `expr` needs and evaluate it; raise BakeError."""
        self.load(expr, scope, json=json)
        faults: list[Diagnostic] = []
        value = evaluate(expr, scope, faults)
        if faults:
            raise BakeError(faults)
        return value

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note that `name` is being worked on, for the words of a cycle."""
        self.trail.append(name)
        try:
            yield
        except UndefinedError:
            raise
        except (BakeError, ResolveError):
            self._failed.add(name)
            raise
        finally:
            self.trail.pop()

    def cycle(self, message: str, name: str) -> ResolveError:
        """Return the fault of a name that depends on itself, with the way it does."""
        if name not in self.trail:
            return FailedError(message) if name in self._failed else UndefinedError(message)
        way = [*self.trail[self.trail.index(name) :], name]
        return ResolveError(message, f"the cycle is {' -> '.join(way)}")

    def resolve_function(self, name: str) -> None:
        """Make a function that the files define available; raise ResolveError or BakeError."""
        if name in self.functions or self.root.function(name) is not None:
            return
        definition = self.definitions.functions.get(name)
        if definition is None:
            raise UndefinedError(f'function "{name}" does not exist: undefined')
        if name in self._resolving_functions:
            raise self.cycle(f"function cycle not allowed for {name}", f"{name}()")
        self._resolving_functions.add(name)
        with self.step(f"{name}()"):
            self.functions[name] = self._function(definition)

    def _function(self, definition: FunctionDefinition) -> Function:
        name, json = definition.name, definition.block.body.json
        if definition.result is None:
            raise ResolveError(f"empty result not allowed for {name}", "add: result = …")
        if definition.params is None:
            raise ResolveError(f"empty params not allowed for {name}", "add: params = []")
        faults: list[Diagnostic] = []
        items = static_list(definition.params.value)
        if items is None:
            at = definition.params.value.span if json else start_span(definition.params.value)
            raise BakeError([Diagnostic("Invalid expression", "A static list expression is required.", at)])
        params = parameter_names(items, faults, json=json)
        variadic = self._variadic(definition.variadic, faults, json=json)
        if faults:
            raise BakeError(faults)
        result = definition.result.value
        if json:
            # `load` leaves calls in JSON strings alone, but a function that calls itself must be found.
            for call in self.dependencies(result).calls:
                self._load_function(call, strict=False)
        self.load(result, self.root, params={*params, variadic or ""}, strict=True, json=json)
        return user_function(name, params, variadic, result, self.root)

    @staticmethod
    def _variadic(attribute: Attribute | None, faults: list[Diagnostic], *, json: bool) -> str | None:
        if attribute is None:
            return None
        name = keyword(attribute.value, json=json)
        if name is None:
            detail = "Each parameter name must be an identifier."
            faults.append(Diagnostic("Invalid param element", detail, attribute.span))
        return name

    def resolve_variable(self, name: str, scope: Scope) -> None:
        """Give a variable or global attribute its value; raise ResolveError or BakeError."""
        if name in self.root.variables or name in scope.variables:
            return
        key = (scope, name)
        if key in self._resolving:
            raise self.cycle(f"variable cycle not allowed for {name}", name)
        self._resolving.add(key)
        try:
            with self.step(name):
                self.root.variables[name] = self._variable(name, scope)
        except UndefinedError:
            self._resolving.remove(key)
            raise
        self._resolving.remove(key)

    def _variable(self, name: str, scope: Scope) -> Value | Namespace:
        builtin = self.inputs.builtins.get(name)
        if builtin is not None:
            return string(builtin)
        variable = self.definitions.variables.get(name)
        kind: Type | None = None
        if (found := self.definitions.attributes.get(name)) is not None:
            source: Expr | None = found.attribute.value
            json = found.json
        elif variable is not None:
            source = variable.default.value if variable.default else None
            json = variable.block.body.json
            scope = self.root
            kind = variable.constraint = self._constraint(variable)
        else:
            raise UndefinedError(f'variable "{name}" does not exist: undefined')
        text, is_json = self._override(name, favour_json=kind is not None)
        value: Value | None = None
        if source is not None:
            value = self._default(name, source, scope, kind or DYNAMIC, json=json)
        elif text is None:
            # Without a default, a variable without a type is an empty string; one with a type is null.
            return string("") if kind is None else null(kind)
        if text is not None and variable is not None:
            try:
                return _overridden(name, text, kind, value, is_json=is_json)
            except OverrideError as e:
                raise ResolveError(e.message, e.hint or self._origin(name, is_json)) from None
        if value is None:
            raise UndefinedError(f'variable "{name}" does not exist: undefined')
        return value

    @staticmethod
    def _origin(name: str, is_json: bool) -> str:
        return f"the value comes from {name}_JSON" if is_json else f"the value comes from {name}"

    def _default(self, name: str, expr: Expr, scope: Scope, kind: Type, *, json: bool) -> Value:
        value = self.value(expr, scope, json=json)
        try:
            return convert(value, kind)
        except ConversionError as e:
            message = f"invalid type {kind.friendly_name()} for variable {name} default value: {e.message}"
            raise ResolveError(message, related=(("the default is this value", expr.span),)) from None

    def _constraint(self, variable: VariableDefinition) -> Type | None:
        """Return the declared type, `DYNAMIC` for `any`, or None where there is none."""
        if variable.type is None:
            return None
        expr, json = variable.type.value, variable.block.body.json
        faults: list[Diagnostic] = []
        kind = constraint(expr, faults, json=json)
        if faults:
            ignored: list[Diagnostic] = []
            if evaluate(expr, Scope({}), ignored).is_null:
                return None
            raise BakeError(faults)
        return kind

    def _override(self, name: str, *, favour_json: bool) -> tuple[str | None, bool]:
        """Return the text that overrides a variable, if any, and whether it is JSON."""
        text = self.inputs.lookup(name)
        if text is None or favour_json:
            other = f"{name}_JSON"
            if other not in self.definitions.variables and other not in self.inputs.builtins:
                json = self.inputs.lookup(other)
                if json is not None:
                    return json, True
        return text, False


def _overridden(name: str, text: str, kind: Type | None, default: Value | None, *, is_json: bool) -> Value:
    if kind is not None and is_json:
        return overrides.from_json(name, text, kind)
    if kind is not None and overrides.takes_csv(kind):
        return overrides.from_csv(name, text, kind)
    if kind is not None and kind.is_primitive:
        return overrides.primitive(name, text, kind)
    if kind is not None:
        message = f"unsupported type {kind.friendly_name()} for variable {name}"
        raise OverrideError(message, f"give {name}_JSON a JSON value instead")
    if default is None or default.type is DYNAMIC:
        return string(text)
    if default.type.is_primitive:
        return overrides.primitive(name, text, default.type)
    message = f"unsupported type {default.type.friendly_name()} for variable {name}"
    raise OverrideError(message, f'declare its type in variable "{name}"')
