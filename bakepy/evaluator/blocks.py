"""Targets and groups: the rows of their matrix, their names, and their attributes, which may refer to each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bakepy.diagnostics import BakeError, Diagnostic, Keeping, Span
from bakepy.evaluator import limits
from bakepy.evaluator.expressions import evaluate
from bakepy.evaluator.module import Decoder, Row
from bakepy.evaluator.resolver import FailedError, ResolveError, Resolver
from bakepy.evaluator.scope import Namespace, Scope
from bakepy.evaluator.spans import start_span
from bakepy.grammar.nodes import Attribute, Block, Expr, GetAttr, Literal, Object, Tuple, Variable
from bakepy.values.convert import convert
from bakepy.values.errors import AttributeStep, ConversionError, Path
from bakepy.values.strings import quoted
from bakepy.values.types import BOOL, STRING, CollectionType, MapType, ObjectType, Type
from bakepy.values.value import Value, map_, object_, string

Schema = Mapping[str, Decoder]


class _Row:
    """Keep how far a row is evaluated."""

    __slots__ = ("done", "later", "row", "scope", "seen", "working")

    def __init__(self, row: Row, scope: Scope) -> None:
        self.row = row
        self.scope = scope
        self.done: set[str] = set()
        self.working: set[str] = set()
        self.later: dict[str, Value] = {}
        self.seen: Value | None = None

    def value(self, schema: Schema) -> Value:
        """Return the object that other blocks see."""
        if self.seen is None:
            attributes = {name: decoder.unset for name, decoder in schema.items()}
            attributes.update(self.row.attributes)
            attributes.update(self.later)
            attributes["name"] = string(self.row.name)
            self.seen = object_(attributes)
        return self.seen

    def absorb(self, other: _Row) -> None:
        """Let other blocks see here what a later block of the same name sets."""
        for name, value in other.row.attributes.items():
            if value.is_null:
                continue
            old = self.later.get(name) or self.row.attributes.get(name)
            if isinstance(value.type, MapType) and old is not None and not old.is_null:
                value = map_({**old.mapping, **{k: v for k, v in value.mapping.items() if not v.is_null}})
            self.later[name] = value


class _Block:
    """Keep a block's rows, and the values that are the same in all of them."""

    __slots__ = ("attributes", "block", "constant", "loaded", "rows", "shared", "whole")

    def __init__(self, block: Block, schema: Schema) -> None:
        self.block = block
        self.attributes = {n: a for n, a in block.body.attributes.items() if n in schema}
        self.rows: list[_Row] = []
        self.constant: set[str] = set()
        self.loaded: set[str] = set()
        self.shared: dict[str, Value] = {}
        self.whole = False


