"""Ask web servers, within a time and a size for the whole answer."""

from __future__ import annotations

import ssl
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import IO, Any
from urllib.error import URLError
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from bakepy.transport.deadline import Deadline


def ask(request: Request, *, seconds: float, limit: int, context: ssl.SSLContext | None = None) -> bytes:
    """Return at most `limit` bytes of an answer, redirects followed.

    Blocks; raises HTTPError for other statuses, TimeoutError after `seconds`, else OSError, HTTPException, ValueError.
    """
    with Deadline(seconds) as deadline:
        opener = build_opener(SafeRedirects(), _Http(deadline), _Https(deadline, context))
        try:
            with opener.open(request, timeout=seconds) as response:
                body: bytes = response.read(limit)
        except (OSError, HTTPException):
            if deadline.over:
                raise TimeoutError(f"no complete answer within {seconds:g}s") from None
            raise
        if deadline.over:
            raise TimeoutError(f"no complete answer within {seconds:g}s")
        return body


class SafeRedirects(HTTPRedirectHandler):
    """Keep credentials with the host that they are meant for."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Drop the authorization where a redirect leaves the host."""
        follow = super().redirect_request(req, fp, code, msg, headers, newurl)
        if follow and (follow.type, follow.host) != (req.type, req.host):
            follow.remove_header("Authorization")
        return follow

    def http_error_302(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage) -> Any:
        """Follow a redirect; one that cannot be read ends the answer that it came with, which Python leaves open."""
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError as error:
            fp.close()
            raise URLError(f"a malformed redirection: {error}") from error

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class _Http(HTTPHandler):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(self._connection, req)

    def _connection(self, host: str, /, *, timeout: float = 0, **_: Any) -> HTTPConnection:
        return _Plain(self._deadline, host, timeout=timeout)


class _Https(HTTPSHandler):
    def __init__(self, deadline: Deadline, context: ssl.SSLContext | None) -> None:
        super().__init__()
        self._deadline = deadline
        self._tls = context

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(self._connection, req)

    def _connection(self, host: str, /, *, timeout: float = 0, **_: Any) -> HTTPConnection:
        return _Secure(self._deadline, host, timeout=timeout, context=self._tls)


class _Plain(HTTPConnection):
    def __init__(self, deadline: Deadline, host: str, *, timeout: float) -> None:
        super().__init__(host, timeout=timeout)
        self._deadline = deadline

    def connect(self) -> None:
        super().connect()
        self._deadline.watch(self.sock)


class _Secure(HTTPSConnection):
    def __init__(self, deadline: Deadline, host: str, *, timeout: float, context: ssl.SSLContext | None) -> None:
        super().__init__(host, timeout=timeout, context=context)
        self._deadline = deadline

    def connect(self) -> None:
        super().connect()
        self._deadline.watch(self.sock)
