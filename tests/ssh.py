"""A machine that SSH reaches: Debian's sshd with keys of our own, in a network of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.programs import needed, needs_root
from tests.site import Site
from tests.waiting import accepts, wait_for

ACCOUNTS = """\
root:*:0:0:root:/root:/bin/sh
git:*:0:0:git:{home}:/bin/sh
sshd:*:65533:65534::/run/sshd:/usr/sbin/nologin
"""
CONFIG = """\
ListenAddress 127.0.0.1:22
HostKey {home}/host
AuthorizedKeysFile {home}/user.pub
StrictModes no
UsePAM no
PidFile none
SetEnv "PATH={programs}"
"""
# sshd wants an account and a folder of its own, and port 22 is the only one that git@host:path can mean. In namespaces
# of its own it has them all, and the machine stays as it is.
START = """
mount --bind accounts /etc/passwd
mount -t tmpfs none /run
mkdir /run/sshd
busybox ip link set lo up
exec "$0" -D -e -f "$PWD/config"
"""


class SshSite:
    """A folder whose repositories user `git` of 127.0.0.1 reaches with the key `user`."""

    def __init__(self, path: Path, process: int) -> None:
        self.path = path
        self.key = path / "user"
        self.process = process
        self._site = Site(path, url=f"ssh://git@127.0.0.1{path}")

    @property
    def beside(self) -> tuple[str, ...]:
        """The command that runs another one where the server can be reached."""
        return ("nsenter", f"--net=/proc/{self.process}/ns/net")

    def client(self, folder: Path) -> Path:
        """Write a program into a folder that is `ssh` to that machine, whatever name it is asked for; return it."""
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o HostName=127.0.0.1"
        program = folder / "ssh"
        ssh = f"{shutil.which('ssh')} -i {self.key} -o User=git {options}"
        program.write_text(f'#!/bin/sh\nexec {" ".join(self.beside)} {ssh} "$@"\n')
        program.chmod(0o755)
        return program

    def repository(self, name: str, files: dict[str, str]) -> str:
        """Make a repository with the given files on branch main and return its address."""
        return self._site.repository(name, files)

    def known_host(self, key: str = "host") -> str:
        """Return the line of a known_hosts file that says that the server has a key."""
        kind, data, *_ = (self.path / f"{key}.pub").read_text().split()
        return f"127.0.0.1 {kind} {data}\n"


@contextlib.contextmanager
def serving_ssh(path: Path) -> Iterator[SshSite]:
    """Serve a folder while the context lasts; skips the test if not root."""
    sshd = needed("sshd")
    needs_root()
    for name in ("host", "user"):
        make_key(path / name)
    (path / "accounts").write_text(ACCOUNTS.format(home=path))
    (path / "config").write_text(CONFIG.format(home=path, programs=os.environ["PATH"]))
    # libwrap lies beside it.
    environment = os.environ | {"LD_LIBRARY_PATH": str(Path(sshd).parent)}
    command = ["unshare", "--mount", "--net", "sh", "-euc", START, sshd]
    with (
        open(path / "log", "wb") as log,
        subprocess.Popen(
            command, cwd=path, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ) as server,
    ):
        try:
            _wait_for(server, path / "log")
            yield SshSite(path, server.pid)
        finally:
            server.terminate()


def make_key(path: Path) -> None:
    """Make a key without a passphrase, and the public one beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


@contextlib.contextmanager
def running_agent(path: Path, *keys: Path) -> Iterator[str]:
    """Run an ssh-agent with some keys at a path while the context lasts, and give the path."""
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as agent:
        try:
            wait_for(lambda: accepts(path))
            for key in keys:
                environment = os.environ | {"SSH_AUTH_SOCK": str(path)}
                subprocess.run(["ssh-add", "-q", key], env=environment, check=True, capture_output=True)
            yield str(path)
        finally:
            agent.terminate()


def _wait_for(server: subprocess.Popen[bytes], log: Path) -> None:
    wait_for(lambda: server.poll() is not None or b"Server listening" in log.read_bytes())
    assert server.poll() is None, f"sshd did not start:\n{log.read_text(errors='replace')}"
