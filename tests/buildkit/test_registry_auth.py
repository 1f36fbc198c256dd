"""A real daemon gets its tokens through the session and never sees the password."""

import json
import secrets
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bakepy.buildkit.client import Client
from bakepy.buildkit.errors import SolveError
from bakepy.buildkit.requests import GatewayRequest, SolveRequest
from bakepy.buildkit.session.auth import Auth
from bakepy.buildkit.session.credentials import DockerConfig
from bakepy.buildkit.session.filesync import FileSync, LocalDir
from bakepy.buildkit.session.server import Session
from bakepy.progress.events import Solve
from bakepy.transport.endpoint import Endpoint

pytestmark = pytest.mark.e2e

Seen = list[tuple[str, str, str, str]]


@pytest.fixture
def registry() -> Iterator[tuple[str, Seen]]:
    """An empty registry that asks for bearer tokens, hands them out, and notes who asks for what."""
    seen: Seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path, agent = urlsplit(self.path).path, self.headers.get("User-Agent", "")
            seen.append((self.command, path, self.headers.get("Authorization", ""), agent))
            if path == "/token":
                self.reply(200 if b"password=hunter2" in body else 403, {"access_token": "T", "expires_in": 300})
            elif self.headers.get("Authorization") == "Bearer T":
                self.reply(404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]})
            else:
                self.reply(401, {"errors": [{"code": "UNAUTHORIZED"}]})

        def do_GET(self) -> None:
            self.handle_any()

        def do_HEAD(self) -> None:
            self.handle_any()

        def do_POST(self) -> None:
            self.handle_any()

        def reply(self, status: int, answer: object) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            if status == 401:
                realm = f"http://127.0.0.1:{running.server_port}/token"
                scope = "repository:image:pull"
                self.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="reg",scope="{scope}"')
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"localhost:{running.server_port}", seen
        running.shutdown()
        thread.join()


async def pull(client: Client, folder: Path, image: str, auth: Auth) -> None:
    """Build from an image that the registry does not have."""
    here = LocalDir(folder)
    session = Session([FileSync({"context": here, "dockerfile": here}), auth])
    request = SolveRequest(secrets.token_hex(12), session.id)
    attrs = {"build-arg:IMAGE": image}
    async with client.session(session), client.build(request, Solve(request.ref, ()), lambda update: None) as build:
        with suppress(SolveError):
            await build.finish(await build.solve(GatewayRequest(attrs)))


async def test_the_password_stays_here(endpoint: Endpoint, tmp_path: Path, registry: tuple[str, Seen]) -> None:
    """The daemon comes to the registry with a token that this client fetched, and reuses it once it has verified us."""
    host, seen = registry
    auths = {host: {"auth": b64encode(b"me:hunter2").decode()}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    (tmp_path / "Dockerfile").write_text("ARG IMAGE\nFROM $IMAGE\nCOPY Dockerfile /\n")
    async with Client.connect(endpoint) as client:
        for tag in ("one", "two"):
            await pull(client, tmp_path, f"{host}/image:{tag}", Auth(DockerConfig(tmp_path)))

    assert [agent for method, path, _, agent in seen if path == "/token"] == ["bakepy"]
    accepted = {path for _, path, header, _ in seen if header == "Bearer T"}
    assert {f"/v2/image/manifests/{tag}" for tag in ("one", "two")} <= accepted
    assert not any(header.startswith("Basic") for _, _, header, _ in seen)
