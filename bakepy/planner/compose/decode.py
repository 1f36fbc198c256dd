"""From the texts in a valid model to the booleans, numbers and names they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any, Final

from bakepy.planner.compose.booleans import boolean
from bakepy.planner.compose.faults import Fault, PathError, Steps
from bakepy.planner.compose.notices import Notices
from bakepy.planner.compose.schema import dotted
from bakepy.quantities import whole

Model = MutableMapping[str, Any]

WHOLE: Final = re.compile(r"[-+]?[0-9]{1,18}")


def decode(notices: Notices, model: Model) -> None:
    """Replace texts in a valid model, and note outdated ones. Raises PathError with all faults."""
    if faults := list(_faults(notices, model)):
        raise PathError(faults)


def _faults(notices: Notices, model: Model) -> Iterator[Fault]:
    for name, service in model.get("services", {}).items():
        path: Steps = ("services", name)
        yield from _names((*path, "environment"), service.get("environment"))
        for i, entry in enumerate(service.get("env_file") or ()):
            yield from _switch(notices, (*path, "env_file", i), entry, "required")
        if service.get("build") is not None:
            yield from _build(notices, (*path, "build"), service["build"])
    for name, secret in (model.get("secrets") or {}).items():
        if secret is not None:
            yield from _switch(notices, ("secrets", name), secret, "external")
            secret["external"] = isinstance(secret.get("external"), dict) or secret.get("external") is True


def _build(notices: Notices, path: Steps, build: Model) -> Iterator[Fault]:
    for key in ("no_cache", "pull", "privileged"):
        yield from _switch(notices, path, build, key)
    yield from _names((*path, "args"), build.get("args"))
    yield from _hosts((*path, "extra_hosts"), build.get("extra_hosts"))
    for name, limit in (build.get("ulimits") or {}).items():
        where = (*path, "ulimits", name)
        if isinstance(limit, dict):
            for key in ("soft", "hard"):
                yield from _number((*where, key), limit, key)
        else:
            yield from _number(where, build["ulimits"], name)


def _switch(notices: Notices, path: Steps, fields: Model, key: str) -> Iterator[Fault]:
    text = fields.get(key)
    if not isinstance(text, str):
        return
    try:
        fields[key] = boolean(text)
    except ValueError as error:
        message = f"error decoding '{dotted((*path, key))}': {error}"
        yield Fault((*path, key), message, f"Write true or false, as in {key}: true.", text)
    else:
        notices.boolean((*path, key), text)


def _number(path: Steps, fields: Model, key: str) -> Iterator[Fault]:
    value = fields[key]
    if isinstance(value, str):
        if WHOLE.fullmatch(value):
            if (number := whole(value)) is None:
                yield Fault(path, f"{dotted(path)}: value out of range", "Write -1 for no limit.", value)
            fields[key] = number
        else:
            hint = "Write a whole number, or -1 for no limit."
            yield Fault(path, f"{dotted(path)}: invalid type string for ulimits", hint, value)


def _names(path: Steps, value: Any) -> Iterator[Fault]:
    """Check the names in a list of `NAME=value`; those of a mapping may hold anything."""
    for i, entry in enumerate(value if isinstance(value, list) else ()):
        name = str(entry).partition("=")[0]
        if name[-1:].isspace():
            message = f"error decoding '{dotted(path)}': environment variable {name} is declared with a trailing space"
            yield Fault((*path, i), message, "Remove the spaces before =.", str(entry))


def _hosts(path: Steps, value: Any) -> Iterator[Fault]:
    names = value if isinstance(value, dict) else [e.partition("=" if "=" in e else ":")[0] for e in value or ()]
    for at, name in enumerate(names):
        if not name or set(name) & set(":="):
            step = name if isinstance(value, dict) else at
            hint = "Write a name and an address, as in name=10.0.0.1."
            yield Fault((*path, step), f"error decoding '{dotted(path)}': bad host name '{name}'", hint)
