"""A Docker Engine over TCP with TLS on both sides, as DOCKER_HOST with DOCKER_TLS_VERIFY means it."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakepy.drivers.docker import DockerDriver
from bakepy.drivers.docker_api import DockerApi
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import DriverError
from bakepy.records import replace
from tests.building import build
from tests.docker_engine import running_dockerd
from tests.drivers.certificates import Certificates, write_certificates
from tests.ports import free_port


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


def test_an_untrusted_engine_is_refused(secure: DockerHost, tmp_path: Path) -> None:
    """An Engine whose certificate another CA signed does not count as answering."""
    stranger = replace(secure, tls=write_certificates(tmp_path).tls)

    assert DockerApi(secure).answers()
    assert not DockerApi(stranger).answers()
    with pytest.raises(DriverError, match="does not answer") as caught:
        DockerApi(stranger).info()
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
