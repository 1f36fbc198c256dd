"""A CA with a server's and a client's certificate, as files."""

from dataclasses import dataclass
from pathlib import Path

import trustme

from bakepy.transport.endpoint import Tls


@dataclass(frozen=True)
class Certificates:
    """The server's files and the client's."""

    ca: Path
    server_cert: Path
    server_key: Path
    cert: Path
    key: Path

    @property
    def tls(self) -> Tls:
        return Tls(ca=self.ca, cert=self.cert, key=self.key)


def write_certificates(folder: Path) -> Certificates:
    """Make a CA, and write it and what it signed into Docker's file names."""
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    client = authority.issue_cert("client@example.org")
    found = Certificates(*(folder / f"{name}.pem" for name in ("ca", "server-cert", "server-key", "cert", "key")))
    authority.cert_pem.write_to_path(str(found.ca))
    server.cert_chain_pems[0].write_to_path(str(found.server_cert))
    server.private_key_pem.write_to_path(str(found.server_key))
    client.cert_chain_pems[0].write_to_path(str(found.cert))
    client.private_key_pem.write_to_path(str(found.key))
    return found
