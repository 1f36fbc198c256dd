"""Compose files as definitions, after the Compose specification, as far as it concerns builds.

Everything here runs only where there is a Compose file: PyYAML takes longer to load than a small build file to read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from bakepy.diagnostics import BakeError, Diagnostic, nearest
from bakepy.model.group import Group
from bakepy.planner.compose import ignored
from bakepy.planner.compose.attributes import Written
from bakepy.planner.compose.decode import decode
from bakepy.planner.compose.document import Document
from bakepy.planner.compose.faults import PathError
from bakepy.planner.compose.interpolation import Interpolation
from bakepy.planner.compose.notices import Notices
from bakepy.planner.compose.places import Places
from bakepy.planner.compose.project import Loader, environment_of, project_name, variables
from bakepy.planner.compose.schema import validate
from bakepy.planner.compose.targets import check_consistency, target_of
from bakepy.planner.config import Definition
from bakepy.planner.load import File
from bakepy.records import replace

if TYPE_CHECKING:
    from bakepy.planner.define import World

PROJECT = "COMPOSE_PROJECT_NAME"


def check_compose(file: File, world: World) -> None:
    """Raise BakeError where a file is no Compose file by itself; what it says of other files is not looked at."""
    _load([file], _environment(world))


def read_compose(files: list[File], world: World, definition: Definition) -> None:
    """Add the targets and groups of Compose files, merged in their order, to a definition. Raises BakeError."""
    environment = _environment(world)
    for file in files:
        loaded = _load([file], environment)
    try:
        if len(files) > 1:
            loaded = _load(files, environment)
        try:
            check_consistency(loaded.model)
            services = _define(loaded.model, loaded.environment, definition)
        except PathError as error:
            raise loaded.places.placed(error) from None
    except BakeError as error:
        first, *rest = error.diagnostics
        raise BakeError([replace(first, summary=f"failed to parse compose file: {first.summary}"), *rest]) from None
    definition.written = Written(loaded.places, services, loaded.environment)
    definition.warnings += loaded.warnings


def _define(model: dict[str, Any], environment: Mapping[str, str], definition: Definition) -> dict[str, str]:
    """Add the targets of a model, and return the service that each is."""
    from bakepy.planner.define import validate_label

    group = Group("default")
    services: dict[str, str] = {}
    for service, fields in model.get("services", {}).items():
        if fields.get("build") is None:
            continue
        name = service.replace(".", "_")
        if fault := validate_label(name):
            raise PathError.at(("services", service), f'invalid service name "{name}": {fault}', on_key=True)
        if name in services:
            message = f'services "{services[name]}" and "{service}" are both the target "{name}"'
            raise PathError.at(("services", service), message, "Rename one of them.", on_key=True)
        try:
            target = target_of(name, fields, model.get("secrets") or {}, environment)
        except PathError as error:
            raise error.within("services", service) from None
        group.targets.append(name)
        services[name] = service
        if name in definition.targets:
            definition.targets[name].merge(target)
        else:
            definition.targets[name] = target
    if model.get("services"):
        definition.groups[group.name] = group
    return services


def _environment(world: World) -> dict[str, str]:
    """Return what variables in Compose files may stand for: the environment, above the file `.env` beside us."""
    found = dict(world.environment)
    if os.path.exists(".env") and not os.path.isdir(".env"):
        found = {**variables(".env", found), **found}
    found.update(world.variables)
    return found


class _Loaded(NamedTuple):
    """The services and secrets of files, where they are written, their variables, and warnings."""

    model: dict[str, Any]
    places: Places
    environment: dict[str, str]
    warnings: list[Diagnostic]


def _load(files: list[File], environment: Mapping[str, str]) -> _Loaded:
    """Return what files say together. Raises BakeError."""
    notices = Notices()
    try:
        return _read(files, environment, notices)
    except BakeError as error:
        raise BakeError([*error.diagnostics, *notices.of_variables()]) from None


def _read(files: list[File], environment: Mapping[str, str], notices: Notices) -> _Loaded:
    parsed: dict[str, list[Document]] = {}
    name = project_name(files, Interpolation(environment.get, notices), parsed)
    environment = {**environment, PROJECT: name or environment.get(PROJECT) or "bake"}
    places = Places()
    interpolation = Interpolation(environment.get, notices)
    loaded = Loader(environment, interpolation, places, parsed=parsed).load(files)
    model: dict[str, Any] = {}
    if isinstance(loaded.get("services"), dict):
        model["services"] = {name: service or {} for name, service in loaded["services"].items()}
    if "secrets" in loaded:
        model["secrets"] = loaded["secrets"]
    if not model:
        raise BakeError.of("empty compose file", hint=_no_services(places))
    try:
        _check(notices, model, environment)
    except PathError as error:
        raise places.placed(error) from None
    return _Loaded(model, places, environment, notices.diagnostics(places))


def _check(notices: Notices, model: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Check a model, decode the texts in it, and note what has no effect. Raises PathError."""
    validate(model)
    ignored.note_model(notices, model)
    decode(notices, model)
    for name, service in model.get("services", {}).items():
        try:
            environment_of(service, environment)
        except PathError as error:
            raise error.within("services", name) from None


def _no_services(places: Places) -> str:
    """Return what to do where no file has services."""
    near = next(filter(None, (nearest(key, ("services",)) for key in places.top())), "")
    return "Did you mean 'services'?" if near else "Write what is to be built, as in services: {app: {build: .}}."
