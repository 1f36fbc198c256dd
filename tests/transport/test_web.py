"""Web servers that never end their answers are given up."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.request import Request

import pytest

from bakepy.transport.web import ask

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


@contextlib.contextmanager
def dripping(head: bytes) -> Iterator[str]:
    """Serve one connection: the head at once, then a byte at a time until the client hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                connection.sendall(head)
                connection.settimeout(0.01)
                while True:
                    connection.sendall(b"x")
                    with contextlib.suppress(TimeoutError):
                        if not connection.recv(1):
                            return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: ", HEAD], ids=["status", "header", "body"])
def test_an_answer_that_drips_is_given_up(head: bytes) -> None:
    """The time is for the whole answer, and the connection ends with it."""
    with dripping(head) as url, pytest.raises(TimeoutError, match="no complete answer"):
        ask(Request(url), seconds=0.3, limit=1 << 20)


def test_an_answer_is_read_up_to_its_limit() -> None:
    """More bytes than wanted are left unread."""
    with dripping(HEAD + b"0123456789") as url:
        assert ask(Request(url), seconds=20, limit=5) == b"01234"
