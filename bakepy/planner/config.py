"""What the files of a run define, and what of it a run selects."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakepy.diagnostics import Diagnostic
from bakepy.model.group import Group
from bakepy.model.target import Target

if TYPE_CHECKING:
    from bakepy.evaluator import VariableInfo
    from bakepy.grammar.nodes import Attribute, Block
    from bakepy.planner.origin import Origin


@dataclass(slots=True)
class Definition:
    """Hold all targets and groups of the files, merged over the files but not yet inherited, in the files' order.

    `variables` is None where no file can have any. `blocks` are the blocks each target came from; a target of a
    Compose file has none. `group_blocks` are those of groups. `contexts` gives the context of targets that set none,
    where that is not the working directory. `shadowed` are groups made of matrices whose name another group has: they
    are listed and nothing more. `origin` is where the files were read from, where that is not this machine. `failed`
    are the names of targets and groups with faults, whose attributes may be missing, and `nameless` tells that whole
    targets may be: both only where definitions go on behind faults.
    """

    targets: dict[str, Target] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    variables: list[VariableInfo] | None = None
    blocks: dict[str, list[Block]] = field(default_factory=dict)
    group_blocks: dict[str, Block] = field(default_factory=dict)
    contexts: dict[str, str] = field(default_factory=dict)
    shadowed: list[Group] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    origin: Origin | None = None
    failed: set[str] = field(default_factory=set)
    nameless: bool = False

    def places(self, target: str, attribute: str) -> list[tuple[str, Attribute]]:
        """Return what sets an attribute of a target, and of which target: its own last place first, then inherited."""
        found: list[tuple[str, Attribute]] = []
        for name in self.family(target):
            bodies = [block.body.attributes for block in reversed(self.blocks.get(name, []))]
            found += [(name, attributes[attribute]) for attributes in bodies if attribute in attributes]
        return found

    def family(self, target: str) -> list[str]:
        """Return a target and all that it inherits from, the nearest first."""
        seen: dict[str, None] = {}
        waiting = deque([target])
        while waiting:
            name = waiting.popleft()
            if name not in seen and name in self.targets:
                seen[name] = None
                waiting += reversed(self.targets[name].inherits or [])
        return list(seen)


@dataclass(slots=True)
class Config:
    """Hold what a run builds: whole targets, with inheritance and overrides applied, and the groups on the way.

    Targets are in the order of selection, linked ones last. `granted` is what overrides on the command
    line name and so give leave for: paths to read and to write, and entitlements.
    """

    targets: dict[str, Target]
    groups: dict[str, Group]
    definition: Definition
    granted: Mapping[str, list[str]] = field(default_factory=lambda: {"read": [], "write": [], "entitlements": []})
    warnings: list[Diagnostic] = field(default_factory=list)
    folders: dict[str, str] = field(default_factory=dict)

    def fault(self, target: str, attribute: str, message: str, *, text: str = "", hint: str = "") -> Diagnostic:
        """Return a diagnostic on a target's attribute that shows where it is set and where it is inherited.

        `text` is the element of the attribute that is at fault, where it is one.
        """
        from bakepy.planner.places import related

        return Diagnostic(message, hint=hint, related=related(self.definition, target, attribute, text))
