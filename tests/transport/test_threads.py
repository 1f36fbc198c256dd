"""Calls that block, and commands that do not wait for them."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from bakepy.transport import threads
from bakepy.transport.threads import apart
from tests.waiting import PATIENCE, wait_for


async def test_a_call_returns_or_raises() -> None:
    """What a call does in its thread is what is awaited."""
    assert await apart(threading.current_thread) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        await apart(lambda: 1 / 0)


async def cancelled(wait: Callable[[], bool], give_up: Callable[[], object], late: list[bool]) -> None:
    """Cancel a call once its thread runs."""
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> bool:
        loop.call_soon_threadsafe(begun.set)
        return wait()

    task = asyncio.ensure_future(apart(work, give_up=give_up, late=late.append))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_call_that_blocks_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop ends while the call still blocks; what it returns later is taken back."""
    monkeypatch.setattr(threads, "GRACE", 0.0)
    release, told, late = threading.Event(), threading.Event(), list[bool]()

    async def run() -> None:
        await cancelled(release.wait, told.set, late)

    asyncio.run(run())
    assert told.is_set()
    assert not late
    release.set()
    wait_for(lambda: late == [True])


async def test_a_call_that_ends_when_told_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a moment, it leaves nothing behind."""
    monkeypatch.setattr(threads, "GRACE", PATIENCE)
    stop, late = threading.Event(), list[bool]()
    await cancelled(stop.wait, stop.set, late)

    assert late == [True]
