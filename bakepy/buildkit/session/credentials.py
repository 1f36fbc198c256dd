"""Find a registry's credentials where Docker's command line keeps them: `config.json` and credential helpers."""

from __future__ import annotations

import asyncio
import binascii
import json
import time
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from bakepy.buildkit.session.rpc import Code, RpcError
from bakepy.files import read_file
from bakepy.records import Record

HUB_KEY = "https://index.docker.io/v1/"
HUB_HOSTS = {"docker.io", "index.docker.io", "registry-1.docker.io"}
TOKEN_USER = "<token>"  # noqa: S105  (the name by which helpers say that the secret is an identity token)
NOT_FOUND = "credentials not found in native keychain"
"""What a helper prints for a registry that it does not know; its protocol has no other way to say so."""
FRESH = 290.0
"""Seconds for which an answer is reused; some helpers hand out tokens that live for five minutes."""
HELPER_PATIENCE = 60.0
"""Seconds that a helper has, which may be asking the user for a password; the daemon waits no longer."""


class Credentials(Record):
    """Hold what is known for one registry; all empty for anonymous access.

    `identity_token` stands in for user and password; `registry_token` is a bearer token for the registry itself.
    """

    __slots__ = ("username", "password", "identity_token", "registry_token")
    __repr__ = object.__repr__  # holds secrets: shows nothing of itself

    def __init__(
        self, username: str = "", password: str = "", identity_token: str = "", registry_token: str = ""
    ) -> None:
        self.username: Final = username
        self.password: Final = password
        self.identity_token: Final = identity_token
        self.registry_token: Final = registry_token

    @property
    def pair(self) -> tuple[str, str]:
        """Return user and secret, as registries take them."""
        return ("", self.identity_token) if self.identity_token else (self.username, self.password)


class DockerConfig:
    """Look credentials up as `docker` does: in `inline`, the registry's helper, the default store, `auths`.

    `folder` holds `config.json`; `inline` is the text of `DOCKER_AUTH_CONFIG`, empty for none. Errors are RpcErrors,
    since it is the daemon that asks and shows them.
    """

    def __init__(self, folder: Path, inline: str = "") -> None:
        self.folder = folder
        self._inline = inline
        self._found: dict[str, tuple[float, Credentials]] = {}
        # Helpers are run one at a time: keychains of some systems hang otherwise.
        self._lock = asyncio.Lock()

    async def get(self, host: str) -> Credentials:
        """Return the credentials for a registry; empty ones where there are none."""
        async with self._lock:
            known = self._found.get(host)
            if known and time.monotonic() - known[0] < FRESH:
                return known[1]
            found = await self._look_up(HUB_KEY if host in HUB_HOSTS else host)
            self._found[host] = (time.monotonic(), found)
            return found

    async def _look_up(self, key: str) -> Credentials:
        if self._inline:
            entry = _object(_parse(self._inline, "DOCKER_AUTH_CONFIG").get("auths")).get(key)
            if entry is not None:
                return _entry(_object(entry), "DOCKER_AUTH_CONFIG")
        path = self.folder / "config.json"
        config = _read(path)
        helper = _object(config.get("credHelpers")).get(key) or config.get("credsStore")
        if helper:
            return await _ask_helper(str(helper), key)
        auths = _object(config.get("auths"))
        for name, entry in auths.items():
            if name == key:
                return _entry(_object(entry), str(path))
        for name, entry in auths.items():
            # Old files name whole URLs.
            if _hostname(name) == key:
                return _entry(_object(entry), str(path))
        return Credentials()


def _read(path: Path) -> Mapping[str, object]:
    try:
        text = read_file(path).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise RpcError(Code.FAILED_PRECONDITION, f"cannot read {path}: {error}") from error
    return _parse(text, str(path))


def _parse(text: str, where: str) -> Mapping[str, object]:
    try:
        return _object(json.loads(text or "{}"))
    except (ValueError, RecursionError) as error:
        raise RpcError(Code.FAILED_PRECONDITION, f"{where} is not JSON: {error}") from error


def _object(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _entry(entry: Mapping[str, object], where: str) -> Credentials:
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if auth := entry.get("auth"):
        try:
            user, colon, password = b64decode(str(auth), validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            colon = ""
        if not colon or not user:
            raise RpcError(Code.FAILED_PRECONDITION, f"{where} holds an invalid `auth`; log in again")
        password = password.strip("\x00")
    return Credentials(user, password, str(entry.get("identitytoken") or ""), str(entry.get("registrytoken") or ""))


def _hostname(name: str) -> str:
    return name.partition("://")[2].partition("/")[0] if "://" in name else name.partition("/")[0]


async def _ask_helper(helper: str, key: str) -> Credentials:
    program = f"docker-credential-{helper}"
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(program, "get", stdin=pipe, stdout=pipe)
    except OSError as error:
        reason = f"cannot run {program}, which Docker's config.json names: {error.strerror}"
        raise RpcError(Code.FAILED_PRECONDITION, reason) from error
    try:
        async with asyncio.timeout(HELPER_PATIENCE):
            output, _ = await process.communicate(key.encode())
    except TimeoutError:
        raise RpcError(Code.UNAVAILABLE, f"{program} did not answer for {key}") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        if output.decode("utf-8", "replace").strip() == NOT_FOUND:
            return Credentials()
        # What it printed may hold anything, so only the fact is told.
        raise RpcError(Code.UNAVAILABLE, f"{program} failed for {key} with exit status {process.returncode}")
    answer = _parse(output.decode("utf-8", "replace"), f"the answer of {program}")
    user, secret = str(answer.get("Username") or ""), str(answer.get("Secret") or "")
    return Credentials(identity_token=secret) if user == TOKEN_USER else Credentials(user, secret)
