"""Let Docker's SDK reach an Engine over connections of ours."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

HOST = "engine"


class EngineAdapter(HTTPAdapter):
    """Be what `requests` sends a session's calls through: each connection comes from `connect`."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._pool = _Pool(connect)
        super().__init__()

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        """Return the one pool, whatever is asked for."""
        return self._pool

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()
        super().close()


class _Pool(HTTPConnectionPool):
    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        super().__init__(HOST, maxsize=4)
        self._connect = connect

    def _new_conn(self) -> HTTPConnection:
        return _Connection(self._connect)


class _Connection(HTTPConnection):
    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        super().__init__(HOST)
        self._connect = connect

    def connect(self) -> None:
        self.sock = self._connect()
