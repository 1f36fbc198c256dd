"""From Compose files to one model of services and secrets: variables, includes, extends, merging, canonical forms."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from bakepy.diagnostics import BakeError
from bakepy.planner.compose import dotenv
from bakepy.planner.compose.document import Document, Path, parse, shown
from bakepy.planner.compose.interpolation import Interpolation
from bakepy.planner.compose.merge import merge, without_repeats
from bakepy.planner.load import File, read_named, reason
from bakepy.records import Record, replace

Model = dict[str, Any]
KEPT = ("image", "build", "environment", "env_file", "extends")
"""The fields of a service that play a part in builds."""

REMOTE = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")
MAX_EXTENDS = 100


class Loader(Record):
    """Load Compose files into a model.

    `folder` is the one that relative paths in the files start from, empty for the working directory; `sources` is
    the one that names of further files start from.
    """

    __slots__ = ("environment", "interpolation", "folder", "sources", "included", "seen")

    def __init__(
        self,
        environment: Mapping[str, str],
        interpolation: Interpolation,
        folder: str = "",
        sources: str = "",
        included: tuple[str, ...] = (),
        seen: set[str] | None = None,
    ) -> None:
        self.environment = environment
        self.interpolation = interpolation
        self.folder = folder
        self.sources = sources
        self.included = included
        self.seen: set[str] = set() if seen is None else seen

    def load(self, files: Sequence[File]) -> Model:
        """Return the merged model of files, in canonical form with paths resolved. Raises BakeError."""
        model: Model = {}
        for file in files:
            for document in parse(file.name, file.data):
                model = self._add(model, file, document)
        for service in _services(model).values():
            if isinstance(service, dict) and isinstance(service.get("build"), dict):
                service["build"].setdefault("context", ".")
        return resolve_paths(model, self.folder)

    def _add(self, model: Model, file: File, document: Document) -> Model:
        mine = self._own(file, document)
        mine = self._include(mine, replace(self, included=(*self.included, file.name)))
        services = _services(mine)
        for path in document.cleared:
            _clear(model, path)
        for name in list(services):
            services[name] = self._extend(name, services, file.name, ())
        merged: Model = merge(model, mine)
        for name, service in _services(merged).items():
            if isinstance(service, dict):
                merged["services"][name] = canonical(f"services.{name}", without_repeats(service))
        return merged

    def _own(self, file: File, document: Document) -> Model:
        """Return what a document says by itself about builds."""
        if not isinstance(document.data, dict):
            raise BakeError.of("top-level object must be a mapping")
        data = self.interpolation.tree(document.data)
        services = data.get("services")
        if services is not None and not isinstance(services, dict):
            raise BakeError.of("services must be a mapping")
        out = {key: data[key] for key in ("include", "secrets") if data.get(key) is not None}
        if services is not None:
            out["services"] = {name: _kept(name, service) for name, service in services.items()}
        return out

    # Includes

    def _include(self, model: Model, within: Loader) -> Model:
        entries = model.pop("include", None) or []
        if not isinstance(entries, list):
            raise BakeError.of(f"`include` must be a list, got {shown(entries)}")
        for entry in entries:
            other = within._included(entry)
            for section in ("services", "secrets"):
                for name, value in (other.get(section) or {}).items():
                    place = model.setdefault(section, {})
                    place[name] = merge(value, place[name], f"{section}.*") if name in place else value
        return model

    def _included(self, entry: Any) -> Model:
        entry = entry if isinstance(entry, dict) else {"path": entry}
        paths = [_join(self.sources, str(path)) for path in _texts(entry.get("path"))]
        if not paths:
            return {}
        folder = str(entry.get("project_directory") or "")
        folder = _join(self.folder, folder) if folder else posixpath.dirname(paths[0])
        if paths[0] in self.included:
            chain = [*self.included, paths[0]]
            raise BakeError.of("include cycle detected:\n" + "\n include ".join(chain))
        environment = dict(self.environment)
        for name, value in self._include_variables(entry, folder).items():
            environment.setdefault(name, value)
        inner = Loader(
            environment,
            Interpolation(environment.get, self.interpolation.unset),
            posixpath.relpath(folder or ".", self.sources or ".") if not posixpath.isabs(folder) else folder,
            folder,
            self.included,
            self.seen,
        )
        return inner.load([read_named(path) for path in paths])

    def _include_variables(self, entry: Model, folder: str) -> dict[str, str]:
        named = _texts(entry.get("env_file"))
        if not named:
            default = _join(folder, ".env")
            return variables(default, self.environment) if os.path.isfile(default) else {}
        found: dict[str, str] = {}
        for name in named:
            if name != "/dev/null":
                path = _join(self.folder, name)
                if not os.path.exists(path):
                    raise BakeError.of(f"stat {path}: no such file or directory")
                found |= variables(path, {**found, **self.environment})
        return found

    # Extends

    def _extend(self, name: str, services: Model, filename: str, chain: tuple[tuple[str, str], ...]) -> Any:
        """Return a service laid over the one it extends, through any number of them."""
        service = services[name]
        if not isinstance(service, dict) or "extends" not in service:
            return service
        if (filename, name) in chain or len(chain) > MAX_EXTENDS:
            raise BakeError.of(f"circular reference with extends: service {name} in {filename} extends itself")
        extends = service["extends"]
        ref = extends.get("service") if isinstance(extends, dict) else extends
        if not isinstance(ref, str):
            raise BakeError.of(f"extends.{name}.service is required")
        source = extends.get("file") if isinstance(extends, dict) else None
        among, origin = services, filename
        if source is not None:
            among, origin = self._extended_services(str(source), name), str(source)
            if ref not in among:
                raise BakeError.of(
                    f'cannot extend service "{name}" in {filename}: service "{ref}" not found in {source}'
                )
        elif ref not in among:
            raise BakeError.of(f'cannot extend service "{name}" in {filename}: service "{ref}" not found')
        base = self._extend(ref, among, origin, (*chain, (filename, name)))
        own = {key: value for key, value in service.items() if key != "extends"}
        services[name] = merge(deepcopy(base), own, "services.*") if isinstance(base, dict) else service
        return services[name]

    def _extended_services(self, path: str, name: str) -> Model:
        file = read_named(_join(self.sources, path))
        model: Model = {}
        for document in parse(file.name, file.data):
            model = merge(model, self._own(file, document))
        if "services" not in model:
            raise BakeError.of(f'cannot extend service "{name}" in {file.name}: no services section')
        for service, fields in _services(model).items():
            if isinstance(fields, dict):
                model["services"][service] = canonical(f"services.{service}", fields)
        folder = posixpath.dirname(file.name)
        found = _services(resolve_paths(model, folder))
        for fields in found.values():
            if isinstance(fields, dict) and isinstance(fields.get("extends"), dict) and fields["extends"].get("file"):
                fields["extends"] = {**fields["extends"], "file": _join(folder, str(fields["extends"]["file"]))}
        return found


def _services(model: Model) -> Model:
    services = model.get("services")
    return services if isinstance(services, dict) else {}


def _kept(name: str, service: Any) -> Any:
    if service is not None and not isinstance(service, dict):
        raise BakeError.of(f"services.{name} must be a mapping")
    return None if service is None else {key: service[key] for key in KEPT if service.get(key) is not None}


def _clear(model: Model, path: Path) -> None:
    at: Any = model
    for key in path[:-1]:
        at = at.get(key) if isinstance(at, dict) else None
    if isinstance(at, dict):
        at.pop(path[-1], None)


def _texts(value: Any) -> list[str]:
    return [] if value is None else [str(v) for v in value] if isinstance(value, list) else [str(value)]


def variables(path: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a file of them. Raises BakeError."""
    try:
        return dotenv.parse(read_named(path).data.decode("utf-8", "replace"), environment.get)
    except BakeError as error:
        raise BakeError.of(f"failed to read {path}: {error}") from None


