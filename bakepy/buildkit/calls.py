"""The daemon's methods, one Python method each: plain data in and out, gRPC's errors translated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata

from bakepy.buildkit.errors import (
    CANCELLED,
    BrokenAnswer,
    BuildkitError,
    ConnectionLost,
    NotBuildkit,
    SolveError,
    Unsupported,
    decoding,
    translate,
)
from bakepy.buildkit.proto import control_pb2, gateway_pb2, session_pb2
from bakepy.buildkit.requests import (
    CacheEntry,
    Definition,
    Device,
    GatewayRequest,
    GcRule,
    Info,
    Ref,
    Result,
    SolveRequest,
    Worker,
)
from bakepy.buildkit.session.fsutil import varint
from bakepy.platforms import Platform

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from grpc.aio import (
        Channel,
        StreamStreamCall,
        StreamStreamMultiCallable,
        UnaryStreamMultiCallable,
        UnaryUnaryMultiCallable,
    )

    from bakepy.buildkit.proto import ops_pb2
    from bakepy.buildkit.session.http2 import Buffer

CONTROL = "/moby.buildkit.v1.Control/"
GATEWAY = "/moby.buildkit.v1.frontend.LLBBridge/"
OLDEST = {CONTROL + method for method in ("ListWorkers", "Solve", "Status", "Session", "DiskUsage", "Prune")} | {
    GATEWAY + method for method in ("Ping", "Solve")
}
"""Methods that every BuildKit has."""
BUILD_ID = "buildkit-controlapi-buildid"

M = TypeVar("M", bound="Message")


class Calls:
    """Make calls over one channel; each raises what `errors.translate` says, BrokenAnswer or NotBuildkit.

    Answers are decoded here: grpcio would log what it cannot decode, and go on without it.
    """

    def __init__(self, channel: Channel, target: str) -> None:
        self._channel = channel
        self.target = target
        self._is_buildkit = False

    async def info(self) -> Info:
        """Call Control/Info."""
        try:
            answer = await self.unary(CONTROL + "Info", control_pb2.InfoRequest(), control_pb2.InfoResponse)
        except Unsupported:
            return Info()
        found = answer.buildkitVersion
        return Info(version=found.version, revision=found.revision, package=found.package)

    async def workers(self) -> tuple[Worker, ...]:
        """Call Control/ListWorkers."""
        request = control_pb2.ListWorkersRequest()
        answer = await self.unary(CONTROL + "ListWorkers", request, control_pb2.ListWorkersResponse)
        return tuple(map(_worker, answer.record))

    async def solve(self, request: SolveRequest) -> Mapping[str, str]:
        """Call Control/Solve and return what the exporters answer; lasts as long as the build."""
        answer = await self.unary(CONTROL + "Solve", _solve_message(request), control_pb2.SolveResponse)
        return dict(answer.ExporterResponse)

    def status(self, ref: str) -> AsyncIterator[control_pb2.StatusResponse]:
        """Call Control/Status: the history of a build and then what happens, to its end or the daemon's."""
        return self.stream(CONTROL + "Status", control_pb2.StatusRequest(Ref=ref), control_pb2.StatusResponse)

    async def stream(self, path: str, request: Message, answer: type[M]) -> AsyncGenerator[M]:
        """Call a method that answers with many messages, to its end or the daemon's."""
        method: UnaryStreamMultiCallable[Message, bytes]
        method = self._channel.unary_stream(path, request_serializer=type(request).SerializeToString)
        call = method(request)
        try:
            while isinstance(message := await call.read(), bytes):
                found = self._decoded(path, answer, message)
                self._is_buildkit = True
                yield found
        except AioRpcError as error:
            if error.code() is not StatusCode.CANCELLED:
                raise self._meaning(path, error) from None
        except asyncio.CancelledError:
            if _cancelled_here():
                raise
        finally:
            call.cancel()

    def open_session(self, metadata: Sequence[tuple[str, str]]) -> SessionCall:
        """Call Control/Session."""
        method: StreamStreamMultiCallable[Sequence[Buffer], bytes]
        method = self._channel.stream_stream(CONTROL + "Session", request_serializer=_bytes_message)
        return SessionCall(method(metadata=Metadata(*metadata)), self.target)

    async def ping(self, ref: str) -> frozenset[str]:
        """Call LLBBridge/Ping and return the names of the daemon's capabilities."""
        answer = await self._gateway("Ping", ref, gateway_pb2.PingRequest(), gateway_pb2.PongResponse)
        return frozenset(cap.ID for caps in (answer.FrontendAPICaps, answer.LLBCaps) for cap in caps if cap.Enabled)

    async def ask(self, ref: str, request: GatewayRequest) -> Result:
        """Call LLBBridge/Solve."""
        message = gateway_pb2.SolveRequest(
            Frontend=request.frontend,
            FrontendOpt=request.attrs,
            allowResultReturn=True,
            allowResultArrayRef=True,
        )
        if request.definition:
            message.Definition.ParseFromString(request.definition.wire)
        for name, definition in request.inputs.items():
            message.FrontendInputs[name].ParseFromString(definition.wire)
        answer = await self._gateway("Solve", ref, message, gateway_pb2.SolveResponse)
        return _result(answer.result)

    async def evaluate(self, ref: str, id: str) -> None:
        """Call LLBBridge/Evaluate, which waits until a part of a result has been built."""
        await self._gateway("Evaluate", ref, gateway_pb2.EvaluateRequest(Ref=id), gateway_pb2.EvaluateResponse)

    async def stat(self, ref: str, id: str, path: str = ".") -> int:
        """Call LLBBridge/StatFile and return the size; that builds the part, for daemons that have no Evaluate."""
        request = gateway_pb2.StatFileRequest(Ref=id, Path=path)
        return int((await self._gateway("StatFile", ref, request, gateway_pb2.StatFileResponse)).stat.size)

    async def read_file(self, ref: str, id: str, path: str, length: int) -> bytes:
        """Call LLBBridge/ReadFile and return at most `length` bytes from the start."""
        wanted = gateway_pb2.FileRange(Offset=0, Length=length)
        request = gateway_pb2.ReadFileRequest(Ref=id, FilePath=path, Range=wanted)
        return (await self._gateway("ReadFile", ref, request, gateway_pb2.ReadFileResponse)).Data

    async def read_dir(self, ref: str, id: str, path: str) -> list[str]:
        """Call LLBBridge/ReadDir and return the names."""
        request = gateway_pb2.ReadDirRequest(Ref=id, DirPath=path)
        answer = await self._gateway("ReadDir", ref, request, gateway_pb2.ReadDirResponse)
        return [entry.path.decode("utf-8", "surrogateescape") for entry in answer.entries]

    async def give_back(self, ref: str, result: Result) -> None:
        """Call LLBBridge/Return with a result, upon which the build exports it."""
        message = gateway_pb2.ReturnRequest()
        message.result.ParseFromString(result.wire)
        await self._gateway("Return", ref, message, gateway_pb2.ReturnResponse)

    async def give_up(self, ref: str, error: SolveError) -> None:
        """Call LLBBridge/Return with an error, upon which the build fails with it."""
        message = gateway_pb2.ReturnRequest()
        message.error.ParseFromString(error.status)
        message.error.code = message.error.code or error.code
        message.error.message = message.error.message or error.message
        await self._gateway("Return", ref, message, gateway_pb2.ReturnResponse)

    def _gateway(self, method: str, ref: str, request: Message, answer: type[M]) -> Coroutine[None, None, M]:
        return self.unary(GATEWAY + method, request, answer, Metadata((BUILD_ID, ref)))

    async def unary(self, path: str, request: Message, answer: type[M], metadata: Metadata | None = None) -> M:
        """Call a method that answers with one message."""
        method: UnaryUnaryMultiCallable[Message, bytes]
        method = self._channel.unary_unary(path, request_serializer=type(request).SerializeToString)
        call = method(request, metadata=metadata)
        try:
            found = await call
        except AioRpcError as error:
            raise self._meaning(path, error) from None
        except asyncio.CancelledError:
            if _cancelled_here():
                raise
            message = await call.details() or "the builder cancelled the build"
            raise SolveError(message, code=CANCELLED) from None
        decoded = self._decoded(path, answer, found)
        self._is_buildkit = True
        return decoded

    def _decoded(self, path: str, answer: type[M], data: bytes) -> M:
        with decoding(f"an answer to {path.rpartition('/')[2]}", self.target):
            return answer.FromString(data)

    def _meaning(self, path: str, error: AioRpcError) -> BuildkitError:
        """Return what a failed call means: some server that knows none of BuildKit's oldest methods is another one."""
        found = translate(error, self.target)
        if isinstance(found, Unsupported) and path in OLDEST and not self._is_buildkit:
            return NotBuildkit(self.target)
        return found


