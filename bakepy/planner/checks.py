"""What can be told of targets before any engine is asked: values that cannot be read, files that are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from bakepy.diagnostics import BakeError, Diagnostic
from bakepy.model.export import writes_folder
from bakepy.model.secret import Secret
from bakepy.model.ssh import Ssh
from bakepy.model.target import Target
from bakepy.model.text import quote
from bakepy.planner import location
from bakepy.planner.config import Config
from bakepy.planner.load import LOCAL, STDIN, size_of, unreadable
from bakepy.planner.overrides import Lookup
from bakepy.records import replace

EPOCH = "SOURCE_DATE_EPOCH"


class Fault(NamedTuple):
    """Say what is wrong with an attribute, and what to do; `text` is the element at fault, where it is one."""

    message: str
    text: str = ""
    hint: str = ""


MAX_SECRET = 500 * 1024
"""Bytes that BuildKit takes for one secret."""


def complete(config: Config, lookup: Lookup) -> None:
    """Complete the targets of a run: the date of its sources, default destinations, paths in their shortest form."""
    epoch = lookup(EPOCH)
    origin = config.definition.origin
    for name, target in config.targets.items():
        if epoch and EPOCH not in (target.args or {}):
            target.args = {**(target.args or {}), EPOCH: epoch}
        if target.output:
            target.output = [export.complete() for export in target.output]
        context = target.context or ""
        if origin and origin.holds(context):
            config.folders[name] = context
            target.context = origin.shown(context)
        elif context.startswith(LOCAL):
            target.context = location.clean(context.removeprefix(LOCAL))
        elif not location.is_remote(context) and context != STDIN:
            target.context = location.clean(context)


def check(config: Config, lookup: Lookup) -> None:
    """Raise BakeError with what is wrong with the targets of a run."""
    if found := faults(config, config.targets, lookup):
        first, *rest = found
        raise BakeError([first, *(replace(fault, further=True) for fault in rest)])


def faults(config: Config, names: Iterable[str], lookup: Lookup) -> list[Diagnostic]:
    """Return what is wrong with some targets of a run; what several share is told of the first."""
    found: dict[str, Diagnostic] = {}
    for name in names:
        for attribute, (message, text, hint) in _faults(config.targets[name], lookup):
            if message not in found:
                found[message] = config.fault(name, attribute, message, text=text, hint=hint)
    return list(found.values())


def _faults(target: Target, lookup: Lookup) -> Iterator[tuple[str, Fault]]:
    """Give each fault with its attribute."""
    if target.context == STDIN:
        yield "context", Fault("context from stdin not allowed in bake", STDIN, "Name a folder or a URL.")
    if target.dockerfile == STDIN:
        hint = "Name a file, or give its text as dockerfile-inline."
        yield "dockerfile", Fault("dockerfile from stdin not allowed in bake", STDIN, hint)
    tests: list[tuple[str, object, Callable[[], Iterator[Fault]]]] = [
        ("shm-size", target.shm_size, partial(_shm_size, target)),
        ("platforms", target.platforms, partial(_platforms, target)),
        ("secret", target.secret, partial(_secrets, target, lookup)),
        ("ssh", target.ssh, partial(_ssh, target, lookup)),
        ("output", target.output, partial(_exports, target)),
        ("annotations", target.annotations, partial(_annotations, target)),
        ("ulimits", target.ulimits, partial(_ulimits, target)),
    ]
    for attribute, value, test in tests:
        if value:
            for fault in test():
                yield attribute, fault


def _shm_size(target: Target) -> Iterator[Fault]:
    from bakepy.planner.quantities import QuantityError, size

    try:
        size(target.shm_size or "")
    except QuantityError:
        message = f"invalid value {target.shm_size} for membytes key shm-size"
        yield Fault(message, hint="Write a number with or without a unit, as in 64m.")


def _platforms(target: Target) -> Iterator[Fault]:
    from bakepy.platforms import parse_all

    for text in target.platforms or ():
        try:
            parse_all([text])
        except BakeError as error:
            fault = error.diagnostics[0]
            yield Fault(fault.summary, text, fault.hint)


def _secrets(target: Target, lookup: Lookup) -> Iterator[Fault]:
    for secret in target.secret or ():
        if not secret.id:
            hint = "Add id=…, the name by which the Dockerfile asks for it."
            yield Fault("secret missing ID", str(secret), hint)
        elif fault := _secret_file(secret, lookup):
            yield fault


def _secret_file(secret: Secret, lookup: Lookup) -> Fault | None:
    path = secret.src
    if not path and not secret.env and lookup(secret.id) is None:
        path = secret.id
    if not path:
        return None
    size, why = size_of(path)
    if why and not secret.src:
        message, hint = no_value(secret.id, why)
        return Fault(message, str(secret), hint)
    if why:
        return Fault(f"failed to stat {path}: stat {path}: {why}", str(secret))
    return Fault(f"secret {secret.id} too big. max size 500KiB", str(secret)) if size > MAX_SECRET else None


def no_value(secret: str, why: str) -> tuple[str, str]:
    """Return the words and the hint for a secret that says only its id, where neither place for that has a value.

    `why` says what is wrong with the file of that name.
    """
    message = f'secret "{secret}" not found: environment variable "{secret}" is not set, file "{secret}": {why}'
    return message, f'Set the variable "{secret}", or add env=VARIABLE or src=FILE to the secret.'


def _ssh(target: Target, lookup: Lookup) -> Iterator[Fault]:
    seen = set()
    for entry in target.ssh or ():
        name = entry.id or "default"
        if name in seen:
            yield Fault(f"duplicate agent ID {quote(name)}", str(entry), "Give each an id of its own.")
        seen.add(name)
        if fault := _agent(replace(entry, id=name), lookup):
            message = f"failed to convert agent config {{{name} [{' '.join(entry.paths)}] false}}: {fault}"
            yield Fault(message, str(entry))


def _agent(entry: Ssh, lookup: Lookup) -> str:
    paths = entry.paths if entry.paths not in {(), ("",)} else (lookup("SSH_AUTH_SOCK") or "",)
    if not paths[0]:
        return "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set"
    for path in paths:
        if why := unreadable(path):
            return f"failed to convert agent config for ID: {quote(entry.id)}: {why}"
    return ""


def _exports(target: Target) -> Iterator[Fault]:
    stdout = 0
    for export in target.output or ():
        folder = writes_folder(export.type, export.attrs)
        if folder and not export.dest:
            yield Fault(f"dest is required for {export.type} exporter", str(export), "Add dest=… with a folder.")
        elif folder and export.dest == STDIN:
            hint = "Name a folder, or let type=tar write to standard output."
            yield Fault(f"dest cannot be stdout for {export.type} exporter", str(export), hint)
        elif not folder and export.type in {"tar", "oci", "docker"}:
            stdout += export.dest == STDIN
    if stdout > 1:
        yield Fault("multiple outputs configured to write to stdout", hint="Give all but one a dest=….")


def _annotations(target: Target) -> Iterator[Fault]:
    for text in target.annotations or ():
        if "=" not in text:
            yield Fault(f"invalid annotation {quote(text)}, expected key=value", text)


def _ulimits(target: Target) -> Iterator[Fault]:
    from bakepy.planner.quantities import QuantityError, ulimit

    for text in target.ulimits or ():
        try:
            ulimit(text)
        except QuantityError as error:
            yield Fault(str(error), text, "Write name=soft:hard, as in nofile=1024:2048.")
