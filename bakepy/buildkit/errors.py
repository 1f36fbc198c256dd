"""What BuildKit's errors mean: the one place that reads gRPC statuses.

An error of the daemon carries a `google.rpc.Status` in the trailer `grpc-status-details-bin`. Its details are JSON
under type URLs of BuildKit's own: the lines of the Dockerfile at fault, the vertex, the exit code, the stack.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bakepy.diagnostics import BakeError, Diagnostic
from bakepy.progress.events import SourceRange

if TYPE_CHECKING:
    from grpc.aio import AioRpcError

DETAILS = "grpc-status-details-bin"
CANCELLED, UNKNOWN, RESOURCE_EXHAUSTED, UNIMPLEMENTED, UNAVAILABLE = 1, 2, 8, 12, 14
"""Status codes of gRPC."""
TOO_LARGE = "Received message larger than max"
"""How grpcio's own words begin where a message exceeds the limit."""
METADATA_TOO_LARGE = "received metadata size exceeds"
"""The same for the trailers of a call, which hold an error's details."""
NUMBERS = (1 << 31) - 1
"""The largest line or exit code that is taken from a builder."""

UNSUPPORTED = {"errdefs.FrontendCap", "errdefs.Subrequest"}
"""Details that name something which a frontend does not know."""

Json = Mapping[str, "Json"] | list["Json"] | str | int | float | bool | None


class BuildkitError(BakeError):
    """Say that BuildKit refused a request or could not be asked."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__([Diagnostic(message, hint=hint)])
        self.message = message


class ConnectionLost(BuildkitError):
    """Say that the connection to the node broke while it was in use."""


class NotBuildkit(BuildkitError):
    """Say that what answers at the node's address is another server; `fault` is the transport's name for that."""

    def __init__(self, target: str) -> None:
        from bakepy.transport.faults import HINTS, Fault

        self.fault = Fault.NOT_GRPC
        message = f"cannot connect to {target}: the server does not know BuildKit's methods"
        super().__init__(message, hint=HINTS[self.fault])


class Unsupported(BuildkitError):
    """Say that the node's BuildKit is too old for a feature, which `feature` names."""

    def __init__(self, feature: str) -> None:
        super().__init__(
            f"the builder's BuildKit does not support {feature}",
            hint="use a builder with a newer BuildKit, for example the embedded engine",
        )
        self.feature = feature


class BrokenAnswer(BuildkitError):
    """Say that a builder sent what BuildKit never sends."""

    def __init__(self, what: str) -> None:
        super().__init__(what, hint="Check that the builder runs BuildKit, or use another builder.")


@contextmanager
def decoding(what: str, name: str, kind: str = "builder") -> Iterator[None]:
    """Turn what reading a builder's data raises into BrokenAnswer: values out of range, other shapes, endless depth.

    `what` names the data, such as "a status"; `name` is the builder's node or address, or that of another `kind`.
    """
    from google.protobuf.message import DecodeError

    try:
        yield
    except (ValueError, ArithmeticError, RecursionError, LookupError, TypeError, AttributeError, DecodeError) as error:
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        raise BrokenAnswer(f'the {kind} "{name}" sent {what} that cannot be read ({reason})') from error


class SolveError(BuildkitError):
    """Say why a solve failed.

    `code` is the gRPC status; `sources` are the lines of the Dockerfile at fault, the innermost last; `vertex` is the
    digest of the step that failed, empty if none did; `exit_code` is its process's. `status` is the daemon's
    serialised google.rpc.Status, which goes back to the daemon's record of the build.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int = UNKNOWN,
        sources: tuple[SourceRange, ...] = (),
        vertex: str = "",
        exit_code: int | None = None,
        status: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.sources = sources
        self.vertex = vertex
        self.exit_code = exit_code
        self.status = status


def translate(error: AioRpcError, builder: str) -> BuildkitError:
    """Return what a failed call to the builder at an address means."""
    code = int(error.code().value[0])
    message = error.details() or error.code().name
    trailer = _trailer(error.trailing_metadata())
    if trailer is None:
        if code == RESOURCE_EXHAUSTED and TOO_LARGE in message:
            sizes = message.partition(TOO_LARGE)[2].strip(" ()").replace("vs.", "bytes, the limit is")
            return BrokenAnswer(f'the builder "{builder}" sent a message that is too large ({sizes})')
        if METADATA_TOO_LARGE in message:
            return BrokenAnswer(f'the builder "{builder}" sent an error that is too large')
        # Only the transport fails without a word of the daemon's.
        if code == UNAVAILABLE:
            return ConnectionLost(
                f"the connection to the builder was lost: {message}",
                hint="check that the builder is still running, then build again: finished steps are kept in its cache",
            )
        if code == UNIMPLEMENTED:
            return Unsupported(f"this request ({message})")
    return read_status(code, message, trailer or b"")


def read_status(code: int, message: str, status: bytes) -> BuildkitError:
    """Return the error that a serialised google.rpc.Status describes."""
    from google.protobuf.message import DecodeError

    from bakepy.buildkit.proto.rpc_pb2 import Status

    try:
        details = [(_kind(d.type_url), _decode(d.value)) for d in Status.FromString(status).details]
    except DecodeError:
        details, status = [], b""
    sources: list[SourceRange] = []
    vertex, exit_code = "", None
    for kind, value in details:
        if not isinstance(value, Mapping):
            continue
        if kind == "errdefs.Source":
            sources += _sources(value)
        elif kind == "errdefs.Vertex":
            vertex = _text(value.get("digest"))
        elif kind == "gatewayapi.ExitMessage":
            exit_code = _number(value.get("Code"))
        elif kind in UNSUPPORTED:
            return Unsupported(_text(value.get("name")))
    return SolveError(message, code=code, sources=tuple(sources), vertex=vertex, exit_code=exit_code, status=status)


def _trailer(metadata: Iterable[tuple[str, str | bytes]] | None) -> bytes | None:
    for key, value in metadata or ():
        if key == DETAILS and isinstance(value, bytes):
            return value
    return None


def _kind(type_url: str) -> str:
    """Return `errdefs.Source` of `github.com/moby/buildkit/errdefs.Source+json`."""
    return type_url.rsplit("/", 1)[-1].removesuffix("+json")


def _decode(value: bytes) -> Json:
    try:
        decoded: Json = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return decoded


def _sources(value: Mapping[str, Json]) -> list[SourceRange]:
    info = value.get("info")
    ranges = value.get("ranges")
    if not isinstance(info, Mapping) or not isinstance(ranges, list):
        return []
    try:
        filename, data = _text(info.get("filename")), b64decode(_text(info.get("data")))
    except ValueError:
        return []
    found = sorted(_lines(r) for r in ranges if isinstance(r, Mapping))
    return [SourceRange(filename, data, first, last) for first, last in _joined(found)]


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that touch: an instruction over several lines comes as one range for each of them."""
    out: list[tuple[int, int]] = []
    for first, last in ranges:
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


def _lines(span: Mapping[str, Json]) -> tuple[int, int]:
    first, last = (_line(span.get(end)) for end in ("start", "end"))
    return first, max(first, last)


def _line(position: Json) -> int:
    return _number(position.get("line")) if isinstance(position, Mapping) else 0


def _text(value: Json) -> str:
    # JSON may name half a pair of surrogates, which nothing can print.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _number(value: Json) -> int:
    """Return a number; 0 for another type or a number out of range (JSON allows infinity and NaN)."""
    return int(value) if isinstance(value, int | float) and -NUMBERS <= value <= NUMBERS else 0
