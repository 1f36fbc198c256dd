"""BuildKit's own configuration file, made ready for a node: certificates of registries travel with it."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from bakepy.builders.record import StoreError
from bakepy.files import read_file

CONFIG_FOLDER = PurePosixPath("/etc/buildkit")
"""Where the node's BuildKit finds its files (BuildKit, docs/buildkitd.toml.md)."""

FILE = "buildkitd.toml"

LIMIT = 1 << 20
"""Bytes of a file that are taken along, as buildx takes."""

ODD = re.compile(r"[^a-zA-Z0-9.-]+")

Table = dict[str, Any]


def parse(path: Path) -> Table:
    """Return the tables of a buildkitd.toml; raises StoreError."""
    import tomllib

    try:
        return tomllib.loads(_read(path).decode("utf-8"))
    except FileNotFoundError:
        raise StoreError.of(f"buildkit configuration file not found: {path}") from None
    except OSError as error:
        raise StoreError.of(f"invalid buildkit configuration file: {path}", error.strerror or "") from error
    except ValueError as error:
        raise StoreError.of(f"failed to parse buildkit configuration file: {path}", str(error)) from error


def entitlements(config: Table) -> list[str]:
    """Return the privileges that the file lets builds ask for."""
    found = config.get("insecure-entitlements")
    return [str(name) for name in found] if isinstance(found, list) else []


def files(config: Table) -> dict[str, bytes]:
    """Return the files of a node by their path below CONFIG_FOLDER: the configuration, and certificates it names.

    The paths in the configuration become those of the node. Raises StoreError where a certificate cannot be read.
    """
    from bakepy.builders.toml import dumps

    found: dict[str, bytes] = {}
    config = dict(config)
    if isinstance(registries := config.get("registry"), dict):
        config["registry"] = {name: _registry(name, table, found) for name, table in registries.items()}
    else:
        config.pop("registry", None)
    return {**found, FILE: dumps(config).encode("utf-8")}


def _registry(name: str, table: object, found: dict[str, bytes]) -> Table:
    pairs = table.get("keypair", []) if isinstance(table, dict) else None
    if not (
        isinstance(table, dict)
        and isinstance(table.get("ca", []), list)
        and isinstance(pairs, list)
        and all(isinstance(pair, dict) for pair in pairs)
    ):
        raise StoreError.of(
            f'invalid registry config for "{name}"',
            "it has to be a table, its `ca` a list and its `keypair` a list of tables",
        )
    folder = PurePosixPath("certs") / ODD.sub("_", name)

    def take(path: object, what: str) -> str:
        target = folder / Path(str(path)).name
        try:
            found[str(target)] = _read(Path(str(path)))
        except OSError as error:
            raise StoreError.of(
                f"failed to read {what} file: {path}", f'{error.strerror}; registry "{name}" names it'
            ) from error
        return str(CONFIG_FOLDER / target)

    out = dict(table)
    if out.get("ca"):
        out["ca"] = [take(path, "CA") for path in out["ca"]]
    if pairs:
        out["keypair"] = [
            {kind: take(pair[kind], kind) for kind in ("key", "cert") if pair.get(kind)} for pair in pairs
        ]
    return out


def _read(path: Path) -> bytes:
    return read_file(path, LIMIT, pipes=True)
