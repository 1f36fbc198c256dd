"""The words of HTTP/2: frame types, flags, settings, error codes, and the events and faults made of them."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Headers = Sequence[tuple[str, str]]


class ErrorCode(enum.IntEnum):
    """Name HTTP/2's error codes (RFC 9113, section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11


class Type(enum.IntEnum):
    """Name the frame types (section 6)."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Setting(enum.IntEnum):
    """Name the settings (section 6.5.2)."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY = 0x20


class Request(NamedTuple):
    """Open a stream; headers in their order, undecodable bytes as surrogates."""

    stream: int
    headers: Headers


class Data(NamedTuple):
    """Carry body bytes; `credit` is what to give back with `consumed` once they are done with (padding counts)."""

    stream: int
    data: memoryview
    credit: int


class Ended(NamedTuple):
    """Tell that the peer sends nothing more on the stream."""

    stream: int


class Reset(NamedTuple):
    """Tell that a stream is gone, whoever ended it; nothing more may be written to it."""

    stream: int
    code: int


class Closed(NamedTuple):
    """Tell that the connection ended for the peer's fault, with the reason."""

    code: ErrorCode
    reason: str


Event = Request | Data | Ended | Reset | Closed


class ConnectionFault(Exception):
    """Say that the peer broke the rules of the connection."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class StreamFault(Exception):
    """Say that the peer broke the rules of a stream."""

    def __init__(self, stream: int, code: ErrorCode) -> None:
        super().__init__(code.name)
        self.stream, self.code = stream, code


def unpad(body: memoryview) -> memoryview:
    """Return the body of a frame without its padding."""
    if not len(body) or body[0] >= len(body):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "padding longer than its frame")
    return body[1 : len(body) - body[0]]


_CONNECTION_HEADERS = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}


def checked(raw: Iterable[tuple[bytes, bytes]]) -> Headers | None:
    """Return a request's headers as text, or None where RFC 9113, section 8, calls them malformed."""
    headers: list[tuple[str, str]] = []
    pseudo: list[bytes] = []
    for name, value in raw:
        if name.startswith(b":"):
            if len(headers) > len(pseudo) or name in pseudo:
                return None
            pseudo.append(name)
        elif not name or name != name.lower() or name in _CONNECTION_HEADERS:
            return None
        headers.append((name.decode(errors="surrogateescape"), value.decode(errors="surrogateescape")))
    required = {b":method", b":scheme", b":path"}
    return headers if required <= set(pseudo) <= required | {b":authority"} else None
