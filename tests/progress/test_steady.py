"""Displays that can no longer write."""

from __future__ import annotations

import errno

import pytest

from bakepy.progress import events as ev
from bakepy.progress.steady import Steady


class Failing(ev.Reporter):
    """Fail with an error at each event and at the end; count the tries."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.tries = 0

    def report(self, event: ev.Event) -> None:
        self.tries += 1
        raise OSError(self.number, "")

    def close(self) -> None:
        raise OSError(self.number, "")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EBADF])
def test_a_display_that_cannot_write_ends_no_build(number: int) -> None:
    """It is asked no more."""
    inner = Failing(number)
    reporter = Steady(inner)
    reporter.report(ev.Message("one"))
    reporter.report(ev.Message("two"))
    reporter.close()
    assert inner.tries == 1


def test_a_pipe_that_nobody_reads_ends_it() -> None:
    """As it ends the programs before `head`."""
    reporter = Steady(Failing(errno.EPIPE))
    with pytest.raises(BrokenPipeError):
        reporter.report(ev.Message("one"))
