from __future__ import annotations

import asyncio
import struct
import tracemalloc
from collections.abc import Mapping

import pytest
from hpack import Encoder

from bakepy.buildkit.session.rpc import Call, Code, Handler, RpcError
from bakepy.buildkit.session.server import MESSAGE, PENDING, Session
from tests.buildkit.session.peer import PATIENCE, Peer, Pipe, connected, drain

HEALTH = "/grpc.health.v1.Health/Check"
CONTENT_TYPE = ("content-type", "application/grpc")


class Echo:
    """Answer each message with itself, thrice where asked; fail on demand."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.may_read = asyncio.Event()
        self.sent = 0
        self.metadata: dict[str, list[str]] = {}

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "/t/Echo": self._echo,
            "/t/Refuse": self._refuse,
            "/t/Crash": self._crash,
            "/t/Wait": self._wait,
            "/t/Flood": self._flood,
            "/t/Late": self._late,
        }

    async def _echo(self, call: Call) -> None:
        self.metadata = dict(call.metadata)
        while (message := await call.receive()) is not None:
            await call.send(message)

    async def _refuse(self, call: Call) -> None:
        await call.receive()
        raise RpcError(Code.NOT_FOUND, "naïve % name\nof 100 %")

    async def _crash(self, call: Call) -> None:
        raise ZeroDivisionError("secret")

    async def _wait(self, call: Call) -> None:
        try:
            await call.receive()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def _late(self, call: Call) -> None:
        await self.may_read.wait()
        count = 0
        while (message := await call.receive()) is not None:
            count += len(message)
        await call.send(str(count).encode())

    async def _flood(self, call: Call) -> None:
        async def produce() -> None:
            for _ in range(40):
                await call.send(b"x" * 65_536)
                self.sent += 1

        await asyncio.gather(produce(), produce())


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return struct.pack(">IBI", len(body) << 8 | kind, flags, stream) + body


@pytest.mark.parametrize("cut", [0, 1, 7, 4096])
async def test_messages_survive_any_cut(cut: int) -> None:
    """Messages of all sizes come back whole, however the pipe cuts the bytes."""
    messages = [b"", b"a", b"b" * 70_000, b"", b"c" * 16_384]
    async with connected(Echo(), cut=cut) as peer:
        call = await peer.call("/t/Echo")
        await call.send(*messages)
        await call.half_close()
        assert await call.rest() == messages
        assert (call.status, call.headers["content-type"]) == (0, "application/grpc")


async def test_large_message_needs_windows() -> None:
    """A message larger than both default windows passes in both directions."""
    message = bytes(range(256)) * 40_000
    async with connected(Echo(), window=10_000) as peer:
        call = await peer.call("/t/Echo")
        await call.send(message)
        assert await call.receive() == message
        await call.half_close()
        assert await call.rest() == []


async def test_health_and_ping_while_calls_run() -> None:
    """The daemon's health check is answered while another call waits, and so are pings."""
    async with connected(Echo()) as peer:
        await peer.call("/t/Wait")
        peer.h2.ping(b"12345678")
        call = await peer.call(HEALTH)
        await call.send(b"")
        await call.half_close()
        assert await call.rest() == [b"\x08\x01"]
        assert (call.status, peer.pings) == (0, 1)


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/t/Refuse", Code.NOT_FOUND, "naïve % name\nof 100 %"),
        ("/t/Crash", Code.INTERNAL, "internal error: ZeroDivisionError"),
        ("/t/Absent", Code.UNIMPLEMENTED, "unknown method /t/Absent"),
    ],
)
async def test_failures_are_trailers_only(path: str, status: Code, message: str) -> None:
    """A failing call ends with its status in the only headers, which are complete."""
    async with connected(Echo()) as peer:
        call = await peer.call(path)
        await call.send(b"x")
        assert await call.rest() == []
        assert (call.status, call.message) == (status, message)
        assert (call.headers[":status"], call.headers["content-type"]) == ("200", "application/grpc")


async def test_reset_cancels_handler() -> None:
    """A stream that the daemon resets cancels its handler and nothing else."""
    echo = Echo()
    async with connected(echo) as peer:
        call = await peer.call("/t/Wait")
        other = await peer.call("/t/Echo")
        await other.send(b"1")
        assert await other.receive() == b"1"
        peer.h2.reset_stream(call.stream, 8)
        peer.flush()
        await asyncio.wait_for(echo.cancelled.wait(), PATIENCE)
        await other.send(b"2")
        assert await other.receive() == b"2"


async def test_production_stops_while_the_daemon_does_not_read() -> None:
    """A handler, even one with several tasks, queues no more than a bounded amount and goes on once there is room."""
    echo = Echo()
    async with connected(echo) as peer:
        call = await peer.call("/t/Flood")
        peer.lazy.add(call.stream)
        for _ in range(200):
            await asyncio.sleep(0)
        assert echo.sent
        assert echo.sent * 65_541 <= PENDING + 3 * 65_541 + 65_535
        peer.lazy.clear()
        peer.h2.increment_flow_control_window(8 << 20, call.stream)
        peer.h2.increment_flow_control_window(8 << 20)
        peer.flush()
        assert len(await call.rest()) == 80


