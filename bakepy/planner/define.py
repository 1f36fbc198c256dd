"""From files to the targets and groups they define: which form each has, evaluation, and merging between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bakepy import grammar
from bakepy.diagnostics import BakeError, Diagnostic, Keeping, Severity, nearest
from bakepy.model.attribute import Shape
from bakepy.model.decoding import PlainDecoder, decoder, load
from bakepy.model.group import Group
from bakepy.model.target import ATTRIBUTES, Target
from bakepy.planner.config import Definition
from bakepy.planner.folders import folder_of, rebase, rebase_rows
from bakepy.planner.load import File
from bakepy.records import Record

if TYPE_CHECKING:
    from bakepy.evaluator import Decoder, Module, Row
    from bakepy.evaluator.functions.library import Surroundings
    from bakepy.grammar.nodes import Body

NAME = re.compile("[a-zA-Z0-9_-]+")
COMPOSE_ENDINGS = (".yml", ".yaml")


class World(Record):
    """Hold what a definition may see besides its files.

    `variables` are set on the command line. `environment` is empty where variables may not be looked up there.
    `relative` tells that contexts start at the folder of their file, not at the working directory.
    """

    __slots__ = ("surroundings", "variables", "environment", "builtins", "relative")

    def __init__(
        self,
        surroundings: Surroundings,
        variables: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        builtins: Mapping[str, str] | None = None,
        relative: bool = False,
    ) -> None:
        self.surroundings: Final = surroundings
        self.variables: Final[Mapping[str, str]] = {} if variables is None else variables
        self.environment: Final[Mapping[str, str]] = {} if environment is None else environment
        self.builtins: Final[Mapping[str, str]] = {} if builtins is None else builtins
        self.relative: Final = relative

    def lookup(self, name: str) -> str | None:
        """Return what a variable is set to from outside."""
        found = self.variables.get(name)
        return self.environment.get(name) if found is None else found


def define(files: Sequence[File], world: World, faults: list[Diagnostic] | None = None) -> Definition:
    """Return all that files define; Compose files come first, whatever their place.

    Raises BakeError; where `faults` is given, appends to it instead and returns what could be made out.
    """
    definition = Definition()
    composed: list[File] = []
    bodies: list[Body] = []
    for file in files:
        with Keeping(faults):
            body = _read(file, world)
            if body is None:
                composed.append(file)
            else:
                bodies.append(body)
    # What a file that cannot be read would have defined is missing everywhere else.
    definition.nameless = bool(faults)
    if composed:
        from bakepy.planner.compose import read_compose

        with Keeping(faults):
            read_compose(composed, world, definition)
        if world.relative:
            rebase(definition.targets.values(), folder_of(composed[0].name))
    if bodies and not definition.nameless:
        _evaluate(bodies, world, definition, faults)
        if not composed and not faults:  # texts of Compose files may name any variable
            definition.warnings += _undeclared(world, definition)
    return definition


def _undeclared(world: World, definition: Definition) -> Iterator[Diagnostic]:
    """Yield a warning for each variable that is set on the command line and that no file declares."""
    declared = [v.name for v in definition.variables or ()]
    for name in world.variables:
        if name.removesuffix("_JSON") not in declared and name not in declared and name not in world.builtins:
            near = nearest(name, declared)
            some = ", ".join(declared[:12]) + (", …" if len(declared) > 12 else "")
            declare = f'No variable is declared. Write: variable "{name}" {{}}'
            hint = f"Did you mean '{near}'?" if near else f"There are: {some}." if some else declare
            summary = f"no file declares the variable {name}, so --var changes nothing"
            yield Diagnostic(summary, hint=hint, severity=Severity.WARNING)


def _read(file: File, world: World) -> Body | None:
    """Return the syntax tree of a file, or None for a Compose file, which its name or its content tells."""
    name = file.name.lower()
    if name.endswith(COMPOSE_ENDINGS):
        return None
    if name.endswith(".json"):
        return _parse(file, grammar.parse_json)
    if name.endswith(".hcl"):
        return _parse(file, grammar.parse)
    return _read_unnamed(file, world)


def _read_unnamed(file: File, world: World) -> Body | None:
    """Try the forms one after the other, as the name does not tell."""
    from bakepy.planner.compose import check_compose

    try:
        check_compose(file, world)
    except BakeError:
        pass
    else:
        return None
    try:
        return _parse(File(file.name + ".hcl", file.data), grammar.parse)
    except BakeError as native:
        try:
            return _parse(File(file.name + ".json", file.data), grammar.parse_json)
        except BakeError:
            raise native from None


def _parse(file: File, parser: Callable[[Any, list[Diagnostic]], Body]) -> Body:
    faults: list[Diagnostic] = []
    source = grammar.decode(file.name, file.data, faults)
    body = parser(source, faults)
    if any(fault.severity is Severity.ERROR for fault in faults):
        raise BakeError(faults)
    return body


def schemas() -> dict[str, dict[str, Decoder]]:
    """Return what decodes each attribute of each type of block."""
    from bakepy.values.types import STRING
    from bakepy.values.value import string

    target: dict[str, Decoder] = {a.name: decoder(a.shape, a.entry) for a in ATTRIBUTES}
    # Unlike other texts, a description is never null where other blocks look at it.
    description = PlainDecoder(STRING, string(""))
    return {
        "target": {**target, "description": description},
        "group": {"description": description, "targets": decoder(Shape.TEXTS)},
    }


def validate_label(name: str) -> str | None:
    """Return what is wrong with the name of a block."""
    return None if NAME.fullmatch(name) else 'only "[a-zA-Z0-9_-]+" are allowed'


def _evaluate(bodies: Sequence[Body], world: World, definition: Definition, faults: list[Diagnostic] | None) -> None:
    from bakepy.evaluator import Inputs, resolve

    inputs = Inputs(world.builtins, world.lookup, schemas(), validate_label, surroundings=world.surroundings)
    module = resolve(bodies, inputs, faults)
    _merge(module, definition, world.relative)


def _merge(module: Module, definition: Definition, relative: bool) -> None:
    """Add the blocks of a module: targets of one name merge, a later group takes the place of an earlier one."""
    rows = [(row, _target(row)) for row in module.rows if row.type == "target"]
    groups = [row for row in module.rows if row.type == "group"]
    definition.groups.update((row.name, _group(row)) for row in groups)
    definition.group_blocks = {row.name: row.block for row in groups}
    if relative:
        definition.contexts = rebase_rows(rows)
    for row, target in rows:
        if row.name in definition.targets:
            definition.targets[row.name].merge(target)
        else:
            definition.targets[row.name] = target
        definition.blocks.setdefault(row.name, []).append(row.block)
    for renamed in module.renamed.values():
        for label, names in renamed.items():
            distinct = list(dict.fromkeys(names))
            if distinct != [label]:
                group = Group(label, distinct)
                if definition.groups.setdefault(label, group) is not group:
                    definition.shadowed.append(group)
    definition.variables = module.variables
    definition.warnings += module.warnings
    definition.failed |= module.failed
    definition.nameless = module.nameless


BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES}


def _target(row: Row) -> Target:
    target = Target(name=row.name)
    for name, value in row.attributes.items():
        attribute = BY_NAME[name]
        setattr(target, attribute.field, load(attribute, value))
    return target


def _group(row: Row) -> Group:
    targets, description = row.attributes.get("targets"), row.attributes.get("description")
    names = [element.text for element in targets.elements] if targets and targets.can_iterate else []
    text = str((description and description.raw) or "")
    return Group(row.name, list(dict.fromkeys(names)), text, null=targets is None or targets.is_null)
