from __future__ import annotations

import struct

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from bakepy.buildkit.session import http2
from bakepy.buildkit.session.frames import Closed, Data, Ended, ErrorCode, Event, Request, Reset
from bakepy.buildkit.session.http2 import Connection

REQUEST = [(":method", "POST"), (":scheme", "http"), (":path", "/a/B"), ("content-type", "application/grpc")]
SETTINGS = (4, 0, 0, b"")
Frame = tuple[int, int, int, bytes]


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return struct.pack(">IBI", len(body) << 8 | kind, flags, stream) + body


def headers(*pairs: tuple[str, str]) -> bytes:
    return Encoder().encode(pairs or REQUEST)


def opened(*frames: Frame) -> tuple[Connection, list[Event]]:
    connection = Connection()
    greeting = http2.PREFACE + frame(*SETTINGS)
    return connection, connection.receive(greeting + b"".join(frame(*f) for f in frames))


def sent(connection: Connection, limit: int = 1 << 20) -> list[Frame]:
    data = b"".join(connection.output(limit))
    found = []
    while data:
        word, flags, stream = struct.unpack_from(">IBI", data)
        size = word >> 8
        found.append((word & 255, flags, stream, data[9 : 9 + size]))
        data = data[9 + size :]
    return found


OPEN = (1, 4, 1, headers())
OPEN_AND_END = (1, 5, 1, headers())
FAULTS = {
    "first frame not settings": ([], (6, 0, 0, bytes(8)), ErrorCode.PROTOCOL_ERROR),
    "frame too large": ([SETTINGS], (0, 0, 1, bytes(16_385)), ErrorCode.FRAME_SIZE_ERROR),
    "data on the connection": ([SETTINGS], (0, 0, 0, b"x"), ErrorCode.PROTOCOL_ERROR),
    "data on idle stream": ([SETTINGS], (0, 0, 1, b"x"), ErrorCode.PROTOCOL_ERROR),
    "headers on even stream": ([SETTINGS], (1, 4, 2, headers()), ErrorCode.PROTOCOL_ERROR),
    "headers on the connection": ([SETTINGS], (1, 4, 0, headers()), ErrorCode.PROTOCOL_ERROR),
    "undecodable headers": ([SETTINGS], (1, 4, 1, b"\xff" * 20), ErrorCode.COMPRESSION_ERROR),
    "padding beyond frame": ([SETTINGS, OPEN], (0, 8, 1, b"\x09x"), ErrorCode.PROTOCOL_ERROR),
    "empty padded frame": ([SETTINGS, OPEN], (0, 8, 1, b""), ErrorCode.PROTOCOL_ERROR),
    "headers too short for priority": ([SETTINGS], (1, 0x24, 1, b"abc"), ErrorCode.FRAME_SIZE_ERROR),
    "priority on itself": ([SETTINGS], (1, 0x24, 1, b"\0\0\0\x01\0" + headers()), ErrorCode.PROTOCOL_ERROR),
    "continuation alone": ([SETTINGS], (9, 4, 1, b""), ErrorCode.PROTOCOL_ERROR),
    "frame within header block": ([SETTINGS, (1, 0, 1, b"")], (6, 0, 0, bytes(8)), ErrorCode.PROTOCOL_ERROR),
    "foreign continuation": ([SETTINGS, (1, 0, 1, b"")], (9, 4, 3, b""), ErrorCode.PROTOCOL_ERROR),
    "settings on a stream": ([SETTINGS], (4, 0, 1, b""), ErrorCode.PROTOCOL_ERROR),
    "settings cut": ([SETTINGS], (4, 0, 0, b"12345"), ErrorCode.FRAME_SIZE_ERROR),
    "settings ack with body": ([SETTINGS], (4, 1, 0, bytes(6)), ErrorCode.FRAME_SIZE_ERROR),
    "push enabled to 2": ([SETTINGS], (4, 0, 0, struct.pack(">HI", 2, 2)), ErrorCode.PROTOCOL_ERROR),
    "window beyond 2^31": ([SETTINGS], (4, 0, 0, struct.pack(">HI", 4, 1 << 31)), ErrorCode.FLOW_CONTROL_ERROR),
    "frame size too small": ([SETTINGS], (4, 0, 0, struct.pack(">HI", 5, 100)), ErrorCode.PROTOCOL_ERROR),
    "push promise": ([SETTINGS, OPEN], (5, 4, 1, bytes(4)), ErrorCode.PROTOCOL_ERROR),
    "ping on a stream": ([SETTINGS], (6, 0, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
    "short ping": ([SETTINGS], (6, 0, 0, bytes(7)), ErrorCode.FRAME_SIZE_ERROR),
    "goaway on a stream": ([SETTINGS], (7, 0, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
    "short goaway": ([SETTINGS], (7, 0, 0, bytes(7)), ErrorCode.FRAME_SIZE_ERROR),
    "short window update": ([SETTINGS], (8, 0, 0, bytes(3)), ErrorCode.FRAME_SIZE_ERROR),
    "window update of 0": ([SETTINGS], (8, 0, 0, bytes(4)), ErrorCode.PROTOCOL_ERROR),
    "connection window overflow": ([SETTINGS], (8, 0, 0, b"\x7f\xff\xff\xff"), ErrorCode.FLOW_CONTROL_ERROR),
    "window update on idle stream": ([SETTINGS], (8, 0, 5, b"\0\0\0\x01"), ErrorCode.PROTOCOL_ERROR),
    "reset of idle stream": ([SETTINGS], (3, 0, 1, bytes(4)), ErrorCode.PROTOCOL_ERROR),
    "short reset": ([SETTINGS, OPEN], (3, 0, 1, bytes(3)), ErrorCode.FRAME_SIZE_ERROR),
    "priority on the connection": ([SETTINGS], (2, 0, 0, bytes(5)), ErrorCode.PROTOCOL_ERROR),
}


@pytest.mark.parametrize(("before", "fault", "code"), FAULTS.values(), ids=FAULTS)
def test_connection_faults_end_in_goaway(before: list[Frame], fault: Frame, code: ErrorCode) -> None:
    """Each violation of the connection ends it with GOAWAY and its code; nothing is heard afterwards."""
    connection = Connection()
    events = connection.receive(http2.PREFACE + b"".join(frame(*f) for f in before))
    assert not any(isinstance(e, Closed) for e in events)
    events = connection.receive(frame(*fault))
    assert [e.code for e in events if isinstance(e, Closed)] == [code]
    kind, _, stream, body = sent(connection)[-1]
    assert (kind, stream, struct.unpack_from(">I", body, 4)[0]) == (7, 0, code)
    assert connection.closed
    assert connection.receive(frame(*OPEN)) == []


STREAM_FAULTS = {
    "no path": ([], (1, 4, 1, headers((":method", "POST"), (":scheme", "http"))), ErrorCode.PROTOCOL_ERROR),
    "pseudo header twice": ([], (1, 4, 1, headers(*REQUEST[:3], REQUEST[0])), ErrorCode.PROTOCOL_ERROR),
    "pseudo header late": ([], (1, 4, 1, headers(*REQUEST, (":authority", "x"))), ErrorCode.PROTOCOL_ERROR),
    "unknown pseudo header": ([], (1, 4, 1, headers(*REQUEST[:3], (":x", "x"))), ErrorCode.PROTOCOL_ERROR),
    "upper case": ([], (1, 4, 1, headers(*REQUEST, ("Te", "x"))), ErrorCode.PROTOCOL_ERROR),
    "connection header": ([], (1, 4, 1, headers(*REQUEST, ("connection", "close"))), ErrorCode.PROTOCOL_ERROR),
    "data after the end": ([OPEN_AND_END], (0, 0, 1, b"x"), ErrorCode.STREAM_CLOSED),
    "headers after the end": ([OPEN_AND_END], (1, 5, 1, headers()), ErrorCode.STREAM_CLOSED),
    "second headers without end": ([OPEN], (1, 4, 1, headers()), ErrorCode.PROTOCOL_ERROR),
    "window update of 0": ([OPEN], (8, 0, 1, bytes(4)), ErrorCode.PROTOCOL_ERROR),
    "window overflow": ([OPEN], (8, 0, 1, b"\x7f\xff\xff\xff"), ErrorCode.FLOW_CONTROL_ERROR),
    "priority cut": ([OPEN], (2, 0, 1, bytes(4)), ErrorCode.FRAME_SIZE_ERROR),
}


@pytest.mark.parametrize(("before", "fault", "code"), STREAM_FAULTS.values(), ids=STREAM_FAULTS)
def test_stream_faults_reset_the_stream(before: list[Frame], fault: Frame, code: ErrorCode) -> None:
    """Each violation of a stream resets it with its code and leaves the connection alone."""
    connection, _ = opened(*before)
    events = connection.receive(frame(*fault))
    assert not connection.closed
    assert [e for e in events if not isinstance(e, Request)] == ([Reset(1, code)] if before else [])
    assert (3, 0, 1, struct.pack(">I", code)) in sent(connection)
    assert [type(e) for e in connection.receive(frame(1, 4, 3, headers()))] == [Request]


def test_receive_windows_are_enforced_and_renewed() -> None:
    """A peer may fill the window and no more; what is consumed is given back to connection and stream."""
    connection, _ = opened((4, 1, 0, b""), OPEN)
    connection.widen(1)
    sent(connection)
    full = frame(0, 0, 1, bytes(16_384)) * (http2.RECEIVE_WINDOW // 16_384)
    events = [e for e in connection.receive(full) if isinstance(e, Data)]
    assert sum(e.credit for e in events) == http2.RECEIVE_WINDOW
    for event in events:
        connection.consumed(1, event.credit)
    updates = [(stream, body) for kind, _, stream, body in sent(connection) if kind == 8]
    for stream in (0, 1):
        assert sum(struct.unpack(">I", b)[0] for s, b in updates if s == stream) == http2.RECEIVE_WINDOW
    assert isinstance(connection.receive(full + frame(0, 0, 1, b"x"))[-1], Closed)


@pytest.mark.parametrize(
    ("before", "allowed"),
    [([(4, 1, 0, b""), OPEN], http2.STREAM_WINDOW), ([OPEN], 65_535)],
    ids=["heeded", "not yet heeded"],
)
def test_a_stream_is_narrow_until_it_is_widened(before: list[Frame], allowed: int) -> None:
    """A stream takes little ahead, though as much as the default until the peer has heeded our settings."""
    connection, _ = opened(*before)
    sent(connection)
    pieces = [bytes(16_384)] * (allowed // 16_384) + [bytes(allowed % 16_384)]
    events = connection.receive(b"".join(frame(0, 0, 1, piece) for piece in pieces))
    assert sum(e.credit for e in events if isinstance(e, Data)) == allowed
    assert connection.receive(frame(0, 0, 1, b"x")) == [Reset(1, ErrorCode.FLOW_CONTROL_ERROR)]


def test_a_narrow_stream_is_given_room_in_time() -> None:
    """What is consumed of a narrow stream is given back before the peer has to stop for long."""
    connection, _ = opened((4, 1, 0, b""), OPEN)
    sent(connection)
    for _ in range(20):
        (data,) = connection.receive(frame(0, 0, 1, bytes(http2.STREAM_WINDOW // 4)))
        assert isinstance(data, Data)
        connection.consumed(1, data.credit)
        assert (8, 0, 1, struct.pack(">I", http2.STREAM_WINDOW // 4)) in sent(connection)


def test_padding_counts_and_is_not_data() -> None:
    """Padding is no data but uses up the window."""
    _, events = opened(OPEN, (0, 8, 1, b"\x03abc\0\0\0"))
    data = events[-1]
    assert isinstance(data, Data)
    assert (bytes(data.data), data.credit) == (b"abc", 7)


def test_uncollected_answers_end_the_connection() -> None:
    """A peer that pings without reading the answers is sent away before they fill the memory."""
    connection, _ = opened()
    flood = frame(6, 0, 0, bytes(8)) * 10_000
    events = [e for _ in range(20) for e in connection.receive(flood)]
    assert [e.code for e in events if isinstance(e, Closed)] == [ErrorCode.ENHANCE_YOUR_CALM]


@pytest.mark.parametrize("piece", [b"", b"x" * 16_384])
def test_endless_headers_end_the_connection(piece: bytes) -> None:
    """Header blocks without end, of empty pieces too, are cut off."""
    connection, _ = opened((1, 0, 1, b""))
    events = [e for _ in range(3_000) for e in connection.receive(frame(9, 0, 1, piece))]
    assert [e.code for e in events if isinstance(e, Closed)] == [ErrorCode.ENHANCE_YOUR_CALM]


def test_too_many_streams_are_refused() -> None:
    """Streams beyond the advertised number are refused, and the header table stays in step."""
    connection, _ = opened()
    encoder = Encoder()
    for n in range(http2.MAX_STREAMS + 1):
        connection.receive(frame(1, 4, 2 * n + 1, encoder.encode([*REQUEST, ("x", str(n))])))
    assert (3, 0, 2 * http2.MAX_STREAMS + 1, struct.pack(">I", ErrorCode.REFUSED_STREAM)) in sent(connection)
    connection.finish(1, [("grpc-status", "0")])
    events = connection.receive(frame(1, 4, 2 * http2.MAX_STREAMS + 3, encoder.encode([*REQUEST, ("x", "0")])))
    assert isinstance(events[0], Request)
    assert events[0].headers[-1] == ("x", "0")


@pytest.mark.parametrize("reset", [False, True])
def test_headers_that_swell_are_bounded(reset: bool) -> None:
    """Small blocks that decode to megabytes are refused once too much is held, or has come at once."""
    encoder = Encoder()
    connection, _ = opened()
    streams = range(1, 2 * http2.HEADERS_HELD // http2.HEADER_BYTES * 2 + 9, 2)
    pieces = []
    for stream in streams:
        block = encoder.encode([*REQUEST, *[("a", "x" * 4_000)] * (http2.HEADER_BYTES // 4_100)], huffman=False)
        assert len(block) < http2.FRAME_SIZE
        pieces.append(frame(1, 4, stream, block) + (frame(3, 0, stream, bytes(4)) if reset else b""))
    if reset:
        events = connection.receive(b"".join(pieces))
        assert isinstance(events[-1], Closed)
        assert events[-1].code == ErrorCode.ENHANCE_YOUR_CALM
        return
    taken = [event for piece in pieces for event in connection.receive(piece) if isinstance(event, Request)]
    assert 0 < len(taken) < len(pieces)
    assert sum(len(k) + len(v) for request in taken for k, v in request.headers) <= http2.HEADERS_HELD
    assert not connection.closed
    connection.finish(1, [])
    connection.receive(frame(3, 0, 3, bytes(4)))
    assert [type(e) for e in connection.receive(frame(1, 4, streams[-1] + 2, encoder.encode(REQUEST)))] == [Request]


def test_send_windows_frames_and_turns() -> None:
    """Output keeps to the peer's windows and frame size, and streams take turns."""
    small = (4, 0, 0, struct.pack(">HI", 4, 1_000_000))
    connection, _ = opened(small, (8, 0, 0, struct.pack(">I", 600_000)), OPEN, (1, 4, 3, headers()))
    sent(connection)
    for stream in (1, 3):
        connection.write(stream, bytes(400_000))
    frames = sent(connection)
    assert all(kind == 0 and len(body) <= http2.FRAME_SIZE for kind, _, _, body in frames)
    assert sum(len(body) for *_, body in frames) == 665_535
    assert [stream for _, _, stream, _ in frames].index(3) <= http2.TURN // http2.FRAME_SIZE
    connection.receive(frame(8, 0, 0, struct.pack(">I", 1 << 20)))
    assert sum(len(body) for *_, body in sent(connection)) == 800_000 - 665_535


def test_shrunk_window_goes_negative() -> None:
    """After the peer shrinks its initial window, a stream waits until its window is positive again."""
    connection, _ = opened(OPEN)
    sent(connection)
    connection.write(1, bytes(70_000))
    assert sum(len(b) for k, _, _, b in sent(connection) if k == 0) == 65_535
    connection.receive(frame(8, 0, 0, b"\0\x0f\0\0") + frame(4, 0, 0, struct.pack(">HI", 4, 65_000)))
    connection.receive(frame(8, 0, 1, struct.pack(">I", 535)))
    assert not [f for f in sent(connection) if f[0] == 0]
    connection.receive(frame(8, 0, 1, struct.pack(">I", 5_000)))
    assert [len(b) for k, _, _, b in sent(connection) if k == 0] == [4_465]


def test_what_a_window_cut_waits_for_room_for_a_burst() -> None:
    """A stream that has filled a window goes on once most of it is open, the rest fits, or the owner hurries it."""

    def data() -> int:
        return sum(len(body) for kind, _, _, body in sent(connection) if kind == 0)

    def room(*streams: int, size: int) -> None:
        connection.receive(b"".join(frame(8, 0, stream, struct.pack(">I", size)) for stream in streams))

    connection, _ = opened(OPEN)
    sent(connection)
    connection.write(1, bytes(200_000))
    assert (data(), connection.held) == (65_535, False)
    room(1, size=49_000)
    assert (data(), connection.held) == (0, False)
    room(0, size=49_000)
    assert (data(), connection.held) == (0, True)
    room(0, 1, size=1_000)
    assert data() == 50_000
    room(0, 1, size=100)
    assert data() == 0
    connection.hurry()
    assert (data(), connection.held) == (100, False)
    room(0, 1, size=65_535)
    assert data() == 65_535
    room(0, 1, size=18_829)
    assert data() == 0
    room(0, size=1)
    assert data() == 0
    room(1, size=1)
    assert (data(), connection.held) == (18_830, False)


def test_trailers_follow_the_data_and_free_the_stream() -> None:
    """Trailers wait for the data before them; a peer that still sends is told to stop."""
    connection, _ = opened(OPEN)
    sent(connection)
    connection.respond(1, [(":status", "200")])
    connection.write(1, b"data")
    connection.finish(1, [("grpc-status", "0")])
    assert [(k, f) for k, f, _, _ in sent(connection)] == [(1, 4), (0, 0), (1, 5), (3, 0)]
    assert connection.receive(frame(0, 1, 1, b"late")) == []
    connection.write(1, b"more")
    assert sent(connection) == []


def test_not_http2() -> None:
    """Whoever speaks something else is sent away at the first wrong byte."""
    connection = Connection()
    assert isinstance(connection.receive(b"GET / HTTP/1.1\r\n")[0], Closed)


def recorded() -> bytes:
    """What h2 sends for a few calls with data, priorities, settings, pings and a large header block."""
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.local_settings.acknowledge()
    for stream in (1, 3):
        client.send_headers(stream, [*REQUEST[:3], (":authority", "x"), ("x", "y" * 40_000)])
        client.prioritize(stream, weight=20)
        client.send_data(stream, b"x" * 300, pad_length=20)
    client.ping(bytes(8))
    client.increment_flow_control_window(100)
    client.reset_stream(3)
    client.end_stream(1)
    return client.data_to_send()


RECORDED = recorded()


def flat(events: list[Event]) -> list[object]:
    return [(e.stream, bytes(e.data), e.credit) if isinstance(e, Data) else e for e in events]


@given(st.lists(st.integers(1, 30_000), max_size=30))
def test_chunking_does_not_matter(sizes: list[int]) -> None:
    """However the bytes are cut, the events are the same."""
    whole = flat(Connection().receive(RECORDED))
    assert [type(e).__name__ for e in whole] == ["Request", "tuple", "Request", "tuple", "Reset", "Ended"]
    connection, events, at = Connection(), [], 0
    for size in [*sizes, len(RECORDED)]:
        events += connection.receive(RECORDED[at : at + size])
        at += size
    assert flat(events) == whole


FRAMES = st.tuples(st.integers(0, 11), st.integers(0, 255), st.integers(0, 6), st.binary(max_size=60))


@given(st.lists(st.one_of(FRAMES, st.just(OPEN), st.just((0, 0, 1, b"abc"))), max_size=30), st.binary(max_size=20))
def test_hostile_frames_never_raise(frames: list[Frame], rest: bytes) -> None:
    """Whatever the frames, `receive` returns, and what is sent is well-formed; a fault is a GOAWAY at the end."""
    connection = Connection()
    events = connection.receive(http2.PREFACE + frame(*SETTINGS))
    for each in frames:
        events += connection.receive(frame(*each))
    events += connection.receive(rest)
    answers = sent(connection)
    assert connection.closed == any(isinstance(e, Closed) for e in events) == (answers[-1][0] == 7)
    asked = [e.stream for e in events if isinstance(e, Request)]
    assert asked == sorted(set(asked))
    assert {e.stream for e in events if isinstance(e, Data | Ended)} <= set(asked)


@given(st.binary(max_size=200))
def test_hostile_bytes_never_raise(data: bytes) -> None:
    """Whatever the bytes after the greeting, `receive` returns."""
    connection, _ = opened()
    connection.receive(data)
    sent(connection)
