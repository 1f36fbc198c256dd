"""Connect the nodes of a builder, all at once, and go on without those that keep the others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack

from bakepy.builders.builder import Builder, Node
from bakepy.diagnostics import BakeError
from bakepy.drivers.interface import DriverError
from bakepy.executor.node import NodeRun
from bakepy.executor.telling import Teller
from bakepy.executor.work import Work
from bakepy.progress import events as ev

HUSH = 2.0
"""Seconds until a user is told which nodes the run waits for."""

SPARE = 5.0
"""Seconds that a node has to answer where the others can do the work."""

Nodes = Mapping[str, tuple[Node, NodeRun]]


async def connect(builder: Builder, work: Work, stack: AsyncExitStack) -> Nodes:
    """Return the nodes of a builder that answer, by name; they stay connected until the stack is left.

    Those that cannot be reached are left out with a warning while there is another. A node that others can do without
    has a few seconds to answer, any other as long as a connection may take; what is being started is waited for. Raises
    the first node's error where none answers.
    """
    tries = [Connection(node, work, f"[{node.name}] " if work.several else "") for node in builder.nodes]
    for connection in tries:
        stack.push_async_callback(connection.close)
    await _answers(tries, work)
    for connection in tries:
        connection.give_up()
    found = {c.node.name: (c.node, c.run) for c in tries if c.run and not c.error}
    if not found:
        raise next(c.error for c in tries if c.error)
    for c in tries:
        if c.error:
            work.reporter.report(ev.Message(f"node {c.node.name} is left out: {c.error}", "warning"))
    return found


async def _answers(tries: list[Connection], work: Work) -> None:
    """Wait until nodes can be used or have failed; a bug is raised."""
    waiting = {asyncio.create_task(c.opened()): c for c in tries}
    try:
        await _ended(waiting, lambda: False, HUSH)
        if silent := [c.node.name for c in waiting.values() if not c.teller.spoke]:
            work.say(f"waiting for node{'s' * (len(silent) > 1)} {', '.join(silent)}")
        await _ended(waiting, lambda: False, SPARE - HUSH)
        await _ended(waiting, lambda: _can_do_without(waiting.values(), tries, work), None)
    finally:
        for task in waiting:
            task.cancel()


async def _ended(
    waiting: dict[asyncio.Task[None], Connection], enough: Callable[[], bool], within: float | None
) -> None:
    """Wait for all of the tasks, until there are enough, or so many seconds; those that have ended are taken out."""
    loop = asyncio.get_running_loop()
    until = None if within is None else loop.time() + within
    while waiting and not enough():
        left = None if until is None else until - loop.time()
        done, _ = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            del waiting[task]
            task.result()
        if not done:
            return


def _can_do_without(waiting: Iterable[Connection], tries: Iterable[Connection], work: Work) -> bool:
    """Tell whether the nodes that answered run all platforms of a run, and no other is being started."""
    if any(c.teller.spoke for c in waiting):
        return False
    from bakepy.executor.placing import run_natively

    return run_natively(work, {c.node.name: (c.node, c.run) for c in tries if c.run and not c.error})


class Connection:
    """Hold a node's connection in a task of its own, so that several open at once and each closes where it opened."""

    def __init__(self, node: Node, work: Work, prefix: str = "") -> None:
        self.node = node
        self.run: NodeRun | None = None
        self.error: BakeError | None = None
        self.teller = Teller(work.reporter.report, prefix)
        self._ready = asyncio.Event()
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._hold(work), name=f"node {node.name}")

    async def _hold(self, work: Work) -> None:
        try:
            async with NodeRun.connect(self.node.name, self.node.driver, work, self.teller) as self.run:
                self._ready.set()
                await self._over.wait()
        except BakeError as error:
            self.error = self.error or error
        finally:
            self._ready.set()

    async def opened(self) -> None:
        """Wait until the node can be used or has failed; a bug is raised."""
        await self._ready.wait()
        if self.run is None and self._task.done() and not self.error:
            self._task.result()

    def give_up(self) -> None:
        """Wait no longer, where it cannot be used by now."""
        if not self._ready.is_set():
            self.error = DriverError.of(f"it did not answer within {SPARE:g}s")
            self._task.cancel()

    async def close(self) -> None:
        """Hang up; a bug is raised."""
        self._over.set()
        if not self._ready.is_set():
            self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()
