"""The few calls of the Docker Engine's HTTP API that a build needs.

They are made with the standard library: importing Docker's own SDK takes longer than a cached build.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult

from bakepy.drivers.address import split_address
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import DriverError
from bakepy.drivers.tls_stream import TlsStream
from bakepy.records import Record
from bakepy.transport.deadline import Deadline, shut
from bakepy.transport.endpoint import Endpoint, Tls
from bakepy.transport.pump import ByteStream, SocketStream

if TYPE_CHECKING:
    from bakepy.transport.command import Command

QUICK = 2.0
"""Seconds that an Engine may take to answer a ping."""

CALL = 30.0
LIMIT = 16 << 20
"""Bytes of an answer: more is none of an Engine's."""
_API = re.compile(r"(?a:(\d{1,4})\.(\d{1,4}))")

LOGIN = 30.0
"""Seconds that logging in over SSH may take before an Engine can answer."""

GRPC_ON_THE_SOCKET = (1, 53)
"""The API version from which the Engine serves gRPC on its listening socket."""


class EngineInfo(Record):
    """Hold what an Engine says of itself."""

    __slots__ = ("version", "api", "containerd_store", "platform")

    def __init__(self, version: str, api: tuple[int, int], containerd_store: bool, platform: str) -> None:
        self.version: Final = version
        self.api: Final = api
        self.containerd_store: Final = containerd_store
        self.platform: Final = platform

    @property
    def major(self) -> int:
        """Return the first number of the Engine's version, 0 where it is not a number (a development build)."""
        head = self.version.partition(".")[0]
        return int(head) if head.isdigit() else 0


class Answer(Record):
    """Hold what an Engine answered: the status, and the JSON object where there is one."""

    __slots__ = ("status", "body")

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status: Final = status
        self.body: Final = body

    @property
    def reason(self) -> str:
        """Return the Engine's own words on what is wrong."""
        return str(self.body.get("message") or f"status {self.status}")


