"""What a definition was read from becomes the same steps each time, and agents are found where they are named."""

import asyncio
import socket
import subprocess
from pathlib import Path

import pytest

from bakepy.buildkit.proto import ops_pb2
from bakepy.buildkit.session.keys import Keys
from bakepy.diagnostics import BakeError
from bakepy.executor.agents import agent
from bakepy.executor.sources import folder, known_hosts, source
from bakepy.planner.spec import SourceContext

PLAIN = "example.test ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJE8c97YCE3/j6/+Dms6gnl4KULGIIN4thrxKI04Xxyg\n"


def first(url: str, home: str = "") -> ops_pb2.SourceOp:
    return ops_pb2.Op.FromString(source(url, home).ops[0]).source


@pytest.mark.parametrize(
    ("url", "identifier", "attrs"),
    [
        ("https://example.test/a.git", "git://example.test/a.git", {}),
        ("https://example.test/a.git#main:sub", "git://example.test/a.git#main:sub", {}),
        ("https://example.test/a.git#:sub", "git://example.test/a.git#:sub", {}),
        ("https://example.test/a.git?checksum=abc", "git://example.test/a.git", {"git.checksum": "abc"}),
        ("https://example.test/a.git?submodules=0", "git://example.test/a.git", {"git.skipsubmodules": "true"}),
        ("https://example.test/a.git?keep-git-dir=1", "git://example.test/a.git", {"git.keepgitdir": "true"}),
        ("https://example.test/a.git?mtime=commit", "git://example.test/a.git", {"git.mtime": "commit"}),
        ("git@example.test:a/b.git#v1", "git://example.test/a/b.git#v1", {"git.mountsshsock": "default"}),
    ],
)
def test_an_address_becomes_a_git_source(url, identifier, attrs):
    """One repository is one source, however it is reached; secrets are asked for by the usual ids."""
    op = first(url)
    common = {"git.authtokensecret": "GIT_AUTH_TOKEN", "git.authheadersecret": "GIT_AUTH_HEADER"}
    assert op.identifier == identifier
    assert dict(op.attrs) == common | {"git.fullurl": url.split("#")[0].split("?")[0]} | attrs


def test_other_addresses_become_downloads():
    """They are stored under one name, whatever theirs is."""
    op = first("https://example.test/a.tgz")
    assert (op.identifier, dict(op.attrs)) == ("https://example.test/a.tgz", {"http.filename": "context"})


def test_a_password_in_an_address_is_not_shown():
    """The step's name is shown to everyone who watches."""
    state = source("https://me:hidden@example.test/a.git", "")
    assert "hidden" not in str([dict(m.description) for m in state.metadata.values()])


def test_the_folder_of_an_archive_is_taken_out_of_what_is_unpacked():
    """Three steps: load, unpack, pick; the whole of it needs no picking."""
    picked = folder(SourceContext("https://example.test/a.tgz", "sub", archive=True), "x", "")
    whole = folder(SourceContext("https://example.test/a.tgz", ".", archive=True), "", "")
    assert len(picked.ops) == 3
    assert picked.ops[:2] == whole.ops
    copy = ops_pb2.Op.FromString(picked.ops[2]).file.actions[0].copy
    assert (copy.src, copy.dest, copy.dirCopyContents, copy.timestamp) == ("/sub", "/", True, -1)


def test_a_wrong_query_is_named_with_its_address():
    """It is the user's to mend."""
    with pytest.raises(BakeError, match=r'invalid Git address https://example.test/a.git\?x=1: unexpected query "x"'):
        source("https://example.test/a.git?x=1", "")


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("host", ["example.test", "example.test:22", "example.test:2222"])
def test_known_hosts_are_the_users_own(tmp_path: Path, hashed: bool, host: str):
    """The lines for the host and port go along, plain or hashed, and no others."""
    (tmp_path / ".ssh").mkdir()
    file = tmp_path / ".ssh" / "known_hosts"
    mine = PLAIN.replace("example.test", "[example.test]:2222") if host.endswith(":2222") else PLAIN
    file.write_text("# mine\n" + mine + PLAIN.replace("example", "other"))
    if hashed:
        subprocess.run(["ssh-keygen", "-H", "-f", str(file)], check=True, capture_output=True)
    found = known_hosts(host, str(tmp_path))
    assert found.split()[-1] == PLAIN.split()[-1]
    assert len(found.splitlines()) == 1
    assert known_hosts("unknown.test", str(tmp_path)) == ""
    assert dict(first(f"ssh://git@{host}/a.git", str(tmp_path)).attrs)["git.knownsshhosts"] == found


def test_without_known_hosts_none_are_sent(tmp_path: Path):
    """BuildKit then takes whatever key a host shows."""
    assert known_hosts("example.test", str(tmp_path)) == ""
    assert known_hosts("example.test", "") == ""


async def test_the_users_agent_is_the_default(tmp_path: Path):
    """Without one there is an error that says what to do."""
    assert await agent([], {"SSH_AUTH_SOCK": "/a"}) == Path("/a")
    assert await agent([""], {"SSH_AUTH_SOCK": "/a"}) == Path("/a")
    with pytest.raises(BakeError, match="SSH_AUTH_SOCK"):
        await agent([], {})


async def test_a_path_is_an_agents_socket_or_a_key(tmp_path: Path):
    """A socket stands alone; any number of keys are one agent."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert await agent([str(tmp_path / "s")], {}) == tmp_path / "s"
        with pytest.raises(BakeError, match="only one SSH agent"):
            await agent([str(tmp_path / "s"), str(tmp_path / "k")], {})
    for name in ("k", "l"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        await asyncio.to_thread(subprocess.run, command, check=True)
    found = await agent([str(tmp_path / "k"), str(tmp_path / "l")], {})
    assert isinstance(found, Keys)
    assert found.answer(b"\x0b")[1:5] == b"\x00\x00\x00\x02"
