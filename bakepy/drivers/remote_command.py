"""A BuildKit behind a command: in a pod (`kube-pod://`), or on a machine that SSH reaches (`ssh://`).

The addresses and the commands are those of BuildKit's own clients: at the far end `buildctl dial-stdio` connects its
standard input and output to the daemon.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar
from urllib.parse import SplitResult, parse_qs

from bakepy.drivers.address import split_address
from bakepy.drivers.interface import BUILDKIT, Capability, Driver, DriverError, NodeInfo, Status
from bakepy.drivers.remote import loads_by_default
from bakepy.drivers.ssh import ssh
from bakepy.transport.command import CommandError, CommandStream
from bakepy.transport.endpoint import Endpoint
from bakepy.transport.threads import apart

KUBE_POD = "kube-pod://POD?context=CONTEXT&namespace=NAMESPACE&container=CONTAINER"

DIAL = ("buildctl", "dial-stdio")

LOGIN = 15.0
"""Seconds that logging in may take where only the builder's state is asked for."""

_KUBE_NAME = r"[a-z0-9][-a-z0-9.]*"
"""What BuildKit takes, but for a leading hyphen, which kubectl would take for a flag."""

HINTS = {
    "kubectl": "check it by hand: kubectl get pods; the pod's image must hold buildctl",
    "ssh": "check it by hand, for it must log in without asking anything; buildctl must be on the PATH there",
}


class RemoteCommandDriver(Driver):
    """Reach a BuildKit through a command of this machine."""

    name: ClassVar[str] = "remote"

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        self.url = url
        self.arguments = command(url)
        if unknown := sorted(set(options) - {"default-load"}):
            raise DriverError.of(f"invalid driver option {unknown[0]} for a builder at {split_address(url).scheme}://")
        self._defaults = loads_by_default(options)
        self._stream: CommandStream | None = None

    async def inspect(self) -> NodeInfo:
        """Ask the BuildKit who it is."""
        from bakepy.drivers.ask import ask

        async with self.dial() as endpoint:
            node = await ask(endpoint, within=LOGIN)
            if node.status is Status.INACTIVE and (cause := await self.why_lost()):
                raise cause
            return node

    async def boot(self, say: Callable[[str], None]) -> None:
        """Check that the BuildKit answers; raises DriverError, which holds the command's own words."""
        from bakepy.transport.dial import open_channel

        async with self.dial() as endpoint:
            channel = await open_channel(endpoint)
            await channel.close()

    def dial(self) -> AbstractAsyncContextManager[Endpoint]:
        """Run the command; each dial is a process of its own."""
        return self._dial()

    @asynccontextmanager
    async def _dial(self) -> AsyncIterator[Endpoint]:
        from bakepy.transport.faults import TransportError
        from bakepy.transport.pump import pumped

        try:
            stream = await apart(lambda: CommandStream(self.arguments), late=CommandStream.close)
        except CommandError as error:
            program = self.arguments[0]
            raise DriverError.of(
                f"the builder at {self.url} is reached through {program}, which cannot be run",
                str(error),
                hint=f"install {program}, or name another builder with --builder",
            ) from error
        async with pumped(stream) as endpoint:
            self._stream = stream
            try:
                yield endpoint
            except TransportError as error:
                silent = f"{stream.command} runs, but no BuildKit answers through it"
                raise await self.why_lost() or self._unreachable(silent) from error

    async def capabilities(self) -> frozenset[Capability]:
        """Return what every BuildKit by itself can do, and whether results are loaded unasked."""
        return BUILDKIT | self._defaults

    async def why_lost(self) -> DriverError | None:
        """Tell how the command ended; None where it has not."""
        if self._stream is None:
            return None
        command = self._stream.command
        said = await apart(command.ended)
        return self._unreachable(f"{command}: {said}") if said else None

    def _unreachable(self, why: str) -> DriverError:
        return DriverError.of(f"cannot reach the builder at {self.url}", why, hint=HINTS[self.arguments[0]])

    async def stop(self) -> None:
        """Leave it: it is not ours to stop."""

    async def remove(self, *, keep_state: bool = False) -> None:
        """Leave it: it is not ours to remove."""


def command(url: str) -> tuple[str, ...]:
    """Return the command that connects to a `kube-pod://` or `ssh://` address; raises DriverError."""
    parts = split_address(url)
    return _kubectl(parts) if parts.scheme == "kube-pod" else ssh(parts, *_buildctl(parts.path))


def _buildctl(socket: str) -> tuple[str, ...]:
    return (DIAL[0], "--addr", f"unix://{socket}", DIAL[1]) if socket.strip("/") else DIAL


def _kubectl(parts: SplitResult) -> tuple[str, ...]:
    given = parse_qs(parts.query)
    names = {"pod": parts.netloc, **{key: given.get(key, [""])[0] for key in ("namespace", "container")}}
    for what, name in names.items():
        if what == "pod" and not name:
            raise DriverError.of("url lacks pod name", f"form: {KUBE_POD}")
        if name and not re.fullmatch(_KUBE_NAME, name):
            raise DriverError.of(f'unsupported {what} name: "{name}"', f"form: {KUBE_POD}")
    chosen = (
        *(f"--{key}={given[key][0]}" for key in ("context", "namespace") if key in given),
        "exec",
        *([f"--container={names['container']}"] if names["container"] else []),
    )
    return ("kubectl", *chosen, "-i", names["pod"], "--", *DIAL)
