"""A container that runs BuildKit: its state, and streams into it. These are the calls of every build.

They are made without Docker's SDK, whose import takes longer than a cached build.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import quote

from bakepy.drivers.docker_api import DockerApi
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import DriverError, NodeInfo, Status
from bakepy.records import Record
from bakepy.transport.endpoint import Endpoint
from bakepy.transport.pump import CHUNK
from bakepy.transport.stdcopy import Demultiplexed
from bakepy.transport.threads import apart

T = TypeVar("T")

DIAL = {
    "Cmd": ["buildctl", "dial-stdio"],
    "AttachStdin": True,
    "AttachStdout": True,
    "AttachStderr": True,
}

PATIENCE = 15.0
"""Seconds that BuildKit has to answer in a container that was just started."""

PREFACE = 5.0
"""Seconds until the first bytes of a BuildKit that runs: it speaks first (RFC 9113, 3.4)."""

SETTINGS = b"\4\0\0\0\0\0"
"""Type, flags and stream of the frame that comes first; its length is before them (RFC 9113, 4.1)."""

RESTARTS = 2
"""Restarts after which a container is taken for one that cannot run."""

KILLED = 137
"""The exit code after SIGKILL, as shells count: 128 and the signal's number."""

AGAIN = "build again: the container is started anew, and its build cache is kept"
AT_START = "correct the daemon's flags or configuration: remove the builder, and create it again"

SETTLE = 2.0
"""Seconds that the Engine may take to notice the end of a container."""


SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for in a container whose image does not say."""

QEMU_NAMES = {"386": "i386", "amd64": "x86_64", "arm64": "aarch64"}
"""QEMU's names of architectures, where they are others."""


def emulator(architecture: str) -> str:
    """Return the name under which BuildKit looks for an emulator that the kernel does not know of."""
    return f"buildkit-qemu-{QEMU_NAMES.get(architecture, architecture)}"


class ContainerState(Record):
    """Hold the state of a container as the Engine tells it."""

    __slots__ = ("running", "started", "exit_code", "out_of_memory", "error", "restarts_in_vain", "paused")

    def __init__(
        self,
        running: bool,
        started: str = "",
        exit_code: int = 0,
        out_of_memory: bool = False,
        error: str = "",
        restarts_in_vain: bool = False,
        paused: bool = False,
    ) -> None:
        self.running: Final = running
        self.started: Final = started
        self.exit_code: Final = exit_code
        self.out_of_memory: Final = out_of_memory
        self.error: Final = error
        self.restarts_in_vain: Final = restarts_in_vain
        self.paused: Final = paused

    @property
    def has_ended(self) -> bool:
        """Tell whether it does not run, and will not by itself."""
        return not self.running or self.restarts_in_vain


