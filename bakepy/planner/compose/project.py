"""From Compose files to one model of services and secrets: variables, includes, extends, merging, canonical forms."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from bakepy.diagnostics import BakeError, nearest
from bakepy.planner.compose import dotenv, ignored, shorthand
from bakepy.planner.compose.document import Document, Path, parse, shown
from bakepy.planner.compose.faults import Fault, PathError, Steps
from bakepy.planner.compose.interpolation import Interpolation
from bakepy.planner.compose.merge import merge, without_repeats
from bakepy.planner.compose.notices import Notices
from bakepy.planner.compose.places import Places
from bakepy.planner.load import File, fault, read_named
from bakepy.records import Record, replace

Model = dict[str, Any]
KEPT = ("image", "build", "environment", "env_file", "extends", "platform")
"""The fields of a service that play a part in builds, or seem to."""

REMOTE = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")
MAX_EXTENDS = 100


class Naming:
    """Give the faults of a block that know no place the path of what asked for it."""

    __slots__ = ("_path",)

    def __init__(self, path: Steps) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Enter the block."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Raise PathError in place of a BakeError that has no place."""
        if isinstance(error, PathError):
            raise error.within(*self._path) from None
        if isinstance(error, BakeError) and not any(d.related or d.subject for d in error.diagnostics):
            raise PathError([Fault(self._path, str(d), d.hint) for d in error.diagnostics]) from None


