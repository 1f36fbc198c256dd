"""What one solve is: everything that BuildKit must know of a target, typed and frozen.

The vocabulary of frontend attributes stays out of here; `executor.lower` alone writes those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from bakepy.booleans import TRUE
from bakepy.model.export import writes_folder
from bakepy.records import Record, fields

Pairs = tuple[tuple[str, str], ...]
"""A mapping as sorted pairs, so that it can be hashed."""


def pairs(mapping: Mapping[str, str]) -> Pairs:
    """Return a mapping's items, sorted."""
    return tuple(sorted(mapping.items()))


class LocalContext(Record):
    """Name a folder of this machine, absolute or relative to the working directory."""

    __slots__ = __match_args__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path: Final = path


class RemoteContext(Record):
    """Name a Git repository or an HTTP(S) address that BuildKit fetches."""

    __slots__ = __match_args__ = ("url",)

    def __init__(self, url: str) -> None:
        self.url: Final = url


class SourceContext(Record):
    """Name a folder of what the definition was read from: a Git repository, or an archive at an HTTP(S) address."""

    __slots__ = __match_args__ = ("url", "path", "archive")

    def __init__(self, url: str, path: str, archive: bool = False) -> None:
        self.url: Final = url
        self.path: Final = path
        self.archive: Final = archive


class ImageContext(Record):
    """Name an image, `docker-image://` left out."""

    __slots__ = __match_args__ = ("ref",)

    def __init__(self, ref: str) -> None:
        self.ref: Final = ref


class LayoutContext(Record):
    """Name an image in an OCI layout folder of this machine.

    Without `tag` and `digest`, it is the image with the tag `latest`, or the only one.
    """

    __slots__ = __match_args__ = ("path", "tag", "digest")

    def __init__(self, path: str, tag: str = "", digest: str = "") -> None:
        self.path: Final = path
        self.tag: Final = tag
        self.digest: Final = digest

    @property
    def text(self) -> str:
        """Return the context as a definition writes it."""
        return f"oci-layout://{self.path}{self.tag and ':'}{self.tag}{self.digest and '@'}{self.digest}"


class LinkContext(Record):
    """Name a target whose result is the context."""

    __slots__ = __match_args__ = ("target",)

    def __init__(self, target: str) -> None:
        self.target: Final = target


Context = LocalContext | RemoteContext | SourceContext | ImageContext | LayoutContext | LinkContext


class LocalDockerfile(Record):
    """Name a Dockerfile of this machine, inside or outside of the context."""

    __slots__ = __match_args__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path: Final = path


class ContextDockerfile(Record):
    """Name a Dockerfile by its path within a context that BuildKit fetches."""

    __slots__ = __match_args__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path: Final = path


class InlineDockerfile(Record):
    """Hold the text of a Dockerfile."""

    __slots__ = __match_args__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text: Final = text


class RemoteDockerfile(Record):
    """Name an HTTP(S) address that holds a Dockerfile."""

    __slots__ = __match_args__ = ("url",)

    def __init__(self, url: str) -> None:
        self.url: Final = url


Dockerfile = LocalDockerfile | ContextDockerfile | InlineDockerfile | RemoteDockerfile


class Export(Record):
    """Name one output of a solve.

    `type` is DEFAULT_EXPORT or one of EXPORT_TYPES (never `registry`, which is an image that is pushed); `names` are
    the image's tags, `dest` a file or folder of this machine (`-` for standard output, empty for none).
    """

    __slots__ = ("type", "attrs", "dest", "names")

    def __init__(self, type: str, attrs: Pairs = (), dest: str = "", names: tuple[str, ...] = ()) -> None:
        self.type: Final = type
        self.attrs: Final = attrs
        self.dest: Final = dest
        self.names: Final = names

    def attr(self, key: str) -> str | None:
        """Return one attribute."""
        return dict(self.attrs).get(key)

    @property
    def writes_folder(self) -> bool:
        """Return whether the destination is a folder."""
        return writes_folder(self.type, dict(self.attrs))

    @property
    def writes_layout(self) -> bool:
        """Return whether the destination is the folder of an OCI layout, to which the image is added."""
        return self.writes_folder and self.type != "local"

    @property
    def pushes(self) -> bool:
        """Tell whether the image goes to a registry."""
        return self.attr("push") in TRUE


DEFAULT_EXPORT = "default"
"""Stands for the output of a target that chooses none: what it is depends on the node."""
EXPORT_TYPES = ("cacheonly", "docker", "image", "local", "oci", "registry", "tar")


class Cache(Record):
    """Name a cache to read from or write to."""

    __slots__ = ("type", "attrs")

    def __init__(self, type: str, attrs: Pairs = ()) -> None:
        self.type: Final = type
        self.attrs: Final = attrs


