"""Calls that block, and commands that do not wait for them."""

import asyncio
import contextlib
import threading
import time

import pytest

from bakepy.drivers import threads
from bakepy.drivers.threads import apart


async def test_a_call_returns_or_raises() -> None:
    """What a call does in its thread is what is awaited."""
    assert await apart(threading.current_thread) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        await apart(lambda: 1 / 0)


def test_a_call_that_blocks_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop ends while the call still blocks; what it returns later is taken back."""
    monkeypatch.setattr(threads, "GRACE", 0.0)
    release, told, late = threading.Event(), threading.Event(), list[bool]()

    async def run() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await apart(release.wait, give_up=told.set, late=late.append)

    asyncio.run(run())
    assert told.is_set()
    assert not late
    release.set()
    for _ in range(500):
        if late:
            break
        time.sleep(0.01)
    assert late == [True]


async def test_a_call_that_ends_when_told_is_waited_for() -> None:
    """Given a moment, it leaves nothing behind."""
    stop, late = threading.Event(), list[bool]()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            await apart(stop.wait, give_up=stop.set, late=late.append)

    assert late == [True]
