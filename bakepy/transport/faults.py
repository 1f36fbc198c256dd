"""Say why an endpoint cannot be reached.

grpcio tells its reasons only as text, so after a failure the same address is tried once more by hand, where every
reason has a type: the system's errno, OpenSSL's reason, the verification's code.
"""

from __future__ import annotations

import enum
import socket
import ssl
from pathlib import Path

from bakepy.diagnostics import BakeError, Diagnostic
from bakepy.transport.endpoint import Endpoint, Tls

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
"""What an HTTP/2 client says first (RFC 9113, 3.4), with an empty SETTINGS frame."""

EXPIRED = {9, 10}
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""
WRONG_NAME = {62, 64}
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
TLS_ALERT, TLS_HANDSHAKE = 0x15, 0x16
"""Record types (RFC 8446, 5.1): what a TLS server answers to plaintext."""


class Fault(enum.Enum):
    """Tell apart the ways in which a connection fails."""

    NO_SOCKET = "no socket"
    PERMISSION = "permission"
    REFUSED = "refused"
    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    WRONG_CA = "wrong CA"
    EXPIRED = "expired"
    WRONG_NAME = "wrong name"
    PLAINTEXT_SERVER = "plaintext server"
    TLS_SERVER = "TLS server"
    CLIENT_CERTIFICATE = "client certificate"
    FILES = "files"
    NOT_GRPC = "not gRPC"
    TLS = "TLS"


HINTS = {
    Fault.NO_SOCKET: "nothing has made this socket: start the daemon, or correct the path",
    Fault.PERMISSION: "ask for access to the socket (often: membership of the group that owns it)",
    Fault.REFUSED: "nothing listens there: start the daemon, or correct the address",
    Fault.UNRESOLVED: "check the spelling of the host name and the name server",
    Fault.UNREACHABLE: "check the address, the network and firewalls between here and the builder",
    Fault.TIMEOUT: "check the address, the network and firewalls between here and the builder",
    Fault.WRONG_CA: "set the builder's `cacert` to the CA that signed its certificate",
    Fault.EXPIRED: "renew the builder's certificate, and check the clocks of both machines",
    Fault.WRONG_NAME: "set the builder's `servername` to a name that its certificate holds",
    Fault.PLAINTEXT_SERVER: "the builder does not speak TLS: leave out `cacert`, `cert`, `key`, or turn TLS on there",
    Fault.TLS_SERVER: "the builder speaks TLS: set its `cacert`, `cert` and `key`",
    Fault.CLIENT_CERTIFICATE: "set the builder's `cert` and `key` to a certificate that its CA has signed",
    Fault.FILES: "check the paths and contents of the builder's `cacert`, `cert` and `key`",
    Fault.NOT_GRPC: "something listens there, but it is not BuildKit: check the port",
    Fault.TLS: "check the TLS settings of the builder",
}


WORDS = {
    Fault.PLAINTEXT_SERVER: "the server does not speak TLS",
    Fault.CLIENT_CERTIFICATE: "the server wants a client certificate that it trusts",
}
"""What OpenSSL has only symbols for."""


