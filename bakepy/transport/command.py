"""Reach a node through a command's standard input and output: `ssh`, `kubectl exec`."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import threading
from collections.abc import Sequence
from typing import Final

from bakepy.transport.pump import SocketStream

TOLD = 4096
"""Bytes of the end of what a command wrote to standard error that an error shows."""

ENDING = 2.0
"""Seconds that a command whose input has ended may take until it is killed."""


class CommandError(Exception):
    """Say that a command cannot be run, or how it ended."""


class Command:
    """Run a command; `socket` is the near end of its standard input and output, which the caller owns.

    The command belongs to a session of its own: an interrupt from the terminal is this program's to handle, and a
    question (a passphrase, an unknown host key) is refused instead of being asked in the middle of a display.
    Raises CommandError where there is no such program.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments: Final = tuple(arguments)
        self.socket, far = socket.socketpair()
        with far:
            try:
                self._process = subprocess.Popen(
                    self.arguments,
                    stdin=far.fileno(),
                    stdout=far.fileno(),
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                self.socket.close()
                raise CommandError(f"{arguments[0]}: {(error.strerror or str(error)).lower()}") from error
        self._said = b""
        # Closing the socket ends the command; who watches it leaves no dead process behind.
        self._watcher = threading.Thread(target=self._watch, name=f"bakepy-{arguments[0]}", daemon=True)
        self._watcher.start()

    def __str__(self) -> str:
        return shlex.join(self.arguments)

    def end(self) -> None:
        """End the command, gently first; may be called twice."""
        self._process.terminate()
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

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


class CommandStream(SocketStream):
    """Be the stream of a command's standard output and input. Raises CommandError where there is no such program."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.command: Final = Command(arguments)
        super().__init__(self.command.socket)

    def close(self) -> None:
        """Close the stream and end the command."""
        super().close()
        self.command.end()
