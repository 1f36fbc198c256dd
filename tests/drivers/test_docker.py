"""Real Docker Engines, an old and a new one: what they are, building in them, and loading images into them."""

import asyncio
import contextlib
import hashlib
import http.client
import io
import json
import os
import socket
import socketserver
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from bakepy.drivers.docker import DockerDriver, buildkit_version, image_loader
from bakepy.drivers.docker_api import DockerApi
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import Capability, DriverError, Status
from bakepy.executor.outputs import _LoadSink
from tests.building import build
from tests.waiting import PATIENCE, wait_for

NEW = {
    Capability.OCI_EXPORTER,
    Capability.DOCKER_EXPORTER,
    Capability.CACHE_EXPORT,
    Capability.MULTI_PLATFORM,
    Capability.ATTESTATIONS,
    Capability.GATEWAY_INPUTS,
    Capability.LOADS_BY_ITSELF,
}
OLD = {Capability.LOADS_BY_ITSELF}


def is_old(host: DockerHost) -> bool:
    return DockerApi(host).info().major == 20


def get(host: DockerHost, path: str) -> Any:
    connection = http.client.HTTPConnection("docker")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(host.url.removeprefix("unix://"))
    connection.request("GET", path)
    with contextlib.closing(connection), connection.getresponse() as answer:
        body = answer.read()
        return json.loads(body) if answer.status == 200 else None


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("20.10.5+dfsg1", "v0.8.2"),
        ("20.10.24+dfsg1", "v0.8+unknown"),
        ("23.0.3", "v0.10.6+70f2ad5"),
        ("23.0.11", "v0.10+unknown"),
        ("24.0.0", "24.0.0"),
        ("19.03.1", "19.03.1"),
        ("dev", "dev"),
    ],
)
def test_engines_that_do_not_tell_their_buildkit(engine: str, expected: str) -> None:
    """Before version 24 it is known by the Engine's own version; where nothing is known, that is shown."""
    assert buildkit_version(engine) == expected


@pytest.mark.e2e
async def test_an_engine_tells_what_it_is(docker: DockerHost) -> None:
    """Version, platforms and capabilities are the Engine's own; the old one lacks what needs the containerd store."""
    driver = DockerDriver(docker)
    await driver.boot(lambda _text: None)
    node = await driver.inspect()

    assert node.status is Status.RUNNING
    assert node.version.startswith("v0.")
    assert "linux/" in node.platforms[0]
    old = await asyncio.to_thread(is_old, docker)
    assert await driver.capabilities() == (OLD if old else NEW)


@pytest.mark.e2e
async def test_an_engine_builds(docker: DockerHost, context: Path) -> None:
    """A build with COPY and RUN runs through the hijacked connection of the old one and the new one's own socket."""
    driver = DockerDriver(docker)
    async with driver.dial() as endpoint:
        direct = endpoint.target == docker.url.replace("unix://", "unix:")
        await build(endpoint, context)

    assert direct != await asyncio.to_thread(is_old, docker)


def tar(sink: BinaryIO, files: dict[str, bytes]) -> None:
    with tarfile.open(fileobj=sink, mode="w|") as out:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            out.addfile(member, io.BytesIO(body))


def image(name: str) -> dict[str, bytes]:
    """The files of a `docker save` tar with one small layer."""
    layer = io.BytesIO()
    tar(layer, {"hello": b"hello\n"})
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    return {
        "layer.tar": layer.getvalue(),
        "config.json": json.dumps(config).encode(),
        "manifest.json": json.dumps(manifest).encode(),
    }


@pytest.mark.e2e
async def test_an_image_is_loaded(docker: DockerHost) -> None:
    """What is written to the loader is in the Engine's store under its name afterwards, and the Engine says so."""
    said: list[str] = []
    async with image_loader(docker, said.append) as sink:
        await asyncio.to_thread(tar, sink, image("example/loaded:1"))

    assert any("example/loaded:1" in line for line in said)
    assert await asyncio.to_thread(get, docker, "/images/example/loaded:1/json")


@pytest.mark.e2e
async def test_what_is_no_image_is_refused(docker: DockerHost) -> None:
    """The Engine's own reason arrives, also where it stops reading in the middle of much data."""
    with pytest.raises(DriverError, match="could not load the image") as caught:
        async with image_loader(docker, lambda _text: None) as sink:
            await asyncio.to_thread(sink.write, b"no tar at all " * (1 << 20))

    assert "tar" in caught.value.diagnostics[0].detail


@pytest.mark.e2e
async def test_a_load_given_up_leaves_no_image(docker: DockerHost) -> None:
    """A failure while the tar is written is passed on, and the Engine has no such image."""
    files = image("example/partial:1")
    del files["manifest.json"]

    async def give_up() -> None:
        async with image_loader(docker, lambda _text: None) as sink:
            await asyncio.to_thread(tar, sink, files)
            raise KeyError

    with pytest.raises(KeyError):
        await give_up()

    assert await asyncio.to_thread(get, docker, "/images/example/partial:1/json") is None


