"""How a node's configuration file says that registries are reached (BuildKit, docs/buildkitd.toml.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from bakepy.builders.daemonconfig import CONFIG_FOLDER, FILE
from bakepy.records import Record


class Access(Record):
    """Say how a registry is reached: by plain HTTP (None: only on this machine), with any certificate, by whose.

    `authorities` are certificates in PEM; `keypairs` are a client's certificates with their keys.
    """

    __slots__ = ("http", "insecure", "authorities", "keypairs")

    def __init__(
        self,
        http: bool | None = None,
        insecure: bool = False,
        authorities: tuple[bytes, ...] = (),
        keypairs: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        self.http: Final = http
        self.insecure: Final = insecure
        self.authorities: Final = authorities
        self.keypairs: Final = keypairs


def access(files: Mapping[str, bytes], domain: str) -> Access:
    """Return how a registry is reached by a node with these files; what the file does not say is usual."""
    import tomllib

    try:
        config = tomllib.loads(files.get(FILE, b"").decode("utf-8"))
        table = config["registry"][domain]
        http = table.get("http")
        authorities = [_content(files, path) for path in table.get("ca", [])]
        pairs = [
            tuple(_content(files, pair.get(kind, "")) for kind in ("cert", "key")) for pair in table.get("keypair", [])
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return Access()
    return Access(
        http if isinstance(http, bool) else None,
        table.get("insecure") is True,
        tuple(filter(None, authorities)),
        tuple((cert, key) for cert, key in pairs if cert and key),
    )


def _content(files: Mapping[str, bytes], path: object) -> bytes:
    """Return a file that travelled with the configuration, by its path on the node; empty where it did not."""
    named = PurePosixPath(str(path))
    return files.get(str(named.relative_to(CONFIG_FOLDER)), b"") if named.is_relative_to(CONFIG_FOLDER) else b""
