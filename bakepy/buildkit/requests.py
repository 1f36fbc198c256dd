"""What a build asks of BuildKit and what it answers, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Exporter:
    """Name an exporter and its attributes; its index in the request is its id in the session."""

    type: str
    attrs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """Name a cache to import from or to export to, such as `registry` or `local`."""

    type: str
    attrs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SolveRequest:
    """Open a build on the daemon: everything but what the frontend is asked.

    `ref` is unique on the daemon; `session` is the id of the session that serves it. `attrs` are the frontend
    attributes, which the daemon reads here for attestations. An `internal` build leaves no record.
    """

    ref: str
    session: str
    attrs: Mapping[str, str] = field(default_factory=dict)
    exporters: tuple[Exporter, ...] = ()
    cache_imports: tuple[CacheEntry, ...] = ()
    cache_exports: tuple[CacheEntry, ...] = ()
    entitlements: tuple[str, ...] = ()
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """Hold a graph of operations as it travels: the daemon's own, handed on to another build, or one of ours."""

    wire: bytes


@dataclass(frozen=True, slots=True)
class GatewayRequest:
    """Ask a frontend for a result; `inputs` are other builds' results, or sources, by the name of their input.

    Without a frontend, the result is what `definition` makes.
    """

    attrs: Mapping[str, str] = field(default_factory=dict)
    frontend: str = "dockerfile.v0"
    inputs: Mapping[str, Definition] = field(default_factory=dict)
    definition: Definition | None = None


@dataclass(frozen=True, slots=True)
class Ref:
    """Name one file system of a result on the daemon; `id` is empty for an empty one."""

    id: str
    definition: Definition | None


@dataclass(frozen=True, slots=True)
class Result:
    """Hold what a frontend answered.

    `refs` are by platform; a result of a single platform has the one key "". `metadata` holds image configurations
    (`containerimage.config`, with `/<platform>` where there are several) and a subrequest's answer. `wire` is the
    whole message, to be returned to the daemon unchanged.
    """

    refs: Mapping[str, Ref]
    metadata: Mapping[str, bytes]
    wire: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold a subrequest's answer: text for people, JSON for programs, and an exit status."""

    text: str
    json: bytes
    status: int
    version: str


@dataclass(frozen=True, slots=True)
class GcRule:
    """Hold one rule of a worker's garbage collection: sizes in bytes, 0 for none; the time in nanoseconds."""

    all: bool = False
    filters: tuple[str, ...] = ()
    keep_duration: int = 0
    reserved_space: int = 0
    max_used_space: int = 0
    min_free_space: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """Hold a device that builds may ask for (CDI: Container Device Interface)."""

    name: str
    auto_allow: bool = False
    on_demand: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Worker:
    """Hold what a worker of a daemon says of itself; platforms are `os/arch[/variant]`, the native one first."""

    id: str
    labels: Mapping[str, str]
    platforms: tuple[str, ...]
    gc_rules: tuple[GcRule, ...] = ()
    devices: tuple[Device, ...] = ()


@dataclass(frozen=True, slots=True)
class CacheRecord:
    """Hold one record of a daemon's build cache; its size is in bytes, its times nanoseconds since 1970 (None: never).

    `shared` data is held by something else, too, such as an image, and is not freed with the record.
    """

    id: str
    type: str
    description: str
    size: int
    mutable: bool
    in_use: bool
    shared: bool
    usage_count: int
    created: int
    last_used: int | None
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """Say what to remove of a build cache: sizes in bytes, 0 for no limit; the time in nanoseconds.

    `filters` are containerd's: each is a list of conditions between commas, and one of them must hold.
    """

    filters: tuple[str, ...] = ()
    all: bool = False
    keep_duration: int = 0
    reserved_space: int = 0
    max_used_space: int = 0
    min_free_space: int = 0


@dataclass(frozen=True, slots=True)
class Info:
    """Hold the daemon's version; empty where it is too old to tell."""

    version: str = ""
    revision: str = ""
    package: str = ""
