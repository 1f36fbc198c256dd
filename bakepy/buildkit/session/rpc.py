"""The seam between the session's HTTP/2 server and the services that it serves.

The server (`session/server.py`) calls a handler once for each request that the daemon makes; a handler reads and
writes whole gRPC messages and returns to end the call with status 0.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol


class Code(enum.IntEnum):
    """Name the gRPC status codes that services answer with."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


class RpcError(Exception):
    """End a call with a status other than 0."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Call(Protocol):
    """Be one request of the daemon's, seen from the handler."""

    @property
    def metadata(self) -> Mapping[str, list[str]]:
        """Return the request's headers by lower-case name, in their order."""

    async def receive(self) -> bytes | None:
        """Return the next message, or None once the daemon has half-closed."""

    async def receive_all(self) -> Sequence[bytes]:
        """Return all messages that are at hand, at least one; none once the daemon has half-closed."""

    async def send(self, message: bytes | bytearray | memoryview) -> None:
        """Queue one message; waits while too much is pending, so that memory stays bounded."""

    async def send_framed(self, *buffers: bytes | bytearray | memoryview) -> None:
        """Queue messages that carry gRPC's five-byte prefix already, cut anywhere; else as `send`."""


Handler = Callable[[Call], Awaitable[None]]


class Service(Protocol):
    """Serve a few methods."""

    def handlers(self) -> Mapping[str, Handler]:
        """Return handlers by full method name, such as `/moby.filesync.v1.FileSync/DiffCopy`."""
