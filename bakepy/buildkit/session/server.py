"""The session: a gRPC server at the near end of a pipe that the daemon holds by its other end.

HTTP/2 is `http2.Connection`'s business; here are tasks, gRPC's message framing and its status codes.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import quote

from bakepy.buildkit.errors import BuildkitError
from bakepy.buildkit.requests import new_id
from bakepy.buildkit.session import frames, http2
from bakepy.buildkit.session.rpc import Call, Code, Handler, RpcError, Service

BATCH = 1 << 20
"""Bytes that are written to the pipe at once; more gains nothing."""
PENDING = 1 << 20
"""Bytes that a call may queue before its handler waits."""
HELD = 0.05
"""Seconds after which output that waits for more room takes the room there is."""
MESSAGE = 16 << 20
"""Largest message that is accepted, as in Go's gRPC on the daemon."""
HOLD = 4
"""Times their own size that parts of a message may keep in memory: they are views of the pieces they came in."""
VIEW = 192
"""Bytes that a view takes."""

NARROW = {"/moby.filesync.v1.FileSync/DiffCopy"}
"""Calls on which the daemon sends nothing but small requests."""

_PREFIX = struct.Struct(">BI")  # compressed, length
_RESPONSE = ((":status", "200"), ("content-type", "application/grpc"))
_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_SERVING = b"\x08\x01"

_log = logging.getLogger(__name__)


class Tunnel(Protocol):
    """Be the near end of the daemon's pipe: bytes in order, without message boundaries."""

    async def read(self) -> bytes | None:
        """Return the next bytes, or None once the daemon has closed the pipe."""

    async def write(self, pieces: Sequence[http2.Buffer]) -> None:
        """Send bytes, which nobody may change afterwards; returns once more may be sent."""


class SessionError(BuildkitError):
    """Say that a builder broke the protocol of the session."""

    def __init__(self, fault: str, builder: str = "") -> None:
        name = f'the builder "{builder}"' if builder else "the builder"
        super().__init__(f"{name} broke the session's protocol: {fault}")
        self.fault = fault


