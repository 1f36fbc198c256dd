"""Find the SSH agent that a build may use: the user's own, another one's socket, or key files served as an agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bakepy.diagnostics import BakeError

if TYPE_CHECKING:
    from bakepy.buildkit.session.keys import Keys


async def agent(paths: Sequence[str], variables: Mapping[str, str]) -> Path | Keys:
    """Return the agent that paths name, or the user's own where there are none; raises BakeError."""
    named = [Path(path) for path in paths if path]
    if not named:
        socket = variables.get("SSH_AUTH_SOCK")
        if not socket:
            raise BakeError.of(
                "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set",
                hint="run ssh-agent, or name a key file",
            )
        return Path(socket)
    sockets = [path for path in named if path.is_socket()]
    if not sockets:
        from bakepy.buildkit.session.keys import Keys

        return await Keys.load(named)
    if len(named) > 1:
        raise BakeError.of(
            f"only one SSH agent can be used under one id: {', '.join(map(str, named))}",
            hint="name one socket, or key files alone",
        )
    return named[0]
