"""A private Docker Engine for tests, never the machine's own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakepy.drivers.docker_api import DockerApi
from bakepy.drivers.docker_host import DockerHost
from bakepy.engine.mounts import unmount_below

PATIENCE = 60.0


@contextlib.contextmanager
def running_dockerd(program: str, *options: str) -> Iterator[DockerHost]:
    """Run `dockerd20` or `dockerd29` while the context lasts; skips the test where it is missing."""
    found = shutil.which(program)
    if found is None or os.geteuid() != 0:
        pytest.skip(f"no {program} on PATH, or not root: `make test` as root provides one")
    with tempfile.TemporaryDirectory(prefix="de-", ignore_cleanup_errors=True) as folder:
        host = DockerHost("test", f"unix://{folder}/d.sock")
        places = (
            f"-H={host.url}",
            f"--data-root={folder}/data",
            f"--exec-root={folder}/exec",
            f"--pidfile={folder}/pid",
        )
        # No bridge and no rules: the machine's network stays as it is.
        network = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--userland-proxy=false")
        with (
            open(f"{folder}/log", "w+b") as log,
            subprocess.Popen(
                [found, *places, *network, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            ) as daemon,
        ):
            try:
                _wait_for(host, daemon, Path(log.name))
                yield host
            finally:
                daemon.send_signal(signal.SIGTERM)
                try:
                    daemon.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    os.killpg(daemon.pid, signal.SIGKILL)
                unmount_below(Path(folder))


def _wait_for(host: DockerHost, daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and daemon.poll() is None:
        if DockerApi(host).answers():
            return
        time.sleep(0.05)
    pytest.fail(f"dockerd did not start:\n{log.read_text(errors='replace')[-2000:]}")