class Loader(Record):
    """Load Compose files into a model.

    `folder` is the one that relative paths in the files start from, empty for the working directory; `sources` is
    the one that names of further files start from. `places` are told what came from which file. `parsed` holds the
    documents of files that were parsed before.
    """

    __slots__ = ("environment", "interpolation", "places", "folder", "sources", "included", "parsed")

    def __init__(
        self,
        environment: Mapping[str, str],
        interpolation: Interpolation,
        places: Places,
        folder: str = "",
        sources: str = "",
        included: tuple[str, ...] = (),
        parsed: Mapping[str, list[Document]] | None = None,
    ) -> None:
        self.environment = environment
        self.interpolation = interpolation
        self.places = places
        self.folder = folder
        self.sources = sources
        self.included = included
        self.parsed: Mapping[str, list[Document]] = {} if parsed is None else parsed

    def load(self, files: Sequence[File]) -> Model:
        """Return the merged model of files, in canonical form with paths resolved. Raises BakeError."""
        model: Model = {}
        for file in files:
            for document in self.parsed.get(file.name) or parse(file.name, file.data):
                try:
                    model = self._add(model, file, document)
                except PathError as error:
                    raise self.places.placed(error, file) from None
        for service in _services(model).values():
            if isinstance(service, dict) and isinstance(service.get("build"), dict):
                service["build"].setdefault("context", ".")
        return resolve_paths(model, self.folder)

    def _add(self, model: Model, file: File, document: Document) -> Model:
        mine = self._own(file, document)
        mine = self._include(mine, replace(self, included=(*self.included, file.name)), document.cleared)
        self.places.merged(file)
        services = _services(mine)
        for path in document.cleared:
            _clear(model, path)
        for name in list(services):
            services[name] = self._extend(name, services, file.name, (), document.cleared)
        merged: Model = merge(model, mine)
        for name, service in _services(merged).items():
            if isinstance(service, dict):
                merged["services"][name] = canonical(("services", name), without_repeats(service))
        return merged

    def _own(self, file: File, document: Document) -> Model:
        """Return what a document says by itself about builds."""
        if not isinstance(document.data, dict):
            hint = "Write a mapping, as in services: {app: {build: .}}."
            raise PathError.at((), "top-level object must be a mapping", hint)
        data = self.interpolation.tree(document.data)
        if faults := list(shorthand.check(self.interpolation.notices, data)):
            raise PathError(faults)
        ignored.note_jobs(self.interpolation.notices, data.get("jobs"))
        services = data.get("services")
        if services is not None and not isinstance(services, dict):
            hint = "Write a mapping, as in services: {app: {build: .}}."
            raise PathError.at(("services",), "services must be a mapping", hint)
        out = {key: data[key] for key in ("include", "secrets") if data.get(key) is not None}
        if services is not None:
            out["services"] = {name: self._kept(name, service) for name, service in services.items()}
        return out

    def _kept(self, name: str, service: Any) -> Any:
        if service is None:
            return None
        if not isinstance(service, dict):
            hint = f"Write a mapping, as in {name}: {{build: .}}."
            raise PathError.at(("services", name), f"services.{name} must be a mapping", hint)
        ignored.note_service(self.interpolation.notices, ("services", name), service)
        return {key: service[key] for key in KEPT if key in service}

    # Includes

    def _include(self, model: Model, within: Loader, cleared: Sequence[Path]) -> Model:
        entries = model.pop("include", None) or []
        if not isinstance(entries, list):
            hint = "Write a list, as in include: [other.yml]."
            raise PathError.at(("include",), f"`include` must be a list, got {shown(entries)}", hint)
        for i, entry in enumerate(entries):
            with Naming(("include", i)):
                _note_include(within.interpolation.notices, i, entry)
                other = within._included(entry)
            for section in ("services", "secrets"):
                for name, value in (other.get(section) or {}).items():
                    place = model.setdefault(section, {})
                    # What several files include comes in once.
                    if value != place.setdefault(name, value):
                        _clear_in(section, name, value, cleared)
                        with Naming((section, name)):
                            place[name] = merge(value, place[name], f"{section}.*")
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
            Interpolation(environment.get, self.interpolation.notices),
            self.places,
            posixpath.relpath(folder or ".", self.sources or ".") if not posixpath.isabs(folder) else folder,
            folder,
            self.included,
        )
        return inner.load([read_named(path) for path in paths])

    def _include_variables(self, entry: Model, folder: str) -> dict[str, str]:
        named = _texts(entry.get("env_file"))
        if not named:
            default = _join(folder, ".env")
            there = os.path.exists(default) and not os.path.isdir(default)
            return variables(default, self.environment) if there else {}
        found: dict[str, str] = {}
        for name in named:
            if name != "/dev/null":
                path = _join(self.folder, name)
                if not os.path.exists(path):
                    raise BakeError.of(f"stat {path}: no such file or directory")
                found = variables(path, self.environment, found)
        return found

    # Extends

    def _extend(
        self, name: str, services: Model, filename: str, chain: tuple[tuple[str, str], ...], cleared: Sequence[Path]
    ) -> Any:
        """Return a service laid over the one it extends, through any number of them.

        `cleared` are the paths that the tags in the service's document clear.
        """
        service = services[name]
        if not isinstance(service, dict) or "extends" not in service:
            return service
        way: Steps = ("services", name, "extends")
        if (filename, name) in chain or len(chain) > MAX_EXTENDS:
            message = f"circular reference with extends: service {name} in {filename} extends itself"
            raise PathError.at(way, message, "Remove it from one of the services on the way.")
        ref, source = _reference(way, service["extends"])
        among, origin, theirs = services, filename, cleared
        if source is not None:
            origin = source
            with Naming((*way, "file")):
                among, theirs = self._extended_services(origin, name)
        if ref not in among:
            near = nearest(ref, among)
            hint = f"Did you mean '{near}'?" if near else f"There are: {', '.join(list(among)[:12]) or 'none'}."
            message = f'cannot extend service "{name}" in {filename}: service "{ref}" not found'
            raise PathError.at((*way, "service"), message + (f" in {source}" if source else ""), hint)
        self.places.bases[filename, name] = origin, ref
        try:
            base = deepcopy(self._extend(ref, among, origin, (*chain, (filename, name)), theirs))
        except PathError as error:
            if origin == filename:
                raise
            raise self.places.placed(error, self.places.opened[origin]) from None
        own = {key: value for key, value in service.items() if key != "extends"}
        _clear_in("services", name, base, cleared)
        with Naming(("services", name)):
            services[name] = merge(base, own, "services.*") if isinstance(base, dict) else service
        return services[name]

    def _extended_services(self, path: str, name: str) -> tuple[Model, Sequence[Path]]:
        """Return the services of a file, and the paths that the tags in its last document clear."""
        file = read_named(_join(self.sources, path))
        self.places.opened[path] = file
        model: Model = {}
        cleared: Sequence[Path] = ()
        for document in parse(file.name, file.data):
            cleared = document.cleared
            for cleared_path in cleared:
                _clear(model, cleared_path)
            try:
                model = merge(model, self._own(file, document))
            except PathError as error:
                raise self.places.placed(error, file) from None
        if "services" not in model:
            raise BakeError.of(f'cannot extend service "{name}" in {file.name}: no services section')
        for service, fields in _services(model).items():
            if isinstance(fields, dict):
                try:
                    model["services"][service] = canonical(("services", service), fields)
                except PathError as error:
                    raise self.places.placed(error, file) from None
        folder = posixpath.dirname(file.name)
        found = _services(resolve_paths(model, folder))
        for fields in found.values():
            if isinstance(fields, dict) and isinstance(fields.get("extends"), dict) and fields["extends"].get("file"):
                fields["extends"] = {**fields["extends"], "file": _join(folder, str(fields["extends"]["file"]))}
        return found, cleared


def _reference(path: Steps, extends: Any) -> tuple[str, str | None]:
    """Return the service that another one extends, and the file it is in, None for the same. Raises PathError."""
    name, source = (extends.get("service"), extends.get("file")) if isinstance(extends, dict) else (extends, None)
    if not isinstance(name, str):
        hint = "Name the service, as in extends: {service: base, file: base.yml}."
        raise PathError.at(path, f"extends.{path[1]}.service is required", hint)
    return name, None if source is None else str(source)


def _services(model: Model) -> Model:
    services = model.get("services")
    return services if isinstance(services, dict) else {}


def _clear(model: Model, path: Path) -> None:
    at: Any = model
    for key in path[:-1]:
        at = at.get(key) if isinstance(at, dict) else None
    if isinstance(at, dict):
        at.pop(path[-1], None)


