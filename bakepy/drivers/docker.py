"""A Docker Engine's own BuildKit, and the Engine's image store."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import BinaryIO, ClassVar

from bakepy.drivers.docker_api import GRPC_ON_THE_SOCKET, DockerApi, EngineInfo
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import Capability, Driver, NodeInfo, Status
from bakepy.transport.endpoint import Endpoint

OLDEST_WITH_INPUTS = 23
"""The Engine whose BuildKit (0.10) first knew named contexts; 20.10 has BuildKit 0.8."""

OLD = (
    ((20, 10, 0), "v0.8.1"),
    ((20, 10, 3), "v0.8.1+68bb095"),
    ((20, 10, 4), "v0.8.2"),
    ((20, 10, 7), "v0.8.2+244e8cde"),
    ((20, 10, 11), "v0.8.2+bc07b2b8"),
    ((20, 10, 19), "v0.8.2+3a1eeca5"),
    ((20, 10, 20), "v0.8.2+c0149372"),
    ((20, 10, 21), "v0.8.2+eeb7b65"),
    ((20, 10, 24), "v0.8+unknown"),
    ((22, 6, 0), "v0.10.3"),
    ((23, 0, 0), "v0.10.6"),
    ((23, 0, 1), "v0.10.6+4f0ee09"),
    ((23, 0, 2), "v0.10.6+70f2ad5"),
    ((23, 0, 4), "v0.10.6+d52b2d5"),
    ((23, 0, 7), "v0.10+unknown"),
    ((24, 0, 0), ""),
)
"""The BuildKits of Engines from a version on (each Engine's list of dependencies); later ones tell by themselves."""

CHUNK = 1 << 18
DROPPING = 2.0
"""Seconds that an Engine has to take note of a load that is given up."""

STORE = frozenset(
    {
        Capability.OCI_EXPORTER,
        Capability.DOCKER_EXPORTER,
        Capability.CACHE_EXPORT,
        Capability.MULTI_PLATFORM,
        Capability.ATTESTATIONS,
    }
)
"""What an Engine can do only with the containerd image store."""


class DockerDriver(Driver):
    """Build in a Docker Engine."""

    name: ClassVar[str] = "docker"

    def __init__(self, host: DockerHost) -> None:
        self.api = DockerApi(host)
        self._info: EngineInfo | None = None

    async def inspect(self) -> NodeInfo:
        """Ask the Engine and its BuildKit who they are; raises DriverError where it does not answer."""
        from bakepy.drivers.ask import ask
        from bakepy.transport.threads import apart

        await apart(self.api.require)
        engine = await self._engine()
        async with self.dial() as endpoint:
            node = await ask(endpoint)
        return NodeInfo(
            Status.RUNNING,
            node.version or buildkit_version(engine.version),
            node.platforms or (engine.platform,),
            node.labels,
            node.workers,
        )

    async def boot(self, say: Callable[[str], None]) -> None:
        """Check that the Engine answers; raises DriverError."""
        await self._engine()

    def dial(self) -> AbstractAsyncContextManager[Endpoint]:
        """Open the Engine's socket where that serves gRPC, else a connection that is upgraded to it."""
        return self._dial()

    @asynccontextmanager
    async def _dial(self) -> AsyncIterator[Endpoint]:

        from bakepy.transport.pump import pumped
        from bakepy.transport.threads import apart

        own = self.api.endpoint()
        if own and (await self._engine()).api >= GRPC_ON_THE_SOCKET:
            yield own
            return
        stream = await apart(self.api.hijack, late=lambda stream: stream.close())
        async with pumped(stream) as endpoint:
            yield endpoint

    async def capabilities(self) -> frozenset[Capability]:
        """Tell by the Engine's version and image store."""
        engine = await self._engine()
        has = {Capability.LOADS_BY_ITSELF}
        if engine.major >= OLDEST_WITH_INPUTS:
            has.add(Capability.GATEWAY_INPUTS)
        return frozenset(has | STORE if engine.containerd_store else has)

    async def emulates(self, architectures: frozenset[str]) -> frozenset[str] | None:
        """Return none: an Engine brings no emulators that it would not name."""
        return frozenset()

    async def stop(self) -> None:
        """Leave it: the Engine is not ours to stop."""

    async def remove(self, *, keep_state: bool = False) -> None:
        """Leave it: the Engine is not ours to remove."""

    async def _engine(self) -> EngineInfo:
        from bakepy.transport.threads import apart

        if self._info is None:
            self._info = await apart(self.api.info)
        return self._info


def buildkit_version(engine: str) -> str:
    """Return the version of the BuildKit in an Engine that does not tell; the Engine's own where it is not known."""
    import re

    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", engine)
    version = tuple(map(int, numbers.groups())) if numbers else ()
    return next((found for since, found in reversed(OLD) if since <= version), "") or engine


@asynccontextmanager
async def image_loader(host: DockerHost, say: Callable[[str], None]) -> AsyncIterator[BinaryIO]:
    """Yield a file into which a tar of images is written (blocking, from a thread); the Engine loads it meanwhile.

    Leaving the context waits until the Engine has the image; raises DriverError where it refuses. Leaving it by an
    exception drops what was written.
    """
    import asyncio

    from bakepy.transport.threads import apart

    api = DockerApi(host)
    read, write = os.pipe()
    source, sink = os.fdopen(read, "rb"), os.fdopen(write, "wb", buffering=CHUNK)
    loading = asyncio.ensure_future(apart(lambda: _load(api, source, say), give_up=api.hang_up))
    try:
        yield sink
    except BaseException as error:
        # The Engine sees the tar end in the middle and drops it; what it says of that matters only where it was
        # the Engine that stopped reading.
        closing = asyncio.ensure_future(apart(lambda: _close(sink)))
        await asyncio.wait({loading, closing}, timeout=DROPPING)
        loading.cancel()
        await asyncio.wait({loading, closing})
        refused = None if loading.cancelled() else loading.exception()
        if refused and isinstance(error, BrokenPipeError):
            raise refused from None
        raise
    try:
        await apart(lambda: _close(sink))
        await loading
    finally:
        loading.cancel()
        await asyncio.wait({loading})


def _load(api: DockerApi, source: BinaryIO, say: Callable[[str], None]) -> None:
    # Closing the reading end wakes a writer that the Engine no longer listens to.
    with source:
        api.load(iter(lambda: source.read1(CHUNK), b""), say)  # type: ignore[attr-defined]


def _close(sink: BinaryIO) -> None:
    try:
        sink.close()
    except BrokenPipeError:
        # The Engine has given up, and says why.
        return
