from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import registries
from tests.daemon import running_buildkitd

BUSYBOX = Path("/bin/busybox")
ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from bakepy.cli.main import entry; entry()"]


@dataclass
class Project:
    """A folder with a definition, a shell to build with, and the command that builds it."""

    path: Path
    address: str
    env: dict[str, str] = field(default_factory=dict)

    def write(self, **files: str) -> None:
        """Write files; `__` in a name stands for a dot, as in `docker_bake__hcl`."""
        for name, text in files.items():
            path = self.path / name.replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def bake(self, hcl: str, *words: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Build with a definition; standard output and error are separate."""
        run = subprocess.run(
            self.command(hcl, *words), cwd=self.path, env=self.environ(env), capture_output=True, text=True, timeout=120
        )
        if check:
            assert run.returncode == 0, run.stderr
        return run

    def command(self, hcl: str, *words: str) -> list[str]:
        (self.path / "docker-bake.hcl").write_text(hcl)
        return [*COMMAND, "build", "--builder", self.address, "--progress", "plain", *words]

    def environ(self, env: dict[str, str]) -> dict[str, str]:
        return {**os.environ, "DOCKER_CONFIG": str(self.path / ".docker"), **self.env, **env}

    def read(self, name: str) -> str:
        return (self.path / name).read_text()


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with running_buildkitd() as daemon:
        yield daemon.endpoint.target.replace("unix:", "unix://")


@pytest.fixture
def project(tmp_path: Path, address: str) -> Project:
    """A project whose Dockerfile's `FROM scratch` gets a shell by `COPY sh /bin/sh`."""
    shutil.copy(BUSYBOX, tmp_path / "sh")
    return Project(tmp_path, address)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host and port of a registry of our own."""
    with registries.registry(tmp_path_factory.mktemp("registry")) as domain:
        yield domain


def run(project: Project, *words: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
    """Build what the words name, on the project's builder."""
    command = [*COMMAND, "build", "--builder", project.address, "--progress", "plain", *words]
    done = subprocess.run(
        command,
        cwd=project.path,
        env=project.environ(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done


def installed(folder: Path) -> Path:
    """Return a new folder in a folder that holds the command alone, to be put on PATH."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "bakepy").write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from bakepy.cli.main import entry\nentry()\n"
    )
    (programs / "bakepy").chmod(0o755)
    return programs