class SecretSource(Record):
    """Tell where a secret's value comes from: a file, else a variable of the environment; never the value itself."""

    __slots__ = ("id", "file", "env")

    def __init__(self, id: str, file: str = "", env: str = "") -> None:
        self.id: Final = id
        self.file: Final = file
        self.env: Final = env


class SshSource(Record):
    """Name SSH agent sockets or key files that steps may use under `id`; none means the user's agent."""

    __slots__ = ("id", "paths")

    def __init__(self, id: str, paths: tuple[str, ...] = ()) -> None:
        self.id: Final = id
        self.paths: Final = paths


class SolveSpec(Record):
    """Hold what one solve is.

    Two specs with the same `digest` give the same result, whatever they are called and wherever it goes: `exports` and
    `tags` are no part of it, except for an export to an OCI layout.
    """

    __slots__ = (
        "context",
        "dockerfile",
        "contexts",
        "stage",
        "args",
        "labels",
        "platforms",
        "cache_from",
        "cache_to",
        "secrets",
        "ssh",
        "network",
        "pull",
        "no_cache",
        "no_cache_filter",
        "shm_size",
        "ulimits",
        "resources",
        "extra_hosts",
        "attests",
        "entitlements",
        "call",
        "exports",
        "tags",
        "linked",
        "part",
        "policy",
        "__dict__",
    )

    def __init__(
        self,
        context: Context,
        dockerfile: Dockerfile,
        contexts: tuple[tuple[str, Context], ...] = (),
        stage: str = "",
        args: Pairs = (),
        labels: Pairs = (),
        platforms: tuple[str, ...] = (),
        cache_from: tuple[Cache, ...] = (),
        cache_to: tuple[Cache, ...] = (),
        secrets: tuple[SecretSource, ...] = (),
        ssh: tuple[SshSource, ...] = (),
        network: str = "",
        pull: bool = False,
        no_cache: bool = False,
        no_cache_filter: tuple[str, ...] = (),
        shm_size: int = 0,
        ulimits: tuple[str, ...] = (),
        resources: Pairs = (),
        extra_hosts: Pairs = (),
        attests: tuple[tuple[str, str | None], ...] = (),
        entitlements: tuple[str, ...] = (),
        call: str = "",
        exports: tuple[Export, ...] = (),
        tags: tuple[str, ...] = (),
        linked: bool = False,
        part: bool = False,
        policy: str = "",
    ) -> None:
        self.context: Final = context
        self.dockerfile: Final = dockerfile
        self.contexts: Final = contexts
        self.stage: Final = stage
        self.args: Final = args
        self.labels: Final = labels
        self.platforms: Final = platforms
        self.cache_from: Final = cache_from
        self.cache_to: Final = cache_to
        self.secrets: Final = secrets
        self.ssh: Final = ssh
        self.network: Final = network
        self.pull: Final = pull
        self.no_cache: Final = no_cache
        self.no_cache_filter: Final = no_cache_filter
        self.shm_size: Final = shm_size
        """Bytes; 0 for the daemon's default."""
        self.ulimits: Final = ulimits
        """Each `name=soft:hard`."""
        self.resources: Final = resources
        """Limits of each step by the names of `docker run`'s flags; sizes in bytes."""
        self.extra_hosts: Final = extra_hosts
        self.attests: Final = attests
        """Attributes by type of attestation; None switches a default one off."""
        self.entitlements: Final = entitlements
        self.call: Final = call
        """What to ask of the frontend in place of a build: `lint`, `outline`, `targets`, …; empty for a build."""
        self.exports: Final = exports
        self.tags: Final = tags
        self.linked: Final = linked
        """Whether it is built only for the targets that take it as a context."""
        self.part: Final = part
        """Whether other nodes build further platforms of the same target."""
        self.policy: Final = policy
        """The path of the Dockerfile's policy within a context that BuildKit fetches; empty where none counts."""

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
        # A solve writes to one layout only.
        parts += [_canonical(e, parents) for e in self.exports if e.writes_layout]
        return "sha256:" + hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


_LOCAL = (LocalContext, LayoutContext)


def _local_caches(caches: tuple[Cache, ...], key: str) -> list[str]:
    return [path for c in caches if c.type == "local" and (path := dict(c.attrs).get(key))]


_IN_DIGEST = tuple(name for name in fields(SolveSpec) if name not in {"exports", "tags", "linked", "part"})


def _canonical(value: object, parents: Mapping[str, str]) -> str:
    if isinstance(value, LinkContext):
        return "LinkContext(" + repr(parents.get(value.target, value.target)) + ")"
    if isinstance(value, tuple):
        return "(" + ",".join(_canonical(v, parents) for v in value) + ")"
    if isinstance(value, Record):
        inner = ",".join(_canonical(getattr(value, name), parents) for name in fields(type(value)))
        return f"{type(value).__name__}({inner})"
    return repr(value)
