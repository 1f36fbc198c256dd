"""A policy beside a Dockerfile that BuildKit fetches: only the engine can say whether there is one."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from bakepy.buildkit.requests import GatewayRequest
from bakepy.diagnostics import BakeError
from bakepy.model.text import quote
from bakepy.planner.policies import WITHOUT
from bakepy.planner.spec import RemoteContext, SolveSpec, SourceContext

if TYPE_CHECKING:
    from bakepy.buildkit.build import Build


async def refuse(build: Build, spec: SolveSpec, home: str) -> None:
    """Raise BakeError where the solve's Dockerfile has a policy beside it, and SolveError where it cannot be fetched.

    `home` is the user's folder.
    """
    if not spec.policy:
        return
    from bakepy.executor.sources import context, folder

    if isinstance(spec.context, RemoteContext):
        state = context(spec.context.url, home)
    elif isinstance(spec.context, SourceContext):
        state = folder(spec.context, "", home)
    else:
        return
    result = await build.solve(GatewayRequest(frontend="", definition=state.definition()))
    await build.evaluate(result)
    parent, name = posixpath.split(posixpath.normpath("/" + spec.policy))
    # A failure to list the folder is an error, too: it does not mean that there is no policy.
    if name in await build.names(result, parent):
        raise BakeError.of(f"bakepy cannot evaluate the policy {quote(spec.policy)} of the context", hint=WITHOUT)
