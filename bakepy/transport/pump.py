"""Give grpcio an address for a stream that is open already.

grpcio dials addresses and takes no open descriptor. A hijacked connection therefore gets a unix socket of its own, in a
folder that only this user can enter; it is accepted once, by this process alone, and two threads copy the bytes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from bakepy.transport.endpoint import Endpoint

CHUNK = 1 << 18


class ByteStream(Protocol):
    """Be a two-way stream of bytes that one thread reads while another writes."""

    def read(self, limit: int) -> bytes:
        """Return up to `limit` bytes, waiting for the first; empty at the end."""

    def write(self, data: memoryview) -> None:
        """Write all of the bytes."""

    def close_write(self) -> None:
        """Tell the peer that nothing more comes."""

    def close(self) -> None:
        """Close both directions, waking who waits in `read`; may be called twice."""


class SocketStream:
    """Be the stream of a connected socket; `early` are bytes that were read past an upgrade's answer."""

    def __init__(self, sock: socket.socket, early: bytes = b"") -> None:
        sock.settimeout(None)
        self._socket = sock
        self._early = early

    def read(self, limit: int) -> bytes:
        """Return the early bytes first, then what arrives."""
        if self._early:
            data, self._early = self._early[:limit], self._early[limit:]
            return data
        return self._socket.recv(limit)

    def write(self, data: memoryview) -> None:
        """Write all of the bytes."""
        self._socket.sendall(data)

    def close_write(self) -> None:
        """Shut down the sending side."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Shut down and close the socket."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@asynccontextmanager
async def pumped(stream: ByteStream) -> AsyncIterator[Endpoint]:
    """Serve `stream` under an address that can be dialled once, by this process; closes the stream at the end."""
    with contextlib.ExitStack() as stack:
        stack.callback(stream.close)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bakepy-"))
        path = Path(folder) / "s"
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(str(path))
        listener.listen(1)
        pump = _Pump(stream, listener)
        stack.callback(pump.stop)
        pump.start()
        yield Endpoint(f"unix:{path}")


class _Pump:
    def __init__(self, stream: ByteStream, listener: socket.socket) -> None:
        self._stream = stream
        self._listener = listener
        self._near: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="bakepy-pump", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close everything and wait for the threads, which then have nothing left to wait for."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._stream.close()
        if self._near:
            with contextlib.suppress(OSError):
                self._near.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _run(self) -> None:
        try:
            near = self._accept()
        except OSError:
            return
        with near:
            self._near = near
            outward = threading.Thread(target=self._outward, args=(near,), name="bakepy-pump-out", daemon=True)
            outward.start()
            self._inward(near)
            outward.join()

    def _accept(self) -> socket.socket:
        """Return the first connection that comes from this very process."""
        while True:
            near, _ = self._listener.accept()
            if _is_self(near):
                self._listener.close()
                return near
            near.close()

    def _outward(self, near: socket.socket) -> None:
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        try:
            while count := near.recv_into(buffer):
                self._stream.write(view[:count])
            self._stream.close_write()
        except (OSError, ValueError):
            # A side that fails to write has gone; the other direction learns of it by its own end.
            self._stream.close()

    def _inward(self, near: socket.socket) -> None:
        try:
            while data := self._stream.read(CHUNK):
                near.sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            with contextlib.suppress(OSError):
                near.shutdown(socket.SHUT_RDWR)


def _is_self(near: socket.socket) -> bool:
    if not hasattr(socket, "SO_PEERCRED"):
        # The folder's mode is the guard where the system does not name the peer.
        return True
    pid, uid, _ = struct.unpack("3i", near.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return bool(pid == os.getpid() and uid == os.getuid())
