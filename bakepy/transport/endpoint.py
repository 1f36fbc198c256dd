"""Where a gRPC channel to a node goes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bakepy.records import Record


class Tls(Record):
    """Name the PEM files of a TLS connection; `cert` and `key` go together."""

    __slots__ = ("ca", "cert", "key", "server_name")

    def __init__(
        self, ca: Path | None = None, cert: Path | None = None, key: Path | None = None, server_name: str | None = None
    ) -> None:
        self.ca: Final = ca
        self.cert: Final = cert
        self.key: Final = key
        self.server_name: Final = server_name


class Endpoint(Record):
    """Name an address that grpcio dials: `unix:/path` or `host:port`, with TLS where it is set."""

    __slots__ = ("target", "tls")

    def __init__(self, target: str, tls: Tls | None = None) -> None:
        self.target: Final = target
        self.tls: Final = tls
