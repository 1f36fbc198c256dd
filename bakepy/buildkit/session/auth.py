"""Answer for registries (`moby.filesync.v1.Auth`): with tokens where possible, so that passwords stay here.

A daemon first asks for a token authority. Given one, it asks for tokens and proves with signed challenges that
this client may reuse what it fetched; only for registries with basic authentication does it ask for credentials.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakepy.buildkit.session.credentials import DockerConfig
from bakepy.buildkit.session.rpc import Call, Handler
from bakepy.files import read_object
from bakepy.transport.threads import apart

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PREFIX = "/moby.filesync.v1.Auth/"
SEED_SIZE = 16


class Auth:
    """Serve the credentials that a Docker configuration knows."""

    def __init__(self, config: DockerConfig) -> None:
        self._config = config
        self._seeds: dict[str, bytes] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """Return the four methods."""
        return {
            PREFIX + "Credentials": self._credentials,
            PREFIX + "FetchToken": self._fetch_token,
            PREFIX + "GetTokenAuthority": self._authority,
            PREFIX + "VerifyTokenAuthority": self._verify,
        }

    async def _credentials(self, call: Call) -> None:
        from bakepy.buildkit.proto.session_pb2 import CredentialsRequest, CredentialsResponse

        request = CredentialsRequest.FromString(await call.receive() or b"")
        user, secret = (await self._config.get(request.Host)).pair
        await call.send(CredentialsResponse(Username=user, Secret=secret).SerializeToString())

    async def _fetch_token(self, call: Call) -> None:
        from bakepy.buildkit.proto.session_pb2 import FetchTokenRequest, FetchTokenResponse
        from bakepy.buildkit.session.tokens import Challenge, fetch

        request = FetchTokenRequest.FromString(await call.receive() or b"")
        credentials = await self._config.get(request.Host)
        challenge = Challenge(request.Realm, request.Service, list(request.Scopes))
        token = await apart(partial(fetch, challenge, credentials))
        answer = FetchTokenResponse(Token=token.text, ExpiresIn=token.expires_in, IssuedAt=token.issued_at)
        await call.send(answer.SerializeToString())

    async def _authority(self, call: Call) -> None:
        from bakepy.buildkit.proto.session_pb2 import GetTokenAuthorityRequest, GetTokenAuthorityResponse

        request = GetTokenAuthorityRequest.FromString(await call.receive() or b"")
        key = await self._key(request.Host, request.Salt)
        await call.send(GetTokenAuthorityResponse(PublicKey=key.public_key().public_bytes_raw()).SerializeToString())

    async def _verify(self, call: Call) -> None:
        from bakepy.buildkit.proto.session_pb2 import VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse

        request = VerifyTokenAuthorityRequest.FromString(await call.receive() or b"")
        key = await self._key(request.Host, request.Salt)
        # NaCl's form of a signed message: signature, then message.
        signed = key.sign(request.Payload) + request.Payload
        await call.send(VerifyTokenAuthorityResponse(Signed=signed).SerializeToString())

    async def _key(self, host: str, salt: bytes) -> Ed25519PrivateKey:
        """Derive a registry's key from the daemon's salt and our seed, so that neither side alone chooses it."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        mac = hmac.new(salt, digestmod=hashlib.sha256)
        _, secret = (await self._config.get(host)).pair
        if secret:
            if host not in self._seeds:
                self._seeds[host] = seed(self._config.folder, host)
            mac.update(self._seeds[host])
        return Ed25519PrivateKey.from_private_bytes(mac.digest())


def seed(folder: Path, host: str) -> bytes:
    """Return a registry's random seed from `.token_seed`, the file that Docker's clients share; makes it if need be.

    Where the folder cannot be written, the seed is a new one each time.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / ".token_seed.lock"):
            return _stored_seed(folder / ".token_seed", host)
    except OSError:
        return os.urandom(SEED_SIZE)


def _stored_seed(path: Path, host: str) -> bytes:
    from base64 import b64decode, b64encode

    seeds: dict[str, object] = {}
    with contextlib.suppress(FileNotFoundError, ValueError):
        seeds |= read_object(path)
    match seeds.get(host):
        case {"Seed": str(known)}:
            return b64decode(known)
    fresh = os.urandom(SEED_SIZE)
    seeds[host] = {"Seed": b64encode(fresh).decode()}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(seeds, file, indent=2)
    return fresh


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl

    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
