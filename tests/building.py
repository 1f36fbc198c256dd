"""Build a folder at an endpoint, as plainly as the layers below the executor allow."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from bakepy.buildkit.client import Client
from bakepy.buildkit.requests import Exporter, GatewayRequest, SolveRequest
from bakepy.buildkit.session.filesync import FileSync, LocalDir
from bakepy.buildkit.session.server import Session
from bakepy.progress.events import Solve, SolveUpdate
from bakepy.transport.endpoint import Endpoint


async def build(
    endpoint: Endpoint,
    folder: Path,
    *exporters: Exporter,
    report: Callable[[SolveUpdate], None] = lambda _update: None,
) -> Mapping[str, str]:
    """Build the Dockerfile in a folder, the folder being its context; returns what the exporters answer."""
    files = FileSync({"context": LocalDir(folder), "dockerfile": LocalDir(folder)})
    session = Session([files])
    ref = uuid.uuid4().hex
    async with Client.connect(endpoint) as client, client.session(session):
        # Engines for tests have no bridge for steps to connect to.
        attrs = {"no-cache": "", "force-network-mode": "none"}
        request = SolveRequest(ref, session.id, attrs, exporters)
        async with client.build(request, Solve(ref, ("test",)), report) as run:
            return await run.finish(await run.solve(GatewayRequest(attrs)))