class Session:
    """Offer services to a daemon: `metadata` announces them, `run` serves them.

    The daemon keeps its copy of a local directory under `shared_key` and the directory's name, and takes only what
    changed: both should be stable from run to run, and differ between clients.
    """

    def __init__(self, services: Sequence[Service], shared_key: str = "") -> None:
        self.id = new_id()
        self.shared_key = shared_key
        self._handlers: dict[str, Handler] = {_HEALTH_CHECK: _check_health}
        for service in services:
            self._handlers.update(service.handlers())

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the metadata of the Control/Session call: id, shared key and the methods that are served."""
        methods = (("x-docker-expose-session-grpc-method", name) for name in self._handlers)
        return (
            ("x-docker-expose-session-uuid", self.id),
            ("x-docker-expose-session-sharedkey", self.shared_key),
            *methods,
        )

    async def run(self, tunnel: Tunnel) -> None:
        """Serve until the daemon closes the pipe or the task is cancelled; calls under way are cancelled then.

        Raises SessionError where the daemon breaks the protocol, and what the tunnel raises.
        """
        await _Server(self._handlers, tunnel).run()


async def _check_health(call: Call) -> None:
    await call.receive()
    await call.send(_SERVING)


class _Server:
    def __init__(self, handlers: Mapping[str, Handler], tunnel: Tunnel) -> None:
        self.connection = http2.Connection()
        self._handlers = handlers
        self._tunnel = tunnel
        self._calls: dict[int, _Call] = {}
        self._fed: set[_Call] = set()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._output = asyncio.Event()
        self._hurry: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Let the writer look for output."""
        self._output.set()

    async def run(self) -> None:
        pumps = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks = [*pumps, *self._tasks.values()]
            for task in tasks:
                task.cancel()
            if self._hurry:
                self._hurry.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _read(self) -> None:
        while (data := await self._tunnel.read()) is not None:
            for event in self.connection.receive(data):
                self._dispatch(event)
            for call in self._fed:
                call.release(len(data))
            self._fed.clear()
            if self.connection.waiting:
                self.wake()
            if self.connection.closed:
                await asyncio.Event().wait()  # the writer says goodbye and ends the session

    async def _write(self) -> None:
        while True:
            buffers = self.connection.output(BATCH)
            for call in self._calls.values():
                call.resume()
            if buffers:
                await self._tunnel.write(buffers)
            elif self.connection.closed:
                raise SessionError(self._fault)
            else:
                self._output.clear()
                if self.connection.held and not self._hurry:
                    self._hurry = asyncio.get_running_loop().call_later(HELD, self._hasten)
                await self._output.wait()

    def _hasten(self) -> None:
        self._hurry = None
        self.connection.hurry()
        self.wake()

    _fault = ""

    def _dispatch(self, event: frames.Event) -> None:
        if isinstance(event, frames.Data):
            if call := self._calls.get(event.stream):
                call.feed(event.data, event.credit)
                self._fed.add(call)
            else:
                self.connection.consumed(event.stream, event.credit)
        elif isinstance(event, frames.Request):
            self._start(event)
        elif isinstance(event, frames.Ended):
            if call := self._calls.get(event.stream):
                call.end()
        elif isinstance(event, frames.Reset):
            if task := self._tasks.get(event.stream):
                task.cancel()
        else:
            self._fault = f"{event.code.name}: {event.reason}"

    def _start(self, request: frames.Request) -> None:
        metadata: dict[str, list[str]] = {}
        for name, value in request.headers:
            metadata.setdefault(name, []).append(value)
        call = _Call(self, request.stream, metadata)
        path = metadata[":path"][0]
        if not metadata.get("content-type", [""])[0].startswith("application/grpc"):
            self.connection.finish(request.stream, ((":status", "415"),))
        elif (handler := self._handlers.get(path)) is None:
            call.close(Code.UNIMPLEMENTED, f"unknown method {path}")
        else:
            if path not in NARROW:
                self.connection.widen(request.stream)
            self._calls[request.stream] = call
            task = asyncio.create_task(self._serve(call, handler, path))
            task.add_done_callback(lambda _: self._served(call))
            self._tasks[request.stream] = task

    async def _serve(self, call: _Call, handler: Handler, path: str) -> None:
        try:
            await handler(call)
        except RpcError as error:
            call.close(error.code, error.message)
        except asyncio.CancelledError:
            self.connection.reset(call.stream, frames.ErrorCode.CANCEL)
            raise
        except Exception as error:
            # The text of an unforeseen error may hold anything: tell its type, keep the rest for those who debug.
            _log.error("%s failed: %s", path, type(error).__name__)
            _log.debug("%s failed", path, exc_info=True)
            call.close(Code.INTERNAL, f"internal error: {type(error).__name__}")
        else:
            call.close(Code.OK, "")

    def _served(self, call: _Call) -> None:
        # A callback of the task and not its own end: a task that is cancelled before its first step never runs.
        call.drop()
        del self._calls[call.stream], self._tasks[call.stream]
        self.wake()


