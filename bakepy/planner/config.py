"""What the files of a run define, and what of it a run selects."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bakepy.diagnostics import Diagnostic
from bakepy.model.group import Group
from bakepy.model.target import Target
from bakepy.records import Record

if TYPE_CHECKING:
    from bakepy.evaluator import VariableInfo
    from bakepy.grammar.nodes import Attribute, Block
    from bakepy.planner.compose.attributes import Written
    from bakepy.planner.origin import Origin
    from bakepy.planner.overrides import Setting


class Definition(Record):
    """Hold all targets and groups of the files, merged over the files but not yet inherited, in the files' order.

    `variables` is None where no file can have any. `blocks` are the blocks each target came from; a target of a
    Compose file has none, but `written` finds what those files say. `group_blocks` are those of groups. `contexts`
    gives the context of targets that set none, where that is not the working directory. `shadowed` are groups made of
    matrices whose name another group has: they are listed and nothing more. `origin` is where the files were read
    from, where that is not this machine. `failed` are the names of targets and groups with faults, whose attributes
    may be missing, and `nameless` tells that whole targets may be: both only where definitions go on behind faults.
    `settings` are what the command line changes in a selection from it.
    """

    __slots__ = (
        "targets",
        "groups",
        "variables",
        "blocks",
        "group_blocks",
        "contexts",
        "shadowed",
        "warnings",
        "origin",
        "failed",
        "nameless",
        "written",
        "settings",
    )

    def __init__(
        self,
        targets: dict[str, Target] | None = None,
        groups: dict[str, Group] | None = None,
        variables: list[VariableInfo] | None = None,
        blocks: dict[str, list[Block]] | None = None,
        group_blocks: dict[str, Block] | None = None,
        contexts: dict[str, str] | None = None,
        shadowed: list[Group] | None = None,
        warnings: list[Diagnostic] | None = None,
        origin: Origin | None = None,
        failed: set[str] | None = None,
        nameless: bool = False,
        written: Written | None = None,
        settings: Sequence[Setting] = (),
    ) -> None:
        self.targets: dict[str, Target] = {} if targets is None else targets
        self.groups: dict[str, Group] = {} if groups is None else groups
        self.variables = variables
        self.blocks: dict[str, list[Block]] = {} if blocks is None else blocks
        self.group_blocks: dict[str, Block] = {} if group_blocks is None else group_blocks
        self.contexts: dict[str, str] = {} if contexts is None else contexts
        self.shadowed: list[Group] = [] if shadowed is None else shadowed
        self.warnings: list[Diagnostic] = [] if warnings is None else warnings
        self.origin = origin
        self.failed: set[str] = set() if failed is None else failed
        self.nameless = nameless
        self.written = written
        self.settings = settings

    def places(self, target: str, attribute: str) -> list[tuple[str, Attribute]]:
        """Return what sets an attribute of a target, and of which target: its own last place first, then inherited."""
        found: list[tuple[str, Attribute]] = []
        for name in self.family(target):
            bodies = [block.body.attributes for block in reversed(self.blocks.get(name, []))]
            found += [(name, attributes[attribute]) for attributes in bodies if attribute in attributes]
            found += [(name, one) for one in self.written.attributes(name, attribute)] if self.written else []
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


class Config(Record):
    """Hold what a run builds: whole targets, with inheritance and overrides applied, and the groups on the way.

    Targets are in the order of selection, linked ones last. `granted` is what overrides on the command
    line name and so give leave for: paths to read and to write, and entitlements.
    """

    __slots__ = ("targets", "groups", "definition", "granted", "warnings", "folders")

    def __init__(
        self,
        targets: dict[str, Target],
        groups: dict[str, Group],
        definition: Definition,
        granted: Mapping[str, list[str]] | None = None,
        warnings: list[Diagnostic] | None = None,
        folders: dict[str, str] | None = None,
    ) -> None:
        self.targets = targets
        self.groups = groups
        self.definition = definition
        self.granted: Mapping[str, list[str]] = (
            {"read": [], "write": [], "entitlements": []} if granted is None else granted
        )
        self.warnings: list[Diagnostic] = [] if warnings is None else warnings
        self.folders: dict[str, str] = {} if folders is None else folders

    def fault(self, target: str, attribute: str, message: str, *, text: str = "", hint: str = "") -> Diagnostic:
        """Return a diagnostic on a target's attribute that shows where it is set and where it is inherited.

        `text` is the element of the attribute that is at fault, where it is one.
        """
        from bakepy.planner.places import related

        return Diagnostic(message, hint=hint, related=related(self.definition, target, attribute, text))
