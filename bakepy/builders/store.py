"""Read the builders that buildx keeps on disk: one JSON file for each, in Go's field names.

Writing them is buildx's business for now; nothing here changes a file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakepy.diagnostics import BakeError
from bakepy.settings import Settings

NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9\-._]*")
"""What buildx accepts as a builder's name."""


class StoreError(BakeError):
    """Say that a builder's file cannot be used."""


@dataclass(frozen=True, slots=True)
class StoredNode:
    """Hold one node as it is written."""

    name: str
    endpoint: str
    platforms: tuple[str, ...] = ()
    driver_options: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredBuilder:
    """Hold one builder as it is written."""

    name: str
    driver: str
    nodes: tuple[StoredNode, ...]


def names(settings: Settings) -> list[str]:
    """Return the names of the stored builders, sorted."""
    folder = settings.buildx_config / "instances"
    return sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []


def read(settings: Settings, name: str) -> StoredBuilder | None:
    """Return a stored builder, or None where there is none of this name; raises StoreError."""
    # buildx folds names to lower case before it makes a file of them.
    if not NAME.fullmatch(name):
        return None
    file = settings.buildx_config / "instances" / name.lower()
    record = _load(file)
    if record is None:
        return None
    try:
        nodes = tuple(_node(node) for node in record.get("Nodes") or ())
        return StoredBuilder(str(record["Name"]), str(record.get("Driver") or ""), nodes)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError.of(f'the builder "{name}" cannot be read', f"{file}: {error!r}") from error


def selected(settings: Settings, endpoint: str) -> str | None:
    """Return the name of the builder that was chosen with `use`, if any.

    `endpoint` is where Docker's current context leads: a choice holds for one endpoint unless it was made global.
    Raises StoreError.
    """
    current = _load(settings.buildx_config / "current") or {}
    name = str(current.get("Name") or "")
    known = name if name and (settings.buildx_config / "instances" / name.lower()).exists() else None
    if current.get("Global") and known:
        return known
    if name and current.get("Key") == endpoint:
        return known
    default = settings.buildx_config / "defaults" / hashlib.sha256(endpoint.encode()).hexdigest()[:20]
    try:
        return default.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _load(file: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError.of(f"{file} cannot be read", error.strerror or "") from error
    except ValueError as error:
        raise StoreError.of(f"{file} is damaged", str(error), hint="remove it, and create the builder again") from error
    if not isinstance(record, dict):
        raise StoreError.of(f"{file} is damaged", "it holds no JSON object", hint="remove it, and create it again")
    return record


def _node(record: dict[str, Any]) -> StoredNode:
    return StoredNode(
        name=str(record["Name"]),
        endpoint=str(record.get("Endpoint") or ""),
        platforms=tuple(_platform(platform) for platform in record.get("Platforms") or ()),
        driver_options={str(key): str(value) for key, value in (record.get("DriverOpts") or {}).items()},
        flags=tuple(str(flag) for flag in record.get("Flags") or ()),
        files={str(name): base64.b64decode(text) for name, text in (record.get("Files") or {}).items()},
    )


def _platform(record: dict[str, Any]) -> str:
    """Return `os/arch[/variant]` of an OCI platform (image-spec, descriptor.md)."""
    parts = (record.get("os"), record.get("architecture"), record.get("variant"))
    return "/".join(str(part) for part in parts if part)