def _clear_in(section: str, name: str, entry: Any, paths: Sequence[Path]) -> None:
    """Clear paths of a document in an entry of one of its sections."""
    for path in paths:
        if len(path) > 2:
            _clear({section: {name: entry}}, path)


INCLUDE = ("path", "project_directory", "env_file")


def _note_include(notices: Notices, at: int, entry: Any) -> None:
    """Warn of keys of an include that it does not have. Raises BakeError where it is neither a mapping nor a text."""
    if isinstance(entry, list):
        raise BakeError.of(f"include.{at} must be a mapping or string", hint="Write one file, as in - other.yml.")
    for key in entry if isinstance(entry, dict) else ():
        if key not in INCLUDE:
            near = nearest(key, INCLUDE)
            hint = f"Did you mean '{near}'?" if near else f"It may hold {', '.join(INCLUDE)}."
            notices.ignored(("include", at, key), "an include has no such key", hint)


def _texts(value: Any) -> list[str]:
    return [] if value is None else [str(v) for v in value] if isinstance(value, list) else [str(value)]


def variables(path: str, environment: Mapping[str, str], found: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of a file of them, on top of those found before. Raises BakeError."""
    try:
        return dotenv.parse(read_named(path).data.decode("utf-8", "replace"), environment.get, path, found)
    except BakeError as error:
        first = error.diagnostics[0]
        message = f"failed to read {path}: {error}"
        raise BakeError([replace(first, summary=message, detail="", subject=None)]) from None


def project_name(files: Sequence[File], interpolation: Interpolation, parsed: dict[str, list[Document]]) -> str:
    """Return the name that the last file with one gives the project, empty where none does. Raises BakeError.

    `parsed` receives the documents of the files, for their loader. A file that cannot be parsed names nothing here.
    """
    name = ""
    for file in files:
        try:
            parsed[file.name] = list(parse(file.name, file.data))
        except BakeError:
            continue
        for document in parsed[file.name]:
            found = document.data.get("name") if isinstance(document.data, dict) else None
            if found is not None and not isinstance(found, dict | list):
                name = shown(found) or name
    return interpolation.text(name)


# Canonical forms


def canonical(path: Steps, service: Model) -> Model:
    """Return a service whose fields have their long form. Raises PathError."""
    out = dict(service)
    if "build" in out:
        out["build"] = _canonical_build((*path, "build"), out["build"])
    if "env_file" in out:
        entries = out["env_file"] if isinstance(out["env_file"], list) else [out["env_file"]]
        out["env_file"] = [
            {"required": True, **entry} if isinstance(entry, dict) else {"path": entry, "required": True}
            for entry in entries
        ]
    return out


def _canonical_build(path: Steps, build: Any) -> Model:
    if isinstance(build, str):
        return {"context": build}
    out = dict(build)
    if isinstance(out.get("secrets"), list):
        out["secrets"] = [entry if isinstance(entry, dict) else {"source": entry} for entry in out["secrets"]]
    for key in ("provenance", "sbom"):
        if key in out and not isinstance(out[key], dict | list):
            out[key] = shown(out[key])
    if isinstance(out.get("additional_contexts"), list):
        out["additional_contexts"] = dict(_pairs((*path, "additional_contexts"), out["additional_contexts"]))
    if isinstance(out.get("ssh"), list):
        out["ssh"] = dict(_ssh((*path, "ssh", i), str(entry)) for i, entry in enumerate(out["ssh"]))
    return out


def _pairs(path: Steps, entries: list[Any]) -> list[tuple[str, str]]:
    for i, entry in enumerate(entries):
        if "=" not in str(entry):
            where = ".".join(map(str, path))
            hint = "Write name=context, as in base=docker-image://alpine."
            raise PathError.at((*path, i), f"{where}: invalid value {entry}, expected key=value", hint, str(entry))
    return [(str(e).partition("=")[0], str(e).partition("=")[2]) for e in entries]


def _ssh(path: Steps, entry: str) -> tuple[str, str | None]:
    name, equals, value = entry.partition("=")
    if not equals and name != "default":
        hint = f"Write default, or {name}=PATH with a socket or key."
        raise PathError.at(path, f'invalid ssh key "{entry}"', hint, entry)
    return name, value if equals else None


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

    found: dict[str, str] = {key: value for key, value in own.items() if value is not None}
    for i, entry in enumerate(service.get("env_file") or ()):
        path, required = entry["path"], entry.get("required", True)
        if not os.path.exists(path):
            if required:
                why = "no such file or directory"
                hint = fault("stat", path, FileNotFoundError()).diagnostics[0].hint
                hint = hint or f"Make it, or write {{path: {path}, required: false}} if it need not be there."
                raise PathError.at(("env_file", i, "path"), f"env file {path} not found: stat {path}: {why}", hint)
            continue
        if entry.get("format") not in {None, "", ".env"}:
            message = f'unsupported env_file format "{entry["format"]}"'
            raise PathError.at(("env_file", i, "format"), message, "Remove it; values are read as in .env.")
        with Naming(("env_file", i, "path")):
            found = dotenv.parse(read_named(path).data.decode("utf-8", "replace"), lookup, path, found)
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
