"""A BuildKit in a container of its own, which this driver makes, starts and removes in a Docker Engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

from bakepy.drivers.container import Container, in_thread
from bakepy.drivers.container_options import is_managed, parse
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import BUILDKIT, Amount, Capability, Driver, DriverError, NodeInfo
from bakepy.settings import Settings
from bakepy.transport.endpoint import Endpoint
from bakepy.transport.threads import apart

PREFIX = "buildx_buildkit_"
"""Containers are found by their names, by either tool."""


class DockerContainerDriver(Driver):
    """Run one node as a container."""

    name: ClassVar[str] = "docker-container"

    def __init__(
        self,
        host: DockerHost,
        node: str,
        settings: Settings,
        *,
        options: Mapping[str, str] | None = None,
        flags: Sequence[str] = (),
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        """Take a node as it is stored: `flags` are the daemon's, `files` lie in its folder of configuration.

        Raises DriverError where its options are wrong.
        """
        self._options = parse(options or {})
        self._flags = tuple(flags)
        self._files = dict(files or {})
        self._settings = settings
        self._host = host
        self.container = Container(host, PREFIX + node)

    async def inspect(self) -> NodeInfo:
        """Tell the container's state, and where it runs what its BuildKit says of itself."""
        return await self.container.info()

    async def boot(self, say: Callable[[str | Amount], None]) -> None:
        """Make the container unless it is there, start it unless it runs, and wait until BuildKit answers."""
        state = await apart(self.container.state)
        if state and state.running:
            return
        if state is None:
            self._require_trust()
        await in_thread(lambda stop: self._start(say, stop, make=state is None))
        async with self.dial():
            return

    def dial(self) -> AbstractAsyncContextManager[Endpoint]:
        """Open a stream through a process in the container, waiting until BuildKit answers."""
        return self.container.dial()

    async def capabilities(self) -> frozenset[Capability]:
        """Return what every BuildKit by itself can do, and whether results are loaded unasked."""
        return BUILDKIT | {Capability.LOADS_BY_DEFAULT} if self._options.default_load else BUILDKIT

    async def emulates(self, architectures: frozenset[str]) -> frozenset[str] | None:
        """Tell what the image brings."""
        return await apart(lambda: self.container.emulates(architectures))

    async def why_lost(self) -> DriverError | None:
        """Tell how the container ended."""
        return await self.container.why_lost()

    async def stop(self) -> None:
        """Stop the container; it and its build cache stay."""
        await apart(self._stop)

    async def remove(self, *, keep_state: bool = False) -> None:
        """Remove the container, and its volume unless that is to be kept for a builder of the same name."""
        await apart(lambda: self._remove(keep_state))

    def _start(self, say: Callable[[str | Amount], None], stop: threading.Event, *, make: bool) -> None:
        from bakepy.drivers.container_admin import ContainerAdmin

        name, files = self.container.name, self._all_files()
        with ContainerAdmin.open(self._host) as admin:
            if make:
                admin.pull(self._options.image, self._settings, say, stop)
                if stop.is_set():
                    return
                say(f"creating container {name}")
                admin.create(name, self._options, self._flags, files, self._settings)
            say(f"starting container {name}")
            admin.start(name, files)

    def _require_trust(self) -> None:
        """Raise DriverError where the default policy covers the image: bakepy cannot verify it."""
        image = self._options.image
        if self._settings.default_policy and is_managed(image) and not self._options.allow_untrusted_image:
            raise DriverError.of(
                f'bakepy cannot verify the image "{image}", as BUILDX_DEFAULT_POLICY asks for',
                hint="Set the driver option allow-untrusted-image=true, or unset BUILDX_DEFAULT_POLICY.",
            )

    def _all_files(self) -> dict[str, bytes]:
        if not self._options.provenance_add_gha:
            return self._files
        from bakepy.drivers.github_actions import FILE, actions_context

        job = actions_context(self._settings)
        return self._files | ({FILE: job} if job else {})

    def _stop(self) -> None:
        from bakepy.drivers.container_admin import ContainerAdmin

        with ContainerAdmin.open(self._host) as admin:
            admin.stop(self.container.name)

    def _remove(self, keep_state: bool) -> None:
        from bakepy.drivers.container_admin import ContainerAdmin

        with ContainerAdmin.open(self._host) as admin:
            admin.remove(self.container.name, keep_state=keep_state)
