"""The serving side of HTTP/2 as gRPC uses it: bytes in, events out; calls in, bytes out; no I/O, no clock.

A `Connection` knows nothing of sockets and tasks. Whoever owns it feeds it what arrived and sends what it gives:

    events = connection.receive(data)       # every event that `data` completed, in order
    connection.respond(…); .write(…); .finish(…); .reset(…); .consumed(…)
    buffers = connection.output(limit)      # what to send, in order; empty: nothing may be sent now

Its rules:

- **The peer is not trusted.** `receive` never raises. What RFC 9113 calls a connection error queues a GOAWAY, yields
  `Closed` and makes the connection deaf; what it calls a stream error queues a RST_STREAM and yields `Reset`.
- **Memory is bounded** by what we advertise (windows, streams, header bytes) and by what the owner queues; answers to
  PING and SETTINGS that the peer does not collect end in ENHANCE_YOUR_CALM.
- **Windows are honoured both ways.** Received bytes count until the owner gives them back with `consumed`. Written
  bytes wait in their stream until the peer's windows allow them; streams take turns.
- **What windows cut goes out in bursts**: a stream that has filled a window waits until most of it is open again. Go's
  gRPC widens its windows where much arrives in one round trip, and small pieces have a price on both sides. A peer
  that announces room so late that it would wait as well is helped by `hurry`.
- **Bulk is not copied**: events carry views of the bytes that were fed, and written buffers are sliced, not joined, so
  nobody may change either.

Left out, since gRPC has no use for it: push, priorities, trailers of requests, upgrades, informational answers.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable

from hpack import Decoder, Encoder
from hpack.exceptions import HPACKError

from bakepy.buildkit.session.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    PADDED,
    PRIORITY,
    Closed,
    ConnectionFault,
    Data,
    Ended,
    ErrorCode,
    Event,
    Headers,
    Request,
    Reset,
    Setting,
    StreamFault,
    Type,
    checked,
    unpad,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_SIZE = 16_384
"""Largest payload of a frame in both directions: HTTP/2's default and all that Go's gRPC takes."""
RECEIVE_WINDOW = 32 << 20
STREAM_WINDOW = 8 << 10
"""Bytes that a stream may send ahead until it is widened.

Many small messages come together once the peer has to wait for room, and cost less than one by one: each piece of the
tunnel takes two turns of the event loop. 8 KiB are some 600 requests for files, more than a slow road swallows.
"""
HEADER_BYTES = 16 << 20
"""Largest header block and decoded header list; ignore files of thousands of lines travel in headers."""
HEADERS_HELD = 4 * HEADER_BYTES
"""Decoded header bytes of all open streams, and of what comes at once: HPACK makes megabytes of a few hundred bytes."""
MAX_STREAMS = 1_024
MAX_ANSWERS = 1 << 20
"""Bytes of frames other than DATA that may wait before the peer is taken for hostile."""
TURN = 128 << 10
"""Bytes that a stream may send before another gets its turn."""
BURST = 0.75
"""Part of a window that must be open for a burst; Go's gRPC announces what it has consumed from a quarter on."""
_MAX_WINDOW = (1 << 31) - 1
_DEFAULT_WINDOW = 65_535

_HEADER = struct.Struct(">IBI")  # length << 8 | type, flags, stream
_U32 = struct.Struct(">I")
_SETTING = struct.Struct(">HI")

Buffer = bytes | bytearray | memoryview


class _Stream:
    __slots__ = (
        "id",
        "window",
        "credit",
        "room",
        "returned",
        "reading",
        "queue",
        "pending",
        "held",
        "trailers",
        "headers",
    )

    def __init__(self, id: int, window: int, credit: int, reading: bool, headers: int) -> None:
        self.id = id
        self.window = window
        """Bytes that the peer lets us send; negative after it shrank its initial window."""
        self.credit = credit
        """Bytes that the peer may still send."""
        self.room = STREAM_WINDOW
        """Bytes that it may send ahead of what was consumed."""
        self.returned = 0
        """Bytes that were consumed and not yet announced."""
        self.reading = reading
        """Whether the peer may still send."""
        self.queue: deque[Buffer] = deque()
        self.pending = 0
        self.held = False
        """Whether it waits for room for a burst."""
        self.trailers: Headers | None = None
        self.headers = headers
        """Bytes of the request's headers, decoded."""


