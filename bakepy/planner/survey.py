"""Look for all that is wrong with a definition, and for what is likely not meant, behind the first fault too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bakepy.diagnostics import Diagnostic, Keeping, Severity, nearest
from bakepy.planner import checks
from bakepy.planner.config import Config, Definition
from bakepy.planner.define import World, define, validate_label
from bakepy.planner.load import File
from bakepy.planner.options import ineffective
from bakepy.planner.overrides import Lookup, Setting
from bakepy.planner.places import Related, element, related
from bakepy.planner.select import LINK, Groups, select
from bakepy.records import Record


class Survey(Record):
    """Hold what a look at a definition found, in `found`.

    `built` are the names of targets of `config` that builds make and whose own faults are none, so that it can be
    asked whether their files are there.
    """

    __slots__ = ("config", "built", "found")

    def __init__(self, config: Config, built: list[str] | None = None, found: list[Diagnostic] | None = None) -> None:
        self.config = config
        self.built: list[str] = [] if built is None else built
        self.found: list[Diagnostic] = [] if found is None else found


def survey(
    files: Sequence[File],
    world: World,
    names: Sequence[str],
    settings: Iterable[Setting],
    lookup: Lookup,
    found: Iterable[Diagnostic] = (),
) -> Survey:
    """Look at the targets that names mean; without names, at all of them.

    `found` are the faults of files that could not be read: what they would define is missing.
    """
    found = list(found)
    definition = define(files, world, found)
    if definition.nameless:
        # What looks like a missing target may be one that a fault keeps from being defined.
        return Survey(Config({}, {}, definition), [], [*found, *definition.warnings])
    # A name that is none was reported, and cannot be asked for.
    wanted = list(names) or [n for n in (*definition.groups, *definition.targets) if validate_label(n) is None]
    config = select(definition, wanted, settings, found)
    checks.complete(config, lookup)
    built = [name for name in _built(config, names) if not _fails(definition, name)]
    found += checks.faults(config, built, lookup)
    found += [*definition.warnings, *config.warnings, *_cycles(definition), *_shared_tags(config, names)]
    found += odd_platforms(config, built)
    found += ineffective(config, built)
    if not wanted and not found:
        found.append(
            Diagnostic(
                "No targets",
                "There is nothing to build.",
                hint='Define what to build: target "default" {}',
                severity=Severity.WARNING,
            )
        )
    return Survey(config, built, found)


def _built(config: Config, names: Sequence[str]) -> list[str]:
    """Return the targets that builds make: others only pass their attributes on, and need no files.

    These are what is asked for by name, what groups have, what nothing inherits from, and what those link to.
    """
    definition = config.definition
    members = {member for group in definition.groups.values() for member in group.targets}
    parents = {parent for target in definition.targets.values() for parent in target.inherits or ()}
    waiting = [
        name
        for name in config.targets
        if names or name in members or (name not in parents and not name.startswith("_"))
    ]
    found: dict[str, None] = {}
    while waiting:
        name = waiting.pop()
        if name in config.targets and name not in found:
            found[name] = None
            contexts = (config.targets[name].contexts or {}).values()
            waiting += [context.removeprefix(LINK) for context in contexts if context.startswith(LINK)]
    return [name for name in config.targets if name in found]


def _fails(definition: Definition, name: str) -> bool:
    """Tell whether attributes of a target may be missing, its own or inherited ones."""
    return bool(definition.failed) and not definition.failed.isdisjoint(definition.family(name))


def _cycles(definition: Definition) -> list[Diagnostic]:
    """Return a warning for each circle of inheritance, which the reference cuts in silence."""
    found = []
    done: set[str] = set()
    for start in definition.targets:
        path: list[str] = []
        stack: list[str | None] = [start]
        while stack:
            name = stack.pop()
            if name is None:
                done.add(path.pop())
            elif name in path:
                found.append(_cycle(definition, [*path[path.index(name) :], name]))
            elif name not in done and name in definition.targets:
                path.append(name)
                stack.append(None)
                stack += reversed(definition.targets[name].inherits or [])
    return found


def _cycle(definition: Definition, way: list[str]) -> Diagnostic:
    child, parent = way[-2:]
    places = [a for owner, a in definition.places(child, "inherits") if owner == child]
    return Diagnostic(
        "Circular inheritance",
        f"Target {parent} inherits from itself: {' -> '.join(way)}.",
        element(places[0], parent) if places else None,
        hint=f"Remove {parent} from what {child} inherits.",
        severity=Severity.WARNING,
    )


def odd_platforms(config: Config, names: Iterable[str]) -> list[Diagnostic]:
    """Return a warning for each platform that is almost one that is known; others may be known elsewhere."""
    from bakepy.platforms import ARCHITECTURES, SYSTEMS, parse_all

    found: dict[str, Diagnostic] = {}
    for name in names:
        for text in config.targets[name].platforms or ():
            if text in found:
                continue
            with Keeping([]):
                for platform in parse_all([text]):
                    for word, known in ((platform.os, SYSTEMS), (platform.architecture, ARCHITECTURES)):
                        if word not in known and (near := nearest(word, sorted(known))):
                            found[text] = _odd(config, name, text, word, near)
    return list(found.values())


def _odd(config: Config, name: str, text: str, word: str, near: str) -> Diagnostic:
    places = related(config.definition, name, "platforms", text)
    return Diagnostic(
        "Unknown platform",
        f'No platform is known that has "{word}", as {text} does.',
        places[0][1] if places else None,
        hint=f"Did you mean {text.replace(word, near)}?",
        severity=Severity.WARNING,
        related=places[1:],
    )


def unpushed(config: Config) -> list[Diagnostic]:
    """Return a warning for targets whose outputs leave nothing to push where pushing is asked for."""
    names = [
        name
        for name, target in config.targets.items()
        if target.output and not any(export.type in {"image", "registry"} for export in target.output)
    ]
    if not names:
        return []
    first, rest = names[0], len(names) - 1
    others = f" and of {rest} more target{'s' if rest > 1 else ''}" if rest else ""
    return [
        Diagnostic(
            "Nothing to push",
            f"No output of target {first}{others} is an image, and --push pushes only images.",
            hint=f"Add type=registry to the outputs: --set {first}.output+=type=registry",
            severity=Severity.WARNING,
            related=related(config.definition, first, "output"),
        )
    ]


def _shared_tags(config: Config, names: Sequence[str]) -> list[Diagnostic]:
    """Return a warning for tags that several targets of one build have: one image takes the name from the other."""
    groups = Groups(config.definition)
    # What is in a group's groups is in the group: only the outermost are asked.
    asked = {name: group for name, group in config.definition.groups.items() if name in config.groups}
    inner = {member for name, group in asked.items() for member in group.targets if member != name}
    builds = [groups.members(name)[0] for name in asked if name not in inner]
    if names:
        builds.append([target for name in names for target in groups.members(name)[0]])
    shared: dict[tuple[str, ...], list[str]] = {}
    for build in builds:
        owners: dict[str, list[str]] = {}
        for name in dict.fromkeys(build):
            target = config.targets.get(name)
            if target is not None:
                for tag in target.tags or ():
                    owners.setdefault(tag, []).append(name)
        for tag, targets in owners.items():
            if len(targets) > 1 and not _are_one(config, targets):
                tags = shared.setdefault(tuple(targets), [])
                tags += [tag] if tag not in tags else []
    return [_shared(config, targets, tags) for targets, tags in shared.items()]


def _are_one(config: Config, names: Sequence[str]) -> bool:
    """Tell whether targets differ in nothing but their names, so that one build serves them all."""
    first, *rest = (config.targets[name].json() for name in names)
    return all(other == first for other in rest)


def _shared(config: Config, targets: Sequence[str], tags: Sequence[str]) -> Diagnostic:
    places: Related = tuple(
        place for name in targets[:2] for place in related(config.definition, name, "tags", tags[0])[:1]
    )
    known = [span for _, span in places]
    rest = f", and {len(targets) - 5} more," if len(targets) > 5 else ""
    return Diagnostic(
        "Duplicate tag",
        f"Targets {', '.join(targets[:5])}{rest} all have the tag {', '.join(tags[:5])}.",
        known[-1] if known else None,
        hint="The image that is made last takes the name from the others: give each a tag of its own.",
        severity=Severity.WARNING,
        related=places[:1] if len(known) > 1 and known[0] != known[1] else (),
    )
