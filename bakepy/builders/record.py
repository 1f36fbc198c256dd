"""A builder as it is kept on disk, and the changes that `create` makes to one: data in, data out."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bakepy.diagnostics import BakeError
from bakepy.platforms import Platform
from bakepy.records import Record, replace

NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9\-._]*")
"""What buildx accepts as a builder's or a node's name."""


class StoreError(BakeError):
    """Say that a builder's file cannot be used, or that a builder cannot be changed as asked."""


class StoredNode(Record):
    """Hold one node as it is written; None is what was never set, which the file tells from empty.

    `platforms` are those that the user reserved for the node. `files` go into the node's /etc/buildkit by their
    relative path.
    """

    __slots__ = ("name", "endpoint", "platforms", "driver_options", "flags", "files")

    def __init__(
        self,
        name: str,
        endpoint: str,
        platforms: tuple[Platform, ...] | None = None,
        driver_options: Mapping[str, str] | None = None,
        flags: tuple[str, ...] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self.name: Final = name
        self.endpoint: Final = endpoint
        self.platforms: Final = platforms
        self.driver_options: Final = driver_options
        self.flags: Final = flags
        self.files: Final = files


class StoredBuilder(Record):
    """Hold one builder as it is written.

    One that is `implicit` has no file: it comes with a Docker context, or is the embedded engine.
    """

    __slots__ = ("name", "driver", "nodes", "dynamic", "implicit")

    def __init__(
        self, name: str, driver: str, nodes: tuple[StoredNode, ...] = (), dynamic: bool = False, implicit: bool = False
    ) -> None:
        self.name: Final = name
        self.driver: Final = driver
        self.nodes: Final = nodes
        self.dynamic: Final = dynamic
        self.implicit: Final = implicit


class NodeChange(Record):
    """Hold what `create` was asked to set on a node; None and empty leave a node that exists as it is."""

    __slots__ = ("endpoint", "sets_endpoint", "platforms", "driver_options", "flags", "files")

    def __init__(
        self,
        endpoint: str,
        sets_endpoint: bool = False,
        platforms: tuple[Platform, ...] | None = None,
        driver_options: Mapping[str, str] | None = None,
        flags: tuple[str, ...] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self.endpoint: Final = endpoint
        self.sets_endpoint: Final = sets_endpoint
        self.platforms: Final = platforms
        self.driver_options: Final = driver_options
        self.flags: Final = flags
        self.files: Final = files


def checked_name(name: str) -> str:
    """Return a name in lower case, as files carry it; raises StoreError for what is no name."""
    if not NAME.fullmatch(name):
        raise StoreError.of(
            f"invalid name {name}, name needs to start with a letter and may not contain symbols, except ._-"
        )
    return name.lower()


def with_node(builder: StoredBuilder, name: str, change: NodeChange, *, append: bool) -> StoredBuilder:
    """Return the builder with a node added (an empty name gets the next free one) or changed; raises StoreError."""
    at = next((i for i, node in enumerate(builder.nodes) if node.name == name), None)
    if at is None:
        if builder.nodes and not append:
            raise StoreError.of(
                f"node {name} not found, did you mean to append?",
                f"nodes of {builder.name}: {', '.join(node.name for node in builder.nodes)}",
                hint="add --append to add a node",
            )
        node = StoredNode(
            checked_name(name or next_name(builder)),
            change.endpoint,
            change.platforms,
            change.driver_options,
            change.flags,
            change.files,
        )
        nodes = (*builder.nodes, node)
        at = len(nodes) - 1
    else:
        node = _changed(builder.nodes[at], change)
        nodes = (*builder.nodes[:at], node, *builder.nodes[at + 1 :])
    if sum(other.endpoint == change.endpoint for other in nodes) > 1:
        raise StoreError.of(
            f"invalid duplicate endpoint {change.endpoint}", hint="give the new node an endpoint of its own"
        )
    taken = {str(platform) for platform in node.platforms or ()}
    # A platform is reserved for the node that was given it last.
    others = (n if i == at else _without(n, taken) for i, n in enumerate(nodes))
    return replace(builder, nodes=tuple(others))


def without_node(builder: StoredBuilder, name: str) -> StoredBuilder:
    """Return the builder without a node; raises StoreError where it has none of this name, or no other."""
    left = tuple(node for node in builder.nodes if node.name != name)
    if len(left) == len(builder.nodes):
        raise StoreError.of(
            f'node "{name}" not found for {builder.name}', f"nodes: {', '.join(node.name for node in builder.nodes)}"
        )
    if not left:
        raise StoreError.of(
            "can not leave last node, do you want to rm instance instead?", hint=f"run: bakepy rm {builder.name}"
        )
    return replace(builder, nodes=left)


def _changed(node: StoredNode, change: NodeChange) -> StoredNode:
    return replace(
        node,
        endpoint=change.endpoint if change.sets_endpoint else node.endpoint,
        platforms=change.platforms or node.platforms,
        flags=node.flags if change.flags is None else change.flags,
        driver_options=node.driver_options if change.driver_options is None else change.driver_options,
        files=node.files if change.files is None else {**(node.files or {}), **change.files},
    )


def _without(node: StoredNode, taken: set[str]) -> StoredNode:
    return replace(node, platforms=tuple(p for p in node.platforms or () if str(p) not in taken))


def next_name(builder: StoredBuilder) -> str:
    """Return the name of the next node that is given none."""
    # Names are compared as they are written, in lower case: a builder "Two" has the nodes two0, two1 …
    used = {node.name for node in builder.nodes}
    numbered = (f"{builder.name}{i}".lower() for i in range(len(used) + 1))
    return next(name for name in numbered if name not in used)


def encode(builder: StoredBuilder) -> bytes:
    """Return the file of a builder, byte for byte as Go's encoding/json writes it for buildx."""
    nodes = [
        {
            "Name": node.name,
            "Endpoint": node.endpoint,
            "Platforms": None if node.platforms is None else [_platform_record(p) for p in node.platforms],
            "DriverOpts": None if node.driver_options is None else dict(sorted(node.driver_options.items())),
            "Flags": None if node.flags is None else list(node.flags),
            "Files": None if node.files is None else {k: _base64(v) for k, v in sorted(node.files.items())},
        }
        for node in builder.nodes
    ]
    record = {"Name": builder.name, "Driver": builder.driver, "Nodes": nodes, "Dynamic": builder.dynamic}
    return go_json(record).encode("utf-8", "surrogateescape")


def go_json(record: object) -> str:
    """Return JSON as Go's encoding/json writes it: no spaces, and what HTML would take for markup escaped."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return text.translate({ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


def decode(record: Mapping[str, Any]) -> StoredBuilder:
    """Return the builder of a file's JSON; raises StoreError, KeyError, TypeError, ValueError or AttributeError."""
    nodes = tuple(_node(node) for node in record.get("Nodes") or ())
    return StoredBuilder(_name(record), str(record.get("Driver") or ""), nodes, bool(record.get("Dynamic")))


def _node(record: Mapping[str, Any]) -> StoredNode:
    platforms, options, flags, files = (record.get(k) for k in ("Platforms", "DriverOpts", "Flags", "Files"))
    return StoredNode(
        name=_name(record),
        endpoint=str(record.get("Endpoint") or ""),
        platforms=None if platforms is None else tuple(_platform(platform) for platform in platforms),
        driver_options=None if options is None else {str(key): str(value) for key, value in options.items()},
        flags=None if flags is None else tuple(str(flag) for flag in flags),
        files=None if files is None else {str(name): base64.b64decode(text or "") for name, text in files.items()},
    )


def _name(record: Mapping[str, Any]) -> str:
    """Return a name that is safe to make a path, a container's name or a line of a terminal of."""
    name = str(record["Name"])
    checked_name(name)
    return name


def _platform(record: Mapping[str, Any]) -> Platform:
    """Return an OCI platform (image-spec, descriptor.md) as it is written, not normalised."""
    features: Sequence[str] = record.get("os.features") or ()
    return Platform(
        str(record.get("os") or ""),
        str(record.get("architecture") or ""),
        str(record.get("variant") or ""),
        str(record.get("os.version") or ""),
        tuple(features),
    )


def _platform_record(platform: Platform) -> dict[str, object]:
    record: dict[str, object] = {"architecture": platform.architecture, "os": platform.os}
    if platform.os_version:
        record["os.version"] = platform.os_version
    if platform.os_features:
        record["os.features"] = list(platform.os_features)
    if platform.variant:
        record["variant"] = platform.variant
    return record


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