class SessionCall:
    """Be the tunnel of a session: a pipe of bytes within a call."""

    def __init__(self, call: StreamStreamCall[Sequence[Buffer], bytes], target: str) -> None:
        self._call = call
        self._target = target

    async def read(self) -> bytes | None:
        """Return the next bytes, or None at the end; raises ConnectionLost and BrokenAnswer."""
        try:
            message = await self._call.read()
        except AioRpcError as error:
            lost = translate(error, self._target)
            if isinstance(lost, ConnectionLost | BrokenAnswer):
                raise lost from None
            # The daemon ends a session with an error of its own, whatever the words.
            return None
        except asyncio.CancelledError:
            if _cancelled_here():
                raise
            return None
        if not isinstance(message, bytes):
            return None
        with decoding("a piece of the session", self._target):
            return session_pb2.BytesMessage.FromString(message).data

    async def write(self, pieces: Sequence[Buffer]) -> None:
        """Send bytes; raises ConnectionLost."""
        try:
            await self._call.write(pieces)
        except (AioRpcError, asyncio.InvalidStateError) as error:
            # Writing after the end is an InvalidStateError to grpcio.
            raise ConnectionLost("the session with the builder has ended") from error

    def cancel(self) -> None:
        """End the session at once."""
        self._call.cancel()


