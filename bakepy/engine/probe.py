"""Ask a socket whether BuildKit answers on it."""

from __future__ import annotations

import enum
import socket
from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""What an HTTP/2 client says first: the preface and empty SETTINGS (RFC 9113, section 3.4)."""

SETTINGS = 4


class Answer(enum.Enum):
    """Tell what is behind a socket."""

    ABSENT = "absent"
    """There is no such file."""
    STALE = "stale"
    """The file is there, but nobody listens: its engine died without removing it."""
    SILENT = "silent"
    """Someone listens, but does not speak HTTP/2 yet, or no longer."""
    READY = "ready"


def probe(path: Path, timeout: float = 1.0) -> Answer:
    """Connect to a unix socket and wait at most `timeout` seconds for the server's SETTINGS."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(timeout)
        try:
            peer.connect(str(path))
            peer.sendall(PREFACE)
            head = b""
            while len(head) < 9:
                more = peer.recv(9 - len(head))
                if not more:
                    return Answer.SILENT
                head += more
        except FileNotFoundError:
            return Answer.ABSENT
        except ConnectionRefusedError:
            return Answer.STALE
        except OSError:
            return Answer.SILENT
    return Answer.READY if head[3] == SETTINGS else Answer.SILENT


def connections(path: Path) -> int:
    """Count the connections that a unix socket's server holds open, from /proc/net/unix (proc(5))."""
    count = 0
    try:
        with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as table:
            for line in table:
                # Num RefCount Protocol Flags Type St Inode Path; state 03 is SS_CONNECTED.
                row = line.rstrip("\n").split(None, 7)
                count += len(row) == 8 and row[5] == "03" and row[7] == str(path)
    except OSError:
        return 0
    return count
