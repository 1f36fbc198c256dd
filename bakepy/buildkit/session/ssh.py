"""Forward SSH agents to steps that mount them (`moby.sshforward.v1.SSH`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

from bakepy.buildkit.session.rpc import Call, Code, Handler, RpcError

PREFIX = "/moby.sshforward.v1.SSH/"
DEFAULT = "default"
ID = "buildkit.ssh.id"
CHUNK = 32 * 1024
MESSAGE_LIMIT = 256 * 1024
"""The longest message that OpenSSH's agent takes."""
FAILURE = b"\x00\x00\x00\x01\x05"
"""SSH_AGENT_FAILURE (draft-ietf-sshm-ssh-agent, 5.1.1) as a whole message."""
ALLOWED = {1, 11, 13}
"""The requests that only use keys: the two lists of identities and the signature."""


class Ssh:
    """Serve agents by id, each a unix socket; a build may use their keys but not add, remove or lock any."""

    def __init__(self, sockets: Mapping[str, Path]) -> None:
        self._sockets = sockets

    def handlers(self) -> Mapping[str, Handler]:
        """Return the two methods."""
        return {PREFIX + "CheckAgent": self._check, PREFIX + "ForwardAgent": self._forward}

    async def _check(self, call: Call) -> None:
        from bakepy.buildkit.proto.session_pb2 import CheckAgentRequest, CheckAgentResponse

        request = CheckAgentRequest.FromString(await call.receive() or b"")
        self._find(request.ID)
        await call.send(CheckAgentResponse().SerializeToString())

    def _find(self, id: str) -> Path:
        try:
            return self._sockets[id or DEFAULT]
        except KeyError:
            raise RpcError(Code.NOT_FOUND, f"unset ssh forward key {id or DEFAULT}") from None

    async def _forward(self, call: Call) -> None:
        path = self._find("".join(call.metadata.get(ID, [])[:1]))
        try:
            reader, writer = await asyncio.open_unix_connection(str(path))
        except OSError as error:
            raise RpcError(Code.UNAVAILABLE, f"cannot reach the SSH agent at {path}: {error.strerror}") from error
        agent = _Agent(reader, writer)
        try:
            await _serve(call, agent)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise RpcError(Code.UNAVAILABLE, f"the SSH agent at {path} hung up") from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class _Agent:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, message: bytes) -> bytes:
        """Return the agent's answer to one whole message; both start with their length in four bytes."""
        if len(message) < 5 or message[4] not in ALLOWED:
            return FAILURE
        self._writer.write(message)
        await self._writer.drain()
        head = await self._reader.readexactly(4)
        return head + await self._reader.readexactly(int.from_bytes(head, "big"))


async def _serve(call: Call, agent: _Agent) -> None:
    """Cut the pipe into the agent protocol's messages and answer each in turn."""
    from bakepy.buildkit.proto.session_pb2 import BytesMessage

    pending = bytearray()
    while (piece := await call.receive()) is not None:
        pending += BytesMessage.FromString(piece).data
        while len(pending) >= 4 and len(pending) >= (end := 4 + int.from_bytes(pending[:4], "big")):
            answer = await agent.ask(bytes(pending[:end]))
            del pending[:end]
            for start in range(0, len(answer), CHUNK):
                await call.send(BytesMessage(data=answer[start : start + CHUNK]).SerializeToString())
        if len(pending) > MESSAGE_LIMIT:
            raise RpcError(Code.INVALID_ARGUMENT, "the message to the SSH agent is too long")