class DockerApi:
    """Call one Docker Engine."""

    def __init__(self, host: DockerHost) -> None:
        self.host = host
        self._command: Command | None = None
        self._loading: socket.socket | None = None

    def answers(self) -> bool:
        """Tell within about two seconds whether an Engine answers; never raises."""
        try:
            return self._ping() is not None
        except (OSError, http.client.HTTPException, DriverError):
            return False

    def require(self) -> None:
        """Raise DriverError unless an Engine answers within about two seconds."""
        try:
            version = self._ping()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        if version is None:
            raise self._no_engine()

    def info(self) -> EngineInfo:
        """Ask the Engine who it is; raises DriverError."""
        version = self._get("/version")
        store = self._get("/info").get("DriverStatus") or []
        found = _API.fullmatch(str(version.get("ApiVersion", "0.0")))
        if not found or not isinstance(store, list):
            raise self._no_engine()
        return EngineInfo(
            version=str(version.get("Version", "")),
            api=(int(found[1]), int(found[2])),
            containerd_store=["driver-type", "io.containerd.snapshotter.v1"] in store,
            platform=f"{version.get('Os', 'linux')}/{version.get('Arch', 'amd64')}",
        )

    def endpoint(self) -> Endpoint | None:
        """Return the address of the Engine's own socket, which serves gRPC from API 1.53 on; None where it has none.

        Over TLS the Engine agrees to HTTP/1.1 alone (ALPN), so the connection has to be upgraded.
        """
        parts = split_address(self.host.url)
        if parts.scheme == "unix":
            return Endpoint(f"unix:{parts.path}")
        if parts.scheme == "ssh" or self.host.tls:
            return None
        return Endpoint(f"{parts.hostname}:{_port(parts.port, None)}")

    def hijack(self) -> ByteStream:
        """Turn a connection into a stream to the Engine's BuildKit (`POST /grpc`); raises DriverError."""
        found = self.upgrade("/grpc", "h2c")
        if isinstance(found, str):
            raise DriverError.of(
                f"the Docker Engine at {self.host.url} has no BuildKit",
                f'it answers "{found}" to POST /grpc',
                hint="it needs Docker Engine 20.10 or newer; or name another builder with --builder",
            )
        return found

    def upgrade(self, path: str, protocol: str, body: object = None) -> ByteStream | str:
        """POST to a path and return the connection as a stream, or the first line of an answer that refuses it.

        Raises DriverError where the Engine does not answer.
        """
        sock = self.open(CALL)
        try:
            with Deadline(2 * CALL) as deadline:
                deadline.watch(sock)
                stream = self._secured(sock)
                stream.write(memoryview(_upgrade(path, protocol, body)))
                head = _head(stream)
        except OSError as error:
            fault = self._unreachable(error)
            sock.close()
            raise fault from error
        head, _, early = head.partition(b"\r\n\r\n")
        if head.split(b" ")[1:2] != [b"101"]:
            stream.close()
            return head.split(b"\r\n")[0].decode(errors="replace")
        sock.settimeout(None)
        if isinstance(stream, TlsStream):
            stream.unread(early)
            return stream
        return SocketStream(sock, early)

    def request(self, method: str, path: str, body: object = None) -> Answer:
        """Make one call whose answer is short, whatever its status; raises DriverError where none comes."""
        connection = self._connection(CALL)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            with Deadline(2 * CALL) as deadline:
                deadline.watch(connection.sock)
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                with connection.getresponse() as response:
                    data = response.read(LIMIT)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        return _answer(response.status, data)

    def load(self, chunks: Iterable[bytes], say: Callable[[str], None]) -> None:
        """Load a tar of images into the Engine's store, telling what it says; raises DriverError."""
        connection = self._connection(None)
        self._loading = connection.sock
        try:
            headers = {"Content-Type": "application/x-tar", "Transfer-Encoding": "chunked"}
            # An Engine that has seen enough answers and hangs up in the middle: its answer says why.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", "/images/load?quiet=0", body=chunks, headers=headers, encode_chunked=True)
            with connection.getresponse() as response:
                if response.status != 200:
                    raise self.refused("loading the image", _answer(response.status, response.read(LIMIT)))
                for message in _messages(response):
                    if "error" in message:
                        raise DriverError.of("the Docker Engine could not load the image", str(message["error"]))
                    text = str(message.get("stream") or "").strip()
                    if text:
                        say(text)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def hang_up(self) -> None:
        """End a load that runs in another thread."""
        if self._loading:
            shut(self._loading)

    def _ping(self) -> str | None:
        connection = self._connection(QUICK)
        try:
            with Deadline(2 * (connection.sock.gettimeout() or QUICK)) as deadline:
                deadline.watch(connection.sock)
                connection.request("GET", "/_ping")
                response = connection.getresponse()
            with response:
                return response.headers.get("Api-Version") if response.status == 200 else None
        finally:
            connection.close()

    def _get(self, path: str) -> dict[str, Any]:
        answer = self.request("GET", path)
        if answer.status != 200:
            raise self.refused(f"GET {path}", answer)
        return answer.body

    def _connection(self, timeout: float | None) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("docker")
        sock = self.open(timeout)
        if tls := self.host.tls:
            try:
                connection.sock = _context(tls).wrap_socket(sock, server_hostname=self._server_name)
            except OSError as error:
                sock.close()
                raise self._unreachable(error) from error
        else:
            connection.sock = sock
        return connection

    def _secured(self, sock: socket.socket) -> ByteStream:
        if self.host.tls is None:
            stream = SocketStream(sock)
            sock.settimeout(CALL)
            return stream
        secure = TlsStream(sock, _context(self.host.tls), self._server_name)
        secure.handshake()
        return secure

    @property
    def _server_name(self) -> str:
        named = self.host.tls.server_name if self.host.tls else None
        return named or split_address(self.host.url).hostname or "localhost"

    def open(self, timeout: float | None) -> socket.socket:
        """Connect to the Engine, without TLS as yet; raises DriverError."""
        parts = split_address(self.host.url)
        try:
            match parts.scheme:
                case "unix":
                    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                    try:
                        sock.settimeout(timeout)
                        sock.connect(parts.path)
                    except OSError:
                        sock.close()
                        raise
                    return sock
                case "tcp" | "http" | "https":
                    port = _port(parts.port, self.host.tls)
                    return socket.create_connection((parts.hostname or "localhost", port), timeout)
                case "ssh":
                    return self._over_ssh(parts, timeout)
        except OSError as error:
            raise self._unreachable(error) from error
        raise DriverError.of(
            f"Docker Engines at {parts.scheme}:// addresses are not supported yet",
            f'the context "{self.host.context}" has {self.host.url}',
            hint="name another builder with --builder, or another context with DOCKER_CONTEXT",
        )

    def _over_ssh(self, parts: SplitResult, timeout: float | None) -> socket.socket:
        from bakepy.drivers.ssh import ssh
        from bakepy.transport.command import Command, CommandError

        where = ("--host", f"unix://{parts.path}") if parts.path.strip("/") else ()
        try:
            self._command = Command(ssh(parts, "docker", *where, "system", "dial-stdio"))
        except CommandError as error:
            raise self._unreachable(error) from error
        self._command.socket.settimeout(timeout and max(timeout, LOGIN))
        return self._command.socket

    def _no_engine(self) -> DriverError:
        return DriverError.of(
            f"what answers at {self.host.url} is no Docker Engine", hint="name another with DOCKER_HOST"
        )

    def _unreachable(self, error: Exception) -> DriverError:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        hint = "start it, or use another builder, such as embedded"
        if isinstance(error, PermissionError):
            hint = "this user may not use it: ask for membership of the group docker"
        if self._command and (said := self._command.ended()):
            reason = f"{self._command}: {said}"
            hint = "check it by hand, for it must log in without asking anything; docker must be on the PATH there"
        return DriverError.of(f"the Docker Engine at {self.host.url} does not answer", reason, hint=hint)

    def refused(self, what: str, answer: Answer) -> DriverError:
        """Return the error for a call that the Engine refused."""
        return DriverError.of(
            f"the Docker Engine at {self.host.url} refused: {what}", f"{answer.status}: {answer.reason}"
        )


def _answer(status: int, data: bytes) -> Answer:
    try:
        found = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        found = {"message": data[:500].decode(errors="replace")}
    return Answer(status, found if isinstance(found, dict) else {})


def _upgrade(path: str, protocol: str, body: object) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def _head(stream: ByteStream) -> bytes:
    """Return an answer up to the end of its headers, and what came with them."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 1 << 16 and (more := stream.read(4096)):
        head += more
    return head


def _port(port: int | None, tls: Tls | None) -> int:
    return port or (2376 if tls else 2375)


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
    if tls.cert:
        context.load_cert_chain(tls.cert, tls.key)
    return context


def _messages(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    while line := response.readline(LIMIT):
        if not line.strip():
            continue
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = {"error": line[:200].decode(errors="replace").strip()}
        if isinstance(message, dict):
            yield message