async def test_a_daemon_that_announces_little_room_is_served() -> None:
    """Output that waits for more room goes out in the room there is where no more comes."""
    async with connected(Echo()) as peer:
        call = await peer.call("/t/Flood")
        peer.lazy.add(call.stream)
        async with asyncio.timeout(PATIENCE):
            for room in (1_000, 20_000, 1_000):
                while peer.h2.remote_flow_control_window(call.stream):  # noqa: ASYNC110 - h2 tells nobody
                    await asyncio.sleep(0.001)
                peer.h2.increment_flow_control_window(room, call.stream)
                peer.h2.increment_flow_control_window(room)
                peer.flush()


async def test_output_that_waits_for_room_goes_out_beside_busy_streams() -> None:
    """What happens on other streams does not put off output that waits for more room."""
    async with connected(Echo()) as peer:
        call = await peer.call("/t/Flood")
        chat = await peer.call("/t/Echo")
        peer.lazy.add(call.stream)
        async with asyncio.timeout(PATIENCE):
            for room in (30_000, 0):
                while peer.h2.remote_flow_control_window(call.stream):
                    await chat.send(b"still there?")
                    await chat.receive()
                    await asyncio.sleep(0.001)
                if room:
                    peer.h2.increment_flow_control_window(room, call.stream)
                    peer.h2.increment_flow_control_window(65_535)
                    peer.flush()


async def test_unfinished_messages_are_bounded_by_the_window() -> None:
    """Calls together send no more of messages that they do not finish than the connection's window holds."""
    async with connected(Echo()) as peer:
        calls = [await peer.call("/t/Echo") for _ in range(3)]
        begun = struct.pack(">BI", 0, MESSAGE) + bytes(MESSAGE - 1)
        tasks = [asyncio.create_task(peer.send_data(call.stream, begun)) for call in calls]
        await asyncio.wait(tasks[:1])
        async with asyncio.timeout(PATIENCE):
            while peer.h2.outbound_flow_control_window:  # noqa: ASYNC110 - h2 tells nobody
                await asyncio.sleep(0.001)
        for _ in range(100):
            await asyncio.sleep(0)
        assert peer.h2.outbound_flow_control_window == 0
        for task in tasks:
            task.cancel()


@pytest.mark.parametrize("body", [b"x", b"xxxx" * 2_000], ids=["one byte", "tiny frames"])
async def test_unfinished_messages_hold_little_memory(body: bytes) -> None:
    """Bytes of a message hold a few times their size, whatever came beside them."""
    pipe = Pipe()
    session = asyncio.create_task(Session([Echo()]).run(pipe))
    drained = asyncio.create_task(drain(pipe))
    Peer(pipe, None)
    headers = Encoder().encode([(":method", "POST"), (":scheme", "http"), (":path", "/t/Echo"), CONTENT_TYPE])
    pipe.give(frame(4, 1, 0, b"") + frame(1, 4, 1, headers) + frame(0, 0, 1, struct.pack(">BI", 0, MESSAGE)))
    filler = frame(250, 0, 0, bytes(16_384)) * 64  # frames of an unknown type are ignored
    pieces = [body[at : at + 4] for at in range(0, len(body), 4)]
    tracemalloc.start()
    for _ in range(40):
        pipe.give(b"".join(frame(0, 0, 1, piece) for piece in pieces) + (filler if body == b"x" else b""))
        while not pipe.idle:  # noqa: ASYNC110 - a queue sends no event
            await asyncio.sleep(0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    pipe.give(None)
    await session
    drained.cancel()
    assert held < 16 * 40 * len(body) + (2 << 20)


async def test_a_late_reader_reopens_the_windows() -> None:
    """A handler that reads only once the daemon's windows are used up lets it go on."""
    echo = Echo()
    async with connected(echo) as peer:
        call = await peer.call("/t/Late")
        sending = asyncio.create_task(call.send(*[b"x" * 1_000_000] * 40))
        while peer.h2.local_flow_control_window(call.stream):  # noqa: ASYNC110 - h2 tells nobody
            await asyncio.sleep(0)
        echo.may_read.set()
        await sending
        await call.half_close()
        assert await call.rest() == [b"40000000"]


async def test_large_headers_pass_both_ways() -> None:
    """Metadata and error texts beyond a frame pass, in CONTINUATION frames."""
    echo = Echo()
    async with connected(echo) as peer:
        values = [("exclude-patterns", f"pattern/number/{n}/**") for n in range(2_000)]
        call = await peer.call("/t/Echo", values)
        await call.half_close()
        assert await call.rest() == []
        assert echo.metadata["exclude-patterns"] == [v for _, v in values]
        long = await peer.call("/t/" + "x" * 40_000)
        assert await long.rest() == []
        assert len(long.message) > 40_000


async def test_end_of_pipe_cancels_calls() -> None:
    """When the daemon closes the pipe, handlers are cancelled and the session returns."""
    echo = Echo()
    async with connected(echo) as peer:
        await peer.call("/t/Wait")
        call = await peer.call("/t/Echo")
        await call.send(b"x")
        assert await call.receive() == b"x"
    assert echo.cancelled.is_set()


def test_metadata_names_the_methods() -> None:
    """The session's announcement carries a fresh id of 25 characters, the shared key and every method."""
    session = Session([Echo()], "key")
    pairs = session.metadata
    assert pairs[0] == ("x-docker-expose-session-uuid", session.id)
    assert len(session.id) == 25
    assert session.id != Session([]).id
    assert pairs[1] == ("x-docker-expose-session-sharedkey", "key")
    assert {v for k, v in pairs if k.endswith("method")} == {HEALTH, *Echo().handlers()}
