"""Find what would make a build fail before any engine is touched: folders, secrets, destinations, names."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from bakepy.diagnostics import BakeError, Diagnostic, nearest
from bakepy.files import read_file, refusal
from bakepy.model.text import quote
from bakepy.planner.checks import no_value
from bakepy.planner.config import Config
from bakepy.planner.load import impossible, reason
from bakepy.planner.places import Related
from bakepy.planner.spec import (
    DEFAULT_EXPORT,
    EXPORT_TYPES,
    Cache,
    Export,
    LayoutContext,
    LocalContext,
    LocalDockerfile,
    SecretSource,
    SolveSpec,
)

T = TypeVar("T")
MAX_SECRET = 500 * 1024

_ALNUM = "[a-z0-9]+"
_COMPONENT = rf"{_ALNUM}(?:(?:[._]|__|-+){_ALNUM})*"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])"
_REFERENCE = re.compile(
    rf"(?:{_HOST}(?::\d+)?/)?{_COMPONENT}(?:/{_COMPONENT})*(?::[\w][\w.-]{{0,127}})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
CALLS = ("check", "lint", "outline", "targets", "subrequests.describe")


Locate = Callable[[str, str, str], Related]
"""Finds where the files set an attribute of a target, given its name and the attribute's, and a text in it or ""."""


def _nowhere(target: str, attribute: str, text: str) -> Related:
    return ()


def check(
    specs: Mapping[str, SolveSpec], variables: Mapping[str, str], locate: Locate = _nowhere, *, apart: bool = False
) -> None:
    """Raise BakeError with the faults of all solves, given the environment's variables.

    `apart` tells that they are not those of one build, so that two of them may write to the same place.
    """
    run = _Run(variables, locate, many=len(specs) > 1, apart=apart)
    for name, spec in specs.items():
        run.name = name
        run.spec(spec)
    if any(spec.links and len(spec.platforms) == 1 for spec in specs.values()):
        from bakepy.executor.links import missing_platforms

        run.faults += missing_platforms(specs, locate)
    if run.faults:
        raise BakeError(run.faults)


