"""End a run by signals, whatever it is doing.

The event loop takes notice of a signal and cancels the run. Where it cannot, because something blocks it, a thread ends
the process: Python's own handler starts it even while a system call waits.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

SIGNALLED = 128
"""What shells add to a signal's number for the exit status of what it ended."""
PATIENCE = 3.0
"""Seconds that the event loop has to take notice of a signal."""
CLOSING = 0.5
"""Seconds that the display has to end where the event loop does not."""


class Signals:
    """Call `stop` at the first SIGINT, SIGTERM or SIGHUP; end the process at the second, after `close`.

    `status` is the exit status that the first one asks for, 0 before.
    """

    def __init__(self, stop: Callable[[], object], close: Callable[[], object]) -> None:
        self.status = 0
        self._stop = stop
        self._close = close
        self._noticed = threading.Event()

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Handle signals while the loop exists, except those that are ignored, as nohup has SIGHUP."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._notice, number)
                # The loop is still woken; its own handler would have system calls go on.
                signal.signal(number, self._watch)

    def _notice(self, number: int) -> None:
        self._noticed.set()
        if self.status:
            self._close()
            os._exit(self.status)
        self.status = SIGNALLED + number
        self._stop()

    def _watch(self, number: int, _frame: FrameType | None) -> None:
        self._noticed.clear()
        threading.Thread(target=self._end_unless_noticed, args=(number,), daemon=True).start()

    def _end_unless_noticed(self, number: int) -> None:
        if not self._noticed.wait(PATIENCE):
            closing = threading.Thread(target=self._close, daemon=True)
            closing.start()
            closing.join(CLOSING)
            os._exit(self.status or SIGNALLED + number)
