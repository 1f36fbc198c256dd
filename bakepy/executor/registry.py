"""Read and write an image's manifests in its registry, by the OCI distribution specification.

Layers never pass here: BuildKit has pushed them before. Calls block.
"""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
import tempfile
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, parse_http_list, parse_keqv_list

from bakepy.builders.registries import Access
from bakepy.buildkit.session.credentials import Credentials
from bakepy.buildkit.session.rpc import RpcError
from bakepy.buildkit.session.tokens import Challenge, fetch
from bakepy.diagnostics import BakeError
from bakepy.records import Record
from bakepy.transport.web import ask

HUB, HUB_API = "docker.io", "registry-1.docker.io"
LIMIT = 4 << 20
"""The most bytes of a manifest, as the specification has it."""
PATIENCE = 60.0
"""Seconds that a registry has for a whole answer."""
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFESTS = (
    INDEX,
    DOCKER_INDEX,
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


class RegistryError(BakeError):
    """Say what a registry refused, or why it could not be asked."""


class Reference(Record):
    """Name an image: `domain/path:tag`, with what Docker leaves out filled in."""

    __slots__ = ("domain", "path", "tag")

    def __init__(self, domain: str, path: str, tag: str = "latest") -> None:
        self.domain: Final = domain
        self.path: Final = path
        self.tag: Final = tag

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a name as users write it; a digest in it is left out."""
        first, slash, rest = text.partition("@")[0].partition("/")
        is_domain = bool(slash) and ("." in first or ":" in first or first == "localhost" or first != first.lower())
        domain, path = (first, rest) if is_domain else (HUB, f"{first}{slash}{rest}")
        path, _, tag = path.partition(":")
        domain = HUB if domain == "index.docker.io" else domain
        if domain == HUB and "/" not in path:
            path = f"library/{path}"
        return cls(domain, path, tag or "latest")

    def __str__(self) -> str:
        return f"{self.domain}/{self.path}:{self.tag}"


class Registry:
    """Talk to one registry about one repository."""

    def __init__(self, image: Reference, credentials: Credentials, road: Access | None = None) -> None:
        self._image = image
        self._credentials = credentials
        self._authorization = ""
        road = road or Access()
        try:
            self._context = _context(road)
        except (ssl.SSLError, ValueError) as error:
            raise RegistryError.of(
                f"a certificate for the registry {image.domain} in the builder's configuration cannot be read: {error}",
                hint="create the builder again with --buildkitd-config, and PEM files in it",
            ) from None
        self._host = HUB_API if image.domain == HUB else image.domain
        plain = is_loopback(image.domain) if road.http is None else road.http
        self._schemes = ["http"] * plain + ["https"] * (road.insecure or not plain)

    def manifest(self, digest: str) -> bytes:
        """Return a manifest or an index by its digest; raises RegistryError."""
        return self._checked(self._ask("GET", f"manifests/{digest}", {"Accept": ", ".join(MANIFESTS)}), digest)

    def blob(self, digest: str) -> bytes:
        """Return a small blob, such as an image's configuration; raises RegistryError."""
        return self._checked(self._ask("GET", f"blobs/{digest}", {}), digest)

    def put(self, name: str, media_type: str, manifest: bytes) -> None:
        """Write a manifest under a tag or its digest; raises RegistryError."""
        self._ask("PUT", f"manifests/{name}", {"Content-Type": media_type}, manifest)

    def _checked(self, data: bytes, digest: str) -> bytes:
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            raise RegistryError.of(f"the registry {self._image.domain} answered with something else than {digest}")
        return data

    def _ask(self, method: str, path: str, headers: Mapping[str, str], data: bytes | None = None) -> bytes:
        reason: object = ""
        for scheme in self._schemes:
            url = f"{scheme}://{self._host}/v2/{self._image.path}/{path}"
            try:
                return self._authorized(method, url, headers, data)
            except HTTPError as error:
                error.close()
                raise self._refused(method, error) from None
            except URLError as error:
                reason = getattr(error.reason, "strerror", None) or error.reason
            except (OSError, HTTPException, ValueError) as error:
                reason = error
        raise RegistryError.of(
            f"the registry {self._image.domain} cannot be reached: {reason}",
            hint="the parts of the image are there, the index that joins them is not: build again once it answers",
        )

    def _authorized(self, method: str, url: str, headers: Mapping[str, str], data: bytes | None) -> bytes:
        try:
            return self._send(method, url, headers, data)
        except HTTPError as error:
            error.close()
            if error.code != 401 or not self._authorize(error.headers.get("WWW-Authenticate", "")):
                raise
        return self._send(method, url, headers, data)

    def _send(self, method: str, url: str, headers: Mapping[str, str], data: bytes | None) -> bytes:
        request = Request(url, data, {"User-Agent": "bakepy", **headers}, method=method)  # noqa: S310 - http or https
        if self._authorization:
            request.add_header("Authorization", self._authorization)
        return ask(request, seconds=PATIENCE, limit=LIMIT, context=self._context)

    def _authorize(self, challenge: str) -> bool:
        """Take up a registry's challenge: basic (RFC 7617), or the distribution project's tokens; False for others."""
        scheme, _, rest = challenge.partition(" ")
        user, secret = self._credentials.pair
        if scheme.lower() == "basic" and secret:
            self._authorization = "Basic " + b64encode(f"{user}:{secret}".encode()).decode()
            return True
        if scheme.lower() != "bearer":
            return False
        try:
            fields = parse_keqv_list(parse_http_list(rest))
        except (ValueError, IndexError):
            return False
        scopes = [f"repository:{self._image.path}:pull,push"]
        try:
            token = fetch(Challenge(fields.get("realm", ""), fields.get("service", ""), scopes), self._credentials)
        except RpcError as error:
            raise RegistryError.of(
                f"the registry {self._image.domain} gives no access to {self._image.path}: {error}",
                hint=f"log in: docker login {self._image.domain}",
            ) from None
        self._authorization = f"Bearer {token.text}"
        return True

    def _refused(self, method: str, error: HTTPError) -> RegistryError:
        return RegistryError.of(
            f"the registry {self._image.domain} refused {method} of {self._image.path}: {error.code} {error.reason}",
            hint=f"log in: docker login {self._image.domain}" if error.code in {401, 403} else "",
        )


def _context(road: Access) -> ssl.SSLContext:
    """Return what certificates are checked with, and what this side shows."""
    context = ssl.create_default_context()
    if road.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    for authority in road.authorities:
        context.load_verify_locations(cadata=authority.decode("ascii", "replace"))
    for cert, key in road.keypairs:
        # OpenSSL takes both from files alone.
        with tempfile.NamedTemporaryFile() as file:
            file.write(cert + b"\n" + key)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def is_loopback(domain: str) -> bool:
    """Tell whether a registry is on this machine, where plain HTTP is spoken."""
    host = domain[1:].partition("]")[0] if domain.startswith("[") else domain.partition(":")[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