# Canonical forms


def canonical(path: str, service: Model) -> Model:
    """Return a service whose fields have their long form. Raises BakeError."""
    out = dict(service)
    if "build" in out:
        out["build"] = _canonical_build(f"{path}.build", out["build"])
    if "env_file" in out:
        entries = out["env_file"] if isinstance(out["env_file"], list) else [out["env_file"]]
        out["env_file"] = [
            {"required": True, **entry} if isinstance(entry, dict) else {"path": entry, "required": True}
            for entry in entries
        ]
    return out


def _canonical_build(path: str, build: Any) -> Model:
    if isinstance(build, str):
        return {"context": build}
    if not isinstance(build, dict):
        raise BakeError.of(f"{path}: invalid type {type(build).__name__} for build")
    out = dict(build)
    if isinstance(out.get("secrets"), list):
        out["secrets"] = [entry if isinstance(entry, dict) else {"source": entry} for entry in out["secrets"]]
    for key in ("provenance", "sbom"):
        if key in out:
            out[key] = shown(out[key])
    if isinstance(out.get("additional_contexts"), list):
        out["additional_contexts"] = dict(_pairs(f"{path}.additional_contexts", out["additional_contexts"]))
    if isinstance(out.get("ssh"), list):
        out["ssh"] = dict(_ssh(str(entry)) for entry in out["ssh"])
    return out


