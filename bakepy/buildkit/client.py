"""A client of BuildKit's API: builds go through the gateway calls, and the session back to the daemon runs beside them.

async with Client.connect(endpoint) as client, client.session(session):
    async with client.build(request, solve, reporter.report) as build:
        result = await build.solve(GatewayRequest(attrs))
        response = await build.finish(result)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bakepy.buildkit.build import Build
from bakepy.buildkit.errors import BrokenAnswer, BuildkitError, SolveError, decoding
from bakepy.buildkit.requests import CacheRecord, Info, PruneRequest, SolveRequest, Worker
from bakepy.buildkit.status import own_steps, update
from bakepy.progress.events import Solve, SolveUpdate
from bakepy.transport.endpoint import Endpoint

if TYPE_CHECKING:
    from bakepy.buildkit.calls import Calls
    from bakepy.buildkit.history import Provenance
    from bakepy.buildkit.proto import control_pb2
    from bakepy.buildkit.session.server import Session

    Messages = AsyncIterator[control_pb2.StatusResponse]

QUIET = 5.0
"""Seconds without a status after a build's end until its status stream is given up."""
OVER = 0.5
"""Seconds for the same where the build has succeeded and each step that was heard of has ended.

A daemon sometimes keeps the stream open for seconds after it has said all there is to say.
"""
UNHEARD = 0.25
"""Seconds that a build which failed without any status has to send one."""
LINGER = 20.0
"""Seconds that a status stream may last after its build's end, whatever it still sends."""


class Client:
    """Talk to the BuildKit of one node over one connection; many builds and sessions may share it."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._builds: set[Build] = set()

    @classmethod
    @asynccontextmanager
    async def connect(cls, endpoint: Endpoint, *, within: float = 20.0) -> AsyncIterator[Client]:
        """Connect; raises bakepy.transport.faults.TransportError after `within` seconds or at a refusal."""
        from bakepy.buildkit.calls import Calls
        from bakepy.transport.dial import open_channel

        channel = await open_channel(endpoint, within=within)
        try:
            yield cls(Calls(channel, endpoint.target))
        finally:
            await channel.close()

    async def info(self) -> Info:
        """Return the daemon's version; empty for daemons before 0.11, which do not tell."""
        return await self._calls.info()

    async def workers(self) -> tuple[Worker, ...]:
        """Return the daemon's workers, the default one first."""
        return await self._calls.workers()

    async def disk_usage(self, filters: Sequence[str] = ()) -> tuple[CacheRecord, ...]:
        """Return the records of the build cache that pass one of the filters, the smallest first."""
        from bakepy.buildkit.cache import disk_usage

        return await disk_usage(self._calls, filters)

    def prune(self, request: PruneRequest) -> AsyncIterator[CacheRecord]:
        """Remove records of the build cache and yield each once it is gone."""
        from bakepy.buildkit.cache import prune

        return prune(self._calls, request)

    async def provenance(self, ref: str) -> Mapping[str, Provenance]:
        """Return what the daemon attests of a build that has ended, by platform; empty where it keeps no records."""
        from bakepy.buildkit.history import provenance

        return await provenance(self._calls, ref)

    @asynccontextmanager
    async def session(self, session: Session) -> AsyncIterator[None]:
        """Serve a session while the context lasts; if it breaks, the builds of this client fail with its error."""
        call = self._calls.open_session(session.metadata)
        task = asyncio.create_task(session.run(call), name=f"session {session.id}")
        task.add_done_callback(self._session_ended)
        try:
            yield
        finally:
            task.cancel()
            call.cancel()
            await asyncio.wait({task})

    def _session_ended(self, task: asyncio.Task[None]) -> None:
        from bakepy.buildkit.session.server import SessionError

        error = None if task.cancelled() else task.exception()
        if isinstance(error, SessionError):
            error = SessionError(error.fault, self._calls.target)
        if error:
            for build in self._builds:
                build.interrupt(error)

    @asynccontextmanager
    async def build(
        self, request: SolveRequest, solve: Solve, report: Callable[[SolveUpdate], None]
    ) -> AsyncIterator[Build]:
        """Open a build that lasts as long as the context: results stay usable by other builds until it ends.

        Leaving the context without `finish` ends the build without exporting anything. Leaving it by an exception,
        cancellation included, stops the build and waits until the daemon has ended it.
        """
        outer = asyncio.ensure_future(self._calls.solve(request))
        build = Build(self._calls, request.ref, outer)
        watch = _Watch(self._calls.status(request.ref), request, solve, report, self._calls.target, build.interrupt)
        self._builds.add(build)
        try:
            yield build
        except SolveError as error:
            if error is build.error:
                await build.fail(error)
            raise
        finally:
            self._builds.discard(build)
            outer.cancel()
            await asyncio.wait({outer})
            stopped = outer.cancelled()
            failed = stopped or outer.exception() is not None
            await watch.end(failed=failed, within=QUIET if stopped else LINGER)

    async def status(self, solve: Solve) -> AsyncIterator[SolveUpdate]:
        """Watch a build that runs or has run, from its beginning to its end."""
        async for message in self._calls.status(solve.ref):
            with decoding("a status", self._calls.target):
                news = update(solve, message)
            yield news


class _Watch:
    """Report a build's status until the daemon ends the stream."""

    def __init__(
        self,
        stream: Messages,
        request: SolveRequest,
        solve: Solve,
        report: Callable[[SolveUpdate], None],
        builder: str = "",
        broken: Callable[[BrokenAnswer], None] = lambda _: None,
    ) -> None:
        """`builder` is the node's address; `broken` is called where it sends what cannot be read."""
        self._builder = builder
        self._broken = broken
        self._heard: float | None = None
        self._running: set[str] = set()
        self._task = asyncio.create_task(self._run(stream, request, solve, report))

    async def _run(
        self, stream: Messages, request: SolveRequest, solve: Solve, report: Callable[[SolveUpdate], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        own = own_steps(request)
        try:
            async for message in stream:
                self._heard = loop.time()
                for step in message.vertexes:
                    if step.HasField("completed"):
                        self._running.discard(step.digest)
                    elif step.HasField("started"):
                        self._running.add(step.digest)
                with decoding("a status", self._builder):
                    news = update(solve, message, own)
                report(news)
        except BrokenAnswer as error:
            self._broken(error)
        except BuildkitError:
            # The build's own call tells what went wrong.
            return

    async def end(self, *, failed: bool, within: float = LINGER) -> None:
        """Wait up to `within` seconds for the end of the stream: by it the daemon says that nothing runs any more."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        last = started + within
        while not self._task.done():
            until = min(last, max(started, self._heard or 0) + self._patience(failed))
            if loop.time() >= until:
                break
            await asyncio.wait({self._task}, timeout=until - loop.time())
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()

    def _patience(self, failed: bool) -> float:
        if not failed:
            return QUIET if self._running else OVER
        # A build that failed before it had a status has none; the daemon would look for one for seconds.
        return UNHEARD if self._heard is None else QUIET
