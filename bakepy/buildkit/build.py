"""One build on a daemon: a call of Control/Solve that lasts until the gateway calls beside it return a result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from bakepy.buildkit.errors import BrokenAnswer, BuildkitError, SolveError, Unsupported
from bakepy.buildkit.requests import Answer, GatewayRequest, Result
from bakepy.records import replace

if TYPE_CHECKING:
    from bakepy.buildkit.calls import Calls

EVALUATE = "gateway.evaluate"
INPUTS = "frontend.inputs"
STAT = "statfile"
FAILING = 5.0
"""Seconds that the daemon has to end a build that was told to fail."""

T = TypeVar("T")


class Build:
    """Ask frontends for results and export one of them; made by `Client.build`."""

    def __init__(self, calls: Calls, ref: str, outer: asyncio.Future[Mapping[str, str]]) -> None:
        self.ref = ref
        self._calls = calls
        self._outer = outer
        self._caps: frozenset[str] | None = None
        self._broken: BaseException | None = None
        self.error: BuildkitError | None = None
        """What the daemon refused last; other builds' errors may pass through this one's context as well."""

    async def ping(self) -> frozenset[str]:
        """Return the names of the daemon's gateway and LLB capabilities, such as `frontend.inputs`."""
        if self._caps is None:
            self._caps = await self._ask(self._calls.ping(self.ref))
        return self._caps

    async def solve(self, request: GatewayRequest) -> Result:
        """Return a frontend's result, whose parts may be built only once they are needed.

        Raises SolveError where the frontend fails, Unsupported where the daemon cannot take other builds' results.
        """
        if request.inputs and INPUTS not in await self.ping():
            raise Unsupported("linked targets and folders of remote definitions")
        return await self._ask(self._calls.ask(self.ref, request))

    async def call(self, request: GatewayRequest, kind: str) -> Answer:
        """Ask the frontend about a definition instead of building it: `lint`, `outline`, `targets`, ….

        Raises Unsupported where it does not know the kind of question; it lists them for `subrequests.describe`.
        """
        name = f"frontend.{kind}"
        attrs = {
            **request.attrs,
            "requestid": name,
            "frontend.caps": _joined(request.attrs.get("frontend.caps"), "moby.buildkit.frontend.subrequests+forward"),
        }
        metadata = (await self.solve(replace(request, attrs=attrs))).metadata
        if "result.json" not in metadata and "result.txt" not in metadata:
            # A frontend that does not know of subrequests builds instead.
            raise Unsupported(name)
        return Answer(
            text=metadata.get("result.txt", b"").decode("utf-8", "replace"),
            json=metadata.get("result.json", b""),
            status=_exit_status(metadata.get("result.statuscode", b"0")),
            version=metadata.get("version", b"").decode("utf-8", "replace"),
            metadata={key: value.decode("utf-8", "replace") for key, value in metadata.items()},
        )

    async def evaluate(self, result: Result) -> None:
        """Build all of a result now; raises SolveError."""
        caps = await self.ping()
        if EVALUATE not in caps and STAT not in caps:
            raise Unsupported("the evaluation of results")
        visit: Callable[[str, str], Coroutine[None, None, object]]
        visit = self._calls.evaluate if EVALUATE in caps else self._calls.stat
        ids = [ref.id for ref in result.refs.values() if ref.id]
        tasks = [asyncio.ensure_future(self._ask(visit(self.ref, id))) for id in ids]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def read(self, result: Result, path: str, length: int) -> bytes:
        """Return at most `length` bytes of a file of a result, from its start; raises SolveError."""
        return await self._ask(self._calls.read_file(self.ref, _only(result), path, length))

    async def size(self, result: Result, path: str) -> int:
        """Return the bytes that a file of a result has; raises SolveError."""
        return await self._ask(self._calls.stat(self.ref, _only(result), path))

    async def names(self, result: Result, folder: str) -> list[str]:
        """Return the names in a folder of a result; raises SolveError."""
        return await self._ask(self._calls.read_dir(self.ref, _only(result), folder))

    async def finish(self, result: Result) -> Mapping[str, str]:
        """Export a result, which ends the build, and return what the exporters answer, such as the image's digest."""
        given = asyncio.ensure_future(self._calls.give_back(self.ref, result))
        try:
            # The build may be over before the answer to this call is here: only a refusal of the call counts.
            either: set[asyncio.Future[Any]] = {given, self._outer}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if given.done() and not self._outer.done():
                self._noted(given)
            await asyncio.wait({self._outer})
        finally:
            given.cancel()
        return self._outcome()

    async def fail(self, error: SolveError) -> None:
        """End the build with an error, so that its record on the daemon shows it; quietly does its best."""
        if self._outer.done():
            return
        try:
            async with asyncio.timeout(FAILING):
                await self._ask(self._calls.give_up(self.ref, error))
        except (BuildkitError, TimeoutError):
            return
        await asyncio.wait({self._outer}, timeout=FAILING)

    def interrupt(self, error: BaseException) -> None:
        """Stop the build for a reason that lies outside of it, which its pending calls then raise."""
        self._broken = error
        self._outer.cancel()

    async def _ask(self, call: Coroutine[None, None, T]) -> T:
        """Return what a gateway call answers, unless the build itself ends before."""
        task = asyncio.ensure_future(call)
        try:
            either: set[asyncio.Future[Any]] = {task, self._outer}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self._outcome()
                raise BuildkitError("the builder ended the build before it had a result")
        finally:
            task.cancel()
        if task.exception() and self._outer.done():
            # The gateway's word that there is no such build says less than the build's own error.
            self._outcome()
        return self._noted(task)

    def _outcome(self) -> Mapping[str, str]:
        if self._broken:
            raise self._broken
        return self._noted(self._outer)

    def _noted(self, done: asyncio.Future[T]) -> T:
        try:
            return done.result()
        except BuildkitError as error:
            self.error = error
            raise


def _only(result: Result) -> str:
    """Return the id of the one part of a result of a single platform."""
    if "" not in result.refs:
        raise BrokenAnswer("the builder sent a result of several platforms where there is one")
    return result.refs[""].id


def _exit_status(text: bytes) -> int:
    """Return an exit status; 1 for text that is no number (a longer one would overflow to another status)."""
    status = int(text) if text.isdigit() and len(text) <= 3 else 1
    return status if status < 256 else 1


def _joined(*parts: str | None) -> str:
    return ",".join(filter(None, parts))
