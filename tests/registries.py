"""Registries of our own on the loopback interface."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import bcrypt

from tests.ports import free_port
from tests.programs import needed
from tests.waiting import wait_for


@contextlib.contextmanager
def registry(folder: Path, auth: str = "", http: str = "") -> Iterator[str]:
    """Run a registry and give its domain; `auth` is a section of its configuration, `http` the rest of one."""
    program = needed("docker-registry")
    port = free_port()
    config = folder / "config.yml"
    storage = f"storage:\n  filesystem:\n    rootdirectory: {folder}/data\n"
    config.write_text(f"version: 0.1\n{storage}http:\n  addr: 127.0.0.1:{port}\n{http}{auth}")
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([program, "serve", config], stdout=log, stderr=log) as run,
    ):
        try:
            wait_for(lambda: run.poll() is not None or _answers(port))
            assert run.poll() is None, (folder / "log").read_text()
            yield f"127.0.0.1:{port}"
        finally:
            run.terminate()


def _answers(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def password(folder: Path, user: str, secret: str) -> str:
    """Return the section of a registry's configuration that lets one user in."""
    file = folder / "users"
    file.write_bytes(user.encode() + b":" + bcrypt.hashpw(secret.encode(), bcrypt.gensalt(4)) + b"\n")
    return f"auth:\n  htpasswd:\n    realm: here\n    path: {file}\n"
