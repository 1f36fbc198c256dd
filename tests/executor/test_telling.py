"""What drivers say, told to a display."""

import asyncio
import threading

from bakepy.drivers.interface import Amount
from bakepy.executor.telling import Teller
from bakepy.progress import events as ev


async def test_displays_are_told_from_the_loop() -> None:
    """A driver's thread may speak at any time; events come in its order, before what waits for the thread goes on."""
    told: list[ev.Event] = []
    threads: set[int] = set()

    def report(event: ev.Event) -> None:
        told.append(event)
        threads.add(threading.get_ident())

    teller = Teller(report, "[a] ")

    def speak() -> None:
        for current in (0, 5, 10):
            teller(Amount("pulling", current, 10, ended=current == 10))
        teller("starting")

    await asyncio.to_thread(speak)

    assert teller.spoke
    assert threads == {threading.get_ident()}
    assert told[-1] == ev.Message("[a] starting")
    steps = [event for event in told if isinstance(event, ev.Step)]
    assert [(step.name, step.current, step.completed is not None) for step in steps] == [
        ("[a] pulling", 0, False),
        ("[a] pulling", 5, False),
        ("[a] pulling", 10, True),
    ]
    assert len({step.started for step in steps}) == 1