def _bytes_message(pieces: Sequence[Buffer]) -> bytes:
    """Encode a BytesMessage of bulk, which is copied only here."""
    return b"".join((b"\n", varint(sum(map(len, pieces))), *pieces))


def _cancelled_here() -> bool:
    """Tell whether it is this task that is being cancelled: grpcio raises the same where the daemon ended a call."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _solve_message(request: SolveRequest) -> control_pb2.SolveRequest:
    message = control_pb2.SolveRequest(
        Ref=request.ref,
        Session=request.session,
        FrontendAttrs=request.attrs,
        Exporters=[control_pb2.Exporter(Type=x.type, Attrs=x.attrs) for x in request.exporters],
        Cache=control_pb2.CacheOptions(
            Imports=_cache_messages(request.cache_imports), Exports=_cache_messages(request.cache_exports)
        ),
        Entitlements=request.entitlements,
        Internal=request.internal,
    )
    for first in request.exporters[:1]:
        message.ExporterDeprecated = first.type
        message.ExporterAttrsDeprecated.update(first.attrs)
    return message


def _cache_messages(entries: Iterable[CacheEntry]) -> list[control_pb2.CacheOptionsEntry]:
    return [control_pb2.CacheOptionsEntry(Type=x.type, Attrs=x.attrs) for x in entries]


def _result(message: gateway_pb2.Result) -> Result:
    several = message.WhichOneof("result") == "refs"
    refs = {name: _ref(ref) for name, ref in message.refs.refs.items()} if several else {"": _ref(message.ref)}
    return Result(refs=refs, metadata=dict(message.metadata), wire=message.SerializeToString())


def _ref(message: gateway_pb2.Ref) -> Ref:
    definition = Definition(getattr(message, "def").SerializeToString()) if message.HasField("def") else None
    return Ref(message.id, definition)


def _worker(record: control_pb2.WorkerRecord) -> Worker:
    rules = (
        GcRule(r.all, tuple(r.filters), r.keepDuration, r.reservedSpace, r.maxUsedSpace, r.minFreeSpace)
        for r in record.GCPolicy
    )
    devices = (Device(d.Name, d.AutoAllow, d.OnDemand, dict(d.Annotations)) for d in record.CDIDevices)
    platforms = dict.fromkeys(map(_platform, record.platforms))
    return Worker(record.ID, dict(record.Labels), tuple(platforms), tuple(rules), tuple(devices))


def _platform(message: ops_pb2.Platform) -> str:
    return str(Platform(message.OS, message.Architecture, message.Variant).normalised())
