"""What a service's fields may hold, after the Compose specification's schema, as far as builds are concerned."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bakepy.diagnostics import nearest
from bakepy.planner.compose.faults import Fault, PathError, Steps

Check = Callable[[Steps, Any], Iterator[Fault]]
NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "mapping", list: "array"}


def _wrong(path: Steps, value: Any, what: str, hint: str = "") -> Fault:
    """Return a fault of a value that is not what it must be."""
    return Fault(path, f"{dotted(path)} {what}", hint, value if isinstance(value, str) else "")


def dotted(path: Steps) -> str:
    """Return a path as text."""
    return ".".join(map(str, path))


def _key(path: Steps) -> str:
    """Return the last key of a path."""
    return next((step for step in reversed(path) if isinstance(step, str)), "")


def _item(value: Any) -> str:
    """Return a value as an example of an item, if it can be one."""
    return value if isinstance(value, str) and value.isprintable() and len(value) < 40 else "…"


def scalar(*types: type) -> Check:
    """Return a check for values of these types; bool is no integer."""
    wanted = sorted(NAMES[t] for t in types if t is not int or float not in types)  # a number is any of the two
    words = wanted[0] if len(wanted) == 1 else f"{', '.join(wanted[:-1])} or {wanted[-1]}"

    def check(path: Steps, value: Any) -> Iterator[Fault]:
        if type(value) not in types:
            yield _wrong(path, value, f"must be a {words}", _scalar_hint(types, path, value))

    return check


def _scalar_hint(types: tuple[type, ...], path: Steps, value: Any) -> str:
    if value is None:
        return "Give it a value, or remove it."
    if bool in types:
        return f"Write true or false, as in {_key(path)}: true."
    if str in types and isinstance(value, int | float):
        shown = str(value).lower() if isinstance(value, bool) else value
        return f'Put it in quotes: "{shown}".'
    what, example = ("text", "name") if str in types else ("whole number", "1")
    hint = f"Write one {what}" + (f", as in {_key(path)}: {example}." if isinstance(path[-1], str) else ".")
    # `- key: value` is a mapping, also where a text with a colon and a space is meant.
    return hint + (" A text that holds a colon and a space stands in quotes." if isinstance(value, dict) else "")


TEXT = scalar(str)
SWITCH = scalar(str, bool)


def _no_list(path: Steps, value: Any) -> Fault:
    return _wrong(path, value, "must be a array", f"Write a list, as in {_key(path)}: [{_item(value)}].")


def _no_mapping(path: Steps, value: Any, example: str = "KEY: value") -> Fault:
    return _wrong(path, value, "must be a mapping", f"Write a mapping, as in {_key(path)}: {{{example}}}.")


def each(check: Check) -> Check:
    """Return a check for lists of what another one checks."""

    def check_list(path: Steps, value: Any) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield _no_list(path, value)
            return
        for i, item in enumerate(value):
            yield from check((*path, i), item)

    return check_list


def list_or_dict(path: Steps, value: Any) -> Iterator[Fault]:
    """Check a list of texts, or a mapping to scalars."""
    if isinstance(value, dict):
        yield from _no_empty_key(path, value)
        for key, item in value.items():
            if isinstance(item, dict | list):
                what = "must be a boolean, null, number or string"
                yield _wrong((*path, key), item, what, f"Write one value, as in {key}: value.")
            elif isinstance(item, float) and not math.isfinite(item):
                yield _wrong((*path, key), item, "must be finite", f'Put it in quotes, as in {key}: "{item}".')
    elif isinstance(value, list):
        yield from each(TEXT)(path, value)
    else:
        yield _no_mapping(path, value)


def _no_empty_key(path: Steps, value: Mapping[str, Any]) -> Iterator[Fault]:
    if "" in value:
        yield Fault((*path, ""), f"{dotted(path)} additional properties '' not allowed", "Give it a name.", on_key=True)


def unique(check: Check) -> Check:
    """Return a check for lists that hold no item twice."""

    def check_list(path: Steps, value: Any) -> Iterator[Fault]:
        yield from check(path, value)
        for i, item in enumerate(value if isinstance(value, list) else ()):
            if (first := value.index(item)) < i:
                message = f"{dotted(path)} items at {first} and {i} are equal"
                yield Fault((*path, i), message, "Remove one of them.")

    return check_list


def text_or_list(path: Steps, value: Any) -> Iterator[Fault]:
    """Check a text or a list of texts."""
    return each(TEXT)(path, value) if isinstance(value, list) else TEXT(path, value)


def hosts(path: Steps, value: Any) -> Iterator[Fault]:
    """Check a list of texts, or a mapping to texts and lists of texts."""
    if isinstance(value, dict):
        yield from _no_empty_key(path, value)
        for key, item in value.items():
            yield from text_or_list((*path, key), item)
    else:
        yield from unique(each(TEXT))(path, value)


def fields(known: Mapping[str, Check], path: Steps, value: Any) -> Iterator[Fault]:
    """Check a mapping whose keys are known, but for those that begin with `x-`."""
    if not isinstance(value, dict):
        yield _no_mapping(path, value, "…")
        return
    unknown = [key for key in value if key not in known and not key.startswith("x-")]
    if unknown:
        names = ", ".join(f"'{key}'" for key in unknown)
        message = f"{dotted(path)} additional properties {names} not allowed"
        yield Fault((*path, unknown[0]), message, _known_hint(unknown[0], known), on_key=True)
    for key, check in known.items():
        if key in value:
            yield from check((*path, key), value[key])


def _known_hint(key: str, known: Mapping[str, Check]) -> str:
    if near := nearest(key, known):
        return f"Did you mean '{near}'?"
    if known is BUILD and key.replace("_", "-") in EXTENSION:
        return f"Write it under x-bake, as in x-bake: {{{key.replace('_', '-')}: …}}."
    return f"It may hold {', '.join(sorted(known))}."


def _limit(path: Steps, value: Any) -> Iterator[Fault]:
    if isinstance(value, dict):
        yield from fields({"soft": scalar(int, str), "hard": scalar(int, str)}, path, value)
        for key in ("soft", "hard"):
            if key not in value:
                hint = f"Write both, as in {_key(path)}: {{soft: 1024, hard: 2048}}."
                yield Fault(path, f"{dotted(path)} missing property '{key}'", hint, on_key=True)
    else:
        yield from scalar(int, str)(path, value)


def _limits(path: Steps, value: Any) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield _no_mapping(path, value, "nofile: {soft: 1024, hard: 2048}")
        return
    for key, limit in value.items():
        yield from _limit((*path, key), limit)


SECRET_USE: dict[str, Check] = {
    **dict.fromkeys(("source", "target", "uid", "gid"), TEXT),
    "mode": scalar(str, int, float),
}


def _secret_use(path: Steps, value: Any) -> Iterator[Fault]:
    return fields(SECRET_USE, path, value)


ENV_FILE: dict[str, Check] = {"path": TEXT, "format": TEXT, "required": SWITCH}


def _env_file(path: Steps, value: Any) -> Iterator[Fault]:
    return fields(ENV_FILE, path, value)


BUILD: dict[str, Check] = {
    **dict.fromkeys(("context", "dockerfile", "dockerfile_inline", "network", "target", "isolation"), TEXT),
    **dict.fromkeys(("args", "ssh", "labels", "additional_contexts"), list_or_dict),
    **dict.fromkeys(("entitlements", "cache_from", "cache_to", "tags", "platforms"), each(TEXT)),
    **dict.fromkeys(("no_cache", "pull", "privileged", "provenance", "sbom"), SWITCH),
    "no_cache_filter": unique(text_or_list),
    "shm_size": scalar(int, str),
    "extra_hosts": hosts,
    "secrets": each(_secret_use),
    "ulimits": _limits,
}

SERVICE: dict[str, Check] = {
    "image": TEXT,
    "build": lambda path, value: fields(BUILD, path, value),
    "environment": list_or_dict,
    "env_file": each(_env_file),
    "platform": lambda _path, _value: iter(()),
}


EXTENSION = (
    *("tags", "cache-from", "cache-to", "secret", "ssh", "platforms", "output"),
    *("pull", "no-cache", "no-cache-filter", "contexts"),
)
"""What `x-bake` may say of a build."""


def _external(path: Steps, value: Any) -> Iterator[Fault]:
    return iter(()) if isinstance(value, dict) else SWITCH(path, value)


def _options(path: Steps, value: Any) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield _no_mapping(path, value)
        return
    for key, item in value.items():
        yield from scalar(str, int, float)((*path, key), item)


SECRET: dict[str, Check] = {
    **dict.fromkeys(("name", "environment", "file", "driver", "template_driver"), TEXT),
    "external": _external,
    "labels": list_or_dict,
    "driver_opts": _options,
}

SERVICE_NAME = re.compile("[a-zA-Z0-9._-]+")


def validate(model: Mapping[str, Any]) -> None:
    """Raise PathError where the services or secrets of a model do not have the form they must have."""
    if faults := list(_faults(model)):
        raise PathError(faults)


def _faults(model: Mapping[str, Any]) -> Iterator[Fault]:
    for name, service in model.get("services", {}).items():
        if not SERVICE_NAME.fullmatch(name):
            message = f"services additional properties '{name}' not allowed"
            hint = "A service's name consists of letters, digits, dots, underscores and hyphens."
            yield Fault(("services", name), message, hint, on_key=True)
        yield from fields(SERVICE, ("services", name), service)
    secrets = model.get("secrets") or {}
    if not isinstance(secrets, dict):
        yield Fault(
            ("secrets",), "secrets must be a mapping", "Write a mapping, as in secrets: {token: {file: token}}."
        )
        return
    for name, secret in secrets.items():
        if secret is not None:
            yield from fields(SECRET, ("secrets", name), secret)
