"""A TLS connection that one thread may read while another writes.

OpenSSL's connections serve one thread at a time, and a blocking read holds them; here the protocol runs in memory,
under a lock, and only the socket blocks.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading

CHUNK = 1 << 18


class TlsStream:
    """Be the `transport.pump.ByteStream` of a connection whose handshake is still to come."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, server_name: str) -> None:
        self._socket = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._state = threading.Lock()
        self._sending = threading.Lock()
        self._early = b""

    def handshake(self) -> None:
        """Complete the handshake; raises ssl.SSLError or OSError."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            else:
                self._flush()
                return

    def unread(self, data: bytes) -> None:
        """Have `read` return these bytes first."""
        self._early = data

    def read(self, limit: int) -> bytes:
        """Return up to `limit` bytes, waiting for the first; empty at the end."""
        if self._early:
            data, self._early = self._early[:limit], self._early[limit:]
            return data
        while True:
            try:
                with self._state:
                    return self._tls.read(limit)
            except ssl.SSLWantReadError:
                self._flush()
                if not self._fill():
                    return b""
            except ssl.SSLZeroReturnError:
                return b""

    def write(self, data: bytes | memoryview) -> None:
        """Write all of the bytes."""
        with self._state:
            self._tls.write(data)
        self._flush()

    def close_write(self) -> None:
        """Tell the peer that nothing more comes."""
        with contextlib.suppress(ssl.SSLError), self._state:
            self._tls.unwrap()
        self._flush()

    def close(self) -> None:
        """Shut down and close the socket."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _fill(self) -> bool:
        data = self._socket.recv(CHUNK)
        with self._state:
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()
        return bool(data)

    def _flush(self) -> None:
        # The order of records is the order in which they left the protocol, so both happen under one lock.
        with self._sending:
            with self._state:
                data = self._outgoing.read()
            if data:
                self._socket.sendall(data)
