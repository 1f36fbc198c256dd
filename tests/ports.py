"""Ports for servers that tests start."""

import socket


def free_port() -> int:
    """Return a port of the loopback interface that nobody listened on a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
