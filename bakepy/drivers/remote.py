"""A BuildKit that someone else runs, at a unix socket or a TCP address with or without TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import ClassVar

from bakepy.booleans import FALSE, TRUE
from bakepy.drivers.address import split_address
from bakepy.drivers.interface import BUILDKIT, Capability, Driver, DriverError, NodeInfo
from bakepy.transport.endpoint import Endpoint, Tls

TLS_FILES = {"cacert": "ca", "cert": "cert", "key": "key"}
"""Driver options that name PEM files, and the fields they fill."""

OPTIONS = {*TLS_FILES, "servername", "default-load"}

PORT = 1234
"""BuildKit's usual port."""


class RemoteDriver(Driver):
    """Reach a BuildKit by its address."""

    name: ClassVar[str] = "remote"
    boots: ClassVar[bool] = False

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        self.endpoint = endpoint(url, options)
        self._defaults = loads_by_default(options)

    async def inspect(self) -> NodeInfo:
        """Ask the BuildKit who it is."""
        from bakepy.drivers.ask import ask

        return await ask(self.endpoint)

    async def boot(self, say: Callable[[str], None]) -> None:
        """Check that the BuildKit answers; raises bakepy.transport.faults.TransportError, which says why not."""
        from bakepy.transport.dial import open_channel

        channel = await open_channel(self.endpoint)
        await channel.close()

    def dial(self) -> AbstractAsyncContextManager[Endpoint]:
        """Return the address: every dial is a connection of its own."""
        return self._dial()

    @asynccontextmanager
    async def _dial(self) -> AsyncIterator[Endpoint]:
        yield self.endpoint

    async def capabilities(self) -> frozenset[Capability]:
        """Return what every BuildKit by itself can do, and whether results are loaded unasked."""
        return BUILDKIT | self._defaults

    async def stop(self) -> None:
        """Leave it: it is not ours to stop."""

    async def remove(self, *, keep_state: bool = False) -> None:
        """Leave it: it is not ours to remove."""


def endpoint(url: str, options: Mapping[str, str]) -> Endpoint:
    """Return the endpoint of a `unix://` or `tcp://` address and its driver options; raises DriverError."""
    if unknown := sorted(set(options) - OPTIONS):
        raise DriverError.of(
            f"invalid driver option {unknown[0]} for remote driver", f"options: {', '.join(sorted(OPTIONS))}"
        )
    parts = split_address(url)
    port = parts.port or PORT
    if parts.scheme == "unix" and parts.path:
        return Endpoint(f"unix:{parts.path}")
    if parts.scheme != "tcp" or not parts.hostname:
        raise DriverError.of(
            f"the builder's address {url} is not supported",
            "a remote builder is reached at unix:///path/to/buildkitd.sock, tcp://host:port, ssh://user@host,"
            " docker-container://name or kube-pod://name",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Endpoint(f"{host}:{port}", _tls(options))


def loads_by_default(options: Mapping[str, str]) -> frozenset[Capability]:
    """Return the capability that the option `default-load` gives; raises DriverError."""
    text = options.get("default-load", "false")
    if text not in TRUE | FALSE:
        raise DriverError.of(f'invalid value "{text}" of the driver option default-load', "it is true or false")
    return frozenset({Capability.LOADS_BY_DEFAULT}) if text in TRUE else frozenset()


def _tls(options: Mapping[str, str]) -> Tls | None:
    files = {field: Path(options[name]) for name, field in TLS_FILES.items() if options.get(name)}
    server_name = options.get("servername") or None
    if not files and not server_name:
        return None
    for name, field in TLS_FILES.items():
        if field in files and not files[field].is_absolute():
            raise DriverError.of(f"non-absolute path '{options[name]}' provided for {name}")
    missing = {"ca"} - set(files) | ({"cert", "key"} & set(files) and {"cert", "key"} - set(files))
    if missing:
        names = [name for name, field in TLS_FILES.items() if field in missing]
        raise DriverError.of(f"tls enabled, but missing keys {', '.join(names)}", hint="set them as driver options")
    return Tls(files["ca"], files.get("cert"), files.get("key"), server_name)
