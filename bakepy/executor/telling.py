"""Tell a display of what drivers say while they make nodes ready."""

from __future__ import annotations

import time
from collections.abc import Callable

from bakepy.drivers.interface import Amount
from bakepy.progress import events as ev


class Teller:
    """Turn what a driver says into events: lines into messages, amounts into steps; `prefix` names the node."""

    def __init__(self, report: Callable[[ev.Event], None], prefix: str = "") -> None:
        self._report = report
        self._prefix = prefix
        self._started: dict[str, int] = {}
        self.spoke = False
        """Whether anything was said."""

    def __call__(self, note: str | Amount) -> None:
        """Report one note of a driver's."""
        self.spoke = True
        if isinstance(note, str):
            self._report(ev.Message(self._prefix + note))
            return
        now = time.time_ns()
        name = self._prefix + note.what
        started = self._started.setdefault(name, now)
        completed = now if note.ended else None
        self._report(ev.Step(name, name, started, completed, note.current, note.total, note.error))
