"""Turn a solve into what BuildKit reads: the only writer of frontend and exporter attributes."""

from __future__ import annotations

import hashlib
import ipaddress
import posixpath
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from bakepy.booleans import TRUE
from bakepy.buildkit.requests import HTTP_FILE, CacheEntry, Definition, Exporter
from bakepy.diagnostics import BakeError
from bakepy.drivers.interface import Capability
from bakepy.executor.check import lower_case
from bakepy.executor.environment import Environment
from bakepy.planner.gitref import with_folder
from bakepy.planner.spec import (
    DEFAULT_EXPORT,
    Cache,
    Context,
    ContextDockerfile,
    Export,
    ImageContext,
    LayoutContext,
    LinkContext,
    LocalContext,
    LocalDockerfile,
    RemoteContext,
    RemoteDockerfile,
    SolveSpec,
    SourceContext,
)
from bakepy.records import Record, replace

CONTEXTS_CAP = "moby.buildkit.frontend.contexts+forward"
GIT_QUERY_CAP = "moby.buildkit.frontend.gitquerystring"
NO_DEFAULT_ATTESTATIONS = "BUILDX_NO_DEFAULT_ATTESTATIONS"
NO_DEFAULT_LOAD = "BUILDX_NO_DEFAULT_LOAD"
NO_DEFAULT_OCI_ARTIFACT = "BUILDX_NO_DEFAULT_OCI_ARTIFACT"
INDEX_ANNOTATIONS = ("annotation-index.", "annotation-index-descriptor.")
RESOURCES = {
    "memory": "memory",
    "memory-swap": "memswap",
    "cpu-shares": "cpushares",
    "cpu-period": "cpuperiod",
    "cpu-quota": "cpuquota",
    "cpuset-cpus": "cpusetcpus",
    "cpuset-mems": "cpusetmems",
}
"""Names of the limits as the Dockerfile frontend knows them."""


class Lowered(Record):
    """Hold a solve in BuildKit's words; contexts that are links are still missing from `attrs`."""

    __slots__ = ("frontend", "attrs", "exporters", "cache_imports", "cache_exports", "entitlements", "inputs")

    def __init__(
        self,
        frontend: str,
        attrs: Mapping[str, str],
        exporters: tuple[Exporter, ...] = (),
        cache_imports: tuple[CacheEntry, ...] = (),
        cache_exports: tuple[CacheEntry, ...] = (),
        entitlements: tuple[str, ...] = (),
        inputs: Mapping[str, Definition] | None = None,
    ) -> None:
        self.frontend: Final = frontend
        self.attrs: Final = attrs
        self.exporters: Final = exporters
        self.cache_imports: Final = cache_imports
        self.cache_exports: Final = cache_exports
        self.entitlements: Final = entitlements
        self.inputs: Final[Mapping[str, Definition]] = {} if inputs is None else inputs
        """What BuildKit fetches without the frontend's doing, by the names that `attrs` have for it."""


class NodeFacts(Record):
    """Hold what a solve's wording depends on: what the node can do, and where it runs."""

    __slots__ = ("capabilities", "host_gateway", "archive_loads")

    def __init__(
        self,
        capabilities: frozenset[Capability] = frozenset(Capability),
        host_gateway: str = "",
        archive_loads: frozenset[int] | None = None,
    ) -> None:
        self.capabilities: Final = capabilities
        self.host_gateway: Final = host_gateway
        """The address that `host-gateway` stands for; empty where the node does not tell."""
        self.archive_loads: Final[frozenset[int]] = frozenset() if archive_loads is None else archive_loads
        """Positions of the exports that a Docker Engine loads as an OCI archive, which may hold several platforms."""


def lower(spec: SolveSpec, node: NodeFacts, env: Environment) -> Lowered:
    """Return a settled solve in BuildKit's words. Raises BakeError for what the node cannot do."""
    args = dict(spec.args)
    frontend, attrs = _syntax(args)
    attrs |= {f"build-arg:{k}": v for k, v in spec.args}
    attrs |= {f"build-arg:{k}": v for k, v in _proxies(env.proxies, args).items()}
    attrs |= {f"label:{k}": v for k, v in spec.labels}
    attrs |= _inputs(spec, node)
    attrs |= _attestations(spec, node, env)
    attrs |= _options(spec, node)
    exporters = tuple(_exporter(e, i, spec, node, env) for i, e in enumerate(spec.exports))
    return Lowered(
        frontend,
        attrs,
        exporters,
        _caches(spec.cache_from, env),
        _cache_exports(spec, node, env),
        _entitlements(spec),
        _sources(spec, env.variables.get("HOME", "")),
    )


