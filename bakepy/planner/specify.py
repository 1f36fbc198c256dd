"""Turn a target into the solve that builds it; pure, so whether its files exist is asked later."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

from bakepy.diagnostics import BakeError, Diagnostic
from bakepy.model.export import Export as Output
from bakepy.model.export import writes_folder
from bakepy.model.resources import Resources
from bakepy.model.target import Target
from bakepy.model.text import EntryError, join_csv, quote, split_csv
from bakepy.planner import location
from bakepy.planner.origin import Origin
from bakepy.planner.quantities import QuantityError, size, ulimit
from bakepy.planner.spec import (
    DEFAULT_EXPORT,
    Cache,
    Context,
    ContextDockerfile,
    Dockerfile,
    Export,
    InlineDockerfile,
    LocalContext,
    LocalDockerfile,
    Pairs,
    RemoteContext,
    RemoteDockerfile,
    SecretSource,
    SolveSpec,
    SourceContext,
    SshSource,
    pairs,
)


def specify(
    targets: Mapping[str, Target],
    origin: Origin | None = None,
    folders: Mapping[str, str] | None = None,
    faults: list[Diagnostic] | None = None,
) -> dict[str, SolveSpec]:
    """Return the solves of targets by name.

    Raises BakeError with the faults of all of them; where `faults` is given, appends to it instead.
    `origin` is what their definition was read from, if not this machine; `folders` gives the folder of it that is the
    context of a target, for those whose context lies there.
    """
    found: list[Diagnostic] = []
    specs: dict[str, SolveSpec] = {}
    for name, target in targets.items():
        draft = _Draft(target, origin, (folders or {}).get(name))
        specs[name] = draft.spec()
        found += [Diagnostic(f, f"target {name}" if len(targets) > 1 else "", hint=h) for f, h in draft.faults]
    if found and faults is None:
        raise BakeError(found)
    if faults is not None:
        faults += found
    return specs


POLICY = ".rego"
"""What the name of a policy has behind that of its Dockerfile."""

_ANNOTATION = re.compile(r"([a-z-]+)(?:\[([A-Za-z0-9_/-]+)\])?")
_ANNOTATION_TYPES = ("index", "index-descriptor", "manifest", "manifest-descriptor")


class _Draft:
    """Gather the faults of one target while its solve takes shape."""

    def __init__(
        self,
        target: Target,
        origin: Origin | None = None,
        folder: str | None = None,
        faults: list[tuple[str, str]] | None = None,
    ) -> None:
        self.target = target
        self.origin = origin
        self.folder = folder
        """The context's path within the origin."""
        self.faults: list[tuple[str, str]] = [] if faults is None else faults

    def fault(self, summary: str, hint: str = "") -> None:
        if (summary, hint) not in self.faults:
            self.faults.append((summary, hint))

    def spec(self) -> SolveSpec:
        t = self.target
        context = self.context()
        contexts = self.contexts()
        call = self.call()
        dockerfile = self.dockerfile(context)
        tags = tuple(t.tags or ())
        return SolveSpec(
            context=context,
            dockerfile=dockerfile,
            contexts=contexts,
            stage=t.target or "",
            args=_set(t.args),
            labels=_set(t.labels),
            platforms=self.platforms(),
            cache_from=tuple(Cache(c.type, pairs(c.attrs)) for c in t.cache_from or ()),
            cache_to=tuple(Cache(c.type, pairs(c.attrs)) for c in t.cache_to or ()),
            secrets=self.secrets((context, *dict(contexts).values())),
            ssh=self.ssh(context, dict(contexts).values()),
            network=self.network(),
            pull=bool(t.pull),
            no_cache=bool(t.no_cache),
            no_cache_filter=tuple(t.no_cache_filter or ()),
            shm_size=self.shm_size(),
            ulimits=self.ulimits(),
            resources=self.resources(t.resources),
            extra_hosts=_set(t.extra_hosts),
            attests=self.attests(),
            entitlements=tuple(t.entitlements or ()),
            call=call,
            exports=() if call else self.exports(tags),
            tags=tags,
            linked=t.linked,
            policy=self.policy(dockerfile),
        )

    def context(self) -> Context:
        if self.origin and self.folder is not None:
            return self.origin.context(self.folder)
        text = self.target.context if self.target.context is not None else "."
        if text == "-":
            self.fault("context from stdin not allowed in bake")
        if text.startswith("cwd://"):
            return LocalContext(location.clean(text.removeprefix("cwd://")))
        return RemoteContext(text) if location.is_remote(text) else LocalContext(location.clean(text))

    def contexts(self) -> tuple[tuple[str, Context], ...]:
        return tuple((name, self.named(text)) for name, text in sorted((self.target.contexts or {}).items()))

    def named(self, text: str) -> Context:
        """Return a named context."""
        origin = self.origin
        context = origin.context(text) if origin and origin.holds(text) else location.context(text)
        if isinstance(context, RemoteContext) and location.is_git_ssh(context.url):
            # Frontends know no such addresses for named contexts, so they are given the source itself.
            return SourceContext(context.url, ".")
        return context

    def dockerfile(self, context: Context) -> Dockerfile:
        t = self.target
        text = t.dockerfile if t.dockerfile is not None else "Dockerfile"
        if text == "-":
            self.fault("dockerfile from stdin not allowed in bake")
        if t.dockerfile_inline:
            return InlineDockerfile(t.dockerfile_inline)
        if location.is_http(text):
            return RemoteDockerfile(text)
        if text.startswith("cwd://"):
            return LocalDockerfile(posixpath.join(".", location.clean(text.removeprefix("cwd://"))))
        text = location.clean(text)
        if isinstance(context, LocalContext):
            if self.origin:
                self.fault(
                    "reading a dockerfile for a remote build invocation is currently not supported",
                    "the context is local: write cwd:// in front of a local Dockerfile's path",
                )
            return LocalDockerfile(posixpath.normpath(posixpath.join(context.path, text)))
        if text.startswith("/") and isinstance(context, RemoteContext):
            return LocalDockerfile(text)
        return ContextDockerfile(text)

    def policy(self, dockerfile: Dockerfile) -> str:
        """Return the path of the policy beside a Dockerfile that BuildKit fetches, unless the target has none."""
        off = any(policy.reset or policy.disabled for policy in self.target.policy or ())
        return f"{dockerfile.path}{POLICY}" if isinstance(dockerfile, ContextDockerfile) and not off else ""

    def platforms(self) -> tuple[str, ...]:
        from bakepy import platforms

        try:
            return tuple(dict.fromkeys(str(p) for p in platforms.parse_all(self.target.platforms or ())))
        except BakeError as error:
            for d in error.diagnostics:
                self.fault(d.summary, d.hint)
            return ()

    def secrets(self, contexts: tuple[Context, ...]) -> tuple[SecretSource, ...]:
        origin = self.origin
        out = {s.id: s for context in contexts for s in (origin.secrets_for(context) if origin else ())}
        for s in self.target.secret or ():
            if not s.id:
                self.fault("secret missing ID", "write id=NAME, the name by which RUN --mount=type=secret asks for it")
            out[s.id] = SecretSource(s.id, s.src, s.env)
        return tuple(out.values())

    def ssh(self, context: Context, contexts: Iterable[Context]) -> tuple[SshSource, ...]:
        """Return the agents that steps and sources may use: a repository reached by SSH takes the default one."""
        sources = tuple(SshSource(s.id or "default", s.paths) for s in self.target.ssh or ())
        if not sources and isinstance(context, RemoteContext) and location.is_git_ssh(context.url):
            return (SshSource("default"),)
        fetched = [c.url for c in (context, *contexts) if isinstance(c, SourceContext)]
        urls = [*fetched, self.origin.url] if self.origin else fetched
        if any(map(location.is_git_ssh, urls)) and all(s.id != "default" for s in sources):
            return (*sources, SshSource("default"))
        return sources

    def network(self) -> str:
        mode = self.target.network or ""
        if mode not in {"", "default", "none", "host"}:
            self.fault(
                f"network mode {quote(mode)} not supported by buildkit - you can define a custom network for your "
                "builder using the network driver-opt in buildx create",
                "write default, none or host",
            )
        return "" if mode == "default" else mode

    def shm_size(self) -> int:
        text = self.target.shm_size
        try:
            return size(text) if text else 0
        except QuantityError:
            self.fault(f"invalid value {text} for membytes key shm-size", "write a number with a unit, such as 64m")
            return 0

    def ulimits(self) -> tuple[str, ...]:
        found: dict[str, str] = {}
        for text in self.target.ulimits or ():
            try:
                found[text.partition("=")[0]] = ulimit(text)
            except QuantityError as error:
                self.fault(str(error), "write name=soft or name=soft:hard, such as nofile=1024:2048")
        return tuple(v for _, v in sorted(found.items()))

    def resources(self, limits: Resources | None) -> Pairs:
        out: dict[str, str] = {}
        for key, value in (limits.json() if limits else {}).items():
            if isinstance(value, str) and key in {"memory", "memory-swap"} and value != "-1":
                try:
                    out[key] = str(size(value))
                except QuantityError as error:
                    self.fault(f"invalid value {quote(value)} for resource {key}: {error}")
            elif value:
                out[key] = str(value)
        return pairs(out)

    def attests(self) -> tuple[tuple[str, str | None], ...]:
        found: dict[str, str | None] = {}
        for a in self.target.attest or ():
            words = join_csv([("type", a.type), *sorted(a.attrs.items())])
            found.setdefault(a.type, None if a.disabled else words)
        return tuple(sorted(found.items(), key=lambda item: item[0]))

    def call(self) -> str:
        """Return the name of the subrequest; the flag's other fields are the command's."""
        try:
            fields = split_csv(self.target.call) if self.target.call else []
        except EntryError as error:
            self.fault(str(error))
            return ""
        name = next((f for f in fields if "=" not in f), "")
        return {"check": "lint", "build": ""}.get(name, name)

    def exports(self, tags: tuple[str, ...]) -> tuple[Export, ...]:
        annotations = self.annotations()
        if not self.target.output:
            return (Export(DEFAULT_EXPORT, pairs(annotations), names=tags),)
        exports = [self.export(o, annotations, tags) for o in self.target.output]
        return tuple(e for e in exports if e)

    def export(self, output: Output, annotations: dict[str, str], tags: tuple[str, ...]) -> Export | None:
        kind, attrs, dest = output.type, dict(output.attrs), output.complete().dest
        if kind == "registry":
            kind, attrs = "image", {"unpack": "false"} | attrs | {"push": "true"}
        folder = writes_folder(kind, attrs)
        if folder and not dest:
            self.fault(f"dest is required for {kind} exporter", "name a folder with dest=")
        if folder and dest == "-":
            self.fault(f"dest cannot be stdout for {kind} exporter", "name a folder with dest=")
        if "mode" in attrs and kind == "local":
            attrs["mode"] = self.mode(attrs["mode"])
        if kind == "image":
            dest = ""
        names = tags
        if kind in {"image", "oci", "docker"}:
            name = attrs.pop("name", "")
            names = tags or tuple(n for n in name.split(",") if n)
        else:
            names = ()
        return Export(kind, pairs(attrs | annotations), dest, names)

    def mode(self, text: str) -> str:
        """Return what becomes of files that a local output's folder holds already."""
        mode = text.strip().lower()
        if mode not in {"", "copy", "delete"}:
            self.fault(f"invalid local exporter mode {quote(text)}", "write copy or delete")
        return mode

    def annotations(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for text in self.target.annotations or ():
            key, equals, value = text.partition("=")
            if not equals:
                self.fault(f"invalid annotation {quote(text)}, expected key=value")
                continue
            types, colon, name = key.partition(":")
            if not colon:
                found[f"annotation.{key}"] = value
                continue
            for kind in types.split(","):
                if prefix := self.annotation_type(kind):
                    found[f"{prefix}.{name}"] = value
        return found

    def annotation_type(self, text: str) -> str:
        """Return the attribute's prefix for `manifest[linux/amd64]` and the like; empty for a fault."""
        found = _ANNOTATION.fullmatch(text)
        if not found:
            self.fault(f"invalid annotation type {quote(text)}, expected type and optional platform in square brackets")
            return ""
        kind, platform = found[1], found[2]
        if kind not in _ANNOTATION_TYPES:
            self.fault(f"unknown annotation type {quote(kind)}", f"write one of {', '.join(_ANNOTATION_TYPES)}")
            return ""
        if not platform or kind.startswith("index"):
            return f"annotation-{kind}"
        from bakepy.platforms import Platform

        try:
            return f"annotation-{kind}[{Platform.parse(platform)}]"
        except BakeError as error:
            self.fault(f"invalid platform {quote(platform)}: {error}")
            return ""


def _set(mapping: Mapping[str, str | None] | None) -> Pairs:
    """Return what has a value."""
    return pairs({k: v for k, v in (mapping or {}).items() if v is not None})
