"""A private Docker Engine for tests, never the machine's own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bakepy.drivers.docker_api import DockerApi
from bakepy.drivers.docker_host import DockerHost
from bakepy.engine.mounts import unmount_below
from tests.programs import needed, needs_root
from tests.waiting import PATIENCE, wait_for

RUNTIME = """\
#!/bin/sh
for arg; do
    case "$before" in
        --bundle) file=$arg/config.json ;;
        --process) file=$arg ;;
    esac
    before=$arg
done
[ -z "$file" ] || sed -i -E 's/"({names})",//g; s/,"({names})"//g' "$file"
exec {runc} "$@"
"""
"""Runs containers without the capabilities that this machine itself lacks, which an old Engine hands on unasked."""


@contextlib.contextmanager
def running_dockerd(program: str, *options: str) -> Iterator[DockerHost]:
    """Run `dockerd20` or `dockerd29` while the context lasts; skips the test if not root."""
    found = needed(program)
    needs_root()
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
                [found, *places, *network, *_runtime(Path(folder)), *options],
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


def _runtime(folder: Path) -> list[str]:
    """Return the options for an Engine on a machine that is itself a container and not allowed everything."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    status = Path("/proc/self/status").read_text().splitlines()
    bounding = next(int(line.split()[1], 16) for line in status if line.startswith("CapBnd"))
    lacking = ((2 << last) - 1) & ~bounding
    runc, capsh = shutil.which("runc"), shutil.which("capsh")
    if not lacking or not runc or not capsh:
        return []
    decoded = subprocess.run([capsh, f"--decode={lacking:x}"], capture_output=True, text=True, check=True).stdout
    names = decoded.strip().partition("=")[2].upper().replace(",", "|")
    script = folder / "runtime"
    script.write_text(RUNTIME.format(names=names, runc=runc))
    script.chmod(0o755)
    return [f"--add-runtime=allowed={script}", "--default-runtime=allowed"]


def _wait_for(host: DockerHost, daemon: subprocess.Popen[bytes], log: Path) -> None:
    wait_for(lambda: daemon.poll() is not None or DockerApi(host).answers())
    assert daemon.poll() is None, f"dockerd did not start:\n{log.read_text(errors='replace')[-2000:]}"