class Container:
    """Look at one container, and open streams to the BuildKit in it."""

    def __init__(self, host: DockerHost, name: str) -> None:
        self.api = DockerApi(host)
        self.name = name
        self._dialled = ""

    def state(self) -> ContainerState | None:
        """Return the container's state, None where there is no such container; raises DriverError."""
        answer = self.api.request("GET", f"{self._path}/json")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self.api.refused(f"inspecting the container {self.name}", answer)
        return _state(answer.body)

    async def info(self) -> NodeInfo:
        """Tell the container's state, and where it runs what its BuildKit says of itself; raises DriverError."""
        from bakepy.drivers.ask import ask

        state = await apart(self.state)
        if state is None:
            return NodeInfo(Status.INACTIVE)
        if not state.running:
            return NodeInfo(Status.STOPPED)
        async with self.dial() as endpoint:
            return await ask(endpoint)

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[Endpoint]:
        """Open a stream to the BuildKit, waiting until it answers; raises DriverError."""
        from bakepy.transport.pump import pumped

        stream = await in_thread(self.open)
        async with pumped(stream) as endpoint:
            yield endpoint

    def open(self, stop: threading.Event) -> Demultiplexed:
        """Return a stream to the BuildKit once that answers (blocking); `stop` ends the waiting.

        Raises DriverError where there is no such container, or it does not come to answer.
        """
        until = time.monotonic() + PATIENCE
        pause = 0.02
        while True:
            found = self._try()
            if isinstance(found, Demultiplexed):
                return found
            state = self.state()
            if state is None or state.has_ended or state.paused or time.monotonic() > until or stop.wait(pause):
                raise self._silent(state, found)
            pause = min(2 * pause, 0.5)

    def emulates(self, architectures: frozenset[str]) -> frozenset[str]:
        """Return for which of some architectures there is a program to emulate them with (blocking).

        Raises DriverError.
        """
        config = self.api.request("GET", f"{self._path}/json").body.get("Config") or {}
        variables = dict(text.partition("=")[::2] for text in config.get("Env") or ())
        folders = variables.get("PATH", SEARCHED).split(":")
        return frozenset(a for a in architectures if any(self._has(f"{folder}/{emulator(a)}") for folder in folders))

    def _has(self, path: str) -> bool:
        return self.api.request("HEAD", f"{self._path}/archive?path={quote(path)}").status == 200

    async def why_lost(self) -> DriverError | None:
        """Tell how the container ended or started anew since it was dialled; None where it did neither."""
        until = time.monotonic() + SETTLE
        while True:
            state = await apart(self.state)
            if state is None or not state.running or state.started != self._dialled:
                return await apart(partial(self._ended, state))
            if time.monotonic() > until:
                return None
            await asyncio.sleep(0.05)

    def _try(self) -> Demultiplexed | str:
        """Return a stream that BuildKit has spoken on, or why there is none."""
        answer = self.api.request("POST", f"{self._path}/exec", DIAL)
        if answer.status != 201:
            return answer.reason
        stream = self.api.upgrade(f"/exec/{answer.body['Id']}/start", "tcp", {"Detach": False, "Tty": False})
        if isinstance(stream, str):
            return stream
        found = Demultiplexed(stream)
        timer = threading.Timer(PREFACE, found.close)
        timer.start()
        try:
            early = found.read(CHUNK)
        except OSError as error:
            early = b""
            found.errors = found.errors or str(error).encode()
        finally:
            timer.cancel()
        if early[3:9] != SETTINGS:
            found.close()
            # Where the process could not be started, the Engine puts its reason into the output.
            return (found.errors or early).decode(errors="replace").strip() or "it said nothing"
        found.unread(early)
        state = self.state()
        self._dialled = state.started if state else ""
        return found

    def _silent(self, state: ContainerState | None, reason: str) -> DriverError:
        if state is None:
            return DriverError.of(
                f'there is no container "{self.name}"',
                f"the Docker Engine is the one at {self.api.host.url}",
                hint="start one of this name, or correct the builder's endpoint",
            )
        if state.has_ended:
            return self._ended(state, AT_START)
        if state.paused:
            return DriverError.of(f"the container {self.name} is paused", hint=f"run: docker unpause {self.name}")
        return DriverError.of(
            f"BuildKit in the container {self.name} does not answer",
            "\n".join(filter(None, (reason, self._log(state)))),
            hint=f"look at the container: docker logs {self.name}",
        )

    def _ended(self, state: ContainerState | None, hint: str = AGAIN) -> DriverError:
        if state is None:
            return DriverError.of(f"the container {self.name} was removed", hint=hint)
        if not state.has_ended:
            return DriverError.of(f"the container {self.name} was started anew while it was in use", hint=hint)
        what = f"the container {self.name} has stopped"
        if state.out_of_memory:
            hint = f"give it more with the driver option memory; {hint}"
            return DriverError.of(f"{what}: it ran out of memory", hint=hint)
        if state.exit_code == KILLED:
            # It had no time to say anything.
            return DriverError.of(f"{what}: it was killed (exit code {KILLED})", hint=hint)
        detail = "\n".join(filter(None, (state.error, self._log(state))))
        return DriverError.of(f"{what}: exit code {state.exit_code}", detail, hint=hint)

    def _log(self, state: ContainerState) -> str:
        """Return the last lines that the container has written since its start; empty where they cannot be had."""
        from bakepy.drivers.container_admin import ContainerAdmin

        try:
            with ContainerAdmin.open(self.api.host) as admin:
                return admin.log(self.name, _seconds(state.started))
        except DriverError:
            return ""

    @property
    def _path(self) -> str:
        return f"/containers/{quote(self.name, safe='')}"


def _state(body: dict[str, Any]) -> ContainerState:
    state = body.get("State")
    state = state if isinstance(state, dict) else {}
    return ContainerState(
        running=bool(state.get("Running")),
        started=str(state.get("StartedAt", "")),
        exit_code=_number(state.get("ExitCode")),
        out_of_memory=bool(state.get("OOMKilled")),
        error=str(state.get("Error", "")),
        paused=bool(state.get("Paused")),
        restarts_in_vain=bool(state.get("Restarting")) and _number(body.get("RestartCount")) > RESTARTS,
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _seconds(time: str) -> int:
    """Return the seconds of an RFC 3339 time, whose fractions have nine digits; 0 for none."""
    from datetime import datetime

    try:
        return int(datetime.fromisoformat(f"{time[:19]}+00:00").timestamp())
    except (ValueError, OverflowError):
        return 0


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run work in a thread; being cancelled, have it end, and take back a stream that it opened meanwhile."""
    stop = threading.Event()

    def take_back(result: T) -> None:
        if isinstance(result, Demultiplexed):
            result.close()

    return await apart(lambda: work(stop), give_up=stop.set, late=take_back)
