"""The embedded engine: a BuildKit of the user's own, started on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar

from bakepy.drivers.interface import BUILDKIT, Capability, Driver, DriverError, NodeInfo, Status
from bakepy.engine.errors import EngineError
from bakepy.engine.find import find, need
from bakepy.engine.paths import Paths
from bakepy.settings import Settings
from bakepy.transport.endpoint import Endpoint


def refuse(options: Mapping[str, str] | None) -> None:
    """Raise DriverError for any driver option: the engine is set up by bakepy.

    Asked where a builder is made or changed: one that has options from elsewhere can still be stopped and removed.
    """
    if options:
        raise DriverError.of(
            f"invalid driver option {min(options)} for embedded driver",
            "it has no options",
            hint="leave out --driver-opt",
        )


class EmbeddedDriver(Driver):
    """Start the embedded engine and reach it."""

    name: ClassVar[str] = "embedded"

    def __init__(self, settings: Settings, node: str = "") -> None:
        """Reach the user's engine, or one of its own for a named node: the same programs, another build cache."""
        self._settings = settings
        self._paths = Paths.of(settings, node)

    async def inspect(self) -> NodeInfo:
        """Tell whether the engine runs; it is not started for this."""
        from bakepy.drivers.ask import ask
        from bakepy.engine.probe import Answer, probe

        if probe(self._paths.socket) is Answer.READY:
            return await ask(self._endpoint)
        engine = find(self._settings)
        return NodeInfo(Status.STOPPED, engine.version) if engine else NodeInfo(Status.INACTIVE)

    async def boot(self, say: Callable[[str], None]) -> None:
        """Start the engine unless it runs."""
        import asyncio

        await asyncio.to_thread(self._start, say)

    def dial(self) -> AbstractAsyncContextManager[Endpoint]:
        """Keep the engine running while the context lasts."""
        return self._dial()

    @asynccontextmanager
    async def _dial(self) -> AsyncIterator[Endpoint]:
        import asyncio

        from bakepy.engine.process import in_use

        # A lock that someone else holds is waited for off the loop.
        use = in_use(self._paths)
        await asyncio.to_thread(use.__enter__)
        try:
            # Between boot and here the engine may have become idle and been stopped.
            await self.boot(lambda _text: None)
            yield self._endpoint
        finally:
            use.__exit__(None, None, None)

    async def capabilities(self) -> frozenset[Capability]:
        """Return all that the pinned BuildKit can do."""
        return BUILDKIT

    async def emulates(self, architectures: frozenset[str]) -> frozenset[str] | None:
        """Return none: it brings no emulators that it would not name."""
        return frozenset()

    async def why_lost(self) -> DriverError | None:
        """Return how the engine ended by itself, with the end of its log."""
        import asyncio

        from bakepy.engine.process import crashed

        crash = await asyncio.to_thread(crashed, self._paths)
        return DriverError(crash.diagnostics) if crash else None

    async def stop(self) -> None:
        """Stop the engine; its build cache stays."""
        import asyncio

        from bakepy.engine.process import stop

        await asyncio.to_thread(stop, self._paths)

    async def remove(self, *, keep_state: bool = False) -> None:
        """Remove the engine with its build cache; the programs stay where another builder's engine uses them."""
        import asyncio

        from bakepy.engine.install import remove_node, uninstall

        if self._paths == Paths.of(self._settings):
            await asyncio.to_thread(uninstall, self._settings, lambda _text: None)
        elif keep_state:
            await self.stop()
        else:
            await asyncio.to_thread(remove_node, self._paths, self._settings)

    @property
    def _endpoint(self) -> Endpoint:
        return Endpoint(f"unix:{self._paths.socket}")

    def _start(self, say: Callable[[str], None]) -> None:
        from bakepy.engine.process import start

        try:
            start(need(self._settings), self._settings, say, paths=self._paths)
        except EngineError as error:
            raise DriverError(error.diagnostics) from error
