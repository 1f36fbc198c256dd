"""How Compose files merge: mappings by key, lists one after the other, a few fields by rules of their own.

Only the fields of a service that say how it is built come here; the others were left out when the file was read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bakepy.planner.compose.document import shown
from bakepy.planner.compose.faults import PathError

Rule = Callable[[Any, Any, str], Any]


def merge(base: Any, over: Any, path: str = "") -> Any:
    """Return a tree with another one laid over it; `path` says where it is, as `services.*.build`. Raises PathError."""
    if rule := RULES.get(path):
        return rule(base, over, path)
    if over is None:
        return base
    if isinstance(base, dict | list) and not isinstance(over, type(base)):
        what = "mapping" if isinstance(base, dict) else "list"
        raise PathError.at((), f"cannot override {path}", f"Write a {what}, as the file or service before does.")
    if isinstance(base, dict):
        return merge_mappings(base, over, path)
    if isinstance(base, list):
        return with_new(base, over)
    return over


def merge_mappings(base: dict[str, Any], over: dict[str, Any], path: str) -> dict[str, Any]:
    """Merge key by key."""
    out = dict(base)
    for key, value in over.items():
        try:
            out[key] = merge(base[key], value, _below(path, key)) if key in base else value
        except PathError as error:
            raise error.within(key) from None
    return out


def _below(path: str, key: str) -> str:
    """Return the path of a key; names of services and secrets count as `*`."""
    if path in {"services", "secrets"}:
        key = "*"
    return f"{path}.{key}" if path else key


def sequence(value: Any) -> list[Any]:
    """Return a mapping as a sorted list of `key=value`, a text as a list of it, and a list as it is."""
    if isinstance(value, dict):
        pairs: list[Any] = []
        for key, item in value.items():
            items = item if isinstance(item, list) else [item]
            pairs += [key if one is None else f"{key}={shown(one)}" for one in items]
        return sorted(pairs)
    return value if isinstance(value, list) else [value] if isinstance(value, str) else []


def with_new(base: list[Any], over: list[Any]) -> list[Any]:
    """Return a list followed by the items of another one that it does not hold."""
    return base + [item for i, item in enumerate(over) if item not in base and item not in over[:i]]


def _sequences(base: Any, over: Any, _: str) -> list[Any]:
    return sequence(base) + sequence(over)


def _lists(base: Any, over: Any, _: str) -> list[Any]:
    return with_new(sequence(base), sequence(over))


def _builds(base: Any, over: Any, path: str) -> dict[str, Any]:
    def mapping(value: Any) -> dict[str, Any]:
        return {"context": value} if isinstance(value, str) else value if isinstance(value, dict) else {}

    return merge_mappings(mapping(base), mapping(over), path)


RULES: dict[str, Rule] = {
    "services.*.build": _builds,
    "services.*.build.args": _sequences,
    "services.*.build.additional_contexts": _sequences,
    "services.*.build.extra_lists": _lists,
    "services.*.build.labels": _sequences,
    "services.*.env_file": _lists,
    "services.*.environment": _sequences,
}

UNIQUE = ("args", "additional_contexts", "tags", "labels")
"""Lists in `build` that hold a key at most once: the last one counts, at the place of the first."""


def without_repeats(service: dict[str, Any]) -> dict[str, Any]:
    """Return a service whose lists of `key=value` hold each key once."""
    out = dict(service)
    for key in ("environment", "env_file"):
        if isinstance(out.get(key), list):
            out[key] = _unique(out[key])
    if isinstance(out.get("build"), dict):
        build = dict(out["build"])
        for key in UNIQUE:
            if isinstance(build.get(key), list):
                build[key] = _unique(build[key])
        out["build"] = build
    return out


def _unique(items: list[Any]) -> list[Any]:
    found: dict[str, Any] = {}
    for item in items:
        key = str(item.get("path")) if isinstance(item, dict) else shown(item).partition("=")[0]
        found[key] = item
    return list(found.values())
