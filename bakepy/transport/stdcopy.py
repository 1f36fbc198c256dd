"""Read what a process in a container writes: Docker frames its two outputs into one stream.

Each frame has a head of eight bytes: the stream's number, three zeros, and the length as a big-endian 32-bit number
(Docker Engine API, "Attach to a container", stream format). The other direction carries bare bytes.
"""

from __future__ import annotations

from bakepy.transport.pump import CHUNK, ByteStream

HEAD = 8
STDOUT = 1

KEPT = 4096
"""Bytes of the end of standard error that are kept, for errors."""


class Demultiplexed:
    """Be the stream of a process: its standard output is read, its standard input written.

    `errors` is the end of what it has said on standard error so far.
    """

    def __init__(self, inner: ByteStream) -> None:
        self._inner = inner
        self._buffer = memoryview(b"")
        self._early = b""
        self._stream = self._left = 0
        self.errors = b""

    def read(self, limit: int) -> bytes:
        """Return up to `limit` bytes of standard output, waiting for the first; empty at the end."""
        if self._early:
            data, self._early = self._early[:limit], self._early[limit:]
            return data
        while self._left or self._next():
            data = self._take(min(limit, self._left))
            if not data:
                break
            self._left -= len(data)
            if self._stream == STDOUT:
                return data
            self.errors = (self.errors + data)[-KEPT:]
        return b""

    def unread(self, data: bytes) -> None:
        """Have `read` return these bytes first."""
        self._early = data + self._early

    def write(self, data: memoryview) -> None:
        """Write all of the bytes."""
        self._inner.write(data)

    def close_write(self) -> None:
        """End the process' standard input."""
        self._inner.close_write()

    def close(self) -> None:
        """Close both directions."""
        self._inner.close()

    def _next(self) -> bool:
        """Read frames' heads up to one that has bytes; tell whether there was any."""
        while not self._left:
            head = b""
            while len(head) < HEAD:
                more = self._take(HEAD - len(head))
                if not more:
                    return False
                head += more
            self._stream, self._left = head[0], int.from_bytes(head[4:], "big")
        return True

    def _take(self, limit: int) -> bytes:
        if not self._buffer:
            self._buffer = memoryview(self._inner.read(CHUNK))
        data, self._buffer = self._buffer[:limit], self._buffer[limit:]
        return bytes(data)
