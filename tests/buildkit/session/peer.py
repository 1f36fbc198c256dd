"""The daemon's end of a session: h2 as the HTTP/2 client, over a pipe in memory that cuts bytes as it likes."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes

from bakepy.buildkit.session.http2 import Buffer
from bakepy.buildkit.session.rpc import Service
from bakepy.buildkit.session.server import Session

PATIENCE = 20.0


class Pipe:
    """Be the tunnel that a session serves; the peer holds the other end."""

    def __init__(self, cut: int = 0) -> None:
        self._to_session: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._to_peer: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self._cut = cut

    async def read(self) -> bytes | None:
        return await self._to_session.get()

    async def write(self, pieces: Sequence[Buffer]) -> None:
        await self._to_peer.put(b"".join(pieces))

    def give(self, data: bytes | None) -> None:
        if data is None or not self._cut:
            self._to_session.put_nowait(data)
            return
        for at in range(0, len(data), self._cut):
            self._to_session.put_nowait(data[at : at + self._cut])

    @property
    def idle(self) -> bool:
        """Whether the session has taken all that was given."""
        return self._to_session.empty()

    async def take(self) -> bytes:
        return await self._to_peer.get()


@dataclass(eq=False)
class PeerCall:
    """Be one gRPC call, seen from the daemon."""

    peer: Peer
    stream: int
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    message: str = ""
    reset: int | None = None
    _buffer: bytearray = field(default_factory=bytearray)
    _messages: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)

    async def send(self, *messages: bytes) -> None:
        data = b"".join(struct.pack(">BI", 0, len(m)) + m for m in messages)
        await self.peer.send_data(self.stream, data)

    async def half_close(self) -> None:
        self.peer.h2.end_stream(self.stream)
        self.peer.flush()

    async def receive(self) -> bytes | None:
        """Return the next message; None at the end, when `status` and `message` are known."""
        return await asyncio.wait_for(self._messages.get(), PATIENCE)

    async def rest(self) -> list[bytes]:
        found = []
        while (message := await self.receive()) is not None:
            found.append(message)
        return found

    def take(self, event: events.Event) -> None:
        if isinstance(event, events.DataReceived):
            self._buffer += event.data
            while len(self._buffer) >= 5:
                size = struct.unpack_from(">xI", self._buffer)[0]
                if len(self._buffer) < 5 + size:
                    break
                self._messages.put_nowait(bytes(self._buffer[5 : 5 + size]))
                del self._buffer[: 5 + size]
        elif isinstance(event, events.ResponseReceived | events.TrailersReceived):
            self.headers |= {k.decode(): v.decode() for k, v in event.headers}
            if "grpc-status" in self.headers:
                self.status = int(self.headers["grpc-status"])
                self.message = unquote(self.headers.get("grpc-message", ""))
        elif isinstance(event, events.StreamEnded):
            assert not self._buffer
            self._messages.put_nowait(None)
        elif isinstance(event, events.StreamReset):
            self.reset = int(event.error_code)
            self._messages.put_nowait(None)


class Peer:
    """Make calls to a session."""

    def __init__(self, pipe: Pipe, window: int | None) -> None:
        self.pipe = pipe
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.calls: dict[int, PeerCall] = {}
        self.lazy: set[int] = set()
        """Streams whose windows are not renewed."""
        self.pings = 0
        self._window_opened = asyncio.Event()
        self.h2.decoder.max_header_list_size = 16 << 20
        self.h2.initiate_connection()
        if window is not None:
            self.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.flush()

    def flush(self) -> None:
        if data := self.h2.data_to_send():
            self.pipe.give(data)

    async def call(self, path: str, metadata: Sequence[tuple[str, str]] = (), *, end: bool = False) -> PeerCall:
        stream = self.h2.get_next_available_stream_id()
        basic = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        self.calls[stream] = call = PeerCall(self, stream)
        self.h2.send_headers(stream, [*basic, *metadata], end_stream=end)
        self.flush()
        return call

    async def send_data(self, stream: int, data: bytes) -> None:
        at = 0
        while at < len(data):
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(data) - at)
            if not room:
                self._window_opened.clear()
                await asyncio.wait_for(self._window_opened.wait(), PATIENCE)
                continue
            self.h2.send_data(stream, data[at : at + room])
            at += room
            self.flush()

    async def run(self) -> None:
        while True:
            for event in self.h2.receive_data(await self.pipe.take()):
                if isinstance(event, events.DataReceived) and event.stream_id not in self.lazy:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if isinstance(event, events.WindowUpdated | events.RemoteSettingsChanged):
                    self._window_opened.set()
                if isinstance(event, events.PingAckReceived):
                    self.pings += 1
                if call := self.calls.get(getattr(event, "stream_id", None) or 0):
                    call.take(event)
            self.flush()


@asynccontextmanager
async def connected(*services: Service, cut: int = 0, window: int | None = None) -> AsyncIterator[Peer]:
    """Connect a peer to a session that serves these."""
    pipe = Pipe(cut)
    session = asyncio.create_task(Session(services).run(pipe))
    peer = Peer(pipe, window)
    pump = asyncio.create_task(peer.run())
    try:
        yield peer
    finally:
        pump.cancel()
        pipe.give(None)
        drained = asyncio.create_task(drain(pipe))
        await asyncio.wait_for(asyncio.gather(session, return_exceptions=True), PATIENCE)
        drained.cancel()
        if session.exception():
            raise session.exception()  # type: ignore[misc]


async def drain(pipe: Pipe) -> None:
    while True:
        await pipe.take()
