"""A display that cannot write any more, as where a disk is full, does not end the build that it shows."""

from __future__ import annotations

from bakepy.progress import events as ev


class Steady(ev.Reporter):
    """Pass events on until the display fails to write them.

    A pipe that nobody reads any more is let through: then nobody waits for the build either.
    """

    def __init__(self, inner: ev.Reporter) -> None:
        self._inner = inner
        self._broken = False

    def plan(self, targets: tuple[str, ...]) -> None:
        """Pass the plan on."""
        self._inner.plan(targets)

    def report(self, event: ev.Event) -> None:
        """Pass the event on, where that serves."""
        if self._broken:
            return
        try:
            self._inner.report(event)
        except BrokenPipeError:
            raise
        except OSError:
            self._broken = True

    def close(self) -> None:
        """End the display, whose last words may be lost."""
        try:
            self._inner.close()
        except BrokenPipeError:
            raise
        except OSError:
            self._broken = True
