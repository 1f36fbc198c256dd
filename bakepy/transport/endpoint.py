"""Where a gRPC channel to a node goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """Name the PEM files of a TLS connection; `cert` and `key` go together."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Name an address that grpcio dials: `unix:/path` or `host:port`, with TLS where it is set."""

    target: str
    tls: Tls | None = None
