"""The public types of the room: what a run puts in, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from bakepy.diagnostics import Diagnostic
from bakepy.grammar.nodes import Block

if TYPE_CHECKING:
    from bakepy.evaluator.functions.library import Surroundings
    from bakepy.values.value import Value


class Decoder(Protocol):
    """Convert the value of one attribute to the type of its field.

    What `__call__` returns is also what other blocks see where they refer to the attribute.
    """

    @property
    def unset(self) -> Value:
        """Give what other blocks see where the attribute is not set: mostly a null of the field's type."""

    def __call__(self, value: Value) -> Value:
        """Return `value` as a value of the field's type; raise values.errors.ConversionError where it does not fit."""


class Inputs(NamedTuple):
    """Hold all that evaluation takes from outside the files.

    `builtins` are names with fixed string values (BAKE_CMD_CONTEXT …). `lookup` gives the override of a variable, from
    `--var` or the environment, or None. `schemas` holds for each block type its attributes' decoders; `required` the
    attributes each block type must set. `validate_label` returns what is wrong with a block's name, or None.
    """

    builtins: Mapping[str, str]
    lookup: Callable[[str], str | None]
    schemas: Mapping[str, Mapping[str, Decoder]]
    validate_label: Callable[[str], str | None]
    surroundings: Surroundings
    required: Mapping[str, Sequence[str]] = MappingProxyType({"group": ("targets",)})


class VariableInfo(NamedTuple):
    """Describe a variable as `--list=variables` prints it; `type` is as declared, "" where it was not."""

    name: str
    description: str
    type: str
    show: Callable[[], str | None]

    @property
    def value(self) -> str | None:
        """Return the value as text, or None for null; it is made when asked for, as most runs list no variables."""
        return self.show()


class Row:
    """Hold one evaluated block: one row of its matrix, or the whole block where it has none.

    `name` is the evaluated name and `label` the one written. `attributes` holds the decoded values of the
    attributes that the block sets and its schema knows; their spans are in `block.body.attributes`.
    """

    __slots__ = ("type", "name", "label", "block", "attributes")

    def __init__(
        self, type: str, name: str, label: str, block: Block, attributes: dict[str, Value] | None = None
    ) -> None:
        self.type = type
        self.name = name
        self.label = label
        self.block = block
        self.attributes: dict[str, Value] = {} if attributes is None else attributes


class Module:
    """Hold the values of a run's bodies.

    `rows` are in source order; a name that several blocks define has several rows, which the planner merges.
    `renamed` gives for each block type and written label the names that came of it, in order. `failed` are the names
    of blocks with faults, whose attributes may be missing; `nameless` tells that not all names could be found.
    """

    __slots__ = ("variables", "rows", "renamed", "warnings", "failed", "nameless")

    def __init__(
        self,
        variables: list[VariableInfo],
        rows: list[Row],
        renamed: dict[str, dict[str, list[str]]],
        warnings: list[Diagnostic],
        failed: set[str] | None = None,
        nameless: bool = False,
    ) -> None:
        self.variables = variables
        self.rows = rows
        self.renamed = renamed
        self.warnings = warnings
        self.failed: set[str] = set() if failed is None else failed
        self.nameless = nameless