class _Members:
    """Be the object of all blocks of a type, by name; of several blocks of a name the one evaluated last counts."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.rows: dict[str, _Row] = {}

    def member(self, name: str) -> Value | None:
        """Return the block of this name, or None."""
        row = self.rows.get(name)
        return None if row is None else row.value(self.schema)

    def whole(self) -> Value:
        """Return the object of all blocks."""
        if not self.rows:
            return map_({}, STRING)
        return object_({name: row.value(self.schema) for name, row in self.rows.items()})


class Blocks:
    """Evaluate the blocks of all types in `schemas`."""

    def __init__(self, resolver: Resolver, blocks: Sequence[Block]) -> None:
        self.resolver = resolver
        self.schemas = resolver.inputs.schemas
        self.failed: set[str] = set()
        self.nameless = False
        self.renamed: dict[str, dict[str, list[str]]] = {kind: {} for kind in self.schemas}
        self._members = {kind: _Members(schema) for kind, schema in self.schemas.items()}
        self._named: dict[str, dict[str, list[_Block]]] = {kind: {} for kind in self.schemas}
        self._first: dict[tuple[str, str], _Row] = {}
        self._blocks = [_Block(block, self.schemas[block.type]) for block in blocks]

    def evaluate(self) -> list[Row]:
        """Return all rows in source order; raise BakeError with the faults of all blocks."""
        resolver = self.resolver
        resolver.refer = self._refer
        for one in self._blocks:
            at = one.block.label_spans[0]
            try:
                self._name(one)
            except ResolveError as e:
                resolver.report([Diagnostic("Invalid name", e.message, at, at, e.hint, related=e.related)], stops=True)
                self._leave(one)
            except BakeError as e:
                resolver.report(e.diagnostics, stops=True)
                self._leave(one)
        resolver.raise_reported()
        for one in self._blocks:
            try:
                self._resolve(one, None)
                self._absorb(one)
            except ResolveError as e:
                at = one.block.label_spans[0]
                fault = Diagnostic("Invalid block", e.message, at, one.block.header, e.hint)
                resolver.report([fault], stops=False)
            except BakeError as e:
                resolver.report(e.diagnostics, stops=False)
            else:
                continue
            self.failed.update(row.row.name for row in one.rows)
        resolver.raise_reported()
        return [row.row for one in self._blocks for row in one.rows]

    def _leave(self, one: _Block) -> None:
        """Let others refer to a block that has no name by its label, which is its name unless it has a matrix."""
        block = one.block
        self.nameless = self.nameless or "matrix" in block.body.attributes
        label = block.labels[0]
        one.rows = [_Row(Row(block.type, label, label, block), self.resolver.root)]
        one.attributes = {}
        self._named[block.type].setdefault(label, []).append(one)
        self._members[block.type].rows[label] = one.rows[0]
        self.failed.add(label)

    def _absorb(self, one: _Block) -> None:
        for row in one.rows:
            first = self._first.setdefault((row.row.type, row.row.name), row)
            if first is not row:
                first.absorb(row)

    def _name(self, one: _Block) -> None:
        """Make a block's rows and find their names."""
        block = one.block
        kind, label = block.type, block.labels[0]
        variables = self.resolver.root.variables
        variables.setdefault(kind, self._members[kind])
        scopes = self._scopes(block)
        names: dict[str, None] = {}
        for scope in scopes:
            if not names:
                self._check_name(label)
            name = self._row_name(block, scope)
            if name in names:
                raise self._duplicate(block, name)
            names[name] = None
            one.rows.append(_Row(Row(kind, name, label, block), scope))
            self._named[kind].setdefault(name, []).append(one)
        if names:
            self.renamed[kind].setdefault(label, []).extend(names)
        if len(scopes) > 1:
            varying = {*scopes[0].variables, *self.schemas}
            one.constant = {n for n, a in one.attributes.items() if self._is_constant(a, varying)}

    def _is_constant(self, attribute: Attribute, varying: set[str]) -> bool:
        """Tell whether an attribute has one value in all rows; a function may give another each time."""
        needs = self.resolver.dependencies(attribute.value)
        return not needs.calls and needs.roots.isdisjoint(varying)

    def _check_name(self, name: str, made: Attribute | None = None) -> None:
        """Raise ResolveError for what cannot be a name; `made` is the attribute that made it of other values."""
        if message := self.resolver.inputs.validate_label(name):
            if made:
                hint = f"the name is {quoted(name)}: sanitize(…) makes a name of any text"
                raise ResolveError(message, hint, (("it is made here", made.span),))
            fitting = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)
            raise ResolveError(message, f'write for instance "{fitting}"' if fitting else "")

    @staticmethod
    def _duplicate(block: Block, name: str) -> ResolveError:
        made = block.body.attributes.get("name")
        hint = "each row of a matrix needs a name of its own: "
        hint += "let name use every axis, and no axis have a value twice" if made else "add name = …, made of the axes"
        place = made or block.body.attributes["matrix"]
        words = "the name is made here" if made else "the rows are made here"
        return ResolveError(f"duplicate name {quoted(name)}", hint, ((words, place.span),))

    def _scopes(self, block: Block) -> list[Scope]:
        """Return one scope for each row of the matrix; without one, the scope of all."""
        root = self.resolver.root
        attribute = block.body.attributes.get("matrix")
        if attribute is None:
            return [root]
        if block.type != "target":
            raise ResolveError(f"matrix is not supported for {block.type}s")
        value = self.resolver.value(attribute.value, root, json=block.body.json)
        if not isinstance(value.type, MapType | ObjectType) or not value.can_iterate:
            raise ResolveError("matrix must be a map", 'write matrix = { axis = ["one", "two"] }')
        rows: list[dict[str, Value | Namespace]] = [{}] if self._count_rows(value, attribute) else []
        for axis in _in_source_order(attribute.value, value):
            values = value.mapping[axis]
            if not values.can_iterate:
                raise ResolveError("matrix values must be a list", f"put the value of {axis} in brackets")
            rows = [{**row, axis: item} for row in rows for item in values.elements]
        return [root.child(row) for row in rows]

    @staticmethod
    def _count_rows(value: Value, matrix: Attribute) -> int:
        """Count a matrix's rows before they are made; raise ResolveError for more of them than anyone can build."""
        count = math.prod([len(axis.elements) for axis in value.elements if axis.can_iterate])
        if count > limits.MAX_ROWS:
            axes = " x ".join([str(len(axis.elements)) for axis in value.elements if axis.can_iterate])
            message = f"the matrix has {count} rows; it may have {limits.MAX_ROWS}"
            raise ResolveError(message, f"the axes have {axes} values", (("the rows are made here", matrix.span),))
        return count

    def _row_name(self, block: Block, scope: Scope) -> str:
        attribute = block.body.attributes.get("name")
        if attribute is None:
            return block.labels[0]
        if block.type != "target":
            raise ResolveError(f"name is not supported for {block.type}s")
        if "matrix" not in block.body.attributes:
            raise ResolveError("name requires matrix", "without a matrix, the label is the name")
        value = self.resolver.value(attribute.value, scope, json=block.body.json)
        try:
            name = convert(value, STRING)
        except ConversionError as e:
            raise ResolveError(e.message) from None
        if name.is_null:
            raise ResolveError("name must not be null")
        self._check_name(name.text, attribute)
        return name.text

    def _refer(self, variable: Variable) -> bool:
        """Evaluate what a variable refers to, if it refers to a block."""
        kind, steps = variable.root, variable.steps
        named = self._named.get(kind)
        if named is None:
            return False
        if not steps:
            raise ResolveError(f"cannot access {kind} as a variable", f"refer to one of them: {kind}.name.attribute")
        if not isinstance(steps[0], GetAttr):
            raise ResolveError(f"cannot traverse {kind} without attribute", f"write {kind}.name")
        if self.nameless and steps[0].name not in named:
            raise FailedError(f"not all names of {kind}s are known")
        wanted = steps[1].name if len(steps) > 1 and isinstance(steps[1], GetAttr) else None
        for one in named.get(steps[0].name, ()):
            self._resolve(one, wanted)
        return True

    def _resolve(self, one: _Block, wanted: str | None) -> None:
        """Evaluate one attribute of a block, or all of them; raise ResolveError or BakeError."""
        kind = one.block.type
        if wanted is None:
            if one.whole:
                label = one.block.labels[0]
                raise self.resolver.cycle(f"reference cycle not allowed for {kind}.{label}", f"{kind}.{label}")
            one.whole = True
        try:
            for row in one.rows:
                if wanted is not None and wanted in row.done:
                    return
                self._resolve_row(one, row, wanted)
        finally:
            if wanted is None:
                one.whole = False

    def _resolve_row(self, one: _Block, row: _Row, wanted: str | None) -> None:
        kind, name = one.block.type, row.row.name
        if wanted is None:
            step = f"{kind}.{name}"
            attributes = {n: a for n, a in one.attributes.items() if n not in row.done}
            self._check_required(one.block)
        else:
            step = f"{kind}.{name}.{wanted}"
            if wanted in row.working:
                raise self.resolver.cycle(f"reference cycle not allowed for {step}", step)
            row.working.add(wanted)
            attributes = {wanted: one.attributes[wanted]} if wanted in one.attributes else {}
        faults: list[Diagnostic] = []
        with self.resolver.step(step):
            for attribute in list(attributes.values()):
                if attribute.name not in one.loaded:
                    before = len(faults)
                    with Keeping(None if self.resolver.stops else faults):
                        self._load(one, attribute, row.scope)
                    if len(faults) > before:
                        del attributes[attribute.name]
            if faults:
                # Others of the block's attributes may have faults of their own.
                with Keeping(faults):
                    self._decode(one, row, attributes)
                raise BakeError(faults)
        self._decode(one, row, attributes)
        row.done.update(attributes)
        if wanted is not None:
            row.done.add(wanted)
        row.seen = None
        self._members[kind].rows[name] = row

    def _load(self, one: _Block, attribute: Attribute, scope: Scope) -> None:
        """Load what an attribute needs; if that is no other block, it is loaded for all rows."""
        self.resolver.load(attribute.value, scope, json=one.block.body.json)
        if self.resolver.dependencies(attribute.value).roots.isdisjoint(self.schemas):
            one.loaded.add(attribute.name)

    def _check_required(self, block: Block) -> None:
        faults = []
        for name in self.resolver.inputs.required.get(block.type, ()):
            if name not in block.body.attributes:
                detail = f'The argument "{name}" is required, but no definition was found.'
                at, hint = missing_span(block), f"add {name} = …"
                faults.append(Diagnostic("Missing required argument", detail, at, block.header, hint))
        if faults:
            raise BakeError(faults)

    def _decode(self, one: _Block, row: _Row, attributes: Mapping[str, Attribute]) -> None:
        """Evaluate attributes and bring them to their fields' types; raise BakeError."""
        schema = self.schemas[one.block.type]
        faults: list[Diagnostic] = []
        values = row.row.attributes
        for name, attribute in attributes.items():
            shared = one.shared.get(name)
            if shared is None:
                shared = _decoded(attribute.value, row.scope, schema[name], faults, json=one.block.body.json)
                if shared is None:
                    continue
                if name in one.constant:
                    one.shared[name] = shared
            values[name] = shared
        if faults:
            raise BakeError(faults)


