"""A BuildKit in a container that someone else runs: `docker-container://NAME?context=DOCKER-CONTEXT`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import ClassVar
from urllib.parse import parse_qs

from bakepy.drivers.address import split_address
from bakepy.drivers.container import Container, in_thread
from bakepy.drivers.docker_host import current_context, docker_host
from bakepy.drivers.interface import BUILDKIT, Capability, Driver, DriverError, NodeInfo
from bakepy.drivers.remote import loads_by_default
from bakepy.settings import Settings
from bakepy.transport.endpoint import Endpoint
from bakepy.transport.threads import apart

SCHEME = "docker-container"


class RemoteContainerDriver(Driver):
    """Reach a BuildKit through a process in its container."""

    name: ClassVar[str] = "remote"

    def __init__(self, url: str, options: Mapping[str, str], settings: Settings) -> None:
        parts = split_address(url)
        # A host's name would be the same in lower case, a container's is not.
        name = parts.netloc
        if not name:
            raise DriverError.of("url lacks container name", hint=f"the form is {SCHEME}://NAME?context=DOCKER-CONTEXT")
        if tls := sorted(set(options) - {"default-load"}):
            raise DriverError.of(f"invalid driver option {tls[0]} for a builder at {SCHEME}://")
        context = parse_qs(parts.query).get("context", [""])[0] or current_context(settings)
        self._defaults = loads_by_default(options)
        self._container = Container(docker_host(settings, context), name)

    async def inspect(self) -> NodeInfo:
        """Tell the container's state, and where it runs what its BuildKit says of itself."""
        return await self._container.info()

    async def boot(self, say: Callable[[str], None]) -> None:
        """Check that the container runs and its BuildKit answers; raises DriverError."""
        state = await apart(self._container.state)
        if state and not state.running:
            name = self._container.name
            raise DriverError.of(f"the container {name} does not run", hint=f"start it: docker start {name}")
        (await in_thread(self._container.open)).close()

    def dial(self) -> AbstractAsyncContextManager[Endpoint]:
        """Open a stream through a process in the container."""
        return self._container.dial()

    async def capabilities(self) -> frozenset[Capability]:
        """Return what every BuildKit by itself can do, and whether results are loaded unasked."""
        return BUILDKIT | self._defaults

    async def emulates(self, architectures: frozenset[str]) -> frozenset[str] | None:
        """Tell what the image brings."""
        return await apart(lambda: self._container.emulates(architectures))

    async def why_lost(self) -> DriverError | None:
        """Tell how the container ended."""
        return await self._container.why_lost()

    async def stop(self) -> None:
        """Leave it: it is not ours to stop."""

    async def remove(self, *, keep_state: bool = False) -> None:
        """Leave it: it is not ours to remove."""
