"""Which builder a run takes."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

import pytest

from bakepy.builders import BuilderError, choose
from bakepy.drivers.interface import DriverError
from bakepy.drivers.remote import RemoteDriver
from bakepy.settings import Settings

Make = Callable[..., Settings]


def stored(name: str, driver: str, endpoint: str, **options: str) -> str:
    platforms = [{"architecture": "arm64", "os": "linux"}]
    node = {"Name": f"{name}0", "Endpoint": endpoint, "Platforms": platforms, "DriverOpts": options, "Files": None}
    return json.dumps({"Name": name, "Driver": driver, "Nodes": [node], "Dynamic": False})


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Settings whose folders are empty but for the builders given, and whose PATH may hold an engine."""

    def settings(*builders: str, engine: bool = False, **environ: str) -> Settings:
        instances = tmp_path / "buildx" / "instances"
        instances.mkdir(parents=True, exist_ok=True)
        for text in builders:
            (instances / json.loads(text)["Name"]).write_text(text)
        programs = tmp_path / "bin"
        programs.mkdir(exist_ok=True)
        for name in ("buildkitd", "runc") if engine else ():
            (programs / name).write_text("#!/bin/sh\n")
            (programs / name).chmod(0o755)
        folders = {"DOCKER_CONFIG": tmp_path, "BUILDX_CONFIG": tmp_path / "buildx", "XDG_DATA_HOME": tmp_path / "data"}
        return Settings({**{k: str(v) for k, v in folders.items()}, "PATH": str(programs), **environ})

    return settings


@pytest.fixture(autouse=True)
def _no_docker_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bakepy.drivers.docker_host.DEFAULT_SOCKET", f"unix://{tmp_path}/docker.sock")


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@contextmanager
def answering(path: Path) -> Iterator[None]:
    """An Engine as far as a ping goes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Api-Version", "1.56")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"OK")

        def log_message(self, *args: object) -> None:
            pass

        def address_string(self) -> str:
            return ""

    with _Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_a_named_builder_wins(make: Make) -> None:
    """`--builder` goes before BUILDX_BUILDER, and that before the selected one."""
    one, two, three = (stored(name, "remote", f"tcp://{name}:1") for name in ("one", "two", "three"))
    settings = make(one, two, three, BUILDX_BUILDER="two")
    current = {"Key": "", "Name": "three", "Global": True}
    (settings.buildx_config / "current").write_text(json.dumps(current))

    assert choose("one", settings).name == "one"
    assert choose(None, settings).name == "two"
    assert choose(None, make()).name == "three"


def test_a_stored_builder_becomes_nodes_and_drivers(make: Make) -> None:
    """Name, platforms and the driver with its options are what the file says."""
    builder = choose("one", make(stored("one", "remote", "tcp://one:1", cacert="/ca", servername="name")))

    (node,) = builder.nodes
    assert (node.name, node.platforms) == ("one0", ("linux/arm64",))
    assert isinstance(node.driver, RemoteDriver)
    assert node.driver.endpoint.target == "one:1"
    assert node.driver.endpoint.tls
    assert node.driver.endpoint.tls.server_name == "name"


def test_an_address_is_a_builder(make: Make) -> None:
    """`--builder unix://…` needs no file."""
    (node,) = choose("unix:///run/bk.sock", make()).nodes

    assert node.driver.name == "remote"


def test_docker_goes_before_the_embedded_engine(make: Make, tmp_path: Path) -> None:
    """Without any choice an Engine that answers is taken, else the embedded engine."""
    settings = make(engine=True)
    assert choose(None, settings).nodes[0].driver.name == "embedded"

    with answering(tmp_path / "docker.sock"):
        builder = choose(None, settings)
        assert (builder.name, builder.nodes[0].driver.name) == ("default", "docker")
        assert choose("embedded", settings).nodes[0].driver.name == "embedded"

    # What it leaves is a stale socket: nobody answers there.
    assert choose(None, settings).nodes[0].driver.name == "embedded"


def test_an_engine_asked_for_by_address_is_never_replaced(make: Make) -> None:
    """Where DOCKER_HOST names an Engine that does not answer, its own error is shown, and no other builder used."""
    builder = choose(None, make(engine=True, DOCKER_HOST="unix:///nonexistent/docker.sock"))

    with pytest.raises(DriverError, match=r"/nonexistent/docker\.sock does not answer"):
        asyncio.run(builder.nodes[0].driver.boot(lambda _text: None))


@pytest.mark.parametrize("name", [None, "embedded"])
def test_without_anything_the_error_says_what_to_type(make: Make, name: str | None) -> None:
    """No Engine, no builder, no embedded engine: one command mends it."""
    with pytest.raises(BuilderError) as caught:
        choose(name, make())

    assert caught.value.diagnostics[0].hint == "run: bakepy engine install"


@pytest.mark.parametrize(
    ("name", "hint"), [("relaese", 'did you mean "release"?'), ("emebdded", 'did you mean "embedded"?')]
)
def test_a_misspelt_builder_gets_a_suggestion(make: Make, name: str, hint: str) -> None:
    """The error lists the builders and suggests the nearest."""
    with pytest.raises(BuilderError, match=f'no builder "{name}" found') as caught:
        choose(name, make(stored("release", "remote", "tcp://one:1")))

    assert caught.value.diagnostics[0].hint == hint
    assert "release, default, embedded" in caught.value.diagnostics[0].detail


@pytest.mark.parametrize(
    ("driver", "complaint"),
    [("kubernetes", "is not supported yet"), ("magic", "is unknown")],
)
def test_drivers_of_later_are_named(make: Make, driver: str, complaint: str) -> None:
    """A builder whose driver bakepy lacks is refused by name, with a way out."""
    with pytest.raises(BuilderError, match=f'"{driver}" of the builder "one" {complaint}') as caught:
        choose("one", make(stored("one", driver, "default")))

    assert "--builder embedded" in caught.value.diagnostics[0].hint


def test_choosing_the_embedded_engine_loads_nothing_heavy() -> None:
    """Choosing imports no gRPC, no asyncio and no HTTP."""
    program = (
        "import sys, bakepy.builders; print([m for m in ('grpc', 'asyncio', 'http', 'docker') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