def _decoded(expr: Expr, scope: Scope, decoder: Decoder, faults: list[Diagnostic], *, json: bool) -> Value | None:
    before = len(faults)
    value = evaluate(expr, scope, faults)
    message, hint, implied = "value must be known", "", True
    related: tuple[tuple[str, Span], ...] = ()
    try:
        decoded = decoder(value)
        if len(faults) == before:
            return decoded
        if decoded.wholly_known:
            return None
    except ConversionError as e:
        message, implied = e.message, False
        if (at := _locate(expr, value, decoder.unset.type, e.path)) is not expr:
            related = (("it is this value", at.span),)
        hint = _remedy(value.type, decoder.unset.type)
    faults.append(
        Diagnostic(
            "Unsuitable value type",
            f"Unsuitable value: {message}",
            expr.span if json and not isinstance(expr, Object | Tuple) else start_span(expr),
            expr.span,
            hint,
            related=related,
            implied=implied,
        )
    )
    return None


def _remedy(given: Type, wanted: Type) -> str:
    """Say how a value of the wanted type is written, where the given type is another kind of thing."""
    if isinstance(wanted, CollectionType) and given.is_primitive:
        braces = "{ … }" if isinstance(wanted, MapType) else "[ … ]"
        return f"put it in {braces}: this takes {wanted.friendly_name()}"
    if isinstance(wanted, MapType) and not isinstance(given, MapType | ObjectType):
        return "write { name = value }"
    if wanted is BOOL:
        return "write true or false"
    return ""


