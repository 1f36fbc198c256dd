"""A channel opens to real servers, and each way to fail has its own name and remedy."""

import asyncio
import contextlib
import datetime
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import grpc.aio
import pytest
import trustme

from bakepy.transport.dial import open_channel
from bakepy.transport.endpoint import Endpoint, Tls
from bakepy.transport.faults import Fault, TransportError
from tests.waiting import PATIENCE

PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


class Pems:
    """A CA, server certificates of several kinds, and a client's."""

    def __init__(self, folder: Path) -> None:
        authority, other = trustme.CA(), trustme.CA()
        self.ca, self.other_ca = folder / "ca.pem", folder / "other.pem"
        authority.cert_pem.write_to_path(self.ca)
        other.cert_pem.write_to_path(self.other_ca)
        self.server = authority.issue_cert("localhost", "127.0.0.1")
        self.named = authority.issue_cert("builder.example")
        self.expired = authority.issue_cert(
            "localhost", "127.0.0.1", not_before=PAST, not_after=PAST.replace(year=2021)
        )
        self.cert, self.key = self._client(folder / "client", authority)
        self.other_cert, self.other_key = self._client(folder / "stranger", other)
        self.garbage = folder / "garbage.pem"
        self.garbage.write_text("no certificate")

    @staticmethod
    def _client(stem: Path, authority: trustme.CA) -> tuple[Path, Path]:
        leaf = authority.issue_cert("client")
        cert, key = stem.with_suffix(".pem"), stem.with_suffix(".key")
        leaf.cert_chain_pems[0].write_to_path(cert)
        leaf.private_key_pem.write_to_path(key)
        return cert, key


@pytest.fixture(scope="session")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Pems:
    return Pems(tmp_path_factory.mktemp("pems"))


@contextlib.asynccontextmanager
async def grpc_server(leaf: trustme.LeafCert | None, client_ca: bytes | None = None) -> AsyncIterator[str]:
    """Run a gRPC server and yield its address."""
    server = grpc.aio.server()
    if leaf is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        pair = (leaf.private_key_pem.bytes(), b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        credentials = grpc.ssl_server_credentials([pair], client_ca, require_client_auth=client_ca is not None)
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def attempt(target: str, tls: Tls | None, within: float = PATIENCE) -> Fault | None:
    """Return how the connection fails, or None where it does not."""
    try:
        channel = await open_channel(Endpoint(target, tls), within=within)
    except TransportError as error:
        found = error
    else:
        await channel.close()
        return None
    assert target in str(found) or found.fault is Fault.FILES
    assert found.diagnostics[0].hint
    return found.fault


Case = tuple[Callable[[Pems], trustme.LeafCert | None], bool, Callable[[Pems], Tls | None], Fault | None]
CASES: dict[str, Case] = {
    "plaintext": (lambda p: None, False, lambda p: None, None),
    "tls": (lambda p: p.server, False, lambda p: Tls(p.ca), None),
    "mutual tls": (lambda p: p.server, True, lambda p: Tls(p.ca, p.cert, p.key), None),
    "name of the certificate given": (
        lambda p: p.named,
        False,
        lambda p: Tls(p.ca, server_name="builder.example"),
        None,
    ),
    "wrong name": (lambda p: p.named, False, lambda p: Tls(p.ca), Fault.WRONG_NAME),
    "wrong CA": (lambda p: p.server, False, lambda p: Tls(p.other_ca), Fault.WRONG_CA),
    "system's CAs": (lambda p: p.server, False, lambda p: Tls(), Fault.WRONG_CA),
    "expired": (lambda p: p.expired, False, lambda p: Tls(p.ca), Fault.EXPIRED),
    "TLS to plaintext": (lambda p: None, False, lambda p: Tls(p.ca), Fault.PLAINTEXT_SERVER),
    "plaintext to TLS": (lambda p: p.server, False, lambda p: None, Fault.TLS_SERVER),
    "client without certificate": (lambda p: p.server, True, lambda p: Tls(p.ca), Fault.CLIENT_CERTIFICATE),
    "client of another CA": (
        lambda p: p.server,
        True,
        lambda p: Tls(p.ca, p.other_cert, p.other_key),
        Fault.CLIENT_CERTIFICATE,
    ),
    "CA file missing": (lambda p: p.server, False, lambda p: Tls(p.ca.with_name("none.pem")), Fault.FILES),
    "CA file is garbage": (lambda p: p.server, False, lambda p: Tls(p.garbage), Fault.FILES),
    "key does not fit": (lambda p: p.server, True, lambda p: Tls(p.ca, p.cert, p.other_key), Fault.FILES),
}


@pytest.mark.parametrize("case", CASES)
async def test_servers_and_credentials(case: str, pems: Pems) -> None:
    """Each pairing of a server and credentials connects, or fails with its own fault."""
    leaf, mutual, tls, expected = CASES[case]
    async with grpc_server(leaf(pems), pems.ca.read_bytes() if mutual else None) as target:
        assert await attempt(target, tls(pems)) is expected


async def test_a_unix_socket(tmp_path: Path) -> None:
    """A unix socket connects; one that nobody has made is told from one that nobody serves."""
    path = tmp_path / "s"
    assert await attempt(f"unix:{path}", None) is Fault.NO_SOCKET
    server = grpc.aio.server()
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    assert await attempt(f"unix:{path}", None) is None
    await server.stop(None)

    stale = tmp_path / "stale"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(stale))
    assert await attempt(f"unix:{stale}", None) is Fault.REFUSED


