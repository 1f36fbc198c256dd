"""A builder and its nodes as rows of `ls` and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bakepy.diagnostics import one_line
from bakepy.platforms import Platform

if TYPE_CHECKING:
    from bakepy.builders.state import BuilderState, NodeState

MAJOR = (
    "linux/amd64",
    "linux/arm64",
    "linux/arm",
    "linux/ppc64le",
    "linux/s390x",
    "linux/riscv64",
    "linux/mips64",
)
"""Platforms that a short list names first."""

SHOWN = 4
"""Kinds of platforms that a short list names."""

ZERO_TIME = "0001-01-01T00:00:00Z"
"""How Go prints a time that was never set."""


def rows(state: BuilderState, *, current: bool, table: bool, whole: bool) -> Iterator[dict[str, object]]:
    """Yield a row for a builder and one for each of its nodes, which a table sets in; a terminal obeys none of it."""
    for row in _rows(state, current=current, table=table, whole=whole):
        yield {name: one_line(text) for name, text in row.items()}


def _rows(state: BuilderState, *, current: bool, table: bool, whole: bool) -> Iterator[dict[str, str]]:
    stored = state.stored
    indent = " \\_ " if table else ""
    yield {
        "Name": stored.name + ("*" if current and table else ""),
        "DriverEndpoint": driver_name(state),
        "LastActivity": _time(state),
        "Status": "error" if state.error else "",
        "Buildkit": "",
        "Platforms": "",
        "Error": str(state.error or ""),
    }
    for node in () if state.error else state.nodes:
        names = platforms(node)
        yield {
            "Name": indent + node.stored.name,
            "DriverEndpoint": indent + node.stored.endpoint,
            "LastActivity": "",
            "Status": status(node),
            "Buildkit": node.info.version if node.info else "",
            "Platforms": short(names) if table and not whole else ", ".join(names),
            "Error": str(node.error or ""),
        }


def driver_name(state: BuilderState) -> str:
    """Return the driver; what comes with a Docker context is known only once its Engine answers."""
    return "" if state.error and state.stored.implicit else state.stored.driver


def status(node: NodeState) -> str:
    """Return a node's state in one word."""
    return "error" if node.error else node.info.status.value if node.info else ""


def _time(state: BuilderState) -> str:
    return f"{state.last_activity:%Y-%m-%dT%H:%M:%SZ}" if state.last_activity else ""


def platforms(node: NodeState) -> list[str]:
    """Return a node's platforms; those that its user reserved come first and are marked."""
    fixed = dict.fromkeys(str(platform.normalised()) for platform in node.stored.platforms or ())
    found = node.info.platforms if node.info else ()
    return [*(f"{name}*" for name in fixed), *(name for name in dict.fromkeys(found) if name not in fixed)]


def short(names: Sequence[str]) -> str:
    """Return platforms in a few words: one name for an architecture's variants, and how many more there are."""
    groups = _groups(names)
    listed = [kind for kind in MAJOR if kind in groups]
    listed += [kind for kind in sorted(groups) if kind not in MAJOR][: max(0, SHOWN - len(listed))]
    words, count = [], 0
    for kind in listed:
        group = groups[kind]
        count += len(group)
        mark = "*" if any(name.endswith("*") for name in group) else ""
        words.append(group[0] if len(group) == 1 else f"{kind}{mark} (+{len(group)})")
    if len(names) > count:
        words.append(f"({len(names) - count} more)")
    return ", ".join(words)


def _groups(names: Iterable[str]) -> dict[str, list[str]]:
    """Group platforms by system and architecture; the list ends where the last kind that is shown has begun."""
    kinds = [(name, _kind(name)) for name in names]
    groups: dict[str, list[str]] = {}
    for major in MAJOR:
        for name, kind in kinds:
            if kind == major and len(groups) < SHOWN:
                groups.setdefault(major, []).append(name)
    rest: dict[str, list[str]] = {}
    for name, kind in kinds:
        if kind not in groups and len(groups) < SHOWN:
            rest.setdefault(kind, []).append(name)
    return {**groups, **rest}


def _kind(name: str) -> str:
    platform = Platform.parse(name.removesuffix("*"))
    return f"{platform.os}/{platform.architecture}"


def record(state: BuilderState, *, current: bool, proxies: Mapping[str, str]) -> dict[str, object]:
    """Return a builder as JSON."""
    found: dict[str, object] = {
        "Current": current,
        "Driver": driver_name(state),
        "Dynamic": state.stored.dynamic,
        "LastActivity": _time(state) or ZERO_TIME,
        "Name": state.stored.name,
        "Nodes": [_node_record(node, proxies) for node in state.nodes],
    }
    return found | ({"Err": str(state.error)} if state.error else {})


def _node_record(node: NodeState, proxies: Mapping[str, str]) -> dict[str, object]:
    import base64

    stored, info = node.stored, node.info
    workers = info.workers if info else ()
    optional: dict[str, object] = {
        "Flags": list(stored.flags or ()),
        "DriverOpts": dict(stored.driver_options or {}),
        "Files": {name: base64.b64encode(data).decode() for name, data in (stored.files or {}).items()},
        "Status": status(node),
        "ProxyConfig": dict(proxies),
        "Version": info.version if info else "",
        "Err": str(node.error or ""),
        "IDs": sorted(worker.id for worker in workers),
        "Platforms": [name.removesuffix("*") for name in platforms(node)],
        "GCPolicy": [
            {
                "all": rule.all,
                "filter": list(rule.filters) or None,
                "keepDuration": rule.keep_duration,
                "maxUsedSpace": rule.max_used_space,
                "minFreeSpace": rule.min_free_space,
                "reservedSpace": rule.reserved_space,
            }
            for rule in (workers[0].gc_rules if workers else ())
        ],
        "Labels": dict(info.labels) if info else {},
    }
    return {"Name": stored.name, "Endpoint": stored.endpoint} | {k: v for k, v in optional.items() if v}
