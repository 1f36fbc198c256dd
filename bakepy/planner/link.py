"""Take in the targets that others use as contexts, and tell what is wrong with such links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from bakepy.diagnostics import BakeError
from bakepy.model.export import Export
from bakepy.model.target import Target
from bakepy.planner.graph import cycle

PREFIX = "target:"


def links(target: Target) -> list[str]:
    """Return the names of the targets that a target takes as contexts, in its order."""
    return [v.removeprefix(PREFIX) for v in (target.contexts or {}).values() if v.startswith(PREFIX)]


def load_links(targets: dict[str, Target], resolve: Callable[[str], Target]) -> None:
    """Add to `targets` those that contexts name, marked `linked` and with no output but the cache.

    `resolve` returns a target by name with overrides applied, and raises BakeError where there is none. Entitlements
    go from a linked target to those that use it. Raises BakeError for a cycle, and for platforms that a linked target
    is not built for.
    """
    checked: set[str] = set()
    for name in list(targets):
        path: list[str] = [name]
        stack: list[Iterator[str]] = [iter(links(targets[name]))]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
                checked.add(_join(targets, path))
                path.pop()
                continue
            if found in path:
                raise cycle(path[path.index(found) :])
            if found not in targets:
                targets[found] = _linked(resolve(found))
            if found not in checked:
                path.append(found)
                stack.append(iter(links(targets[found])))


def _linked(target: Target) -> Target:
    target.output = [Export("cacheonly")]
    target.linked = True
    return target


def _join(targets: Mapping[str, Target], path: list[str]) -> str:
    """Check a target against those it links to, all of which are known by now; return its name."""
    name = path[-1]
    target = targets[name]
    for other in links(target):
        parent = targets[other]
        if parent.entitlements:
            target.entitlements = list(dict.fromkeys([*(target.entitlements or ()), *parent.entitlements]))
        mine, theirs = target.platforms or [], parent.platforms or []
        if len(mine) > 1 and len(theirs) > 1 and not set(mine) <= set(theirs):
            missing = ", ".join(p for p in mine if p not in theirs)
            raise BakeError.of(
                f"target {other} can't be used by {name} because its platforms [{' '.join(mine)}] are not a subset of "
                f"[{' '.join(theirs)}]",
                hint=f"add {missing} to the platforms of {other}, or take it out of those of {name}",
            )
    return name
