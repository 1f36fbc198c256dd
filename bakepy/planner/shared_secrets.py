"""Warn of secrets that BuildKit may mix up: steps of two targets that differ in a secret's value alone.

Values are no part of what a step is to BuildKit. Where two targets have the same step it runs once, or comes from the
cache the second time, with the value of either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from bakepy.diagnostics import Diagnostic, Severity
from bakepy.files import read_file
from bakepy.planner.config import Config
from bakepy.planner.places import Related, related
from bakepy.planner.spec import InlineDockerfile, LocalDockerfile, SecretSource, SolveSpec

Value = Callable[[SecretSource], object]
"""Reads what a secret holds; equal values are equal secrets."""
SHOWN = 5


def shared_secrets(config: Config, specs: Mapping[str, SolveSpec], value: Value) -> list[Diagnostic]:
    """Return a warning for each id under which targets with equal Dockerfiles and arguments have different values."""
    sources: dict[str, set[SecretSource]] = {}
    for spec in specs.values():
        for secret in spec.secrets:
            sources.setdefault(secret.id, set()).add(secret)
    values = {secret: value(secret) for found in sources.values() if len(found) > 1 for secret in found}
    # By id and by what makes steps equal: the first target with each value.
    owners: dict[tuple[str, object], dict[object, str]] = {}
    for name, spec in specs.items():
        own = [secret for secret in spec.secrets if secret in values]
        for recipe in _recipes(spec) if own else ():
            for secret in own:
                owners.setdefault((secret.id, recipe), {}).setdefault(values[secret], name)
    mixed = {(id, tuple(found.values())): None for (id, _), found in owners.items() if len(found) > 1}
    return [_warning(config, id, targets) for id, targets in mixed]


def _recipes(spec: SolveSpec) -> Iterator[object]:
    """Yield what steps are made from besides the context's files, for each platform."""
    dockerfile: object = (spec.dockerfile, spec.context)
    if isinstance(spec.dockerfile, InlineDockerfile):
        dockerfile = spec.dockerfile.text.encode("utf-8", "surrogateescape")
    elif isinstance(spec.dockerfile, LocalDockerfile):
        dockerfile = _text(spec.dockerfile.path)
    limits = (spec.shm_size, spec.ulimits, spec.resources)
    for platform in spec.platforms or ("",):
        yield dockerfile, platform, spec.args, spec.contexts, spec.network, spec.extra_hosts, limits


def _text(path: str) -> object:
    try:
        return read_file(path)
    except OSError:
        return path


def _warning(config: Config, id: str, targets: tuple[str, ...]) -> Diagnostic:
    last = targets[-1] if len(targets) <= SHOWN else f"{len(targets) - SHOWN + 1} more"
    names = f"{', '.join(targets[: SHOWN - 1][: len(targets) - 1])} and {last}"
    places: Related = tuple(
        place for name in targets[:2] for place in related(config.definition, name, "secret", "")[:1]
    )
    known = [span for _, span in places]
    return Diagnostic(
        "Secret with several values",
        f"Targets {names} have different values of secret {id}, and the same Dockerfile and arguments. "
        "BuildKit runs a step that they share once, with the value of one of them.",
        known[-1] if known else None,
        hint="Give the secrets ids of their own, or the targets an argument that differs and that the stage declares.",
        severity=Severity.WARNING,
        related=places[:1] if len(known) > 1 and known[0] != known[1] else (),
    )