async def test_a_missing_engine_is_an_error_of_the_users(tmp_path: Path) -> None:
    """Where no Engine listens, the error names its address and what to do, whether it is asked or booted."""
    driver = DockerDriver(DockerHost("default", f"unix://{tmp_path}/none.sock"))

    with pytest.raises(DriverError, match="does not answer"):
        await driver.inspect()
    with pytest.raises(DriverError, match=r"none\.sock does not answer") as caught:
        await driver.boot(lambda _text: None)
    assert "another builder" in caught.value.diagnostics[0].hint


async def test_an_ssh_engine_that_cannot_be_reached_says_why() -> None:
    """What ssh has to say of it is part of the error."""
    driver = DockerDriver(DockerHost("far", "ssh://user@nowhere.invalid"))

    with pytest.raises(
        DriverError, match=r"nowhere\.invalid docker system dial-stdio: ssh: Could not resolve"
    ) as caught:
        await driver.boot(lambda _text: None)
    assert "log in without asking" in caught.value.diagnostics[0].hint


async def test_a_server_without_buildkit_is_named(tmp_path: Path) -> None:
    """An Engine that refuses the upgrade has no BuildKit, and the error says from which version on it has one."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    path = tmp_path / "d.sock"
    async with await asyncio.start_unix_server(refuse, path):
        with pytest.raises(DriverError, match="has no BuildKit") as caught:
            await asyncio.to_thread(DockerApi(DockerHost("default", f"unix://{path}")).hijack)

    assert "20.10" in caught.value.diagnostics[0].hint


@contextlib.contextmanager
def answering(path: Path, answer: bytes, drips: threading.Event | None = None) -> Iterator[DockerHost]:
    """Answer each request with the same bytes while the context lasts.

    Given `drips`, they come one by one, long after each other, and it is set where the client hangs up before the end.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1 << 16)
            try:
                for piece in [bytes([byte]) for byte in answer] if drips else [answer]:
                    self.request.sendall(piece)
                    time.sleep(0.05 if drips else 0)
            except OSError:
                if drips:
                    drips.set()

    with served(path, Handler) as host:
        yield host


@contextlib.contextmanager
def served(path: Path, handler: type[socketserver.BaseRequestHandler]) -> Iterator[DockerHost]:
    """Handle each connection while the context lasts."""
    with socketserver.ThreadingUnixStreamServer(str(path), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield DockerHost("default", f"unix://{path}")
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("answers", [False, True], ids=["reads nothing", "answers without an end"])
async def test_a_load_ends_with_its_task_whatever_the_engine_does(answers: bool, tmp_path: Path) -> None:
    """An Engine that keeps a load waiting does not keep the command."""
    under_way, gone = threading.Event(), threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1 << 16)
            if answers:
                self.request.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                with contextlib.suppress(OSError):
                    while not gone.is_set():
                        self.request.sendall(b'{"stream": "still loading"}\n' * 100)
                        under_way.set()
            under_way.set()
            gone.wait(PATIENCE)

    async def load(host: DockerHost) -> None:
        async with image_loader(host, lambda _text: None) as file:
            sink = _LoadSink(file)
            for _ in range(1 if answers else 100):
                await sink.write(bytes(1 << 16))

    with served(tmp_path / "d", Handler) as host:
        try:
            task = asyncio.create_task(load(host))
            assert await asyncio.to_thread(under_way.wait, PATIENCE)
            task.cancel()
            await asyncio.wait({task}, timeout=PATIENCE)
            assert task.cancelled()
        finally:
            gone.set()


@pytest.mark.parametrize("version", ['{"ApiVersion": "a.b"}', '{"ApiVersion": 5}', '{"ApiVersion": "1.99999"}'])
def test_what_is_no_engine_is_named(version: str, tmp_path: Path) -> None:
    """Something that answers like an Engine but talks nonsense is no bug of ours."""
    body = f"HTTP/1.1 200 OK\r\nContent-Length: {len(version)}\r\n\r\n{version}".encode()
    with answering(tmp_path / "d", body) as host, pytest.raises(DriverError, match="is no Docker Engine"):
        DockerApi(host).info()


def test_an_engine_that_drips_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of which a byte comes now and then does not hold up the choice of a builder."""
    monkeypatch.setattr("bakepy.drivers.docker_api.QUICK", 0.2)
    hung_up = threading.Event()
    drip = b"HTTP/1.1 200 OK\r\nX-Never: " + b"x" * 4000
    with answering(tmp_path / "d", drip, hung_up) as host:
        assert not DockerApi(host).answers()
        assert hung_up.wait(PATIENCE)


def test_an_ssh_that_hangs_is_ended_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a command is left once its connection is given up."""
    monkeypatch.setattr("bakepy.drivers.docker_api.LOGIN", 0.2)
    monkeypatch.setattr("bakepy.drivers.docker_api.QUICK", 0.2)
    program = tmp_path / "ssh"
    mark = f"{os.getpid()}.25"
    program.write_text(f"#!/bin/sh\nsleep {mark} &\nexec sleep {mark}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert not DockerApi(DockerHost("far", "ssh://far")).answers()
    find = ["pgrep", "-f", f"^sleep {mark}$"]
    wait_for(lambda: subprocess.run(find, capture_output=True, check=False).returncode)
