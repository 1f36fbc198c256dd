"""Receive what a solve exports to this side: files, folders, standard output, a Docker Engine."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bakepy.diagnostics import BakeError
from bakepy.drivers.interface import Capability
from bakepy.executor.lower import NodeFacts
from bakepy.executor.outcome import DESCRIPTOR, DIGEST
from bakepy.model.text import quote
from bakepy.planner.spec import Export, SolveSpec
from bakepy.records import replace
from bakepy.transport.threads import apart

if TYPE_CHECKING:
    from bakepy.buildkit.session.content import Descriptor, ImageLayout
    from bakepy.buildkit.session.filesend import DirTarget, FileSend, OpenSink
    from bakepy.buildkit.session.rpc import Service
    from bakepy.executor.work import Work


class Outputs:
    """Hold what the session of one solve must serve for its exports, and tell the solve of their failures."""

    def __init__(
        self,
        facts: NodeFacts,
        services: list[Service] | None = None,
        _stop: list[Callable[[BaseException], None]] | None = None,
    ) -> None:
        self.facts = facts
        self.services: list[Service] = [] if services is None else services
        self._files: FileSend | None = None
        self.layout: ImageLayout | None = None
        """The folder to which the daemon writes an image by blobs, where there is one."""
        self._stop: list[Callable[[BaseException], None]] = [] if _stop is None else _stop

    @classmethod
    @asynccontextmanager
    async def open(cls, spec: SolveSpec, facts: NodeFacts, work: Work) -> AsyncIterator[Outputs]:
        """Prepare the exports' destinations; leaving the context waits until a Docker Engine has what it was given."""
        outputs = cls(facts)
        async with AsyncExitStack() as stack:
            targets: dict[int, DirTarget | OpenSink] = {}
            for index, export in enumerate(spec.exports):
                if export.type == "docker" and not export.dest:
                    if Capability.LOADS_BY_ITSELF not in facts.capabilities:
                        targets[index] = await outputs._load(index, work, stack)
                elif export.writes_layout:
                    outputs.layout = _layout(export, work.real(export.dest))
                elif export.dest and export.type != "image":
                    targets[index] = _target(export, work.real(export.dest))
            if targets:
                from bakepy.buildkit.session.filesend import FileSend

                outputs._files = FileSend(targets, outputs._failed, work.warn)
                outputs.services.append(outputs._files)
            yield outputs

    def check(self, spec: SolveSpec, node: str) -> None:
        """Raise BrokenAnswer where the builder ended a build without sending a result."""
        from bakepy.buildkit.errors import BrokenAnswer

        for index in self._files.missing if self._files else ():
            export = spec.exports[index]
            place = f" for {quote(export.dest)}" if export.dest else ""
            raise BrokenAnswer(f'the builder "{node}" sent no result of type "{export.type}"{place}')

    def enter(self, spec: SolveSpec, response: Mapping[str, str], node: str) -> Mapping[str, str]:
        """Enter the image into the index of its layout, which the daemon leaves to this side; raises BakeError.

        Returns the exporters' response, for a part of an image with that part's descriptor.
        """
        if self.layout is None:
            return response
        from bakepy.executor.layouts import enter

        image = self.layout.image(_descriptor(response, node))
        if spec.part:
            return {**response, DESCRIPTOR: b64encode(json.dumps(image).encode()).decode()}
        for export in spec.exports:
            if export.writes_layout:
                enter(self.layout, image, export.names)
        return response

    def on_error(self, stop: Callable[[BaseException], None]) -> None:
        """Have the solve stopped when an export fails on this side: the daemon may not notice."""
        self._stop.append(stop)

    def _failed(self, error: BakeError) -> None:
        for stop in self._stop:
            stop(error)

    async def _load(self, index: int, work: Work, stack: AsyncExitStack) -> OpenSink:
        """Return what streams an image into the Docker Engine that the builder loads into."""
        from bakepy.drivers.docker import image_loader
        from bakepy.drivers.docker_api import DockerApi

        engine = await apart(DockerApi(work.load_into).info)
        if engine.containerd_store:
            loads = self.facts.archive_loads | {index}
            self.facts = replace(self.facts, archive_loads=loads)
        file = await stack.enter_async_context(image_loader(work.load_into, work.say))
        return lambda _metadata: _LoadSink(file)


def check_answer(response: Mapping[str, str], node: str) -> None:
    """Check what an exporter says of an image; raises BrokenAnswer."""
    if not response.keys().isdisjoint({DIGEST, DESCRIPTOR}):
        from bakepy.buildkit.session.content import check_digest

        if DIGEST in response:
            check_digest(response[DIGEST], node)
        _descriptor(response, node)


def _descriptor(response: Mapping[str, str], node: str) -> Descriptor | None:
    """Return the descriptor in an exporter's response, None where it has none; raises BrokenAnswer."""
    from bakepy.buildkit.errors import decoding
    from bakepy.buildkit.session.content import read_descriptor

    if not response.get(DESCRIPTOR):
        return None
    with decoding("a descriptor", node):
        text = b64decode(response[DESCRIPTOR])
    return read_descriptor(text, node)


def _target(export: Export, real: str) -> DirTarget | OpenSink:
    from bakepy.buildkit.session.filesend import DirTarget, FileSink, PipeSink

    if export.dest == "-":
        return lambda _metadata: PipeSink("standard output", sys.stdout.buffer)
    path = Path(export.dest)
    if not export.writes_folder:
        return partial(FileSink, path, real=real)
    return DirTarget(path, delete=export.attr("mode") == "delete", real=real)


def _layout(export: Export, real: str) -> ImageLayout:
    from bakepy.buildkit.session.content import ImageLayout
    from bakepy.buildkit.session.fixed import hold

    hold(export.dest, real)
    return ImageLayout(Path(export.dest), real)


class _LoadSink:
    """Feed a Docker Engine through a pipe, without a thread: nothing could end one that an Engine keeps waiting."""

    name = "the Docker Engine"

    def __init__(self, file: BinaryIO) -> None:
        self._pipe = file.fileno()
        os.set_blocking(self._pipe, False)

    async def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._pipe, rest) :]
            except BlockingIOError:
                await _writable(self._pipe)

    async def commit(self) -> None:
        return

    async def abort(self) -> None:
        return


async def _writable(pipe: int) -> None:
    """Wait until a pipe has room, or no reader."""
    loop = asyncio.get_running_loop()
    room: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not room.done():
            room.set_result(None)

    loop.add_writer(pipe, wake)
    try:
        await room
    finally:
        loop.remove_writer(pipe)