class TransportError(BakeError):
    """Say why an endpoint cannot be reached; `fault` is for programs, the diagnostic for people."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__([Diagnostic(message, hint=HINTS[fault])])
        self.fault = fault


def unreadable(path: Path, error: Exception) -> TransportError:
    """Return the error for a PEM file that cannot be used."""
    reason = (error.strerror if isinstance(error, OSError) else None) or "not a PEM file of the right kind"
    return TransportError(Fault.FILES, f"cannot use {path}: {reason}")


def diagnose(endpoint: Endpoint, timeout: float) -> TransportError:
    """Connect by hand and return what goes wrong; blocks for at most about twice `timeout` seconds."""
    where = f"cannot connect to {endpoint.target}"
    try:
        stream = _open(endpoint.target, timeout)
    except OSError as error:
        fault = _system_fault(error)
        reason = "the connection timed out" if fault is Fault.TIMEOUT else (error.strerror or str(error))
        return TransportError(fault, f"{where}: {reason}")
    with stream:
        if endpoint.tls is not None:
            return _try_tls(stream, endpoint.target, endpoint.tls, where)
        found = _try_plaintext(stream, where)
    if found.fault is Fault.NOT_GRPC and _speaks_tls(endpoint.target, timeout):
        return TransportError(Fault.TLS_SERVER, f"{where}: the server expects TLS")
    return found


def _open(target: str, timeout: float) -> socket.socket:
    if target.startswith("unix:"):
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.settimeout(timeout)
        try:
            stream.connect(target.removeprefix("unix:"))
        except BaseException:
            stream.close()
            raise
        return stream
    host, _, port = target.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout)


def _system_fault(error: OSError) -> Fault:
    match error:
        case socket.gaierror():
            return Fault.UNRESOLVED
        case FileNotFoundError():
            return Fault.NO_SOCKET
        case PermissionError():
            return Fault.PERMISSION
        case ConnectionRefusedError():
            return Fault.REFUSED
        case TimeoutError():
            return Fault.TIMEOUT
    return Fault.UNREACHABLE


def _try_plaintext(stream: socket.socket, where: str) -> TransportError:
    try:
        stream.sendall(PREFACE)
        answer = stream.recv(9)
    except TimeoutError:
        return TransportError(Fault.TIMEOUT, f"{where}: it accepts connections but does not answer")
    except OSError:
        answer = b""
    if answer and answer[0] in {TLS_ALERT, TLS_HANDSHAKE}:
        return TransportError(Fault.TLS_SERVER, f"{where}: the server expects TLS")
    if len(answer) == 9 and answer[3] == 4:
        # A SETTINGS frame: it does answer, so the first attempt met it while it was starting or too busy.
        return TransportError(Fault.TIMEOUT, f"{where}: it did not answer in time")
    return TransportError(Fault.NOT_GRPC, f"{where}: the server does not speak HTTP/2")


def _speaks_tls(target: str, timeout: float) -> bool:
    """Tell whether a server that hangs up on plaintext shakes hands; who it is does not matter here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with _open(target, timeout) as stream, context.wrap_socket(stream):
            return True
    except OSError:
        return False


def _try_tls(stream: socket.socket, target: str, tls: Tls, where: str) -> TransportError:
    try:
        context = _context(tls)
    except TransportError as error:
        return error
    name = tls.server_name or target.rpartition(":")[0].strip("[]")
    try:
        with context.wrap_socket(stream, server_hostname=name) as secure:
            # With TLS 1.3 a server judges the client's certificate after the handshake (RFC 8446, 4.4.2).
            secure.sendall(PREFACE)
            answered = bool(secure.recv(9))
            grpc = secure.selected_alpn_protocol() == "h2"
    except ssl.SSLCertVerificationError as error:
        return TransportError(_verification_fault(error), f"{where}: {error.verify_message}")
    except ssl.SSLError as error:
        fault = _tls_fault(error)
        return TransportError(fault, f"{where}: {WORDS.get(fault) or error.reason or error}")
    except TimeoutError:
        return TransportError(Fault.TIMEOUT, f"{where}: the TLS handshake got no answer")
    except OSError as error:
        return TransportError(Fault.PLAINTEXT_SERVER, f"{where}: {error.strerror or error} in the TLS handshake")
    if not grpc:
        return TransportError(Fault.NOT_GRPC, f"{where}: the server does not speak HTTP/2")
    if not answered:
        return TransportError(Fault.CLIENT_CERTIFICATE, f"{where}: {WORDS[Fault.CLIENT_CERTIFICATE]}")
    return TransportError(Fault.TIMEOUT, f"{where}: it did not answer in time")


def _context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
    except (OSError, ssl.SSLError) as error:
        raise unreadable(tls.ca or Path("the system's certificates"), error) from error
    context.set_alpn_protocols(["h2"])
    if tls.cert:
        try:
            context.load_cert_chain(tls.cert, tls.key)
        except (OSError, ssl.SSLError) as error:
            raise unreadable(tls.cert, error) from error
    return context


def _verification_fault(error: ssl.SSLCertVerificationError) -> Fault:
    if error.verify_code in EXPIRED:
        return Fault.EXPIRED
    return Fault.WRONG_NAME if error.verify_code in WRONG_NAME else Fault.WRONG_CA


def _tls_fault(error: ssl.SSLError) -> Fault:
    # OpenSSL's reason is a symbol of its API, not a sentence.
    reason = error.reason or ""
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}:
        return Fault.PLAINTEXT_SERVER
    if "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE")):
        return Fault.CLIENT_CERTIFICATE
    return Fault.TLS
