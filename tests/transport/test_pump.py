"""An open stream gets an address that is dialled once, by this process."""

import asyncio
import contextlib
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bakepy.transport.pump import SocketStream, pumped
from tests.waiting import PATIENCE


@contextlib.contextmanager
def far_end(serve: Callable[[socket.socket], None]) -> Iterator[socket.socket]:
    """Yield one end of a connection whose other end a thread serves."""
    near, far = socket.socketpair()
    thread = threading.Thread(target=serve, args=(far,))
    thread.start()
    with near, far:
        yield near
        thread.join(PATIENCE)
        assert not thread.is_alive()


def echo(far: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := far.recv(65536):
            far.sendall(data)
        far.shutdown(socket.SHUT_WR)


def address(target: str) -> str:
    return target.removeprefix("unix:")


async def test_bytes_pass_both_ways_at_once() -> None:
    """Eight megabytes go out while they come back; the early bytes come first; ends of stream are passed on."""
    data = os.urandom(1 << 20) * 8
    with far_end(echo) as near:
        async with pumped(SocketStream(near, early=b"early")) as endpoint, asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_unix_connection(address(endpoint.target))
            writer.write(data)
            writer.write_eof()
            received = await reader.read()
            writer.close()
            await writer.wait_closed()

    assert received == b"early" + data


async def test_the_address_is_private_and_used_once() -> None:
    """The socket's folder is closed to others; a second connection is refused; afterwards nothing is left."""
    with far_end(echo) as near:
        async with pumped(SocketStream(near)) as endpoint:
            path = Path(address(endpoint.target))
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(b"x")
            assert await reader.read(1) == b"x"
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_unix_connection(str(path))
            writer.close()
            await writer.wait_closed()
        assert not path.parent.exists()


async def test_another_process_is_turned_away() -> None:
    """A connection from a process other than this one is closed, and ours still gets through."""
    script = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(1))"
    with far_end(echo) as near:
        async with pumped(SocketStream(near, early=b"e")) as endpoint, asyncio.timeout(PATIENCE):
            path = address(endpoint.target)
            stranger = await asyncio.to_thread(
                subprocess.run, [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
            )
            assert stranger.stdout == "b''\n"
            reader, writer = await asyncio.open_unix_connection(path)
            assert await reader.read(1) == b"e"
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize("connected", [True, False])
async def test_it_ends_at_once(connected: bool) -> None:
    """Leaving the context ends the threads, whether or not anyone has connected, and closes the stream."""
    before = set(threading.enumerate())
    with far_end(echo) as near:
        async with asyncio.timeout(PATIENCE):
            async with pumped(SocketStream(near)) as endpoint:
                if connected:
                    _, writer = await asyncio.open_unix_connection(address(endpoint.target))
                    writer.write(b"x")
                    await writer.drain()
            assert near.fileno() == -1
        if connected:
            writer.close()

    assert set(threading.enumerate()) <= before


async def test_the_far_end_hanging_up_is_an_end_of_stream() -> None:
    """When the peer goes away the near side reads an end instead of waiting."""
    with far_end(lambda far: far.shutdown(socket.SHUT_RDWR)) as near:
        async with pumped(SocketStream(near)) as endpoint, asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_unix_connection(address(endpoint.target))
            assert await reader.read() == b""
            writer.close()
