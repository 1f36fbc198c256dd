"""What a daemon ends calls with is told from what happens here and on the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from bakepy.buildkit.calls import CONTROL, Calls
from bakepy.buildkit.errors import (
    CANCELLED,
    BrokenAnswer,
    BuildkitError,
    ConnectionLost,
    NotBuildkit,
    SolveError,
    Unsupported,
)
from bakepy.buildkit.proto import control_pb2
from bakepy.buildkit.requests import Info, SolveRequest
from bakepy.transport.dial import open_channel
from bakepy.transport.endpoint import Endpoint
from bakepy.transport.faults import Fault
from tests.waiting import PATIENCE


class Ending(grpc.GenericRpcHandler):
    """Answers every call by ending it with one status; without one, never."""

    status: grpc.StatusCode | None = None
    answer: bytes | None = None
    """What calls are answered with instead."""

    def __init__(self) -> None:
        self.called: asyncio.Queue[str] = asyncio.Queue()
        """The methods of calls that have arrived."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        self.called.put_nowait(details.method)

        async def unary(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
            if self.answer is None:
                await self.end(context)
            return self.answer or b""

        async def stream(request: object, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
            if self.answer is None:
                await self.end(context)
            yield self.answer or b""

        if details.method.endswith("/Session"):
            return grpc.stream_stream_rpc_method_handler(stream)
        if details.method.endswith("/Status"):
            return grpc.unary_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(unary)

    async def end(self, context: grpc.aio.ServicerContext) -> None:
        if self.status is None:
            await asyncio.Event().wait()
        await context.abort(self.status, "said the daemon")


@pytest.fixture
async def ending() -> Ending:
    return Ending()


@pytest.fixture
async def server(ending: Ending, tmp_path: Path) -> AsyncIterator[grpc.aio.Server]:
    server = grpc.aio.server(handlers=[ending], options=[("grpc.max_send_message_length", -1)])
    server.add_insecure_port(f"unix:{tmp_path}/s")
    await server.start()
    yield server
    await server.stop(None)


@pytest.fixture
async def calls(server: grpc.aio.Server, tmp_path: Path) -> AsyncIterator[Calls]:
    channel = await open_channel(Endpoint(f"unix:{tmp_path}/s"))
    yield Calls(channel, f"unix:{tmp_path}/s")
    await channel.close()


REQUEST = SolveRequest("ref", "session")
STATUS = (CONTROL + "Status", control_pb2.StatusRequest(Ref="ref"), control_pb2.StatusResponse)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (grpc.StatusCode.UNKNOWN, SolveError),
        (grpc.StatusCode.CANCELLED, SolveError),
        (grpc.StatusCode.UNAVAILABLE, ConnectionLost),
    ],
)
async def test_a_status_is_a_typed_error(
    status: grpc.StatusCode, expected: type[BuildkitError], ending: Ending, calls: Calls
) -> None:
    """Also a cancellation by the daemon is an error and does not look like one of this task."""
    ending.status = status
    with pytest.raises(expected, match="said the daemon") as caught:
        await calls.solve(REQUEST)

    if status is grpc.StatusCode.CANCELLED:
        assert isinstance(caught.value, SolveError)
        assert caught.value.code == CANCELLED


NONSENSE = {
    "garbage": (b"\xff" * 9, "cannot be read"),
    "17 MiB": (b"\x0a" + b"\xff\xff\xff\x07" + bytes((1 << 24) - 1), "too large"),
}


@pytest.mark.parametrize(("answer", "fault"), NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize(
    "ask",
    [
        lambda calls: calls.solve(REQUEST),
        lambda calls: anext(calls.stream(*STATUS)),
        lambda calls: calls.open_session((("x-docker-expose-session-uuid", "u"),)).read(),
    ],
    ids=["solve", "status", "session"],
)
async def test_nonsense_of_a_builder_is_an_error(
    ask: Callable[[Calls], Awaitable[object]],
    answer: bytes,
    fault: str,
    ending: Ending,
    calls: Calls,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What no BuildKit sends is an error that names the builder, not a log line."""
    ending.answer = answer

    with pytest.raises(BrokenAnswer, match=fault) as caught:
        await ask(calls)

    assert calls.target in str(caught.value)
    assert caught.value.diagnostics[0].hint
    assert "deserializing" not in caplog.text


@asynccontextmanager
async def web(answer: str) -> AsyncIterator[str]:
    """Serve HTTP/2, answering all with one status, and yield the address."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        connection = H2Connection(H2Configuration(client_side=False))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived) and event.stream_id:
                    connection.send_headers(event.stream_id, [(":status", answer)], end_stream=True)
            writer.write(connection.data_to_send())

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in writers:
            writer.close()
            await writer.wait_closed()


async def test_a_web_server_is_not_called_an_old_buildkit() -> None:
    """Where nothing knows the methods that every BuildKit has, the remedy is another port, not a newer BuildKit."""
    async with web("404") as target:
        channel = await open_channel(Endpoint(target))
        calls = Calls(channel, target)
        assert await calls.info() == Info()
        for ask in (calls.workers(), calls.solve(REQUEST), calls.ping("ref"), anext(calls.stream(*STATUS))):
            with pytest.raises(NotBuildkit, match=target) as caught:
                await ask
            assert caught.value.fault is Fault.NOT_GRPC
            assert "port" in caught.value.diagnostics[0].hint
        await channel.close()


async def test_what_an_old_buildkit_does_not_know_is_told(ending: Ending, calls: Calls) -> None:
    """Of newer methods, some BuildKit knows none."""
    ending.status = grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(Unsupported, match="said the daemon"):
        await calls.evaluate("ref", "id")


async def test_cancelling_here_stays_a_cancellation(ending: Ending, calls: Calls) -> None:
    """The task that is cancelled sees that, not an error."""
    task = asyncio.ensure_future(calls.solve(REQUEST))
    await ending.called.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("status", [grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.NOT_FOUND])
async def test_a_session_that_the_daemon_ends_has_ended(status: grpc.StatusCode, ending: Ending, calls: Calls) -> None:
    """Whatever the status, the tunnel reads an end, and writing to it is a lost connection."""
    ending.status = status
    tunnel = calls.open_session((("x-docker-expose-session-uuid", "u"),))
    async with asyncio.timeout(PATIENCE):
        assert await tunnel.read() is None
        with pytest.raises(ConnectionLost):
            await tunnel.write(b"late")


async def test_a_status_stream_that_the_daemon_cancels_ends(ending: Ending, calls: Calls) -> None:
    """A watcher sees the end of the stream."""
    ending.status = grpc.StatusCode.CANCELLED

    assert [message async for message in calls.status("ref")] == []


async def test_a_daemon_without_info_is_old(ending: Ending, calls: Calls) -> None:
    """Daemons that do not know Info have no version."""
    ending.status = grpc.StatusCode.UNIMPLEMENTED

    assert await calls.info() == Info()


async def test_a_server_that_goes_away_is_a_lost_connection(
    ending: Ending, server: grpc.aio.Server, calls: Calls
) -> None:
    """A pending call ends with the connection."""
    task = asyncio.ensure_future(calls.solve(REQUEST))
    tunnel = calls.open_session((("x-docker-expose-session-uuid", "u"),))
    for _ in range(2):
        await ending.called.get()
    await server.stop(None)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises((ConnectionLost, SolveError)):
            await task
        try:
            assert await tunnel.read() is None
        except ConnectionLost as error:
            assert error.diagnostics[0].hint  # noqa: PT017  (either way of ending will do)
