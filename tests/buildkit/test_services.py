"""Secrets and SSH agents are served as the protocol has it."""

import asyncio
import contextlib
import os
import struct
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bakepy.buildkit.proto.session_pb2 import BytesMessage, CheckAgentRequest, GetSecretRequest, GetSecretResponse
from bakepy.buildkit.session.keys import Keys
from bakepy.buildkit.session.rpc import Code, RpcError
from bakepy.buildkit.session.secrets import LIMIT, Secrets
from bakepy.buildkit.session.ssh import FAILURE, ID, PREFIX, Ssh
from bakepy.diagnostics import BakeError
from tests.buildkit.calls import MemoryCall, ask
from tests.programs import needed
from tests.waiting import accepts, wait_for

GET = "/moby.buildkit.secrets.v1.Secrets/GetSecret"
LIST, LISTED, SIGN, ADD, LOCK, EXTENSION = 11, 12, 13, 17, 22, 27


@pytest.mark.parametrize("value", [b"", b"v", b"\x00\xff\n", b"x" * LIMIT])
async def test_secrets_are_handed_out(value: bytes) -> None:
    """A secret arrives byte for byte, up to the limit."""
    answer = await ask(Secrets({"id": value}), GET, GetSecretRequest(ID="id").SerializeToString())

    assert GetSecretResponse.FromString(answer).data == value


@pytest.mark.parametrize(
    ("name", "code"), [("missing", Code.NOT_FOUND), ("", Code.NOT_FOUND), ("large", Code.RESOURCE_EXHAUSTED)]
)
async def test_secrets_that_cannot_be_had(name: str, code: Code) -> None:
    """An unknown and a too large secret are told apart."""
    with pytest.raises(RpcError) as caught:
        await ask(Secrets({"large": b"x" * (LIMIT + 1)}), GET, GetSecretRequest(ID=name).SerializeToString())

    assert caught.value.code is code
    assert len(caught.value.message) < 200


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Path]:
    """A real ssh-agent with one key in it."""
    needed("ssh-agent")
    path, key = tmp_path / "agent", tmp_path / "key"
    process = await asyncio.create_subprocess_exec("ssh-agent", "-D", "-a", path, stdout=subprocess.DEVNULL)
    try:
        await asyncio.to_thread(wait_for, lambda: accepts(path))
        for command in (
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "the key", "-f", key],
            ["ssh-add", "-q", key],
        ):
            made = await asyncio.create_subprocess_exec(*command, env=os.environ | {"SSH_AUTH_SOCK": str(path)})
            assert await made.wait() == 0
        yield path
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def request(kind: int, body: bytes = b"") -> bytes:
    return struct.pack(">IB", len(body) + 1, kind) + body


