"""Manifests in real registries: open, with a password, with tokens, and unreachable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bcrypt
import pytest

from bakepy.buildkit.session.credentials import Credentials
from bakepy.executor.registry import INDEX, Reference, Registry, RegistryError

EMPTY = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
DIGEST = "sha256:" + hashlib.sha256(EMPTY).hexdigest()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def registry(folder: Path, auth: str = "") -> Iterator[str]:
    """Run a registry and give its domain; `auth` is a section of its configuration."""
    program = shutil.which("docker-registry")
    if not program:
        pytest.skip("no docker-registry: `make test` provides one")
    port = free_port()
    config = folder / "config.yml"
    storage = f"storage:\n  filesystem:\n    rootdirectory: {folder}/data\n"
    config.write_text(f"version: 0.1\n{storage}http:\n  addr: 127.0.0.1:{port}\n{auth}")
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([program, "serve", config], stdout=log, stderr=log) as run,
    ):
        try:
            for _ in range(400):
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            yield f"127.0.0.1:{port}"
        finally:
            run.terminate()


def image(domain: str) -> Reference:
    return Reference(domain, "team/app", "1")


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


def test_a_password_is_given_when_asked_for(tmp_path: Path) -> None:
    """The right one opens the registry; without it, the error says how to log in."""
    (tmp_path / "users").write_bytes(b"me:" + bcrypt.hashpw(b"secret", bcrypt.gensalt(4)) + b"\n")
    with registry(tmp_path, f"auth:\n  htpasswd:\n    realm: here\n    path: {tmp_path}/users\n") as domain:
        Registry(image(domain), Credentials("me", "secret")).put("1", INDEX, EMPTY)
        for wrong in (Credentials(), Credentials("me", "guess")):
            with pytest.raises(RegistryError, match="401") as caught:
                Registry(image(domain), wrong).put("1", INDEX, EMPTY)
            assert "docker login" in caught.value.diagnostics[0].hint
            assert "guess" not in str(caught.value)


@contextlib.contextmanager
def token_registry(answer: bytes = EMPTY) -> Iterator[tuple[str, list[str]]]:
    """Serve one manifest to those who fetch a token first; gives the domain and what tokens were asked with."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
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
                realm = f"http://127.0.0.1:{server.server_port}/token"
                self.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="a, b",scope="x"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


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


def test_other_bytes_than_the_digests_are_refused() -> None:
    """A registry that answers with something else is not believed."""
    with token_registry(b"{}") as (domain, _), pytest.raises(RegistryError, match="something else"):
        Registry(image(domain), Credentials("me", "secret")).manifest(DIGEST)


@pytest.mark.parametrize("insecure", [False, True])
def test_an_unreachable_registry(insecure: bool) -> None:
    """The error names it and the reason, and says what is left to do."""
    with pytest.raises(RegistryError, match="cannot be reached: Connection refused") as caught:
        Registry(image(f"127.0.0.1:{free_port()}"), Credentials(), insecure=insecure).put("1", INDEX, EMPTY)
    assert "build again" in caught.value.diagnostics[0].hint
