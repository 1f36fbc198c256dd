"""What a build asks of BuildKit and what it answers, as plain data."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from bakepy.records import Record

HTTP_FILE = "context"
"""The name under which a download lies in its file system."""

_CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def new_id() -> str:
    """Return a name for a build or a session that no other has, of 25 characters as BuildKit makes them."""
    return "".join(_CHARACTERS[byte % len(_CHARACTERS)] for byte in os.urandom(25))


class Exporter(Record):
    """Name an exporter and its attributes; its index in the request is its id in the session."""

    __slots__ = ("type", "attrs")

    def __init__(self, type: str, attrs: Mapping[str, str] | None = None) -> None:
        self.type: Final = type
        self.attrs: Final[Mapping[str, str]] = {} if attrs is None else attrs


class CacheEntry(Record):
    """Name a cache to import from or to export to, such as `registry` or `local`."""

    __slots__ = ("type", "attrs")

    def __init__(self, type: str, attrs: Mapping[str, str] | None = None) -> None:
        self.type: Final = type
        self.attrs: Final[Mapping[str, str]] = {} if attrs is None else attrs


class SolveRequest(Record):
    """Open a build on the daemon: everything but what the frontend is asked.

    `ref` is unique on the daemon; `session` is the id of the session that serves it. `attrs` are the frontend
    attributes, which the daemon reads here for attestations. An `internal` build leaves no record.
    """

    __slots__ = ("ref", "session", "attrs", "exporters", "cache_imports", "cache_exports", "entitlements", "internal")

    def __init__(
        self,
        ref: str,
        session: str,
        attrs: Mapping[str, str] | None = None,
        exporters: tuple[Exporter, ...] = (),
        cache_imports: tuple[CacheEntry, ...] = (),
        cache_exports: tuple[CacheEntry, ...] = (),
        entitlements: tuple[str, ...] = (),
        internal: bool = False,
    ) -> None:
        self.ref: Final = ref
        self.session: Final = session
        self.attrs: Final[Mapping[str, str]] = {} if attrs is None else attrs
        self.exporters: Final = exporters
        self.cache_imports: Final = cache_imports
        self.cache_exports: Final = cache_exports
        self.entitlements: Final = entitlements
        self.internal: Final = internal


class Definition(Record):
    """Hold a graph of operations as it travels: the daemon's own, handed on to another build, or one of ours."""

    __slots__ = ("wire",)

    def __init__(self, wire: bytes) -> None:
        self.wire: Final = wire


class GatewayRequest(Record):
    """Ask a frontend for a result; `inputs` are other builds' results, or sources, by the name of their input.

    Without a frontend, the result is what `definition` makes.
    """

    __slots__ = ("attrs", "frontend", "inputs", "definition")

    def __init__(
        self,
        attrs: Mapping[str, str] | None = None,
        frontend: str = "dockerfile.v0",
        inputs: Mapping[str, Definition] | None = None,
        definition: Definition | None = None,
    ) -> None:
        self.attrs: Final[Mapping[str, str]] = {} if attrs is None else attrs
        self.frontend: Final = frontend
        self.inputs: Final[Mapping[str, Definition]] = {} if inputs is None else inputs
        self.definition: Final = definition


class Ref(Record):
    """Name one file system of a result on the daemon; `id` is empty for an empty one."""

    __slots__ = ("id", "definition")

    def __init__(self, id: str, definition: Definition | None) -> None:
        self.id: Final = id
        self.definition: Final = definition


class Result(Record):
    """Hold what a frontend answered.

    `refs` are by platform; a result of a single platform has the one key "". `metadata` holds image configurations
    (`containerimage.config`, with `/<platform>` where there are several) and a subrequest's answer. `wire` is the
    whole message, to be returned to the daemon unchanged.
    """

    __slots__ = ("refs", "metadata", "wire")

    def __init__(self, refs: Mapping[str, Ref], metadata: Mapping[str, bytes], wire: bytes = b"") -> None:
        self.refs: Final = refs
        self.metadata: Final = metadata
        self.wire: Final = wire


