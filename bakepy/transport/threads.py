"""Run calls that block in threads for which a command that gave up on them does not wait when it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

GRACE = 1.0
"""Seconds that a call which is given up has to end."""


async def apart(
    work: Callable[[], T], *, give_up: Callable[[], object] | None = None, late: Callable[[T], object] | None = None
) -> T:
    """Return what a call returns that blocks; raises what it raises.

    Being cancelled, it tells the call so by `give_up`, if it can, and waits a moment for its end; `late` takes what
    the call returns all the same. (`asyncio.to_thread` leaves threads behind for which the event loop waits, however
    long that takes.)
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(end: Callable[[], T]) -> None:
        if future.done():
            _drop(end, late)
            return
        try:
            future.set_result(end())
        except BaseException as error:
            future.set_exception(error)

    def run() -> None:
        end = _ended(work)
        try:
            loop.call_soon_threadsafe(deliver, end)
        except RuntimeError:
            # The loop is closed.
            _drop(end, late)

    threading.Thread(target=run, name=getattr(work, "__qualname__", "call"), daemon=True).start()
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if give_up:
            give_up()
            await asyncio.wait({future}, timeout=GRACE)
        if not future.done():
            future.cancel()
        elif future.exception() is None and late:
            late(future.result())
        raise


def _ended(work: Callable[[], T]) -> Callable[[], T]:
    """Run a call, and return what returns or raises as it did."""
    try:
        result = work()
    except BaseException as error:
        failure = error

        def fail() -> T:
            raise failure

        return fail
    return lambda: result


def _drop(end: Callable[[], T], late: Callable[[T], object] | None) -> None:
    try:
        result = end()
    except BaseException:
        return
    if late:
        late(result)
