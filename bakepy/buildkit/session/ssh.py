"""Forward SSH agents to steps that mount them (`moby.sshforward.v1.SSH`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from bakepy.buildkit.session.keys import REQUEST_IDENTITIES, SIGN_REQUEST, Keys
from bakepy.buildkit.session.rpc import Call, Code, Handler, RpcError

PREFIX = "/moby.sshforward.v1.SSH/"
DEFAULT = "default"
ID = "buildkit.ssh.id"
CHUNK = 32 * 1024
MESSAGE_LIMIT = 256 * 1024
"""The longest message that OpenSSH's agent takes."""
FAILURE = b"\x00\x00\x00\x01\x05"
"""SSH_AGENT_FAILURE (draft-ietf-sshm-ssh-agent, 5.1.1) as a whole message."""
ALLOWED = {bytes([REQUEST_IDENTITIES]), bytes([SIGN_REQUEST])}
"""The requests that only use keys."""


class Ssh:
    """Serve agents by id, each a unix socket or keys of ours; a build may use keys but not add, remove or lock any."""

    def __init__(self, agents: Mapping[str, Path | Keys]) -> None:
        self._agents = agents

    def handlers(self) -> Mapping[str, Handler]:
        """Return the two methods."""
        return {PREFIX + "CheckAgent": self._check, PREFIX + "ForwardAgent": self._forward}

    async def _check(self, call: Call) -> None:
        from bakepy.buildkit.proto.session_pb2 import CheckAgentRequest, CheckAgentResponse

        request = CheckAgentRequest.FromString(await call.receive() or b"")
        self._find(request.ID)
        await call.send(CheckAgentResponse().SerializeToString())

    def _find(self, id: str) -> Path | Keys:
        try:
            return self._agents[id or DEFAULT]
        except KeyError:
            raise RpcError(Code.NOT_FOUND, f"unset ssh forward key {id or DEFAULT}") from None

    async def _forward(self, call: Call) -> None:
        agent = self._find("".join(call.metadata.get(ID, [])[:1]))
        if not isinstance(agent, Path):
            await _serve(call, _answering(agent))
            return
        try:
            reader, writer = await asyncio.open_unix_connection(str(agent))
        except OSError as error:
            raise RpcError(Code.UNAVAILABLE, f"cannot reach the SSH agent at {agent}: {error.strerror}") from error
        try:
            await _serve(call, _asking(reader, writer))
        except (OSError, asyncio.IncompleteReadError) as error:
            raise RpcError(Code.UNAVAILABLE, f"the SSH agent at {agent} hung up") from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


Ask = Callable[[bytes], Awaitable[bytes]]
"""Takes one whole message and returns the agent's answer; both start with their length in four bytes."""


def _asking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Ask:
    async def ask(message: bytes) -> bytes:
        writer.write(message)
        await writer.drain()
        head = await reader.readexactly(4)
        return head + await reader.readexactly(int.from_bytes(head, "big"))

    return ask


def _answering(keys: Keys) -> Ask:
    async def ask(message: bytes) -> bytes:
        answer = keys.answer(message[4:])
        return FAILURE if answer is None else len(answer).to_bytes(4, "big") + answer

    return ask


async def _serve(call: Call, ask: Ask) -> None:
    """Cut the pipe into the agent protocol's messages and answer each in turn."""
    from bakepy.buildkit.proto.session_pb2 import BytesMessage

    pending = bytearray()
    while (piece := await call.receive()) is not None:
        pending += BytesMessage.FromString(piece).data
        while len(pending) >= 4 and len(pending) >= (end := 4 + int.from_bytes(pending[:4], "big")):
            message = bytes(pending[:end])
            del pending[:end]
            answer = await ask(message) if message[4:5] in ALLOWED else FAILURE
            for start in range(0, len(answer), CHUNK):
                await call.send(BytesMessage(data=answer[start : start + CHUNK]).SerializeToString())
        if len(pending) > MESSAGE_LIMIT:
            raise RpcError(Code.INVALID_ARGUMENT, "the message to the SSH agent is too long")
