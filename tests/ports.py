"""Ports for servers that tests start."""

import socket

_HELD: list[socket.socket] = []


def free_port() -> int:
    """Return a loopback port that no program listens on, and that no other test or program is given.

    This process keeps it until it ends. Servers that reuse addresses, as those in Go do, can listen on it.
    """
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    # Only from now on, so that the kernel has chosen a port that no one else has either.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _HELD.append(sock)
    return int(sock.getsockname()[1])