class _Run:
    def __init__(
        self,
        variables: Mapping[str, str],
        locate: Locate,
        many: bool,
        apart: bool,
        name: str = "",
        attribute: str = "",
        text: str = "",
        faults: list[Diagnostic] | None = None,
        stdout: str = "",
        written: dict[str, str] | None = None,
        seen: set[object] | None = None,
    ) -> None:
        self.variables = variables
        self.locate = locate
        self.many = many
        self.apart = apart
        self.name = name
        self.attribute = attribute
        self.text = text
        self.faults: list[Diagnostic] = [] if faults is None else faults
        self.stdout = stdout
        self.written: dict[str, str] = {} if written is None else written
        self.seen: set[object] = set() if seen is None else seen

    def fault(self, summary: str, hint: str = "") -> None:
        related = self.locate(self.name, self.attribute, self.text)
        # The places name the target.
        detail = f"target {self.name}" if self.many and not related else ""
        self.faults.append(Diagnostic(summary, detail, hint=hint, related=related))

    def from_file(self, path: Path) -> str:
        """Return what to do where a path leads somewhere from the folder of the file that names it."""
        for _, span in self.locate(self.name, self.attribute, self.text):
            if (found := Path(span.source.name).parent / path) != path and found.exists():
                return (
                    f"Paths begin at the working directory: write {found}, or set BUILDX_BAKE_FILE_RELATIVE_PATHS=1, "
                    "and they begin at the definition's folder."
                )
        return ""

    def at(self, attribute: str, text: str = "") -> None:
        """Say what the next faults are faults of: an attribute, or one element of it."""
        self.attribute, self.text = attribute, text

    def spec(self, spec: SolveSpec) -> None:
        if faults := [why for path in (*spec.reads, *spec.writes) if (why := impossible(path))]:
            self.at("")
            self.fault(faults[0])
            return
        if isinstance(spec.context, LocalContext):
            self.at("context")
            self.once(self.context, spec.context)
        if isinstance(spec.dockerfile, LocalDockerfile):
            self.at("dockerfile")
            self.once(self.dockerfile, spec.dockerfile)
        for name, context in spec.contexts:
            self.at("contexts")
            if isinstance(context, LocalContext):
                self.at("contexts", context.path)
                self.named_context(name, context.path)
            elif isinstance(context, LayoutContext):
                self.at("contexts", context.text)
                self.once(self.layout, context)
        self.at("secret")
        for secret in spec.secrets:
            self.once(self.secret, secret)
        for tag in spec.tags:
            self.at("tags", tag)
            self.once(self.tag, tag)
        self.at("output")
        for export in spec.exports:
            self.export(export)
        if sum(export.writes_layout for export in spec.exports) > 1:
            hint = "Give one of them to another target."
            self.fault(f'several outputs of target "{self.name}" write an OCI layout', hint)
        self.at("cache-from")
        for cache in spec.cache_from:
            self.once(self.cache, cache)
        self.at("call")
        if spec.call and spec.call not in CALLS:
            near = nearest(spec.call, CALLS)
            self.fault(
                f"unsupported call {spec.call}",
                f"Did you mean {near}?" if near else f"It is one of {', '.join(CALLS)}.",
            )

    def once(self, ask: Callable[[T], None], what: T) -> None:
        """Ask about something that several targets may share for the first of them only."""
        if (ask.__name__, what) not in self.seen:
            self.seen.add((ask.__name__, what))
            ask(what)

    def context(self, context: LocalContext) -> None:
        path = Path(context.path)
        if path.is_dir():
            if not os.access(path, os.R_OK | os.X_OK):
                self.fault(
                    f"unable to prepare context: no permission to read {context.path}", "check its mode and owner"
                )
            return
        if path.exists():
            self.fault(f"unable to prepare context: {context.path} is not a folder", "a context is a folder or a URL")
        else:
            hint = self.from_file(path) or _near_path(path)
            self.fault(f'unable to prepare context: path "{context.path}" not found', hint)

    def dockerfile(self, dockerfile: LocalDockerfile) -> None:
        path = Path(dockerfile.path)
        if not path.parent.is_dir():
            # The context's own fault says it already, unless the Dockerfile lies elsewhere.
            if not any("unable to prepare context" in f.summary for f in self.faults):
                self.fault(
                    f"failed to read dockerfile: open {path}: no such file or directory", _near_path(path.parent)
                )
        elif not path.exists() and not lower_case(path):
            self.fault(f"failed to read dockerfile: open {path}: no such file or directory", _near_path(path))
        elif path.is_dir():
            self.fault(
                f"failed to read dockerfile: {path} is a folder", f"name the file in it, such as {path}/Dockerfile"
            )
        elif path.exists() and not os.access(path, os.R_OK):
            self.fault(f"failed to read dockerfile: no permission to read {path}", "check its mode and owner")

    def named_context(self, name: str, text: str) -> None:
        path = Path(text)
        if not path.exists():
            hint = self.from_file(path) or _near_path(path)
            if not hint and not text.startswith((".", "/")):
                hint = f"for an image write docker-image://{text}, for a target target:{text}"
            self.fault(f"failed to get build context {name}: stat {text}: no such file or directory", hint)
        elif not path.is_dir():
            self.fault(f"failed to get build context path {text}: not a directory")

    def layout(self, context: LayoutContext) -> None:
        from bakepy.executor.layouts import digest_of

        try:
            digest_of(context)
        except BakeError as error:
            for fault in error.diagnostics:
                self.fault(str(fault), fault.hint)

    def index(self, path: Path) -> None:
        """Check the index of a layout to which an image is added."""
        from bakepy.buildkit.session.content import Layout

        if os.path.lexists(path / "index.json"):
            try:
                Layout(path).images()
            except BakeError as error:
                self.fault(str(error), "Name a folder that is new, empty or an OCI layout.")

    def secret(self, secret: SecretSource) -> None:
        source = secret_place(secret, self.variables)
        if isinstance(source, str):
            return
        try:
            info = source.stat()
            if why := refusal(info, pipes=True):
                self.fault(f"secret {secret.id}: cannot read {source}: {why}", "Name a file with src=.")
            elif stat.S_ISREG(info.st_mode) and info.st_size > MAX_SECRET:
                self.fault(f"secret {secret.id} too big. max size 500KB", f"{source} has {info.st_size} bytes")
            elif not os.access(source, os.R_OK):
                self.fault(f"secret {secret.id}: no permission to read {source}", "check its mode and owner")
        except OSError as error:
            if not secret.file:
                self.fault(*no_value(secret.id, reason(error)))
                return
            self.fault(f"failed to stat {source}: stat {source}: {reason(error)}", _near_path(source))

    def tag(self, tag: str) -> None:
        if not _REFERENCE.fullmatch(tag):
            lower = tag.lower()
            hint = f"write {lower}" if _REFERENCE.fullmatch(lower) else "a name looks like host/path/name:tag"
            self.fault(f'invalid tag "{tag}": invalid reference format', hint)

    def cache(self, cache: Cache) -> None:
        if cache.type == "local" and not dict(cache.attrs).get("src"):
            self.fault("local cache importer requires src", "name the folder with src=")

    def export(self, export: Export) -> None:
        if export.type == DEFAULT_EXPORT:
            return
        if export.type not in EXPORT_TYPES:
            near = nearest(export.type, EXPORT_TYPES)
            hint = f"{f'did you mean {near}? ' if near else ''}There are {', '.join(EXPORT_TYPES)}"
            self.fault(f"unknown output type {export.type}", hint)
            return
        if export.type == "docker" and not export.dest and (context := export.attr("context")):
            # The image would be loaded into another Engine than the one that is meant.
            message = f"images cannot be loaded into the Docker context {quote(context)} by an output"
            self.fault(message, f"Remove context, and set DOCKER_CONTEXT={context} to load images into it.")
        if export.pushes and export.type == "image" and not export.names:
            self.fault("tag is needed when pushing to registry", "give the target tags, or the output a name=")
        if export.dest == "-":
            if not self.apart:
                self.to_stdout(export)
        elif export.dest:
            self.destination(export)

    def to_stdout(self, export: Export) -> None:
        if self.stdout and self.stdout != self.name:
            self.fault(
                "multiple outputs configured to write to stdout",
                f"{self.stdout} writes there too: name a file with dest=",
            )
        elif sys.stdout.isatty():
            message = f"dest file is required for {export.type} exporter. refusing to write to console"
            self.fault(message, "name a file with dest=, or redirect standard output")
        self.stdout = self.name

    def destination(self, export: Export) -> None:
        path = Path(export.dest)
        folder = export.writes_folder
        if folder and path.exists() and not path.is_dir():
            self.fault(f"destination directory {path} is a file", "name a folder, or remove the file")
        elif not folder and path.is_dir():
            self.fault(f"destination file {path} is a directory", f"name a file, such as {path / 'image.tar'}")
        elif not _writable(path):
            self.fault(f"no permission to write to {path}", "check its folder's mode and owner")
        if export.writes_layout:
            self.index(path)
        if not folder and not self.apart:
            other = self.written.setdefault(os.path.realpath(path), self.name)
            if other != self.name:
                self.fault(f"{path} is the destination of target {other} too", "one would overwrite the other")


