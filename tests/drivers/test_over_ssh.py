"""Builders and Docker Engines on another machine, through a real sshd."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakepy.drivers.docker import DockerDriver
from bakepy.drivers.docker_container import DockerContainerDriver
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import DriverError, Status
from bakepy.drivers.remote_command import RemoteCommandDriver
from bakepy.settings import Settings
from tests.building import build
from tests.buildkit_image import IMAGE, load_buildkit
from tests.daemon import running_buildkitd
from tests.programs import needed
from tests.ssh import SshSite, serving_ssh

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshSite]:
    """Another machine, on whose PATH are buildctl and Docker's client."""
    folder = tmp_path_factory.mktemp("far")
    client = needed("docker-client")
    programs = folder / "programs"
    programs.mkdir()
    (programs / "docker").symlink_to(client)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        with serving_ssh(folder) as site:
            yield site


@pytest.fixture
def site(far: SshSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SshSite:
    """That machine, reached by the first `ssh` on PATH."""
    near = tmp_path / "near"
    near.mkdir()
    far.client(near)
    monkeypatch.setenv("PATH", f"{near}:{os.environ['PATH']}")
    return far


async def test_a_builder_builds(site: SshSite, context: Path) -> None:
    """A BuildKit is reached by the path of its socket on the other machine."""
    with running_buildkitd() as daemon:
        driver = RemoteCommandDriver(f"ssh://far{daemon.endpoint.target.removeprefix('unix:')}", {})
        await driver.boot(lambda _text: None)
        assert (await driver.inspect()).status is Status.RUNNING
        async with driver.dial() as found:
            await build(found, context)


async def test_a_socket_that_is_not_there_is_named(site: SshSite) -> None:
    """What buildctl says on the other machine is part of the error."""
    driver = RemoteCommandDriver("ssh://far/nowhere.sock", {})
    with pytest.raises(DriverError, match=r"buildctl --addr unix:///nowhere\.sock dial-stdio: .*no such file"):
        await driver.boot(lambda _text: None)


def over_ssh(docker: DockerHost) -> DockerHost:
    return DockerHost("far", f"ssh://far{docker.url.removeprefix('unix://')}")


async def test_an_engine_builds(site: SshSite, docker: DockerHost, context: Path) -> None:
    """An Engine of either generation is asked, and builds, through its own client on the other machine."""
    driver = DockerDriver(over_ssh(docker))
    await driver.boot(lambda _text: None)
    assert (await driver.inspect()).status is Status.RUNNING
    async with driver.dial() as found:
        await build(found, context)


async def test_a_container_of_that_engine_builds(
    site: SshSite, docker: DockerHost, context: Path, tmp_path: Path
) -> None:
    """A BuildKit in a container is made, used and removed there."""
    load_buildkit(docker, tmp_path)
    driver = DockerContainerDriver(over_ssh(docker), "ssh0", Settings(), options={"image": IMAGE, "network": "host"})
    try:
        await driver.boot(lambda _text: None)
        assert (await driver.inspect()).status is Status.RUNNING
        async with driver.dial() as found:
            await build(found, context)
    finally:
        await driver.remove()
    assert (await driver.inspect()).status is Status.INACTIVE
