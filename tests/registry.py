"""A private registry for tests."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from tests.ports import free_port

PATIENCE = 20.0


@contextlib.contextmanager
def running_registry(folder: Path, **users: str) -> Iterator[str]:
    """Run a registry while the context lasts, open to users with their passwords, or to all; gives host and port."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no docker-registry: `make test` provides one")
    port = free_port()
    config = (
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder}/data\nhttp:\n  addr: 127.0.0.1:{port}\n"
    )
    if users:
        lines = [f"{name}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}\n" for name, word in users.items()]
        (folder / "users").write_text("".join(lines))
        config += f"auth:\n  htpasswd:\n    realm: here\n    path: {folder}/users\n"
    (folder / "registry.yml").write_text(config)
    with (
        (folder / "registry.log").open("wb") as log,
        subprocess.Popen([program, "serve", folder / "registry.yml"], stdout=log, stderr=log) as process,
    ):
        try:
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
