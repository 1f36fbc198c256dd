"""A BuildKit that someone else runs: over a unix socket, over TCP, and over TCP with TLS on both sides."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bakepy.drivers.interface import Capability, DriverError, Status
from bakepy.drivers.remote import RemoteDriver, endpoint
from bakepy.transport.endpoint import Endpoint, Tls
from bakepy.transport.faults import Fault, TransportError
from tests.building import build
from tests.daemon import running_buildkitd
from tests.drivers.certificates import Certificates, write_certificates
from tests.ports import free_port


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return write_certificates(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def secure(certificates: Certificates) -> Iterator[tuple[str, str]]:
    """The URLs of one BuildKit: its unix socket, and a port where both sides show certificates."""
    url = f"tcp://127.0.0.1:{free_port()}"
    files = {"tlscacert": certificates.ca, "tlscert": certificates.server_cert, "tlskey": certificates.server_key}
    with running_buildkitd("--addr", url, *(f"--{name}={path}" for name, path in files.items())) as daemon:
        yield daemon.endpoint.target.replace("unix:", "unix://"), url


def options(certificates: Certificates) -> dict[str, str]:
    return {"cacert": str(certificates.ca), "cert": str(certificates.cert), "key": str(certificates.key)}


@pytest.mark.e2e
async def test_a_unix_socket_builds(secure: tuple[str, str], context: Path) -> None:
    """A BuildKit at a unix socket is inspected and builds."""
    driver = RemoteDriver(secure[0], {})
    await driver.boot(lambda _text: None)
    node = await driver.inspect()

    assert node.status is Status.RUNNING
    assert node.version.startswith("v")
    assert node.platforms
    assert Capability.LOADS_BY_ITSELF not in await driver.capabilities()
    async with driver.dial() as found:
        await build(found, context)


@pytest.mark.e2e
async def test_mutual_tls_builds(secure: tuple[str, str], certificates: Certificates, context: Path) -> None:
    """With the right certificates a build runs over TLS."""
    driver = RemoteDriver(secure[1], options(certificates))
    await driver.boot(lambda _text: None)

    assert (await driver.inspect()).status is Status.RUNNING
    async with driver.dial() as found:
        await build(found, context)


@pytest.mark.e2e
async def test_a_missing_client_certificate_is_named(secure: tuple[str, str], certificates: Certificates) -> None:
    """Without a client's certificate the error says that it is that."""
    driver = RemoteDriver(secure[1], {"cacert": str(certificates.ca)})

    with pytest.raises(TransportError) as caught:
        await driver.boot(lambda _text: None)
    assert caught.value.fault is Fault.CLIENT_CERTIFICATE
    assert (await driver.inspect()).status is Status.INACTIVE


@pytest.mark.e2e
async def test_plain_tcp_builds(context: Path) -> None:
    """A port without TLS serves as well."""
    url = f"tcp://localhost:{free_port()}"
    with running_buildkitd("--addr", url):
        async with RemoteDriver(url, {}).dial() as found:
            await build(found, context)


@pytest.mark.parametrize(
    ("url", "given", "expected"),
    [
        ("unix:///run/bk.sock", {}, Endpoint("unix:/run/bk.sock")),
        ("tcp://far:9999", {}, Endpoint("far:9999")),
        ("tcp://far", {"default-load": "true"}, Endpoint("far:1234")),
        ("tcp://[::1]:1", {}, Endpoint("[::1]:1")),
        (
            "tcp://far:1",
            {"cacert": "/ca", "servername": "name"},
            Endpoint("far:1", Tls(ca=Path("/ca"), server_name="name")),
        ),
    ],
)
def test_addresses_become_endpoints(url: str, given: dict[str, str], expected: Endpoint) -> None:
    """An address and its driver options say all that a channel needs."""
    assert endpoint(url, given) == expected


@pytest.mark.parametrize(
    ("url", "given", "complaint"),
    [
        ("far:1234", {}, "address far:1234 is not supported"),
        ("npipe://far", {}, "address npipe://far is not supported"),
        ("unix://", {}, "is not supported"),
        ("tcp://far:65536", {}, "invalid address tcp://far:65536: Port out of range"),
        ("tcp://[fa", {}, "Invalid IPv6 URL"),
        ("tcp://far:1", {"cacert": "ca.pem"}, "non-absolute path 'ca.pem' provided for cacert"),
        ("tcp://far:1", {"cacert": "/ca", "cert": "/c"}, "tls enabled, but missing keys key"),
        ("tcp://far:1", {"cert": "/c", "key": "/k"}, "tls enabled, but missing keys cacert"),
        ("tcp://far:1", {"servername": "x"}, "tls enabled, but missing keys cacert"),
        ("tcp://far:1", {"ca": "/ca"}, "invalid driver option ca for remote driver"),
    ],
)
def test_bad_addresses_and_options_are_named(url: str, given: dict[str, str], complaint: str) -> None:
    """What cannot work is refused before anything is dialled."""
    with pytest.raises(DriverError, match=complaint):
        endpoint(url, given)
