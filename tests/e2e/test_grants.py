"""Privileges are asked for before the engine is, and reach it once they are granted."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import running_buildkitd
from tests.e2e.conftest import COMMAND, Project
from tests.site import write

pytestmark = pytest.mark.e2e

HOST = """
target "default" {
  network = "host"
  dockerfile-inline = "FROM scratch\\nCOPY sh /bin/sh\\nRUN echo done > /done\\n"
  output = ["out"]
}
"""
BESIDE = 'target "default" {\n context = "../beside"\n output = ["out"]\n}\n'


@pytest.fixture(scope="module")
def permissive() -> Iterator[str]:
    """The address of an engine that permits the host's network."""
    with running_buildkitd("--allow-insecure-entitlement", "network.host") as daemon:
        yield daemon.endpoint.target.replace("unix:", "unix://")


@pytest.fixture
def beside(tmp_path: Path, address: str) -> Project:
    """A project with another folder beside it."""
    write(tmp_path, {"beside/Dockerfile": "FROM scratch\nCOPY x /x\n", "beside/x": "x", "here/docker-bake.hcl": BESIDE})
    return Project(tmp_path / "here", address)


def test_a_granted_privilege_reaches_the_engine(project: Project, permissive: str) -> None:
    """A step runs in the host's network where user and engine both permit it."""
    host = Project(project.path, permissive)
    refused = host.bake(HOST, check=False)
    assert refused.stderr.endswith("ERROR: additional privileges requested\n")
    host.bake(HOST, "--allow=network.host")
    assert host.read("out/done") == "done\n"


def test_the_engine_has_a_word_too(project: Project) -> None:
    """What it does not permit fails there, however much the user does."""
    done = project.bake(HOST, "--allow=network.host", check=False)
    assert done.returncode == 1
    assert "network.host is not allowed" in done.stderr


def test_nothing_is_asked_where_nothing_is_built(beside: Project) -> None:
    """Printing needs no grant."""
    assert beside.bake(BESIDE, "--print").returncode == 0
    assert beside.bake(BESIDE, "--list=targets").returncode == 0


def test_the_command_that_is_named_does_it(beside: Project) -> None:
    """What a refused run shows can be typed as it stands."""
    done = beside.bake(BESIDE, check=False)
    shown = done.stderr.split("Your full command with requested privileges:\n\n")[1].splitlines()[0]
    words = shown.removeprefix("bakepy ").split()
    subprocess.run([*COMMAND, *words], cwd=beside.path, env=beside.environ({}), check=True, capture_output=True)
    assert beside.read("out/x") == "x"


@pytest.mark.parametrize(("answer", "built"), [(b"y\n", True), (b"n\n", False)])
def test_a_user_at_a_terminal_decides(beside: Project, answer: bytes, built: bool) -> None:
    """The build goes on after a yes."""
    mine, theirs = pty.openpty()
    os.write(mine, answer)
    done = subprocess.run(
        beside.command(BESIDE),
        cwd=beside.path,
        env=beside.environ({}),
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=60,
    )
    os.close(mine)
    os.close(theirs)
    assert "Do you want to grant requested privileges and continue? [y/N]" in done.stderr
    assert (done.returncode == 0) == built
    assert (beside.path / "out" / "x").exists() == built


def test_links_do_not_lead_out_unasked(beside: Project) -> None:
    """A link of the project's own that leads elsewhere counts as what it leads to."""
    (beside.path / "link").symlink_to("../beside")
    done = beside.bake('target "default" {\n context = "link"\n output = ["out"]\n}', check=False)
    assert 'Pass "--allow=fs.read=../beside"' in done.stderr
    assert not (beside.path / "out").exists()