def _locate(expr: Expr, value: Value, wanted: Type, path: Path) -> Expr:
    """Find the element that does not fit, as far as the expression is written out."""
    key: object = None
    if path:
        key = path[0].name if isinstance(path[0], AttributeStep) else path[0].key.raw
    elif isinstance(wanted, CollectionType) and value.can_iterate:
        # Types that differ are told before any element is looked at, without a path.
        key = next((k.raw for k, element in value.items() if not _fits(element, wanted.element)), None)
    inner: Expr | None = None
    if isinstance(expr, Object) and isinstance(key, str):
        inner = next((i.value for i in expr.items if isinstance(i.key, Literal) and i.key.value == key), None)
    elif isinstance(expr, Tuple) and isinstance(key, int) and 0 <= key < len(expr.items):
        inner = expr.items[key]
    if inner is None:
        return expr
    element = value.mapping[key] if isinstance(key, str) else value.elements[key] if isinstance(key, int) else value
    return _locate(inner, element, wanted.element if isinstance(wanted, CollectionType) else wanted, path[1:])


def _fits(value: Value, wanted: Type) -> bool:
    try:
        convert(value, wanted)
    except ConversionError:
        return False
    return True


def _in_source_order(expr: Expr, value: Value) -> list[str]:
    """Return an object's names as they are written, where they are."""
    names = list(value.mapping)
    if isinstance(expr, Object):
        written = [i.key.value for i in expr.items if isinstance(i.key, Literal)]
        places = {name: i for i, name in enumerate(written)}
        names.sort(key=lambda name: places.get(name, len(places)))
    return names


def missing_span(block: Block) -> Span:
    """Return the place in a block's body where what is missing could stand."""
    return block.body.end or block.body.span
