"""A Docker Engine over TCP with TLS on both sides, as DOCKER_HOST with DOCKER_TLS_VERIFY means it."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakepy.drivers.docker import DockerDriver
from bakepy.drivers.docker_api import DockerApi
from bakepy.drivers.docker_container import DockerContainerDriver
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import DriverError
from bakepy.records import replace
from bakepy.settings import Settings
from tests.building import build
from tests.buildkit_image import IMAGE, load_buildkit
from tests.docker_engine import running_dockerd
from tests.drivers.certificates import Certificates, write_certificates
from tests.ports import free_port

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return write_certificates(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module", params=["dockerd20", "dockerd29"])
def secure(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[DockerHost]:
    url = f"tcp://127.0.0.1:{free_port()}"
    files = (
        f"--tlscacert={certificates.ca}",
        f"--tlscert={certificates.server_cert}",
        f"--tlskey={certificates.server_key}",
    )
    with running_dockerd(request.param, f"-H={url}", "--tlsverify", *files):
        yield DockerHost("default", url, certificates.tls)


async def test_a_build_runs_over_tls(secure: DockerHost, context: Path) -> None:
    """Connections are upgraded inside TLS with either generation."""
    async with DockerDriver(secure).dial() as endpoint:
        await build(endpoint, context)


async def test_a_container_is_made_and_reached_over_tls(
    secure: DockerHost, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls that make a container and the stream into it trust the Engine's CA, whatever the web's are."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(context / "Dockerfile"))
    await asyncio.to_thread(load_buildkit, secure, context)
    driver = DockerContainerDriver(secure, "tls0", Settings({"DOCKER_CONFIG": str(context)}), options={"image": IMAGE})
    try:
        await driver.boot(lambda _text: None)
        async with driver.dial() as endpoint:
            await build(endpoint, context)
    finally:
        await driver.remove()


def test_an_untrusted_engine_is_refused(secure: DockerHost, tmp_path: Path) -> None:
    """An Engine whose certificate another CA signed does not count as answering."""
    stranger = replace(secure, tls=write_certificates(tmp_path).tls)

    assert DockerApi(secure).answers()
    assert not DockerApi(stranger).answers()
    with pytest.raises(DriverError, match="does not answer") as caught:
        DockerApi(stranger).info()
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
