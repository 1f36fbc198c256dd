"""Reach a node through a command's standard input and output: `ssh`, `kubectl exec`."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import Final

from bakepy.transport.pump import SocketStream

TOLD = 4096
"""Bytes of the end of what a command wrote to standard error that an error shows."""

ENDING = 2.0
"""Seconds that a command whose input has ended may take until it is killed."""


class CommandError(Exception):
    """Say that a command cannot be run, or how it ended."""


class Command:
    """Run a command until `socket`, the near end of its standard input and output, is closed; the caller owns that.

    The command belongs to a session of its own: an interrupt from the terminal is this program's to handle, and a
    question (a passphrase, an unknown host key) is refused instead of being asked in the middle of a display.
    Raises CommandError where there is no such program.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments: Final = tuple(arguments)
        near, far = socket.socketpair()
        with far:
            try:
                self._process = subprocess.Popen(
                    self.arguments,
                    stdin=far.fileno(),
                    stdout=far.fileno(),
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                near.close()
                reason = (getattr(error, "strerror", None) or str(error)).lower()
                raise CommandError(f"{arguments[0]}: {reason}") from error
        self.socket: socket.socket = _Near(near, self.end)
        self._said = b""
        self._watcher = threading.Thread(target=self._watch, name=f"bakepy-{arguments[0]}", daemon=True)
        _RUNNING.add(self)
        self._watcher.start()

    def __str__(self) -> str:
        return shlex.join(self.arguments)

    def end(self) -> None:
        """End the command and what it has started, gently first; returns at once, and may be called again."""
        if self._process.returncode is None:
            self._signal(signal.SIGTERM)
            threading.Thread(target=self._insist, name=f"bakepy-end-{self.arguments[0]}", daemon=True).start()

    def ended(self, within: float = 1.0) -> str:
        """Return how the command ended by itself, in its own words; empty where it still runs."""
        try:
            status = self._process.wait(within)
        except subprocess.TimeoutExpired:
            return ""
        # What the command has left behind may keep its standard error open for hours.
        self._watcher.join(within)
        said = self._said.decode(errors="replace").strip()
        return said or f"{self.arguments[0]} ended with status {status}"

    def _watch(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it is a pipe
        with self._process.stderr as errors:
            while chunk := os.read(errors.fileno(), TOLD):
                self._said = (self._said + chunk)[-TOLD:]
        self._process.wait()
        _RUNNING.discard(self)

    def _insist(self) -> None:
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


_RUNNING: set[Command] = set()


def end_all() -> None:
    """End the commands that still run: this process is about to end, and nobody else would."""
    for command in tuple(_RUNNING):
        command.end()


class _Near(socket.socket):
    """Be a socket whose closing is told, once the last reader of it is closed, too."""

    def __init__(self, sock: socket.socket, closed: Callable[[], None]) -> None:
        super().__init__(sock.family, sock.type, sock.proto, sock.detach())
        self._closed_by = closed

    def _real_close(self) -> None:
        # As `ssl.SSLSocket` does: `close` may be called while a file of the socket is still read.
        super()._real_close()  # type: ignore[misc]
        self._closed_by()


class CommandStream(SocketStream):
    """Be the stream of a command's standard output and input. Raises CommandError where there is no such program."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.command: Final = Command(arguments)
        super().__init__(self.command.socket)
