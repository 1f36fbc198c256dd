"""What one solve is: everything that BuildKit must know of a target, typed and frozen.

The vocabulary of frontend attributes stays out of here; `executor.lower` alone writes those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property

Pairs = tuple[tuple[str, str], ...]
"""A mapping as sorted pairs, so that it can be hashed."""


def pairs(mapping: Mapping[str, str]) -> Pairs:
    """Return a mapping's items, sorted."""
    return tuple(sorted(mapping.items()))


@dataclass(frozen=True, slots=True)
class LocalContext:
    """Name a folder of this machine, absolute or relative to the working directory."""

    path: str


@dataclass(frozen=True, slots=True)
class RemoteContext:
    """Name a Git repository or an HTTP(S) address that BuildKit fetches."""

    url: str


@dataclass(frozen=True, slots=True)
class SourceContext:
    """Name a folder of what the definition was read from: a Git repository, or an archive at an HTTP(S) address."""

    url: str
    path: str
    archive: bool = False


@dataclass(frozen=True, slots=True)
class ImageContext:
    """Name an image, `docker-image://` left out."""

    ref: str


@dataclass(frozen=True, slots=True)
class LayoutContext:
    """Name an image in an OCI layout folder of this machine; at least one of `tag` and `digest` is set."""

    path: str
    tag: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class LinkContext:
    """Name a target whose result is the context."""

    target: str


Context = LocalContext | RemoteContext | SourceContext | ImageContext | LayoutContext | LinkContext


@dataclass(frozen=True, slots=True)
class LocalDockerfile:
    """Name a Dockerfile of this machine, inside or outside of the context."""

    path: str


@dataclass(frozen=True, slots=True)
class ContextDockerfile:
    """Name a Dockerfile by its path within a context that BuildKit fetches."""

    path: str


@dataclass(frozen=True, slots=True)
class InlineDockerfile:
    """Hold the text of a Dockerfile."""

    text: str


@dataclass(frozen=True, slots=True)
class RemoteDockerfile:
    """Name an HTTP(S) address that holds a Dockerfile."""

    url: str


Dockerfile = LocalDockerfile | ContextDockerfile | InlineDockerfile | RemoteDockerfile


@dataclass(frozen=True, slots=True)
class Export:
    """Name one output of a solve.

    `type` is DEFAULT_EXPORT or one of EXPORT_TYPES (never `registry`, which is an image that is pushed); `names` are
    the image's tags, `dest` a file or folder of this machine (`-` for standard output, empty for none).
    """

    type: str
    attrs: Pairs = ()
    dest: str = ""
    names: tuple[str, ...] = ()

    def attr(self, key: str) -> str | None:
        """Return one attribute."""
        return dict(self.attrs).get(key)

    @property
    def pushes(self) -> bool:
        """Tell whether the image goes to a registry."""
        return self.attr("push") in TRUE


TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
DEFAULT_EXPORT = "default"
"""Stands for the output of a target that chooses none: what it is depends on the node."""
EXPORT_TYPES = ("cacheonly", "docker", "image", "local", "oci", "registry", "tar")


@dataclass(frozen=True, slots=True)
class Cache:
    """Name a cache to read from or write to."""

    type: str
    attrs: Pairs = ()


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Tell where a secret's value comes from: a file, else a variable of the environment; never the value itself."""

    id: str
    file: str = ""
    env: str = ""


@dataclass(frozen=True, slots=True)
class SshSource:
    """Name SSH agent sockets or key files that steps may use under `id`; none means the user's agent."""

    id: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class SolveSpec:
    """Hold what one solve is.

    Two specs with the same `digest` give the same result, whatever they are called and wherever it goes: `exports` and
    `tags` are no part of it.
    """

    context: Context
    dockerfile: Dockerfile
    contexts: tuple[tuple[str, Context], ...] = ()
    stage: str = ""
    args: Pairs = ()
    labels: Pairs = ()
    platforms: tuple[str, ...] = ()
    cache_from: tuple[Cache, ...] = ()
    cache_to: tuple[Cache, ...] = ()
    secrets: tuple[SecretSource, ...] = ()
    ssh: tuple[SshSource, ...] = ()
    network: str = ""
    pull: bool = False
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    shm_size: int = 0
    """Bytes; 0 for the daemon's default."""
    ulimits: tuple[str, ...] = ()
    """Each `name=soft:hard`."""
    resources: Pairs = ()
    """Limits of each step by the names of `docker run`'s flags; sizes in bytes."""
    extra_hosts: Pairs = ()
    attests: tuple[tuple[str, str | None], ...] = ()
    """Attributes by type of attestation; None switches a default one off."""
    entitlements: tuple[str, ...] = ()
    call: str = ""
    """What to ask of the frontend in place of a build: `lint`, `outline` or `targets`; empty for a build."""
    exports: tuple[Export, ...] = ()
    tags: tuple[str, ...] = ()
    linked: bool = False
    """Whether it is built only for the targets that take it as a context."""

    @property
    def links(self) -> tuple[str, ...]:
        """Return the targets that this solve takes as contexts, sorted, each once."""
        named = {c.target for _, c in self.contexts if isinstance(c, LinkContext)}
        return tuple(sorted(named))

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the files and folders of this machine that the solve reads, as they are written."""
        paths = [c.path for c in (self.context, *dict(self.contexts).values()) if isinstance(c, _LOCAL)]
        if isinstance(self.dockerfile, LocalDockerfile):
            paths.append(self.dockerfile.path)
        paths += _local_caches(self.cache_from, "src")
        # A secret that says nothing of its place is a file of its own name where no variable has that name.
        paths += [s.file or s.id for s in self.secrets if s.file or not s.env]
        paths += [path for source in self.ssh for path in source.paths]
        return tuple(paths)

    @property
    def writes(self) -> tuple[str, ...]:
        """Return the files and folders of this machine that the solve writes, as they are written."""
        exported = [e.dest for e in self.exports if e.dest not in {"", "-"}]
        return (*exported, *_local_caches(self.cache_to, "dest"))

    @cached_property
    def digest(self) -> str:
        """Return `sha256:…` over all that changes the result."""
        return self.digest_with({})

    def digest_with(self, parents: Mapping[str, str]) -> str:
        """Return the digest with linked targets named by their own digests, so that their names play no part."""
        parts = [f"{n}={_canonical(getattr(self, n), parents)}" for n in _IN_DIGEST]
        return "sha256:" + hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


_LOCAL = (LocalContext, LayoutContext)


def _local_caches(caches: tuple[Cache, ...], key: str) -> list[str]:
    return [path for c in caches if c.type == "local" and (path := dict(c.attrs).get(key))]


_IN_DIGEST = tuple(f.name for f in fields(SolveSpec) if f.name not in {"exports", "tags", "linked"})


def _canonical(value: object, parents: Mapping[str, str]) -> str:
    if isinstance(value, LinkContext):
        return f"LinkContext({parents.get(value.target, value.target)!r})"
    if isinstance(value, tuple):
        return "(" + ",".join(_canonical(v, parents) for v in value) + ")"
    if is_dataclass(value):
        inner = ",".join(_canonical(getattr(value, f.name), parents) for f in fields(value))
        return f"{type(value).__name__}({inner})"
    return repr(value)
