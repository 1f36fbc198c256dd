"""Which targets a run builds, and what they are once inheritance and overrides are applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from bakepy.diagnostics import BakeError, Diagnostic, Keeping, Severity, nearest
from bakepy.model.attribute import Form, Shape
from bakepy.model.cache import CacheEntry
from bakepy.model.export import Export
from bakepy.model.group import Group
from bakepy.model.rules import Change
from bakepy.model.secret import Secret
from bakepy.model.ssh import Ssh
from bakepy.model.target import OVERRIDES, Target
from bakepy.model.text import EntryError, quote
from bakepy.planner import overrides
from bakepy.planner.config import Config, Definition
from bakepy.planner.overrides import Setting
from bakepy.planner.patterns import PatternError, is_pattern, matches
from bakepy.planner.places import Related, element, related
from bakepy.records import replace

T = TypeVar("T", CacheEntry, Export, Secret, Ssh)
DEFAULT = "default"
LINK = "target:"
MAX_POLICIES = 10_000
"""Policies are the one attribute that keeps duplicates, so that forks on the way of inheritance double them."""


def select(
    definition: Definition,
    names: Sequence[str],
    settings: Iterable[Setting] = (),
    faults: list[Diagnostic] | None = None,
) -> Config:
    """Return the targets that names, groups and patterns mean, whole, with all that they link to.

    Raises BakeError; where `faults` is given, appends to it instead and leaves out what cannot be made whole.
    """
    settings = list(settings)
    expanded: list[str] = []
    for name in names:
        with Keeping(faults):
            expanded += _expand(definition, name.replace(".", "_"))
    wanted = list(dict.fromkeys(expanded))
    changes: dict[str, list[Change]] = {}
    with Keeping(faults):
        changes = overrides.expand(settings, list(definition.targets))
        definition = replace(definition, settings=settings) if settings else definition
    resolver = Resolver(definition, changes)
    config = Config({}, {}, definition)
    groups = Groups(definition)
    for name in wanted:
        targets, passed = groups.further_members(name)
        for target in targets:
            if target not in config.targets:
                with Keeping(faults):
                    if target not in definition.targets:
                        raise missing(definition, target, _member(definition, passed, target))
                    config.targets[target] = resolver.target(target)
        for group in passed:
            config.groups.setdefault(group, replace(definition.groups[group]))
    _add_default(config, wanted)
    _Linker(config, resolver).link(faults)
    config.granted = resolver.granted
    config.warnings = resolver.warnings
    return config


def _expand(definition: Definition, name: str) -> list[str]:
    if not is_pattern(name):
        return [name]
    found = []
    for known in (*definition.groups, *definition.targets):
        try:
            if matches(name, known):
                found.append(known)
        except PatternError:
            break
    if not found:
        raise BakeError.of(f"could not find any target matching {quote(name)}", hint=_known(definition))
    return found


def _known(definition: Definition) -> str:
    both = dict.fromkeys((*definition.groups, *definition.targets))
    names = [name for name in both if not name.startswith("_")]
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"There are: {shown}." if names else "The definition has no targets."


def missing(definition: Definition, name: str, asked: Related = ()) -> BakeError:
    """Return the error for a target that is not defined; `asked` is where it is asked for."""
    near = nearest(name, [*definition.targets, *definition.groups])
    hint = f"Did you mean '{near}'?" if near and near != name else _known(definition)
    if group := definition.groups.get(name):
        hint = f"{name} is a group that {'leads back to itself' if group.targets else 'has no targets'}."
    return BakeError([Diagnostic(f"failed to find target {name}", hint=hint, related=asked)])


def _member(definition: Definition, groups: Sequence[str], name: str) -> Related:
    """Return where one of the groups has a member."""
    for group in groups:
        block = definition.group_blocks.get(group)
        if block and name in definition.groups[group].targets:
            return ((f"group {group} has it as a member", element(block.body.attributes["targets"], name)),)
    return ()


class Groups:
    """Resolve groups to the targets in them, through groups in groups, in time that grows with their members."""

    def __init__(self, definition: Definition) -> None:
        self._groups = definition.groups
        self._passed: set[str] = set()

    def members(self, name: str) -> tuple[list[str], list[str]]:
        """Return the targets of a group, or the target itself, and the groups on the way.

        A group that is met within itself is taken for a target, as a target may have the name of the group it is in.
        So is an empty group in a group: there is no such target then, which is the fault to report.
        """
        self._passed = set()
        return self.further_members(name)

    def further_members(self, name: str) -> tuple[list[str], list[str]]:
        """Return what `members` does without the groups that an earlier call has passed, and what is in them."""
        if name not in self._groups:
            return [name], []
        targets: dict[str, None] = {}
        passed: dict[str, None] = {}
        open_: set[str] = set()
        cyclic = False
        stack = [(name, False)]
        while stack:
            at, leaving = stack.pop()
            if leaving:
                open_.discard(at)
            elif at not in self._groups or at in open_ or (at != name and not self._groups[at].targets):
                targets[at] = None
                cyclic = cyclic or at in open_
                if at in self._groups:
                    passed[at] = None
            elif at not in passed and at not in self._passed:
                open_.add(at)
                passed[at] = None
                stack.append((at, True))
                stack += [(member, False) for member in reversed(self._groups[at].targets)]
        # Of groups that lead back to themselves, the members depend on the group that was asked for.
        if not cyclic:
            self._passed.update(passed)  # `|=` with a dict's keys would copy the set
        return list(targets), list(passed)


def _add_default(config: Config, wanted: Sequence[str]) -> None:
    """Name what was asked for as the group `default`, as the reference prints it."""
    added: list[str] = []
    for name in wanted:
        if name != DEFAULT or DEFAULT not in config.groups:
            config.groups.setdefault(DEFAULT, Group(DEFAULT))
            added.append(name)
    if DEFAULT in config.groups:
        config.groups[DEFAULT].targets = sorted({*config.groups[DEFAULT].targets, *added})


class Resolver:
    """Make whole targets: what they inherit, what they set, what overrides change.

    `granted` collects the paths that overrides name.
    """

    def __init__(self, definition: Definition, changes: dict[str, list[Change]]) -> None:
        self._definition = definition
        self._changes = changes
        self._done: dict[str, Target] = {}
        self.granted: dict[str, list[str]] = {"read": [], "write": [], "entitlements": []}
        self.warnings: list[Diagnostic] = []

    def target(self, name: str) -> Target:
        """Return a target, whole. Raises BakeError."""
        found = self._resolve(name)
        return found.copy(
            name=name,
            inherits=None,
            context=self._definition.contexts.get(name, ".") if found.context is None else found.context,
            dockerfile=found.dockerfile or "Dockerfile",
        )

    def _resolve(self, name: str) -> Target:
        """Resolve without recursion, as chains of inheritance may be long; a cycle is cut where it closes."""
        visited: dict[str, Target | None] = {}
        cyclic = False
        stack: list[tuple[str, str | None, bool]] = [(name, None, False)]
        while stack:
            at, child, ready = stack.pop()
            if ready:
                visited[at] = self._combine(at, visited)
                if not cyclic:
                    self._done[at] = visited[at]  # type: ignore[assignment]
                continue
            if at in visited:
                cyclic = cyclic or visited[at] is None
                continue
            if at in self._done:
                visited[at] = self._done[at]
                continue
            if at not in self._definition.targets:
                raise missing(self._definition, at, self._asked(child, at) if child else ())
            visited[at] = None
            stack.append((at, child, True))
            stack += [(parent, at, False) for parent in reversed(self._definition.targets[at].inherits or [])]
        result = visited[name]
        assert result is not None  # noqa: S101  # its own entry was made last
        return result

    def _asked(self, child: str, parent: str) -> Related:
        for owner, attribute in self._definition.places(child, "inherits"):
            if owner == child:
                return ((f"target {child} inherits from {parent}", element(attribute, parent)),)
        return ()

    def _combine(self, name: str, visited: dict[str, Target | None]) -> Target:
        own = self._definition.targets[name]
        out = Target(name=name)
        for parent in own.inherits or ():
            if inherited := visited.get(parent):
                out.merge(inherited)
        out.merge(own)
        out.inherits = None  # what is inherited is in place now; names would double with every fork on the way
        if len(out.policy or ()) > MAX_POLICIES:
            raise self._too_many(name)
        for change in self._changes.get(name, ()):
            self._apply(out, change)
        out.normalise()
        return out

    def _too_many(self, name: str) -> BakeError:
        definition = self._definition
        message = f"target {name} has more than {MAX_POLICIES} policies, most of them inherited on several ways"
        hint = "Let it inherit from each target once."
        return BakeError([Diagnostic(message, hint=hint, related=related(definition, name, "policy"))])

    def _apply(self, target: Target, change: Change) -> None:
        if change.key not in OVERRIDES:
            raise overrides.key_fault(self._responsible(target, change))
        attribute, override = OVERRIDES[change.key]
        if override.form is Form.NAMED and not change.name and override.expects:
            setting = self._responsible(target, change)
            hint = f"Write for instance --set '{setting.pattern}.{change.key}.NAME=VALUE'."
            raise setting.fault(override.expects, hint, change.key, len(setting.pattern) + 1)
        try:
            target.override(change)
        except EntryError as fault:
            setting = self._responsible(target, change)
            typed = f"It is what the command line gives {change.key} of target {target.name}."
            hint = "Write true or false." if attribute.shape is Shape.FLAG else "" if setting.argument else typed
            raise setting.fault(str(fault), hint, change.value, setting.text.find("=") + 1) from None
        if override.warning:
            self._warn(override.warning)
        self._grant(target, attribute.field, change)

    def _responsible(self, target: Target, change: Change) -> Setting:
        return overrides.responsible(self._definition.settings, target.name, change)

    def _warn(self, text: str) -> None:
        if all(w.summary != text for w in self.warnings):
            self.warnings.append(Diagnostic(text, severity=Severity.WARNING))

    def _grant(self, target: Target, field: str, change: Change) -> None:
        """Note what an override names: who types a path gives leave for it, and not for what it is appended to."""
        read, write = self.granted["read"], self.granted["write"]
        if change.key == "cache-from":
            read += [e.attrs["src"] for e in _typed(CacheEntry, change) if e.type == "local" and "src" in e.attrs]
        elif change.key == "cache-to":
            write += [e.attrs["dest"] for e in _typed(CacheEntry, change) if e.type == "local" and "dest" in e.attrs]
        elif change.key == "entitlements":
            self.granted["entitlements"] += change.values
        elif change.key == "output":
            write += [e.dest for e in _typed(Export, change) if e.dest]
        elif change.key == "ssh":
            read += [path for entry in _typed(Ssh, change) for path in entry.paths]
        elif field == "secret":
            secrets = [s for s in target.secret or () if s.id == change.name] if change.name else _typed(Secret, change)
            read += [s.src for s in secrets if s.src]


def _typed(kind: type[T], change: Change) -> list[T]:
    """Return the entries that an override, which was applied, consists of."""
    return [entry for text in change.values if text for entry in kind.parse(text)]


class _Linker:
    """Add the targets that contexts name, and check that the links hold."""

    def __init__(self, config: Config, resolver: Resolver) -> None:
        self._config = config
        self._resolver = resolver
        self._checked: set[str] = set()

    def link(self, faults: list[Diagnostic] | None) -> None:
        for name in list(self._config.targets):
            with Keeping(faults):
                self._follow(name)

    def _follow(self, start: str) -> None:
        """Walk the links depth first, without recursion: chains may be long."""
        path: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                path.pop()
                self._settle(name)
                self._checked.add(name)
                continue
            if name in self._checked:
                continue
            if name in path:
                raise self._cycle(path, name)
            path.append(name)
            stack.append((name, True))
            for linked in reversed(self._links(name)):
                if linked in path:
                    raise self._cycle(path, linked)
                if linked not in self._config.targets:
                    self._add(name, linked)
                stack.append((linked, False))

    def _links(self, name: str) -> list[str]:
        contexts = self._config.targets[name].contexts or {}
        return [value.removeprefix(LINK) for value in contexts.values() if value.startswith(LINK)]

    def _add(self, name: str, linked: str) -> None:
        if linked not in self._config.definition.targets:
            definition = self._config.definition
            raise missing(definition, linked, related(definition, name, "contexts", LINK + linked))
        self._config.targets[linked] = self._resolver.target(linked).copy(output=[Export("cacheonly")], linked=True)

    def _cycle(self, path: list[str], name: str) -> BakeError:
        # One fault is enough for all targets on the way.
        self._checked.update(path)
        if path[-1] == name:
            message = f"target {name} cannot link to itself"
            return BakeError([self._config.fault(name, "contexts", message, text=LINK + name)])
        cycle = " -> ".join([*path[path.index(name) :], name])
        message = f"infinite loop from {path[-1]} to {name}"
        hint = f"The links run {cycle}."
        return BakeError([self._config.fault(path[-1], "contexts", message, text=LINK + name, hint=hint)])

    def _settle(self, name: str) -> None:
        """Take over what linked targets are entitled to, and compare platforms."""
        target = self._config.targets[name]
        for link in self._links(name):
            other = self._config.targets[link]
            if other.entitlements:
                target.entitlements = list(dict.fromkeys([*(target.entitlements or ()), *other.entitlements]))
            mine, theirs = target.platforms or [], other.platforms or []
            if len(mine) > 1 and len(theirs) > 1 and not set(mine) <= set(theirs):
                shown = (f"[{' '.join(platforms)}]" for platforms in (mine, theirs))
                message = "target {} can't be used by {} because its platforms {} are not a subset of {}"
                definition = self._config.definition
                places = (*related(definition, name, "platforms"), *related(definition, link, "platforms"))
                raise BakeError([Diagnostic(message.format(link, name, *shown), related=tuple(dict.fromkeys(places)))])
