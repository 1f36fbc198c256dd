"""Fetch registry tokens, by the specifications of the distribution project (token and OAuth2 endpoints)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from http.client import HTTPException, HTTPMessage
from typing import IO, Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from bakepy.buildkit.session.credentials import Credentials
from bakepy.buildkit.session.rpc import Code, RpcError
from bakepy.records import Record

CLIENT = "buildkit-client"
LIFETIME = 60
"""Seconds for which a token is taken to live where the registry does not say."""
PATIENCE = 30.0
LIMIT = 1 << 20
"""The most bytes of an answer that are read."""
NO_POST = {401, 404, 405}
"""What registries answer to a POST when they only know of GET."""


class Challenge(Record):
    """Name where a token is had and what it is for, from a registry's WWW-Authenticate header."""

    __slots__ = ("realm", "service", "scopes")

    def __init__(self, realm: str, service: str, scopes: Sequence[str]) -> None:
        self.realm: Final = realm
        self.service: Final = service
        self.scopes: Final = scopes


class Token(Record):
    """Hold a bearer token; seconds of its life, and of the epoch when it was issued (0: unknown)."""

    __slots__ = ("text", "expires_in", "issued_at")
    __repr__ = object.__repr__  # holds secrets: shows nothing of itself

    def __init__(self, text: str, expires_in: int = LIFETIME, issued_at: int = 0) -> None:
        self.text: Final = text
        self.expires_in: Final = expires_in
        self.issued_at: Final = issued_at


def fetch(challenge: Challenge, credentials: Credentials) -> Token:
    """Return a token for a challenge; blocks, and raises RpcError."""
    if urlsplit(challenge.realm).scheme not in {"http", "https"}:
        raise RpcError(Code.INVALID_ARGUMENT, f"the registry names no web address for tokens: {challenge.realm}")
    if credentials.registry_token:
        return Token(credentials.registry_token)
    _, secret = credentials.pair
    try:
        if not secret:
            return _get(challenge, credentials)
        try:
            return _post(challenge, credentials)
        except HTTPError as error:
            if error.code not in NO_POST:
                raise
            error.close()
            return _get(challenge, credentials)
    except HTTPError as error:
        error.close()
        code = Code.PERMISSION_DENIED if error.code in {401, 403} else Code.UNAVAILABLE
        raise RpcError(code, f"no token from {_place(challenge)}: {error.code} {error.reason}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise RpcError(Code.UNAVAILABLE, f"no token from {_place(challenge)}: {error}") from None


def _get(challenge: Challenge, credentials: Credentials) -> Token:
    parts = urlsplit(challenge.realm)
    query = parse_qsl(parts.query, keep_blank_values=True)
    query += [("service", challenge.service)] if challenge.service else []
    query += [("scope", scope) for scope in challenge.scopes]
    request = Request(urlunsplit(parts._replace(query=urlencode(query))))  # noqa: S310  (the scheme is checked)
    user, secret = credentials.pair
    if secret:
        from base64 import b64encode

        request.add_header("Authorization", "Basic " + b64encode(f"{user}:{secret}".encode()).decode())
    return _token(request)


def _post(challenge: Challenge, credentials: Credentials) -> Token:
    user, secret = credentials.pair
    form = {"service": challenge.service, "client_id": CLIENT}
    if challenge.scopes:
        form["scope"] = " ".join(challenge.scopes)
    if user:
        form |= {"grant_type": "password", "username": user, "password": secret}
    else:
        form |= {"grant_type": "refresh_token", "refresh_token": secret}
    return _token(Request(challenge.realm, urlencode(form).encode()))  # noqa: S310  (the scheme is checked)


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


def _token(request: Request) -> Token:
    request.add_header("User-Agent", "bakepy")
    request.add_header("Accept", "application/json")
    with build_opener(SafeRedirects).open(request, timeout=PATIENCE) as response:
        answer = json.loads(response.read(LIMIT))
    if not isinstance(answer, dict):
        raise ValueError("the answer is no JSON object")
    text = answer.get("access_token") or answer.get("token")
    if not isinstance(text, str):
        raise ValueError("the answer holds no token")
    lifetime = answer.get("expires_in")
    return Token(text, lifetime if isinstance(lifetime, int) and lifetime > 0 else LIFETIME, _time(answer))


def _time(answer: dict[str, object]) -> int:
    try:
        return int(datetime.fromisoformat(str(answer.get("issued_at"))).timestamp())
    except ValueError:
        return 0


def _place(challenge: Challenge) -> str:
    return urlsplit(challenge.realm).netloc
