"""Where the Docker Engine is: DOCKER_HOST, Docker's contexts, and the default socket."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from bakepy.drivers.interface import DriverError
from bakepy.files import read_object, refusal
from bakepy.records import Record
from bakepy.settings import Settings
from bakepy.transport.endpoint import Tls

DEFAULT_SOCKET = "unix:///var/run/docker.sock"


class DockerHost(Record):
    """Name a Docker Engine: its context's name, its URL as Docker writes it, and its TLS files."""

    __slots__ = ("context", "url", "tls")

    def __init__(self, context: str, url: str, tls: Tls | None = None) -> None:
        self.context: Final = context
        self.url: Final = url
        self.tls: Final = tls


def current_context(settings: Settings) -> str:
    """Return the name of the context that Docker's own client would use."""
    if settings.docker_host:
        return "default"
    if settings.docker_context:
        return settings.docker_context
    try:
        config = read_object(settings.docker_config / "config.json")
        return str(config.get("currentContext") or "default")
    except (OSError, ValueError, AttributeError):
        return "default"


def current_endpoint(settings: Settings) -> str:
    """Return what a choice of builder is kept under: the current context's name, the address where it has none."""
    context = current_context(settings)
    return docker_host(settings, context).url if context == "default" else context


def context_names(settings: Settings) -> list[str]:
    """Return the names of all contexts, `default` first."""
    names = []
    for file in (settings.docker_config / "contexts" / "meta").glob("*/meta.json"):
        try:
            names.append(str(read_object(file)["Name"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ["default", *sorted(names)]


def docker_host(settings: Settings, context: str) -> DockerHost:
    """Return the Engine of a context; raises DriverError where there is no such context."""
    if context == "default":
        return _default_host(settings)
    # Docker names a context's folders by the SHA-256 of its name.
    folder = hashlib.sha256(context.encode(errors="surrogatepass")).hexdigest()
    contexts = settings.docker_config / "contexts"
    try:
        record = read_object(contexts / "meta" / folder / "meta.json")
        url = str(record["Endpoints"]["docker"].get("Host") or DEFAULT_SOCKET)
    except FileNotFoundError:
        raise DriverError.of(
            f'there is no Docker context "{context}"', f"contexts: {', '.join(context_names(settings))}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DriverError.of(f'the Docker context "{context}" cannot be read', str(error)) from error
    files = contexts / "tls" / folder / "docker"
    return DockerHost(context, url, _tls(files) if files.exists() else None)


def _default_host(settings: Settings) -> DockerHost:
    url = settings.docker_host or DEFAULT_SOCKET
    wanted = settings.lookup("DOCKER_TLS_VERIFY") or settings.lookup("DOCKER_TLS")
    return DockerHost("default", url, _tls(settings.docker_cert_path) if wanted and url.startswith("tcp:") else None)


def _tls(folder: Path) -> Tls:
    ca, cert, key = (folder / f"{name}.pem" for name in ("ca", "cert", "key"))
    return Tls(ca=_existing(ca), cert=_existing(cert), key=_existing(key))


def _existing(path: Path) -> Path | None:
    if not path.exists():
        return None
    # OpenSSL would wait for a pipe's writer.
    if why := refusal(os.stat(path), pipes=False):
        raise DriverError.of(f"cannot read {path}", why)
    return path