class _Call:
    """Be a `rpc.Call`: gRPC's length-prefixed messages on one stream."""

    def __init__(self, server: _Server, stream: int, metadata: Mapping[str, list[str]]) -> None:
        self.metadata = metadata
        self.stream = stream
        self._server = server
        self._connection = server.connection
        self._responded = False
        self._messages: deque[bytes] = deque()
        self._parts: list[memoryview] = []
        self._kept = 0
        """Bytes of the pieces that the parts are views of."""
        self._have, self._need = 0, _PREFIX.size
        self._credit = self._done = 0
        """The windows' share of what is not yet a message, and of what is one."""
        self._fault: RpcError | None = None
        self._ended = False
        self._incoming: asyncio.Future[None] | None = None
        self._room = asyncio.Event()

    async def receive(self) -> bytes | None:
        await self._wait()
        if not self._messages:
            return None
        message = self._messages.popleft()
        if not self._messages:
            self._give_back()
        return message

    async def receive_all(self) -> Sequence[bytes]:
        await self._wait()
        messages = tuple(self._messages)
        self._messages.clear()
        self._give_back()
        return messages

    async def _wait(self) -> None:
        """Wait for a message or the end."""
        while not self._messages:
            if self._have >= self._need:
                self._assemble()
            elif self._fault:
                raise self._fault
            elif not self._ended:
                self._incoming = asyncio.get_running_loop().create_future()
                await self._incoming
            elif self._have:
                raise RpcError(Code.INTERNAL, "the last message is cut short")
            else:
                return

    async def send(self, message: http2.Buffer) -> None:
        await self.send_framed(_PREFIX.pack(0, len(message)), message)

    async def send_framed(self, *buffers: http2.Buffer) -> None:
        if not self._responded:
            self._responded = True
            self._connection.respond(self.stream, _RESPONSE)
        for buffer in buffers:
            self._connection.write(self.stream, buffer)
        self._server.wake()
        while self._connection.pending(self.stream) >= PENDING:  # several tasks of a handler may wait here
            self._room.clear()
            await self._room.wait()

    def close(self, code: Code, message: str) -> None:
        """Queue the status that ends the call."""
        trailers = [("grpc-status", str(int(code)))]
        if message:
            trailers.append(("grpc-message", quote(message, safe=_UNQUOTED, errors="surrogateescape")))
        self._connection.finish(self.stream, trailers if self._responded else (*_RESPONSE, *trailers))
        self._server.wake()

    def resume(self) -> None:
        """Let the handler go on once little enough is pending."""
        if not self._room.is_set() and self._connection.pending(self.stream) < PENDING:
            self._room.set()

    def feed(self, data: memoryview, credit: int) -> None:
        """Take body bytes, cut anywhere; messages are made of them once the handler asks."""
        self._credit += credit
        if self._fault:
            self.drop()
            return
        self._parts.append(data)
        self._have += len(data)
        if self._have >= self._need:
            self._notify()

    def release(self, piece: int) -> None:
        """Note that a piece of so many bytes is read; let go of pieces of which little is needed."""
        self._kept = self._kept + piece if self._parts else 0
        if self._kept + VIEW * len(self._parts) > HOLD * self._have:
            self._join()

    def _join(self) -> None:
        self._parts = [memoryview(b"".join(self._parts))] if self._parts else []
        self._kept = self._have

    def _assemble(self) -> None:
        if len(self._parts) > 1:
            self._join()
        (data,) = self._parts
        at, end = 0, len(data)
        self._need = _PREFIX.size
        while end - at >= _PREFIX.size:
            compressed, size = _PREFIX.unpack_from(data, at)
            if compressed:
                self._fault = RpcError(Code.UNIMPLEMENTED, "compressed messages are not supported")
            elif size > MESSAGE:
                self._fault = RpcError(Code.RESOURCE_EXHAUSTED, f"a message of {size} bytes, larger than {MESSAGE}")
            if self._fault:
                at = end
                break
            start = at + _PREFIX.size
            if end - start < size:
                self._need = _PREFIX.size + size
                if self._need > http2.STREAM_WINDOW // 2:  # it may not fit into a narrow window
                    self._connection.widen(self.stream)
                    self._server.wake()
                break
            at = start + size
            self._messages.append(bytes(data[start:at]))
        self._have = end - at
        self._parts = [data[at:]] if at < end else []
        self.release(0)
        self._done += self._credit - self._have
        self._credit = self._have

    def end(self) -> None:
        """Note that nothing more comes."""
        self._ended = True
        self._notify()

    def drop(self) -> None:
        """Give back the windows' share of all that nobody will read."""
        self._messages.clear()
        self._parts.clear()
        self._have = 0
        self._done += self._credit
        self._credit = 0
        self._give_back()

    def _give_back(self) -> None:
        if not self._done:
            return
        self._connection.consumed(self.stream, self._done)
        self._done = 0
        if self._connection.waiting:  # the peer may have stopped for want of this
            self._server.wake()

    def _notify(self) -> None:
        if self._incoming and not self._incoming.done():
            self._incoming.set_result(None)


_UNQUOTED = "".join(chr(c) for c in range(0x20, 0x7F) if c != ord("%"))
"""What grpc-message carries as it is: printable ASCII but the percent sign."""