def uses_s3(specs: Iterable[SolveSpec]) -> bool:
    """Return whether a solve imports or exports a cache of type s3."""
    return any(cache.type == "s3" for spec in specs for cache in (*spec.cache_from, *spec.cache_to))


def mixed_secrets(config: Config, specs: Mapping[str, SolveSpec], variables: Mapping[str, str]) -> list[Diagnostic]:
    """Return a warning for each secret that BuildKit may mix up with another target's."""
    if sum(bool(spec.secrets) for spec in specs.values()) < 2:
        return []
    from bakepy.planner.shared_secrets import shared_secrets

    def value(secret: SecretSource) -> object:
        place = secret_place(secret, variables)
        if isinstance(place, str):
            return os.fsencode(variables.get(place, ""))
        try:
            # A pipe can be read once, which is for the build to do.
            return read_file(place)
        except OSError:
            return place

    return shared_secrets(config, specs, value)


def secret_place(secret: SecretSource, variables: Mapping[str, str]) -> str | Path:
    """Return the name of the variable or the path of the file that holds a secret."""
    if secret.env:
        return secret.env
    if secret.file:
        return Path(secret.file)
    return secret.id if secret.id in variables else Path(secret.id)


def lower_case(path: Path) -> Path | None:
    """Return `dockerfile` beside a missing `Dockerfile`, which serves in its place."""
    if path.name != "Dockerfile":
        return None
    try:
        names = os.listdir(path.parent)
    except OSError:
        return None
    return path.with_name("dockerfile") if path.name not in names and "dockerfile" in names else None


def _near_path(path: Path) -> str:
    """Return a hint that names the entry of the same folder which a missing path most likely misspells."""
    try:
        names = os.listdir(path.parent)
    except OSError:
        # A folder on the way is missing, and may be the one that is misspelt.
        way = next((p for p in path.parents if not p.exists() and p.parent.is_dir()), None)
        near = nearest(way.name, os.listdir(way.parent)) if way and os.access(way.parent, os.R_OK) else None
        if way and near:
            return f"did you mean {way.parent / near / path.relative_to(way)}?"
        return f"there is no folder {path.parent}"
    if path.name == "Dockerfile":
        likely = sorted(n for n in names if "dockerfile" in n.lower() or "containerfile" in n.lower())
        if likely:
            return f'did you mean {path.parent / likely[0]}? Set dockerfile = "{likely[0]}"'
    near = nearest(path.name, names)
    return f"did you mean {path.parent / near}?" if near else ""


def _writable(path: Path) -> bool:
    """Tell whether a file or folder can be made at a path; missing folders are made on the way."""
    at = path.absolute()
    while not at.exists() and at != at.parent:
        at = at.parent
    return os.access(at, os.W_OK)