class Answer(Record):
    """A subrequest's answer: text for people, JSON for programs, an exit status; `metadata` is all of it by key."""

    __slots__ = ("text", "json", "status", "version", "metadata")

    def __init__(
        self, text: str, json: bytes, status: int, version: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        self.text: Final = text
        self.json: Final = json
        self.status: Final = status
        self.version: Final = version
        self.metadata: Final[Mapping[str, str]] = {} if metadata is None else metadata


class GcRule(Record):
    """Hold one rule of a worker's garbage collection: sizes in bytes, 0 for none; the time in nanoseconds."""

    __slots__ = ("all", "filters", "keep_duration", "reserved_space", "max_used_space", "min_free_space")

    def __init__(
        self,
        all: bool = False,
        filters: tuple[str, ...] = (),
        keep_duration: int = 0,
        reserved_space: int = 0,
        max_used_space: int = 0,
        min_free_space: int = 0,
    ) -> None:
        self.all: Final = all
        self.filters: Final = filters
        self.keep_duration: Final = keep_duration
        self.reserved_space: Final = reserved_space
        self.max_used_space: Final = max_used_space
        self.min_free_space: Final = min_free_space


class Device(Record):
    """Hold a device that builds may ask for (CDI: Container Device Interface)."""

    __slots__ = ("name", "auto_allow", "on_demand", "annotations")

    def __init__(
        self, name: str, auto_allow: bool = False, on_demand: bool = False, annotations: Mapping[str, str] | None = None
    ) -> None:
        self.name: Final = name
        self.auto_allow: Final = auto_allow
        self.on_demand: Final = on_demand
        self.annotations: Final[Mapping[str, str]] = {} if annotations is None else annotations


class Worker(Record):
    """Hold what a worker of a daemon says of itself; platforms are `os/arch[/variant]`, the native one first."""

    __slots__ = ("id", "labels", "platforms", "gc_rules", "devices")

    def __init__(
        self,
        id: str,
        labels: Mapping[str, str],
        platforms: tuple[str, ...],
        gc_rules: tuple[GcRule, ...] = (),
        devices: tuple[Device, ...] = (),
    ) -> None:
        self.id: Final = id
        self.labels: Final = labels
        self.platforms: Final = platforms
        self.gc_rules: Final = gc_rules
        self.devices: Final = devices


class CacheRecord(Record):
    """Hold one record of a daemon's build cache; its size is in bytes, its times nanoseconds since 1970 (None: never).

    `shared` data is held by something else, too, such as an image, and is not freed with the record.
    """

    __slots__ = (
        "id",
        "type",
        "description",
        "size",
        "mutable",
        "in_use",
        "shared",
        "usage_count",
        "created",
        "last_used",
        "parents",
    )

    def __init__(
        self,
        id: str,
        type: str,
        description: str,
        size: int,
        mutable: bool,
        in_use: bool,
        shared: bool,
        usage_count: int,
        created: int,
        last_used: int | None,
        parents: tuple[str, ...] = (),
    ) -> None:
        self.id: Final = id
        self.type: Final = type
        self.description: Final = description
        self.size: Final = size
        self.mutable: Final = mutable
        self.in_use: Final = in_use
        self.shared: Final = shared
        self.usage_count: Final = usage_count
        self.created: Final = created
        self.last_used: Final = last_used
        self.parents: Final = parents


class PruneRequest(Record):
    """Say what to remove of a build cache: sizes in bytes, 0 for no limit; the time in nanoseconds.

    `filters` are containerd's: each is a list of conditions between commas, and one of them must hold.
    """

    __slots__ = ("filters", "all", "keep_duration", "reserved_space", "max_used_space", "min_free_space")

    def __init__(
        self,
        filters: tuple[str, ...] = (),
        all: bool = False,
        keep_duration: int = 0,
        reserved_space: int = 0,
        max_used_space: int = 0,
        min_free_space: int = 0,
    ) -> None:
        self.filters: Final = filters
        self.all: Final = all
        self.keep_duration: Final = keep_duration
        self.reserved_space: Final = reserved_space
        self.max_used_space: Final = max_used_space
        self.min_free_space: Final = min_free_space


class Info(Record):
    """Hold the daemon's version; empty where it is too old to tell."""

    __slots__ = ("version", "revision", "package")

    def __init__(self, version: str = "", revision: str = "", package: str = "") -> None:
        self.version: Final = version
        self.revision: Final = revision
        self.package: Final = package