@pytest.mark.parametrize("name", ["plain", "a b", "%41", "jürgen", "q?x=1", "h#x", "a:b", "[x]"])
async def test_names_of_sockets(name: str, tmp_path: Path) -> None:
    """A socket's path may hold any character; grpcio reads addresses as URIs."""
    path = tmp_path / name
    server = grpc.aio.server()
    server.add_insecure_port(f"unix:{tmp_path / 'real'}")
    await server.start()
    (tmp_path / "real").rename(path)

    assert await attempt(f"unix:{path}", None) is None
    await server.stop(None)


async def test_addresses_without_a_server() -> None:
    """A closed port, an unknown name and a silent server are told apart."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = f"127.0.0.1:{listener.getsockname()[1]}"
        assert await attempt(silent, None, within=0.2) is Fault.TIMEOUT
        assert await attempt(silent, Tls(), within=0.2) is Fault.TIMEOUT
    assert await attempt(silent, None) is Fault.REFUSED
    assert await attempt("nowhere.invalid:1234", None) is Fault.UNRESOLVED


async def test_something_else_than_grpc() -> None:
    """A server of another protocol is said to be one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await attempt(f"127.0.0.1:{port}", None) is Fault.NOT_GRPC


async def test_a_proxy_of_the_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies are for the web: a builder is dialled directly."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with grpc_server(None) as target:
        assert await attempt(target, None) is None


SCRIPT = """
import asyncio, sys
from pathlib import Path
from bakepy.cli import main
from bakepy.transport.dial import open_channel
from bakepy.transport.endpoint import Endpoint, Tls
from bakepy.transport.faults import TransportError

target, ca = sys.argv[1:]
sys.argv[1:] = ["--version"]
main.leave = lambda status: None  # the command ends its process; this one goes on
main.entry()
try:
    asyncio.run(open_channel(Endpoint(target, Tls(Path(ca)))))
except TransportError as error:
    print(error.fault.name)
"""


async def test_only_the_diagnostic_tells_of_a_failure(pems: Pems) -> None:
    """In the command, gRPC's own account of a failed handshake does not reach standard error."""
    async with grpc_server(pems.server, pems.ca.read_bytes()) as target:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SCRIPT, target, str(pems.ca), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        output, noise = await process.communicate()

    assert output.splitlines()[-1] == b"CLIENT_CERTIFICATE"
    assert noise == b""
