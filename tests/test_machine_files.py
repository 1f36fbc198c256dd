"""Files of the machine that definitions don't name are read within bounds, too."""

import ast
import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bakepy.buildkit.session.auth import seed
from bakepy.buildkit.session.content import Layout
from bakepy.buildkit.session.credentials import DockerConfig
from bakepy.buildkit.session.rpc import RpcError
from bakepy.cli.filters import usual
from bakepy.diagnostics import BakeError
from bakepy.drivers.docker_host import context_names, current_context, docker_host
from bakepy.drivers.github_actions import actions_context
from bakepy.executor.proxies import proxies
from bakepy.settings import Settings
from bakepy.transport.dial import open_channel
from bakepy.transport.endpoint import Endpoint, Tls
from bakepy.transport.faults import TransportError

PACKAGE = Path(__file__).parent.parent / "bakepy"
DIGEST = f"sha256:{'a' * 64}"
CONTEXT = "contexts/meta/2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881/meta.json"
"""The file of the context "x"."""
READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "context": (CONTEXT, lambda p: docker_host(settings(p), "x")),
    "contexts": (CONTEXT, lambda p: context_names(settings(p))),
    "current context": ("config.json", lambda p: current_context(settings(p))),
    "filters": ("config.json", lambda p: usual(settings(p))),
    "proxies": ("config.json", lambda p: proxies(p, "default")),
    "credentials": ("config.json", lambda p: asyncio.run(DockerConfig(p).get("example.com"))),
    "seed": (".token_seed", lambda p: seed(p, "example.com")),
    "event": ("event", lambda p: actions_context(settings(p))),
    "certificate": (
        "ca.pem",
        lambda p: asyncio.run(open_channel(Endpoint("127.0.0.1:1", Tls(ca=p / "ca.pem")), within=1)),
    ),
    "certificate of an Engine": (
        "ca.pem",
        lambda p: docker_host(settings(p, DOCKER_HOST="tcp://a:1", DOCKER_TLS_VERIFY="1"), "default"),
    ),
    "blob": (f"blobs/sha256/{'a' * 64}", lambda p: Layout(p).read(DIGEST)),
}
"""What reads a file below a folder, by what it holds: it ends, with a value or an error with a text."""

KINDS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "device": lambda p: p.symlink_to("/dev/zero"),
    "deep JSON": lambda p: p.write_text("[" * 300_000) and None,
    "long number": lambda p: p.write_text(f'{{"a": {"9" * 10_000}}}') and None,
}

UNBOUNDED = {"read_bytes", "read_text"}
OURS = {
    "engine/find.py",
    "engine/gobuild.py",
    "engine/privileges.py",
    "engine/process.py",
    "engine/supervisor.py",
    "grammar/scanner.py",
}
"""Modules that read what bakepy wrote, is part of the package, or comes from the kernel; or no file."""


def settings(folder: Path, **variables: str) -> Settings:
    github = {"GITHUB_ACTIONS": "1", "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(folder / "event")}
    return Settings({"DOCKER_CONFIG": str(folder), "DOCKER_CERT_PATH": str(folder), **github, **variables})


@pytest.mark.parametrize("what", READERS)
def test_special_file_of_the_machine_ends_the_read(what: str, tmp_path: Path) -> None:
    """Pipes, devices and nonsense neither hang nor crash a reader."""
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)); "
        "from tests.test_machine_files import read_all; read_all(*sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, what, str(tmp_path)],
        cwd=PACKAGE.parent, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60,
        env={**os.environ, "GRPC_VERBOSITY": "NONE"},
    )  # fmt: skip
    assert (done.stdout.split("\n"), done.stderr) == ([*KINDS, ""], "")


def read_all(what: str, folder: str) -> None:
    """Read a file of each kind as its reader does; only errors for users are expected."""
    name, reader = READERS[what]
    for kind, make in KINDS.items():
        path = Path(folder) / kind / name
        path.parent.mkdir(parents=True)
        make(path)
        with contextlib.suppress(BakeError, RpcError, TransportError):
            reader(Path(folder) / kind)
        print(kind, flush=True)


def test_only_one_module_reads_whole_files() -> None:
    """A reader without bounds is found before it meets a pipe."""
    found = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if str(path.relative_to(PACKAGE)) not in OURS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in UNBOUNDED
    }
    assert found == set()
