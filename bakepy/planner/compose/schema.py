"""What a service's fields may hold, after the Compose specification's schema, as far as builds are concerned."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bakepy.diagnostics import BakeError, Diagnostic

Check = Callable[[str, Any], Iterator[str]]
NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "mapping", list: "array"}


def scalar(*types: type) -> Check:
    """Return a check for values of these types; bool is no integer."""
    wanted = sorted(NAMES[t] for t in types)
    words = wanted[0] if len(wanted) == 1 else f"{', '.join(wanted[:-1])} or {wanted[-1]}"

    def check(path: str, value: Any) -> Iterator[str]:
        if type(value) not in types:
            yield f"{path} must be a {words}"

    return check


TEXT = scalar(str)
SWITCH = scalar(str, bool)


def each(check: Check) -> Check:
    """Return a check for lists of what another one checks."""

    def check_list(path: str, value: Any) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path} must be a array"
            return
        for i, item in enumerate(value):
            yield from check(f"{path}.{i}", item)

    return check_list


def list_or_dict(path: str, value: Any) -> Iterator[str]:
    """Check a list of texts, or a mapping to scalars."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict | list):
                yield f"{path}.{key} must be a boolean, null, number or string"
    else:
        yield from each(TEXT)(path, value) if isinstance(value, list) else iter((f"{path} must be a mapping",))


def text_or_list(path: str, value: Any) -> Iterator[str]:
    """Check a text or a list of texts."""
    return each(TEXT)(path, value) if isinstance(value, list) else TEXT(path, value)


def hosts(path: str, value: Any) -> Iterator[str]:
    """Check a list of texts, or a mapping to texts and lists of texts."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from text_or_list(f"{path}.{key}", item)
    else:
        yield from each(TEXT)(path, value)


def fields(known: Mapping[str, Check], path: str, value: Any) -> Iterator[str]:
    """Check a mapping whose keys are known, but for those that begin with `x-`."""
    if not isinstance(value, dict):
        yield f"{path} must be a mapping"
        return
    unknown = [key for key in value if key not in known and not key.startswith("x-")]
    if unknown:
        names = ", ".join(f"'{key}'" for key in unknown)
        yield f"{path} additional properties {names} not allowed"
    for key, check in known.items():
        if key in value:
            yield from check(f"{path}.{key}", value[key])


def _limit(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from fields({"soft": scalar(int, str), "hard": scalar(int, str)}, path, value)
        for key in ("soft", "hard"):
            if key not in value:
                yield f"{path} missing property '{key}'"
    else:
        yield from scalar(int, str)(path, value)


def _limits(path: str, value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} must be a mapping"
        return
    for key, limit in value.items():
        yield from _limit(f"{path}.{key}", limit)


def _secret_use(path: str, value: Any) -> Iterator[str]:
    known = {"source": TEXT, "target": TEXT, "uid": TEXT, "gid": TEXT, "mode": scalar(str, int, float)}
    return fields(known, path, value)


def _env_file(path: str, value: Any) -> Iterator[str]:
    return fields({"path": TEXT, "format": TEXT, "required": SWITCH}, path, value)


BUILD: dict[str, Check] = {
    **dict.fromkeys(("context", "dockerfile", "dockerfile_inline", "network", "target", "isolation"), TEXT),
    **dict.fromkeys(("args", "ssh", "labels", "additional_contexts"), list_or_dict),
    **dict.fromkeys(("entitlements", "cache_from", "cache_to", "tags", "platforms"), each(TEXT)),
    **dict.fromkeys(("no_cache", "pull", "privileged", "provenance", "sbom"), SWITCH),
    "no_cache_filter": text_or_list,
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
}


def _external(path: str, value: Any) -> Iterator[str]:
    return iter(()) if isinstance(value, dict) else SWITCH(path, value)


def _options(path: str, value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} must be a mapping"


SECRET: dict[str, Check] = {
    **dict.fromkeys(("name", "environment", "file", "driver", "template_driver"), TEXT),
    "external": _external,
    "labels": list_or_dict,
    "driver_opts": _options,
}

SERVICE_NAME = re.compile("[a-zA-Z0-9._-]+")


def validate(model: Mapping[str, Any]) -> None:
    """Raise BakeError where the services or secrets of a model do not have the form they must have."""
    if faults := list(_faults(model)):
        raise BakeError([Diagnostic(fault, further=i > 0) for i, fault in enumerate(faults)])


def _faults(model: Mapping[str, Any]) -> Iterator[str]:
    for name, service in model.get("services", {}).items():
        if not SERVICE_NAME.fullmatch(name):
            yield f"services additional properties '{name}' not allowed"
        yield from fields(SERVICE, f"services.{name}", service)
    secrets = model.get("secrets") or {}
    if not isinstance(secrets, dict):
        yield "secrets must be a mapping"
        return
    for name, secret in secrets.items():
        if secret is not None:
            yield from fields(SECRET, f"secrets.{name}", secret)