def _pairs(path: str, entries: list[Any]) -> list[tuple[str, str]]:
    for entry in entries:
        if "=" not in str(entry):
            raise BakeError.of(f"{path}: invalid value {entry}, expected key=value")
    return [(str(e).partition("=")[0], str(e).partition("=")[2]) for e in entries]


def _ssh(entry: str) -> tuple[str, str | None]:
    name, equals, path = entry.partition("=")
    if not equals and name != "default":
        raise BakeError.of(f'invalid ssh key "{entry}"')
    return name, path if equals else None


# Paths


def resolve_paths(model: Model, folder: str) -> Model:
    """Make the paths in a model relative to the working directory rather than to `folder`."""
    for service in _services(model).values():
        if not isinstance(service, dict):
            continue
        for entry in service.get("env_file") or ():
            if isinstance(entry, dict) and isinstance(entry.get("path"), str):
                entry["path"] = _join(folder, entry["path"])
        build = service.get("build")
        if isinstance(build, dict):
            if isinstance(build.get("context"), str):
                build["context"] = _context(folder, build["context"])
            for key, resolve in (("additional_contexts", _context), ("ssh", _join)):
                if isinstance(build.get(key), dict):
                    build[key] = {k: resolve(folder, v) if isinstance(v, str) else v for k, v in build[key].items()}
    for secret in (model.get("secrets") or {}).values() if isinstance(model.get("secrets"), dict) else ():
        if isinstance(secret, dict) and isinstance(secret.get("file"), str):
            secret["file"] = _join(folder, secret["file"])
    return model


def _context(folder: str, path: str) -> str:
    return path if "://" in path or path.startswith(("service:", *REMOTE)) else _join(folder, path)


def _join(folder: str, path: str) -> str:
    """Return a path seen from the working directory, in its shortest form; an empty one stays."""
    path = os.path.expanduser(path)
    return posixpath.normpath(posixpath.join(folder, path)) if path else path


def environment_of(service: Model, environment: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables of a service: those of its files below its own. Raises BakeError."""
    own = {k: environment.get(k) if v is None else v for k, v in mapping(service.get("environment")).items()}

    def lookup(name: str) -> str | None:
        value = environment.get(name)
        return own.get(name) if value is None else value

    found: dict[str, str | None] = {}
    for entry in service.get("env_file") or ():
        path, required = entry["path"], entry.get("required", True)
        if not os.path.exists(path):
            if required in {True, "true"}:
                why = "no such file or directory"
                raise BakeError.of(f"env file {path} not found: stat {path}: {why}")
            continue
        try:
            found |= dotenv.parse(read_named(path).data.decode("utf-8", "replace"), lookup)
        except OSError as error:
            raise BakeError.of(f"open {path}: {reason(error)}") from None
    return {**found, **own}


def mapping(value: Any) -> dict[str, str | None]:
    """Return a mapping, or a list of `key=value`, as a mapping of texts; a key alone has no value."""
    if isinstance(value, dict):
        return {key: None if item is None else shown(item) for key, item in value.items()}
    out: dict[str, str | None] = {}
    for item in value or ():
        key, equals, text = shown(item).partition("=")
        out[key] = text if equals else None
    return out
