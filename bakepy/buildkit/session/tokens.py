"""Fetch registry tokens, by the specifications of the distribution project (token and OAuth2 endpoints)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit
from urllib.request import Request

from bakepy.buildkit.session.credentials import Credentials
from bakepy.buildkit.session.rpc import Code, RpcError
from bakepy.records import Record
from bakepy.transport.web import ask

CLIENT = "buildkit-client"
LIFETIME = 60
"""Seconds for which a token is taken to live where the registry does not say."""
LONGEST = 1 << 31
"""Seconds that no token lives for; a number beyond is not believed."""
PATIENCE = 30.0
"""Seconds that a registry has for a whole answer."""
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
    if _address(challenge.realm).scheme not in {"http", "https"}:
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
    except (OSError, HTTPException, ValueError, RecursionError) as error:
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


def _token(request: Request) -> Token:
    request.add_header("User-Agent", "bakepy")
    request.add_header("Accept", "application/json")
    answer = json.loads(ask(request, seconds=PATIENCE, limit=LIMIT))
    if not isinstance(answer, dict):
        raise ValueError("the answer is no JSON object")
    text = answer.get("access_token") or answer.get("token")
    if not isinstance(text, str) or not (text.isascii() and text.isprintable()):
        raise ValueError("the answer holds no token")
    lifetime = answer.get("expires_in")
    if not isinstance(lifetime, int) or not 0 < lifetime < LONGEST:
        lifetime = LIFETIME
    return Token(text, lifetime, _time(answer))


def _time(answer: dict[str, object]) -> int:
    try:
        return int(datetime.fromisoformat(str(answer.get("issued_at"))).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0


def _place(challenge: Challenge) -> str:
    return _address(challenge.realm).netloc


def _address(realm: str) -> SplitResult:
    try:
        return urlsplit(realm)
    except ValueError:
        return SplitResult("", "", "", "", "")
