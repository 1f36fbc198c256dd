"""Manifests in real registries: open, with a password, with tokens, and unreachable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from bakepy.builders.registries import Access, access
from bakepy.buildkit.session.credentials import Credentials
from bakepy.executor.registry import INDEX, Reference, Registry, RegistryError
from tests.ports import free_port
from tests.registries import password, registry

EMPTY = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
DIGEST = "sha256:" + hashlib.sha256(EMPTY).hexdigest()


def image(domain: str) -> Reference:
    return Reference(domain, "team/app", "1")


@pytest.mark.e2e
def test_what_is_put_can_be_had(tmp_path: Path) -> None:
    """An index is written under a tag and read by its digest; what is not there is refused."""
    with registry(tmp_path) as domain:
        client = Registry(image(domain), Credentials())
        client.put("1", INDEX, EMPTY)
        assert client.manifest(DIGEST) == EMPTY
        with urllib.request.urlopen(f"http://{domain}/v2/team/app/tags/list") as answer:
            assert json.load(answer)["tags"] == ["1"]
        with pytest.raises(RegistryError, match="refused GET of team/app: 404"):
            client.blob("sha256:" + "0" * 64)


@pytest.mark.e2e
def test_a_password_is_given_when_asked_for(tmp_path: Path) -> None:
    """The right one opens the registry; without it, the error says how to log in."""
    with registry(tmp_path, password(tmp_path, "me", "secret")) as domain:
        Registry(image(domain), Credentials("me", "secret")).put("1", INDEX, EMPTY)
        for wrong in (Credentials(), Credentials("me", "guess")):
            with pytest.raises(RegistryError, match="401") as caught:
                Registry(image(domain), wrong).put("1", INDEX, EMPTY)
            assert "docker login" in caught.value.diagnostics[0].hint
            assert "guess" not in str(caught.value)


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on the loopback interface while the context lasts, silently; gives host and port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Silent(BaseHTTPRequestHandler):
    """Log nothing."""

    def log_message(self, *args: object) -> None:
        return


@contextlib.contextmanager
def token_registry(answer: bytes = EMPTY) -> Iterator[tuple[str, list[str]]]:
    """Serve one manifest to those who fetch a token first; gives the domain and what tokens were asked with."""
    asked: list[str] = []

    class Handler(Silent):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append(body)
            self.reply(200 if "password=secret" in body else 401, b'{"access_token": "T"}')

        def do_GET(self) -> None:
            if self.headers.get("Authorization") == "Bearer T":
                self.reply(200, answer)
            else:
                self.reply(401, b"{}")

        def reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status == 401:
                realm = f"http://{domain}/token"
                self.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="a, b",scope="x"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as domain:
        yield domain, asked


def test_tokens_are_fetched_for_the_repository() -> None:
    """A token is asked for once, for reading and writing the repository."""
    with token_registry() as (domain, asked):
        client = Registry(image(domain), Credentials("me", "secret"))
        assert client.manifest(DIGEST) == client.manifest(DIGEST) == EMPTY
        assert len(asked) == 1
        assert "scope=repository%3Ateam%2Fapp%3Apull%2Cpush" in asked[0]
        assert "service=a%2C+b" in asked[0]
        with pytest.raises(RegistryError, match="gives no access to team/app") as caught:
            Registry(image(domain), Credentials("me", "guess")).manifest(DIGEST)
        assert "docker login" in caught.value.diagnostics[0].hint


@pytest.mark.parametrize(
    ("status", "header", "value"),
    [
        (401, "WWW-Authenticate", "Bearer foo"),
        (401, "WWW-Authenticate", "Bearer a=,=b"),
        (307, "Location", "http://[x"),
    ],
)
def test_a_registry_that_talks_nonsense_is_named(status: int, header: str, value: str) -> None:
    """A malformed challenge or redirection is the registry's fault, and ends the join."""

    class Handler(Silent):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header(header, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as domain, pytest.raises(RegistryError):
        Registry(image(domain), Credentials("me", "x")).manifest(DIGEST)


def test_other_bytes_than_the_digests_are_refused() -> None:
    """A registry that answers with something else is not believed."""
    with token_registry(b"{}") as (domain, _), pytest.raises(RegistryError, match="something else"):
        Registry(image(domain), Credentials("me", "secret")).manifest(DIGEST)


@pytest.mark.parametrize("road", [Access(), Access(http=False), Access(http=True, insecure=True)])
def test_an_unreachable_registry(road: Access) -> None:
    """The error names it and the reason, and says what is left to do."""
    with pytest.raises(RegistryError, match="cannot be reached: Connection refused") as caught:
        Registry(image(f"127.0.0.1:{free_port()}"), Credentials(), road).put("1", INDEX, EMPTY)
    assert "build again" in caught.value.diagnostics[0].hint


@pytest.mark.e2e
def test_certificates_of_the_nodes_configuration(tmp_path: Path) -> None:
    """A registry over TLS is trusted by the authority that the node's file names, or by none where it says so."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    pem = tmp_path / "server.pem"
    with registry(tmp_path, http=f"  tls:\n    certificate: {pem}\n    key: {pem}\n") as domain:

        def files(text: str) -> dict[str, bytes]:
            config = f'[registry."{domain}"]\n  http = false\n  {text}\n'.encode()
            return {"buildkitd.toml": config, "certs/here/ca.pem": authority.cert_pem.bytes()}

        for text in ('ca = ["/etc/buildkit/certs/here/ca.pem"]', "insecure = true"):
            Registry(image(domain), Credentials(), access(files(text), domain)).put("1", INDEX, EMPTY)
        with pytest.raises(RegistryError, match="certificate verify failed"):
            Registry(image(domain), Credentials(), access(files(""), domain)).put("1", INDEX, EMPTY)


def test_a_certificate_that_is_none() -> None:
    """It is told of with the registry's name."""
    with pytest.raises(RegistryError, match=r"certificate for the registry example\.org"):
        Registry(image("example.org"), Credentials(), Access(authorities=(b"none",)))


@pytest.mark.parametrize("text", ["", "registry = 1", "[registry]", "[", '[registry."h"]\nca = 1'])
def test_files_that_say_nothing_of_a_registry(text: str) -> None:
    """It is reached as registries usually are."""
    assert access({"buildkitd.toml": text.encode()}, "h") == access({}, "h") == Access()