class Connection:
    """Serve one connection; see the module's text."""

    def __init__(self) -> None:
        self.closed = False
        self._rest = b""
        self._greeted = self._configured = self._heeded = False
        self._streams: dict[int, _Stream] = {}
        self._last = 0
        self._window = _DEFAULT_WINDOW
        self._credit = RECEIVE_WINDOW
        self._returned = 0
        self._peer_window = _DEFAULT_WINDOW
        self._widest = _DEFAULT_WINDOW
        self._sending: deque[_Stream] = deque()
        self._control: list[bytes] = []
        self._control_size = 0
        self._block: tuple[int, int, bytearray] | None = None  # stream, flags, header bytes until END_HEADERS
        self._pieces = 0
        self._held = 0
        self._decoded = 0
        self._encoder = Encoder()
        self._decoder = Decoder(max_header_list_size=HEADER_BYTES)
        self._handlers: dict[int, Callable[[int, int, memoryview, list[Event]], None]] = {
            Type.DATA: self._on_data,
            Type.HEADERS: self._on_headers,
            Type.PRIORITY: self._on_priority,
            Type.RST_STREAM: self._on_reset,
            Type.SETTINGS: self._on_settings,
            Type.PUSH_PROMISE: self._on_push,
            Type.PING: self._on_ping,
            Type.GOAWAY: self._on_goaway,
            Type.WINDOW_UPDATE: self._on_window,
            Type.CONTINUATION: self._on_continuation,
        }
        settings = (
            (Setting.MAX_CONCURRENT_STREAMS, MAX_STREAMS),
            (Setting.INITIAL_WINDOW_SIZE, STREAM_WINDOW),
            (Setting.MAX_HEADER_LIST_SIZE, HEADER_BYTES),
        )
        self._put(Type.SETTINGS, 0, 0, b"".join(_SETTING.pack(key, value) for key, value in settings))
        self._put(Type.WINDOW_UPDATE, 0, 0, _U32.pack(RECEIVE_WINDOW - _DEFAULT_WINDOW))

    # What the owner asks for.

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes from the peer, cut anywhere, and return the events that they completed; never raises."""
        events: list[Event] = []
        if self.closed:
            return events
        self._decoded = 0
        if self._rest:
            data = self._rest + data
        at, end, view = 0, len(data), memoryview(data)
        try:
            if not self._greeted:
                if not PREFACE.startswith(data[: len(PREFACE)]):
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "not an HTTP/2 client")
                if end >= len(PREFACE):
                    self._greeted, at = True, len(PREFACE)
            while self._greeted and end - at >= _HEADER.size:
                word, flags, stream = _HEADER.unpack_from(data, at)
                size = word >> 8
                if size > FRAME_SIZE:
                    raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"frame of {size} bytes")
                start = at + _HEADER.size
                if end - start < size:
                    break
                at = start + size
                self._frame(word & 0xFF, flags, stream & _MAX_WINDOW, view[start:at], events)
        except ConnectionFault as fault:
            self._fail(fault.code, fault.reason, events)
            return events
        self._rest = data[at:] if at else data
        return events

    def widen(self, stream: int) -> None:
        """Let a stream send far ahead: much is to come on it."""
        if (to := self._streams.get(stream)) and to.reading and (more := RECEIVE_WINDOW - to.room):
            to.room += more
            to.credit += more
            self._put(Type.WINDOW_UPDATE, 0, stream, _U32.pack(more))

    def respond(self, stream: int, headers: Headers) -> None:
        """Send the headers of a response."""
        if stream in self._streams:
            self._put_headers(stream, headers, 0)

    def write(self, stream: int, data: Buffer) -> None:
        """Queue body bytes."""
        if (to := self._streams.get(stream)) is None or not len(data):
            return
        if not to.pending:
            self._sending.append(to)
        to.queue.append(data)
        to.pending += len(data)

    def pending(self, stream: int) -> int:
        """Count the bytes that were written to a stream and not given out."""
        found = self._streams.get(stream)
        return found.pending if found else 0

    def finish(self, stream: int, trailers: Headers) -> None:
        """End a stream with trailers once all that was written to it is out; headers alone where nothing was sent."""
        if (to := self._streams.get(stream)) is None:
            return
        to.trailers = trailers
        if not to.pending:
            self._end(to)

    def reset(self, stream: int, code: ErrorCode) -> None:
        """End a stream at once, dropping what was written to it."""
        if stream in self._streams:
            self._forget(stream)
            self._put(Type.RST_STREAM, 0, stream, _U32.pack(code))

    def consumed(self, stream: int, count: int) -> None:
        """Give received bytes back to the peer's windows; the stream may be gone already."""
        self._returned += count
        if self._returned >= RECEIVE_WINDOW // 4:
            self._credit += self._returned
            self._put(Type.WINDOW_UPDATE, 0, 0, _U32.pack(self._returned))
            self._returned = 0
        if (to := self._streams.get(stream)) is None or not to.reading:
            return
        to.returned += count
        if to.returned >= to.room // 4:
            to.credit += to.returned
            self._put(Type.WINDOW_UPDATE, 0, stream, _U32.pack(to.returned))
            to.returned = 0

    def close(self, code: ErrorCode = ErrorCode.NO_ERROR) -> None:
        """Say goodbye; nothing is received afterwards."""
        if not self.closed:
            self._fail(code, "", [])

    @property
    def waiting(self) -> bool:
        """Tell whether `output` may have something to give."""
        return bool(self._control or self._sending)

    def output(self, limit: int) -> list[Buffer]:
        """Return buffers to send, in order, of about `limit` bytes; empty where nothing may be sent now."""
        out: list[Buffer] = []
        budget = limit - self._drain(out)
        blocked = 0
        while budget > 0 and blocked < len(self._sending):
            stream = self._sending.popleft()
            count = min(self._open(stream), budget, TURN)
            if count <= 0:
                self._sending.append(stream)
                blocked += 1
                continue
            blocked = 0
            budget -= count
            self._cut(stream, count, out)
            if stream.pending:
                self._sending.append(stream)
            elif stream.trailers is not None:
                self._end(stream)
                budget -= self._drain(out)
        return out

    @property
    def held(self) -> bool:
        """Tell whether a stream waits for room for a burst where there is some room."""
        return self._window > 0 and any(stream.held and stream.window > 0 for stream in self._sending)

    def hurry(self) -> None:
        """Let streams that wait for room for a burst use what there is: it does not grow."""
        for stream in self._sending:
            stream.held = False

    def _open(self, stream: _Stream) -> int:
        """Return how many of a stream's bytes may go out now."""
        window = min(stream.window, self._window)
        enough = min(stream.pending, int(BURST * min(self._peer_window, self._widest)))
        stream.held = window < enough and (stream.held or window <= 0)
        return 0 if stream.held else min(stream.pending, window)

    def _drain(self, out: list[Buffer]) -> int:
        """Move the frames other than DATA to `out` and return their size."""
        size = self._control_size
        out += self._control
        self._control.clear()
        self._control_size = 0
        return size

    def _cut(self, stream: _Stream, count: int, out: list[Buffer]) -> None:
        """Move `count` bytes of a stream's queue to `out` as DATA frames."""
        stream.pending -= count
        stream.window -= count
        self._window -= count
        queue = stream.queue
        while count:
            room = min(count, FRAME_SIZE)
            count -= room
            out.append(_HEADER.pack(room << 8, 0, stream.id))
            while room:
                head = queue[0]
                if len(head) <= room:
                    out.append(queue.popleft())
                    room -= len(head)
                else:
                    view = memoryview(head)
                    out.append(view[:room])
                    queue[0] = view[room:]
                    room = 0

    # Frames out.

    def _put(self, kind: Type, flags: int, stream: int, body: bytes) -> None:
        self._control.append(_HEADER.pack(len(body) << 8 | kind, flags, stream) + body)
        self._control_size += len(body) + _HEADER.size

    def _put_headers(self, stream: int, headers: Headers, flags: int) -> None:
        # Encoded only when it goes out: HPACK's table follows the order of frames on the wire.
        encoded = [(k.encode(errors="surrogateescape"), v.encode(errors="surrogateescape")) for k, v in headers]
        block = self._encoder.encode(encoded, huffman=False)
        kind = Type.HEADERS
        for at in range(0, len(block), FRAME_SIZE):
            last = at + FRAME_SIZE >= len(block)
            self._put(kind, flags | (END_HEADERS if last else 0), stream, block[at : at + FRAME_SIZE])
            kind, flags = Type.CONTINUATION, 0

    def _end(self, stream: _Stream) -> None:
        self._put_headers(stream.id, stream.trailers or (), END_STREAM)
        if stream.reading:  # the peer need not send the rest
            self._put(Type.RST_STREAM, 0, stream.id, _U32.pack(ErrorCode.NO_ERROR))
        self._forget(stream.id)

    def _forget(self, stream: int) -> None:
        gone = self._streams.pop(stream)
        self._held -= gone.headers
        if gone.pending:
            self._sending.remove(gone)

    def _fail(self, code: ErrorCode, reason: str, events: list[Event]) -> None:
        self._streams.clear()
        self._sending.clear()
        self._rest = b""
        self._block = None
        self._put(Type.GOAWAY, 0, 0, _U32.pack(self._last) + _U32.pack(code) + reason.encode())
        self.closed = True
        events.append(Closed(code, reason))

    # Frames in. Each handler checks its frame's length, stream and state as section 6 of the RFC asks.

    def _frame(self, kind: int, flags: int, stream: int, body: memoryview, events: list[Event]) -> None:
        if not self._configured:
            if kind != Type.SETTINGS or flags & ACK:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self._configured = True
        if self._block and (kind != Type.CONTINUATION or stream != self._block[0]):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame within a header block")
        if (handler := self._handlers.get(kind)) is None:
            return
        try:
            handler(flags, stream, body, events)
        except StreamFault as fault:
            if fault.stream in self._streams:
                self._forget(fault.stream)
                events.append(Reset(fault.stream, fault.code))
            self._put(Type.RST_STREAM, 0, fault.stream, _U32.pack(fault.code))
        if self._control_size > MAX_ANSWERS:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "answers are not collected")

    def _on_data(self, flags: int, stream: int, body: memoryview, events: list[Event]) -> None:
        self._check_known(stream)
        size = len(body)
        if size > self._credit:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is exceeded")
        self._credit -= size
        data = unpad(body) if flags & PADDED else body
        found = self._streams.get(stream)
        if found is None:  # ended by us while this was under way
            self.consumed(stream, size)
            return
        if not found.reading or size > found.credit:
            self.consumed(stream, size)
            raise StreamFault(stream, ErrorCode.FLOW_CONTROL_ERROR if found.reading else ErrorCode.STREAM_CLOSED)
        found.credit -= size
        if len(data):
            events.append(Data(stream, data, size))
        elif size:
            self.consumed(stream, size)
        if flags & END_STREAM:
            found.reading = False
            events.append(Ended(stream))

    def _on_headers(self, flags: int, stream: int, body: memoryview, events: list[Event]) -> None:
        if stream % 2 == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream that a client cannot open")
        if flags & PADDED:
            body = unpad(body)
        if flags & PRIORITY:
            if len(body) < 5:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority")
            if _U32.unpack_from(body)[0] & _MAX_WINDOW == stream:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a stream that depends on itself")
            body = body[5:]
        self._block, self._pieces = (stream, flags, bytearray(body)), 0
        if flags & END_HEADERS:
            self._headers_complete(events)

    def _on_continuation(self, flags: int, stream: int, body: memoryview, events: list[Event]) -> None:
        if self._block is None:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION outside of a header block")
        block = self._block[2]
        block += body
        self._pieces += 1
        if len(block) > HEADER_BYTES or self._pieces > 2 * HEADER_BYTES // FRAME_SIZE:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "headers too large")
        if flags & END_HEADERS:
            self._headers_complete(events)

    def _headers_complete(self, events: list[Event]) -> None:
        assert self._block  # noqa: S101 - both callers have just set or checked it
        stream, flags, block = self._block
        self._block = None
        try:  # even where the stream is refused: the decoder's table must follow
            raw = self._decoder.decode(bytes(block), raw=True)
        except (HPACKError, ValueError, IndexError, OverflowError) as error:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, "undecodable headers") from error
        size = sum(len(name) + len(value) for name, value in raw)
        self._decoded += size
        if self._decoded > HEADERS_HELD:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "headers too large")
        ends = bool(flags & END_STREAM)
        if found := self._streams.get(stream):
            if not found.reading:
                raise StreamFault(stream, ErrorCode.STREAM_CLOSED)
            if not ends:
                raise StreamFault(stream, ErrorCode.PROTOCOL_ERROR)
            found.reading = False  # a request's trailers: gRPC has none
            events.append(Ended(stream))
            return
        if stream <= self._last:  # ended by us while this was under way
            return
        self._last = stream
        if len(self._streams) >= MAX_STREAMS or self._held + size > HEADERS_HELD:
            raise StreamFault(stream, ErrorCode.REFUSED_STREAM)
        headers = checked(raw)
        if headers is None:
            raise StreamFault(stream, ErrorCode.PROTOCOL_ERROR)
        # Until our settings are acknowledged the peer may go by the default.
        credit = STREAM_WINDOW if self._heeded else _DEFAULT_WINDOW
        self._streams[stream] = _Stream(stream, self._peer_window, credit, not ends, size)
        self._held += size
        events.append(Request(stream, headers))
        if ends:
            events.append(Ended(stream))

    def _on_priority(self, _flags: int, stream: int, body: memoryview, _events: list[Event]) -> None:
        if stream == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PRIORITY on the connection")
        if len(body) != 5:
            raise StreamFault(stream, ErrorCode.FRAME_SIZE_ERROR)

    def _on_reset(self, _flags: int, stream: int, body: memoryview, events: list[Event]) -> None:
        self._check_known(stream)
        if len(body) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM of the wrong size")
        if stream in self._streams:
            self._forget(stream)
            events.append(Reset(stream, _U32.unpack(body)[0]))

    def _on_settings(self, flags: int, stream: int, body: memoryview, _events: list[Event]) -> None:
        if stream:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream")
        if len(body) % _SETTING.size or (flags & ACK and len(body)):
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of the wrong size")
        if flags & ACK:
            self._heeded = True
            return
        for key, value in _SETTING.iter_unpack(body):
            self._set(key, value)
        self._put(Type.SETTINGS, ACK, 0, b"")

    def _set(self, key: int, value: int) -> None:
        if key == Setting.HEADER_TABLE_SIZE:
            self._encoder.header_table_size = min(value, 4_096)
        elif key == Setting.ENABLE_PUSH and value > 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH out of range")
        elif key == Setting.MAX_FRAME_SIZE and not FRAME_SIZE <= value < 1 << 24:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE out of range")
        elif key == Setting.INITIAL_WINDOW_SIZE:
            change = value - self._peer_window
            windows = [stream.window + change for stream in self._streams.values()]
            if max(value, *windows, 0) > _MAX_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE out of range")
            self._peer_window = value
            for stream in self._streams.values():
                stream.window += change

    def _on_push(self, _flags: int, _stream: int, _body: memoryview, _events: list[Event]) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE from a client")

    def _on_ping(self, flags: int, stream: int, body: memoryview, _events: list[Event]) -> None:
        if stream:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PING on a stream")
        if len(body) != 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "PING of the wrong size")
        if not flags & ACK:
            self._put(Type.PING, ACK, 0, bytes(body))

    def _on_goaway(self, _flags: int, stream: int, body: memoryview, _events: list[Event]) -> None:
        # A client's GOAWAY forbids us to push; open streams go on and the peer closes the pipe when it is done.
        if stream:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(body) < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY of the wrong size")

    def _on_window(self, _flags: int, stream: int, body: memoryview, _events: list[Event]) -> None:
        if len(body) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE of the wrong size")
        more = _U32.unpack(body)[0] & _MAX_WINDOW
        if stream == 0:
            if not more:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
            self._window += more
            self._widest = max(self._widest, self._window)
            if self._window > _MAX_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window overflows")
            return
        self._check_known(stream)
        if found := self._streams.get(stream):
            if not more:
                raise StreamFault(stream, ErrorCode.PROTOCOL_ERROR)
            if found.window + more > _MAX_WINDOW:
                raise StreamFault(stream, ErrorCode.FLOW_CONTROL_ERROR)
            found.window += more

    def _check_known(self, stream: int) -> None:
        """Refuse a frame on the connection itself or on a stream that was never opened."""
        if stream == 0 or stream > self._last or stream % 2 == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"a frame on stream {stream}, which is not open")
