"""`bakepy dial-stdio`: connect standard input and output to a builder's BuildKit."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bakepy.cli import command
from bakepy.cli.flags import Flag
from bakepy.diagnostics import BakeError

if TYPE_CHECKING:
    from bakepy.builders.state import NodeState
    from bakepy.builders.store import StoredBuilder
    from bakepy.settings import Settings
    from bakepy.transport.endpoint import Endpoint
    from bakepy.transport.pump import ByteStream

FLAGS = (
    Flag("platform", "Take a node that builds this platform", "PLATFORM"),
    Flag("progress", "How to show that the builder starts: auto, plain, tty, rawjson or none", "MODE"),
    command.BUILDER,
    command.TIMEOUT,
    *command.COMMON,
)
USAGE = """Usage: bakepy dial-stdio [OPTIONS]

Connect standard input and output to a builder: for programs that speak BuildKit's API."""

CHUNK = 1 << 16


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = command.begin(USAGE, FLAGS, argv)
    if given is None:
        return 0
    import asyncio

    from bakepy.settings import Settings

    settings = Settings()
    builder = command.builder(given.text("builder"), settings)
    wanted = given.text("platform") or settings.lookup("DOCKER_DEFAULT_PLATFORM") or ""
    asyncio.run(_run(builder, settings, wanted, command.seconds(given), given.text("progress", "none")))
    # A thread may wait for input that no one will read any more.
    sys.stdout.flush()
    os._exit(0)


async def _run(builder: StoredBuilder, settings: Settings, platform: str, within: float, progress: str) -> None:
    import asyncio

    from bakepy.builders.state import load
    from bakepy.builders.store import touch

    state = await load(builder, settings, within=within)
    node = _node(state.nodes, platform)
    if state.error or node.error or node.driver is None:
        raise state.error or node.error or BakeError.of(f"the node {node.stored.name} has no driver")
    if not builder.implicit:
        touch(settings, builder)
    with command.telling(progress) as sayer:
        await node.driver.boot(sayer(""))
    async with node.driver.dial() as endpoint:
        await asyncio.to_thread(_proxy, endpoint)


def _node(nodes: Sequence[NodeState], platform: str) -> NodeState:
    """Return the first node that builds a platform, those first for which it is reserved; else the first node."""
    if not nodes:
        raise BakeError.of("the builder has no nodes", hint="remove it, and create it again")
    if platform:
        from bakepy.platforms import Platform

        wanted = str(Platform.parse(platform))
        for node in nodes:
            if wanted in map(str, node.stored.platforms or ()):
                return node
        for node in nodes:
            if node.info and wanted in node.info.platforms:
                return node
    return next((node for node in nodes if not node.error), nodes[0])


def _proxy(endpoint: Endpoint) -> None:
    """Copy both ways until the builder hangs up."""
    import threading

    stream = _open(endpoint)

    def send() -> None:
        # Whoever started this may go away in the middle of a message.
        with contextlib.suppress(OSError):
            while data := os.read(0, CHUNK):
                stream.write(memoryview(data))
        with contextlib.suppress(OSError):
            stream.close_write()

    threading.Thread(target=send, daemon=True).start()
    while data := stream.read(CHUNK):
        while data:
            data = data[os.write(1, data) :]
    stream.close()


def _open(endpoint: Endpoint) -> ByteStream:
    """Connect to an endpoint without gRPC. Raises TransportError."""
    import socket
    import ssl

    from bakepy.drivers.tls_stream import TlsStream
    from bakepy.transport.pump import SocketStream

    try:
        if endpoint.target.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(endpoint.target.removeprefix("unix:"))
            return SocketStream(sock)
        host, _, port = endpoint.target.rpartition(":")
        sock = socket.create_connection((host.strip("[]"), int(port)))
        if endpoint.tls is None:
            return SocketStream(sock)
        context = ssl.create_default_context(cafile=str(endpoint.tls.ca) if endpoint.tls.ca else None)
        context.set_alpn_protocols(["h2"])
        if endpoint.tls.cert:
            context.load_cert_chain(endpoint.tls.cert, endpoint.tls.key)
        secure = TlsStream(sock, context, endpoint.tls.server_name or host.strip("[]"))
        secure.handshake()
        return secure
    except OSError as error:
        raise BakeError.of(
            f"the builder at {endpoint.target} cannot be reached", error.strerror or str(error)
        ) from error
