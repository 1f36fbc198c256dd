"""Bound what is done with sockets in all: their own timeouts start again with every byte."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Deadline:
    """Hang up the sockets that it watches once its seconds are over, unless its context has been left before."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True

    def watch(self, sock: socket.socket) -> None:
        """Hang up this socket, too."""
        with self._lock:
            self._sockets.append(sock)
            if self.over:
                shut(sock)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def _hang_up(self) -> None:
        with self._lock:
            self.over = True
            for sock in self._sockets:
                shut(sock)


def shut(sock: socket.socket) -> None:
    """Hang up a socket, which ends what other threads do with it."""
    with contextlib.suppress(OSError):
        # Not TLS's own way, which would take the state from under a thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