def _syntax(args: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the frontend; BUILDKIT_SYNTAX names an image of one."""
    attrs: dict[str, str] = {}
    frontend = "dockerfile.v0"
    if "BUILDKIT_SYNTAX" in args:
        command = args["BUILDKIT_SYNTAX"].strip()
        if not command:
            raise BakeError.of(
                "empty BUILDKIT_SYNTAX build-arg is invalid, use --build-arg BUILDKIT_SYNTAX without '=' for optional "
                "behavior"
            )
        frontend = "gateway.v0"
        attrs |= {"source": command.split(" ", 1)[0], "cmdline": args["BUILDKIT_SYNTAX"]}
    if args.get("BUILDKIT_MULTI_PLATFORM") in TRUE:
        attrs["multi-platform"] = "true"
    return frontend, attrs


def _proxies(proxies: Mapping[str, str], args: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies' build arguments, without those that the target sets in whatever case."""
    mine = {a.lower() for a in args}
    return {k: v for k, v in proxies.items() if k.lower() not in mine}


def _inputs(spec: SolveSpec, node: NodeFacts) -> dict[str, str]:
    """Return where the frontend finds the context, the Dockerfile and named contexts."""
    attrs: dict[str, str] = {}
    caps: set[str] = set()
    if isinstance(spec.context, RemoteContext):
        attrs["context"] = spec.context.url
        if _has_query(spec.context.url):
            caps.add(GIT_QUERY_CAP)
    elif isinstance(spec.context, SourceContext) and not spec.context.archive:
        attrs["input:context"] = with_folder(spec.context.url, spec.context.path)
    match spec.dockerfile:
        case LocalDockerfile(path):
            found = lower_case(Path(path)) or Path(path)
            attrs["filename"] = found.name
            if not isinstance(spec.context, LocalContext):
                attrs["dockerfilekey"] = "dockerfile"
        case ContextDockerfile(path):
            attrs["filename"] = path
        case RemoteDockerfile():
            # The frontend would look for it in a context that it fetches itself.
            attrs.pop("context", None)
            attrs["filename"] = HTTP_FILE
        case _:
            attrs |= {"filename": "Dockerfile", "dockerfilekey": "dockerfile"}
    for name, context in spec.contexts:
        if isinstance(context, LinkContext) and Capability.GATEWAY_INPUTS not in node.capabilities:
            raise _lacks(Capability.GATEWAY_INPUTS, f"push {context.target} and name it as docker-image://")
        caps.add(CONTEXTS_CAP)
        attrs |= _named_context(name, context)
        if isinstance(context, RemoteContext) and _has_query(context.url):
            caps.add(f"{GIT_QUERY_CAP}+forward")
    if caps:
        attrs["frontend.caps"] = ",".join(sorted(caps))
    return attrs


def _named_context(name: str, context: Context) -> dict[str, str]:
    key = f"context:{name}"
    match context:
        case LocalContext(path):
            from bakepy.executor.folders import local_name, shared_key

            hint = (
                f"{posixpath.basename(posixpath.abspath(path))}:{shared_key([SolveSpec(context, LocalDockerfile(''))])}"
            )
            return {key: f"local:{local_name(name)}", f"sharedkey:localdir:{name}": hint}
        case RemoteContext(url):
            return {key: url}
        case SourceContext(url, path, archive):
            shown = {} if archive else {f"input:git_state_{name}": with_folder(url, path)}
            return {key: f"input:{_folder_input(name)}"} | shown
        case ImageContext(ref):
            return {key: f"docker-image://{ref}"}
        case LayoutContext(_, tag, digest):
            from bakepy.executor.layouts import digest_of

            found = replace(
                context, path=store_id(context), tag=tag or ("" if digest else "latest"), digest=digest_of(context)
            )
            return {key: found.text}
        case LinkContext():
            return {}


def _folder_input(name: str) -> str:
    """Return the name of the frontend input that holds a named context, apart from the frontend's own two."""
    return f"folder:{name}"


def _sources(spec: SolveSpec, home: str) -> dict[str, Definition]:
    """Return what BuildKit fetches for a solve without the frontend's doing, by the names of the inputs."""
    named = {_folder_input(name): (context, name) for name, context in spec.contexts}
    contexts: dict[str, tuple[Context, str]] = {
        "context": (spec.context, ""),
        "dockerfile": (spec.context, ""),
        **named,
    }
    taken = {input_: (c, name) for input_, (c, name) in contexts.items() if isinstance(c, SourceContext)}
    address = spec.dockerfile.url if isinstance(spec.dockerfile, RemoteDockerfile) else ""
    if not taken and not address:
        return {}
    from bakepy.executor.sources import context, folder, source

    out = {input_: folder(c, name, home).definition() for input_, (c, name) in taken.items()}
    if address:
        out["dockerfile"] = source(address, home).definition()
        if isinstance(spec.context, RemoteContext):
            out["context"] = context(spec.context.url, home).definition()
    return out


def store_id(context: LayoutContext) -> str:
    """Return the name under which the session serves an OCI layout."""
    return "l" + hashlib.sha256(str(Path(context.path).absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:24]


def link(context: str, target: str, platforms: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes that make a linked target's result the named context.

    `platforms` holds, for each platform of the result (one empty key where it has a single one), the image's
    configuration as `input-metadata` wants it; empty for none.
    """
    attrs: dict[str, str] = {}
    for platform, metadata in platforms.items():
        suffix = f"::{platform}" if platform else ""
        attrs[f"context:{context}{suffix}"] = f"input:{link_input(target, platform)}"
        if metadata:
            attrs[f"input-metadata:{link_input(target, platform)}"] = metadata
    return attrs


def link_input(target: str, platform: str) -> str:
    """Return the name of the frontend input that holds a linked target's result."""
    return f"target:{target}::{platform}" if platform else f"target:{target}"


def _has_query(url: str) -> bool:
    return ("?" in url.split("#", 1)[0] and not url.startswith(("http://", "https://"))) or ".git?" in url


def _attestations(spec: SolveSpec, node: NodeFacts, env: Environment) -> dict[str, str]:
    """Return the attestations asked for; provenance is made wherever the node can, unless it is switched off."""
    able = Capability.ATTESTATIONS in node.capabilities
    asked = {k: v for k, v in spec.attests if v is not None}
    if asked and not able:
        raise _lacks(Capability.ATTESTATIONS, "remove attest from the target")
    attrs = {f"attest:{k}": v for k, v in asked.items()}
    chosen = any(k == "provenance" for k, _ in spec.attests)
    if able and not chosen and not env.flag(NO_DEFAULT_ATTESTATIONS):
        attrs["attest:provenance"] = "mode=min,inline-only=true"
    return attrs


def _options(spec: SolveSpec, node: NodeFacts) -> dict[str, str]:
    """Return everything else that a Dockerfile frontend may be told."""
    attrs: dict[str, str] = {}
    if spec.pull:
        attrs["image-resolve-mode"] = "pull"
    elif Capability.LOADS_BY_ITSELF in node.capabilities:
        attrs["image-resolve-mode"] = "local"
    if spec.stage:
        attrs["target"] = spec.stage
    if spec.no_cache_filter:
        attrs["no-cache"] = ",".join(spec.no_cache_filter)
    if spec.no_cache:
        attrs["no-cache"] = ""
    if len(spec.platforms) > 1 and Capability.MULTI_PLATFORM not in node.capabilities:
        raise _lacks(Capability.MULTI_PLATFORM, "choose one platform")
    if spec.platforms:
        attrs["platform"] = ",".join(spec.platforms)
    if spec.part:
        # An index even of a single platform, and a folder for it, as if all were built together.
        attrs["multi-platform"] = "true"
    if spec.network:
        attrs["force-network-mode"] = spec.network
    if spec.extra_hosts:
        attrs["add-hosts"] = ",".join(_hosts(spec, node))
    if spec.shm_size:
        attrs["shm-size"] = str(spec.shm_size)
    if spec.ulimits:
        attrs["ulimit"] = ",".join(spec.ulimits)
    attrs |= {RESOURCES[k]: v for k, v in spec.resources}
    return attrs


def _hosts(spec: SolveSpec, node: NodeFacts) -> list[str]:
    out = []
    for host, address in spec.extra_hosts:
        if address == "host-gateway":
            if not node.host_gateway:
                raise BakeError.of(
                    "unable to derive the IP value for host-gateway",
                    hint=f"write the host's address in extra-hosts for {host}",
                )
            address = node.host_gateway
        for part in address.split(","):
            bare = part[1:-1] if part.startswith("[") and part.endswith("]") else part
            try:
                ipaddress.ip_address(bare)
            except ValueError:
                hint = "an address is IPv4, IPv6 or host-gateway"
                raise BakeError.of(f"invalid host {host}={address}", hint=hint) from None
            out.append(f"{host}={bare}")
    return out


def _entitlements(spec: SolveSpec) -> tuple[str, ...]:
    host = ("network.host",) if spec.network == "host" else ()
    return tuple(dict.fromkeys((*spec.entitlements, *host)))


def default_export(node: NodeFacts, env: Environment) -> str:
    """Return what becomes of a target without an output: the type of an export, or DEFAULT_EXPORT for nothing."""
    if env.flag(NO_DEFAULT_LOAD):
        return DEFAULT_EXPORT
    if Capability.LOADS_BY_ITSELF in node.capabilities:
        return "image"
    return "docker" if Capability.LOADS_BY_DEFAULT in node.capabilities else DEFAULT_EXPORT


def settle(spec: SolveSpec, node: NodeFacts, env: Environment) -> SolveSpec:
    """Return the solve with the exports that BuildKit runs, in the order of their ids.

    Where none is chosen, a node that keeps images by itself gets one, or one is loaded where the builder's user wants
    that; `cacheonly` says that nothing is exported.
    """
    default = default_export(node, env)
    exports = (replace(e, type=default) if e.type == DEFAULT_EXPORT else e for e in spec.exports)
    return replace(spec, exports=tuple(e for e in exports if e.type not in {"cacheonly", DEFAULT_EXPORT}))


def _exporter(export: Export, index: int, spec: SolveSpec, node: NodeFacts, env: Environment) -> Exporter:
    """Return an export as BuildKit knows it; its destination stays on this side."""
    kind, attrs = export.type, dict(export.attrs)
    own_store = Capability.LOADS_BY_ITSELF in node.capabilities
    if own_store and Capability.MULTI_PLATFORM not in node.capabilities:
        _refuse_index_annotations(export)
    if kind == "oci" and Capability.OCI_EXPORTER not in node.capabilities:
        raise _lacks(Capability.OCI_EXPORTER, "use type=docker or type=image")
    if kind == "docker":
        if export.dest and Capability.DOCKER_EXPORTER not in node.capabilities:
            raise _lacks(Capability.DOCKER_EXPORTER, "use type=image")
        if not export.dest and own_store:
            kind = "image"
        elif index in node.archive_loads:
            kind = "oci"
            attrs["prefer-image-digest"] = "true"
        elif len(spec.platforms) > 1 or any(v is not None for _, v in spec.attests):
            raise BakeError.of(
                "docker exporter does not support exporting manifest lists, use the oci exporter instead"
                if export.dest
                else "docker exporter does not currently support exporting manifest lists",
                hint="choose one platform and no attestations, or type=oci",
            )
    if export.names and kind in {"image", "oci", "docker"}:
        attrs["name"] = ",".join(export.names)
    if kind in {"image", "oci", "docker"}:
        if "BUILDKIT_INLINE_BUILDINFO_ATTRS" in dict(spec.args):
            attrs["buildinfo-attrs"] = dict(spec.args)["BUILDKIT_INLINE_BUILDINFO_ATTRS"]
        if kind != "docker" and Capability.ATTESTATIONS in node.capabilities and env.flag(NO_DEFAULT_OCI_ARTIFACT):
            attrs.setdefault("oci-artifact", "false")
    if kind == "image" and own_store:
        kind = "moby"
        if Capability.OCI_EXPORTER in node.capabilities:
            # The containerd image store finds images by their manifest's digest.
            attrs["prefer-image-digest"] = "true"
        if attrs.get("push") in TRUE and attrs.get("push-by-digest") in TRUE:
            raise BakeError.of(
                "push-by-digest is currently not implemented for docker driver, please create a new builder instance"
            )
    return Exporter(kind, attrs)


def _refuse_index_annotations(export: Export) -> None:
    """Raise BakeError for annotations of an index where the image store has none, and would drop them."""
    if export.type in {"image", "docker"} and any(key.startswith(INDEX_ANNOTATIONS) for key, _ in export.attrs):
        raise BakeError.of(
            "index annotations not supported for single platform export",
            hint="Turn on the engine's containerd image store, choose another builder, or remove the annotation.",
        )


def _caches(caches: tuple[Cache, ...], env: Environment) -> tuple[CacheEntry, ...]:
    entries = (_with_digest(_with_credentials(c, env)) for c in caches)
    return tuple(e for e in entries if e and _active(e))


def _with_digest(cache: CacheEntry) -> CacheEntry | None:
    """Add the digest of a folder's cache; None where the folder has none yet, as before its first export."""
    src = cache.attrs.get("src")
    if cache.type != "local" or not src or cache.attrs.get("digest"):
        return cache
    from bakepy.buildkit.session.content import Layout

    layout = Layout(Path(src))
    digest = layout.find(cache.attrs.get("tag", "latest")) if (layout.path / "index.json").exists() else None
    return CacheEntry(cache.type, {**cache.attrs, "digest": digest}) if digest else None


def _cache_exports(spec: SolveSpec, node: NodeFacts, env: Environment) -> tuple[CacheEntry, ...]:
    caches = list(spec.cache_to)
    if dict(spec.args).get("BUILDKIT_INLINE_CACHE") in TRUE:
        caches.append(Cache("inline"))
    if any(c.type != "inline" for c in caches) and Capability.CACHE_EXPORT not in node.capabilities:
        raise _lacks(Capability.CACHE_EXPORT, "remove cache-to, or use type=inline")
    return _caches(tuple(caches), env)


def _with_credentials(cache: Cache, env: Environment) -> CacheEntry:
    """Add what a runner's environment knows of its cache service; a target's own attributes go first."""
    attrs = dict(cache.attrs)
    found = env.variables.get
    if cache.type == "gha":
        version = attrs.get("version") or ("2" if env.flag("ACTIONS_CACHE_SERVICE_V2") else "")
        extra = {
            "token": found("ACTIONS_RUNTIME_TOKEN"),
            "url_v2": found("ACTIONS_RESULTS_URL") if version == "2" else None,
            "url": found("ACTIONS_CACHE_URL") or found("ACTIONS_RESULTS_URL"),
        }
        attrs = {k: v for k, v in extra.items() if v} | attrs
    elif cache.type == "s3" and not {"access_key_id", "secret_access_key"} <= attrs.keys():
        extra = {
            "access_key_id": found("AWS_ACCESS_KEY_ID"),
            "secret_access_key": found("AWS_SECRET_ACCESS_KEY"),
            "session_token": found("AWS_SESSION_TOKEN"),
        }
        attrs = {k: v for k, v in extra.items() if v} | attrs
    return CacheEntry(cache.type, attrs)


def _active(cache: CacheEntry) -> bool:
    """Tell whether a cache can be used: the runner's service exists only on its runners."""
    return cache.type != "gha" or bool(cache.attrs.get("token") and {"url", "url_v2"} & cache.attrs.keys())


def skipped_caches(specs: Iterable[SolveSpec], env: Environment) -> str:
    """Return the warning for caches that are left out because no runner offers its service; empty for none."""
    caches = (cache for spec in specs for cache in (*spec.cache_from, *spec.cache_to))
    if all(_active(_with_credentials(cache, env)) for cache in caches):
        return ""
    return "caches of type gha are skipped: ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL are not set"


def _lacks(capability: Capability, otherwise: str) -> BakeError:
    return BakeError.of(
        f"{capability.value} {'are' if capability.value.endswith('s') else 'is'} not supported by this builder",
        hint=f"choose another with --builder, turn on the engine's containerd image store, or {otherwise}",
    )