async def talk(agents: Ssh, data: bytes, size: int, name: str = "default") -> bytes:
    """Send bytes in pieces of a size and return all that comes back."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    call = MemoryCall([BytesMessage(data=piece).SerializeToString() for piece in pieces], {ID: [name]})
    await agents.handlers()[PREFIX + "ForwardAgent"](call)
    return b"".join(BytesMessage.FromString(message).data for message in call.sent)


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_a_real_agent_lists_its_keys(agent: Path, size: int) -> None:
    """Requests pass to the agent, however they are cut; two in one piece get two answers."""
    answer = await talk(Ssh({"default": agent}), request(LIST) * 2, size)
    length = int.from_bytes(answer[:4], "big") + 4

    assert answer[4] == LISTED
    assert b"the key" in answer[:length]
    assert answer == answer[:length] * 2


@pytest.mark.parametrize("kind", [ADD, LOCK, EXTENSION, 18, 19, 20, 25])
async def test_a_build_cannot_change_the_agent(agent: Path, kind: int) -> None:
    """Adding, removing and locking are answered with a failure and never reach the agent."""
    agents = Ssh({"default": agent})

    assert await talk(agents, request(kind, b"\x00\x00\x00\x00"), 100) == FAILURE
    assert b"the key" in await talk(agents, request(LIST), 100)


async def test_agents_that_cannot_be_had(tmp_path: Path) -> None:
    """An unknown id and a dead socket are told apart; CheckAgent answers for known ids only."""
    agents = Ssh({"default": tmp_path / "dead"})
    assert await ask(agents, PREFIX + "CheckAgent", CheckAgentRequest().SerializeToString()) == b""
    with pytest.raises(RpcError) as unknown:
        await ask(agents, PREFIX + "CheckAgent", CheckAgentRequest(ID="other").SerializeToString())
    with pytest.raises(RpcError) as dead:
        await talk(agents, request(LIST), 100)

    assert (unknown.value.code, dead.value.code) == (Code.NOT_FOUND, Code.UNAVAILABLE)


async def test_an_endless_message_is_refused(agent: Path) -> None:
    """A length that no agent would take ends the call instead of filling the memory."""
    data = struct.pack(">IB", 1 << 30, LIST) + bytes(400_000)
    with pytest.raises(RpcError) as caught:
        await talk(Ssh({"default": agent}), data, 32_000)

    assert caught.value.code is Code.INVALID_ARGUMENT


@contextlib.asynccontextmanager
async def served(agents: Ssh, path: Path) -> AsyncIterator[None]:
    """Serve the default agent on a unix socket, as the daemon does for a step."""

    class StreamCall:
        def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.metadata = {ID: ["default"]}
            self._reader, self._writer = reader, writer

        async def receive(self) -> bytes | None:
            data = await self._reader.read(1000)
            return BytesMessage(data=data).SerializeToString() if data else None

        async def send(self, message: bytes | bytearray | memoryview) -> None:
            self._writer.write(BytesMessage.FromString(bytes(message)).data)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await agents.handlers()[PREFIX + "ForwardAgent"](StreamCall(reader, writer))
        writer.close()

    async with await asyncio.start_unix_server(forward, path):
        yield


KINDS = {
    "ed25519": ["-t", "ed25519"],
    "rsa": ["-t", "rsa", "-b", "2048"],
    "rsa in PEM": ["-t", "rsa", "-b", "2048", "-m", "PEM"],
    "nistp256": ["-t", "ecdsa", "-b", "256"],
    "nistp521 in PKCS8": ["-t", "ecdsa", "-b", "521", "-m", "PKCS8"],
}


@pytest.mark.parametrize("kind", KINDS)
async def test_openssh_uses_key_files(kind: str, tmp_path: Path) -> None:
    """OpenSSH lists a key of a file through us, and verifies what it signs."""
    key, path = tmp_path / "key", tmp_path / "s"
    await run("ssh-keygen", "-q", *KINDS[kind], "-N", "", "-f", str(key))
    agents = Ssh({"default": await Keys.load([key])})
    async with served(agents, path):
        listed = await run("ssh-add", "-l", agent=path)
        await run("ssh-add", "-T", f"{key}.pub", agent=path)

    assert str(key).encode() in listed


async def run(*command: str, agent: Path | None = None) -> bytes:
    """Run a program of OpenSSH's that must succeed."""
    needed(command[0])
    environment = os.environ | {"SSH_AUTH_SOCK": str(agent)}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output


async def test_an_unknown_key_is_a_failure(tmp_path: Path) -> None:
    """A request to sign with a key that is not there, or that is cut short, gets a failure."""
    agents = Ssh({"default": Keys([])})
    whole = struct.pack(">I3sI4sI", 3, b"key", 4, b"data", 0)

    for body in (whole, whole[:-1], b"", b"\xff\xff\xff\xff"):
        assert await talk(agents, request(SIGN, body), 100) == FAILURE
    assert await talk(agents, request(LIST), 100) == struct.pack(">IBI", 5, LISTED, 0)


@pytest.mark.parametrize(("passphrase", "text"), [("secret", None), ("", "no key"), ("", "")])
async def test_key_files_that_cannot_be_used(tmp_path: Path, passphrase: str, text: str | None) -> None:
    """A key with a passphrase, and what is no key, are faults that name the file and a way out."""
    key = tmp_path / "key"
    await run("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(key))
    if text is not None:
        await asyncio.to_thread(key.write_text, text)
    with pytest.raises(BakeError, match="key") as caught:
        await Keys.load([key])

    assert str(key) in str(caught.value)
    assert caught.value.diagnostics[0].hint


async def test_a_missing_key_file(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    with pytest.raises(BakeError, match="No such file"):
        await Keys.load([tmp_path / "none"])
