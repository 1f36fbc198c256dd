"""Ask a node's BuildKit who it is."""

from __future__ import annotations

from bakepy.drivers.interface import NodeInfo, Status
from bakepy.transport.endpoint import Endpoint


async def ask(endpoint: Endpoint, *, within: float = 5.0) -> NodeInfo:
    """Return version, platforms and labels of the BuildKit at an address; INACTIVE where nobody answers."""
    from bakepy.buildkit.client import Client
    from bakepy.buildkit.errors import BuildkitError
    from bakepy.transport.faults import TransportError

    try:
        async with Client.connect(endpoint, within=within) as client:
            info, workers = await client.info(), await client.workers()
    except (TransportError, BuildkitError):
        return NodeInfo(Status.INACTIVE)
    platforms = dict.fromkeys(platform for worker in workers for platform in worker.platforms)
    labels = dict(workers[0].labels) if workers else {}
    return NodeInfo(Status.RUNNING, info.version, tuple(platforms), labels, workers)
