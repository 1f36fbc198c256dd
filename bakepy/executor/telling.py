"""Tell a display of what drivers say while they make nodes ready."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from bakepy.drivers.interface import Amount
from bakepy.progress import events as ev


class Teller:
    """Turn what a driver says into events: lines into messages, amounts into steps; `prefix` names the node.

    Made in the event loop, it may be called from other threads: displays are told from the loop alone.
    """

    def __init__(self, report: Callable[[ev.Event], None], prefix: str = "") -> None:
        self._report = report
        self._prefix = prefix
        self._started: dict[str, int] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.spoke = False
        """Whether anything was said."""

    def __call__(self, note: str | Amount) -> None:
        """Report one note of a driver's."""
        self.spoke = True
        if threading.get_ident() == self._thread:
            self._tell(note)
        else:
            self._loop.call_soon_threadsafe(self._tell, note)

    def _tell(self, note: str | Amount) -> None:
        if isinstance(note, str):
            self._report(ev.Message(self._prefix + note))
            return
        now = time.time_ns()
        name = self._prefix + note.what
        started = self._started.setdefault(name, now)
        completed = now if note.ended else None
        self._report(ev.Step(name, name, started, completed, note.current, note.total, note.error))
