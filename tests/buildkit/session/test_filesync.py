"""FileSync against a peer that takes what fsutil's receiver takes, strictly."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.buildkit.proto import fsutil_pb2
from bakepy.buildkit.session import fsutil
from bakepy.buildkit.session.filesync import CHUNK, FileSync, LocalDir
from bakepy.buildkit.session.http2 import STREAM_WINDOW
from bakepy.buildkit.session.rpc import Code
from bakepy.diagnostics import BakeError
from tests.buildkit.session.peer import PeerCall, connected
from tests.privileges import folder_of_an_ordinary_user

DIFF_COPY = "/moby.filesync.v1.FileSync/DiffCopy"


@dataclass
class Received:
    stats: list[fsutil_pb2.Stat] = field(default_factory=list)
    contents: dict[bytes, bytes] = field(default_factory=dict)
    error: str = ""


async def receive(call: PeerCall, wanted: frozenset[bytes] | None = None) -> Received:
    """Play the receiver: ask for each regular file as soon as it is listed, check order and numbering."""
    out = Received()
    open_files: dict[int, bytes] = {}
    listed = finished = False
    while (message := await call.receive()) is not None:
        packet = fsutil_pb2.Packet.FromString(message)
        assert not finished
        if packet.type == fsutil.ERR:
            out.error = packet.data.decode()
        elif packet.type == fsutil.STAT and packet.HasField("stat"):
            assert not listed
            check_next(out.stats, packet.stat)
            number = len(out.stats)
            out.stats.append(packet.stat)
            regular = not packet.stat.mode & fsutil.MODE_TYPE and not packet.stat.linkname
            if regular and (wanted is None or packet.stat.path in wanted):
                open_files[number] = packet.stat.path
                out.contents[packet.stat.path] = b""
                await call.send(fsutil_pb2.Packet(type="PACKET_REQ", ID=number).SerializeToString())
        elif packet.type == fsutil.STAT:
            listed = True
        elif packet.type == fsutil.DATA and packet.data:
            out.contents[open_files[packet.ID]] += packet.data
        elif packet.type == fsutil.DATA:
            del open_files[packet.ID]
        elif packet.type == fsutil.FIN:
            finished = True
        if listed and not open_files and not finished:
            await call.send(fsutil_pb2.Packet(type="PACKET_FIN").SerializeToString())
    return out


def check_next(before: list[fsutil_pb2.Stat], entry: fsutil_pb2.Stat) -> None:
    parent = entry.path.rpartition(b"/")[0]
    assert not parent or any(s.path == parent and s.mode & fsutil.MODE_DIR for s in before)
    assert not before or before[-1].path.split(b"/") < entry.path.split(b"/")
    assert (entry.uid, entry.gid) == (0, 0)


def fill(root: Path) -> dict[bytes, bytes]:
    files = {
        b"a": b"",
        b"b": b"small",
        b"chunk": os.urandom(CHUNK),
        b"large": os.urandom(2 * CHUNK + 77),
        b"caf\xe9 \xff": b"not UTF-8",
        b"dir/inner": b"x" * 20_000,
        b"gone (deleted)": b"but here",
    }
    (root / "dir").mkdir()
    for name, content in files.items():
        with open(os.path.join(os.fsencode(root), name), "wb") as file:
            file.write(content)
    return files


@pytest.mark.parametrize("window", [None, 1_000])
async def test_everything_arrives(tmp_path: Path, window: int | None) -> None:
    """Contents of all sizes and names arrive, also through narrow windows."""
    files = fill(tmp_path)
    (tmp_path / "link").symlink_to("b")
    async with connected(FileSync({"context": LocalDir(tmp_path)}), window=window) as peer:
        call = await peer.call(DIFF_COPY, [("dir-name", "context")])
        found = await receive(call)
    assert (call.status, found.contents) == (0, files)
    by_path = {s.path: s for s in found.stats}
    assert by_path[b"link"].linkname == b"b"
    status = os.stat(tmp_path / "large")
    large = by_path[b"large"]
    assert (large.size, large.modTime, large.mode) == (status.st_size, status.st_mtime_ns, status.st_mode & 0o777)
    assert by_path[b"dir"].size == 0


async def test_unchanged_files_are_not_sent(tmp_path: Path) -> None:
    """Only what the receiver asks for travels."""
    fill(tmp_path)
    async with connected(FileSync({"context": LocalDir(tmp_path)})) as peer:
        call = await peer.call(DIFF_COPY, [("dir-name", "context")])
        found = await receive(call, frozenset({b"b"}))
    assert (call.status, found.contents) == (0, {b"b": b"small"})


async def test_a_folder_that_leads_elsewhere_by_now(tmp_path: Path) -> None:
    """A link that took a folder's place since the run began is refused, and the user told."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "context").symlink_to("elsewhere")
    told: list[BakeError] = []
    served = LocalDir(tmp_path / "context", str(tmp_path / "context"))
    async with connected(FileSync({"context": served}, told.append)) as peer:
        call = await peer.call(DIFF_COPY, [("dir-name", "context")])
        assert await call.receive() is None
    assert (call.status, len(told)) == (Code.PERMISSION_DENIED, 1)


@pytest.mark.parametrize("name", ["dir", "dir/file"])
async def test_links_that_appear_while_sending(tmp_path: Path, name: str) -> None:
    """A link that takes the place of a listed file, or of its folder, is not followed when the file is asked for."""
    context, elsewhere = tmp_path / "context", tmp_path / "elsewhere"
    for folder in (context, elsewhere):
        (folder / "dir").mkdir(parents=True)
        (folder / "dir/file").write_text(folder.name)
    async with connected(FileSync({"context": LocalDir(context)})) as peer:
        call = await peer.call(DIFF_COPY, [("dir-name", "context")])
        while (message := await call.receive()) and fsutil_pb2.Packet.FromString(message).HasField("stat"):
            pass
        (context / name).rename(tmp_path / "before")
        (context / name).symlink_to(elsewhere / name)
        await call.send(fsutil_pb2.Packet(type="PACKET_REQ", ID=1).SerializeToString())
        answer = fsutil_pb2.Packet.FromString(await call.receive() or b"")
    assert (answer.type, answer.ID, answer.data) == (fsutil.DATA, 1, b"")


async def test_what_else_lies_in_a_folder_is_not_told(tmp_path: Path) -> None:
    """Where some paths alone may be read, others are neither sent nor listed, whatever is asked for."""
    for name in ("D", "deep/D", "deep/key", "key"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    served = LocalDir(tmp_path, only=frozenset({b"D", b"deep", b"deep/D"}))
    async with connected(FileSync({"dockerfile": served})) as peer:
        for wanted in ([], [("followpaths", "key")], [("include-patterns", "**/key")]):
            found = await receive(await peer.call(DIFF_COPY, [("dir-name", "dockerfile"), *wanted]))
            assert b"key" not in b" ".join(s.path for s in found.stats)
            assert found.contents == ({} if wanted else {b"D": b"D", b"deep/D": b"deep/D"})


async def test_patterns_come_encoded(tmp_path: Path) -> None:
    """Patterns are honoured, and unquoted where the daemon says that they are quoted."""
    for name in ("é", "b", "c+d"):
        (tmp_path / name).touch()
    async with connected(FileSync({"context": LocalDir(tmp_path)})) as peer:
        metadata = [("dir-name", "context"), ("exclude-patterns", "%C3%A9"), ("exclude-patterns-encoded", "1")]
        first = await receive(await peer.call(DIFF_COPY, metadata))
        metadata = [("dir-name", "context"), ("include-patterns", "c+d")]
        second = await receive(await peer.call(DIFF_COPY, metadata))
    assert [s.path for s in first.stats] == [b"b", b"c+d"]
    assert [s.path for s in second.stats] == [b"c+d"]


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ([("dir-name", "other")], Code.NOT_FOUND),
        ([], Code.NOT_FOUND),
        ([("dir-name", "context"), ("exclude-patterns", "[")], Code.INVALID_ARGUMENT),
    ],
)
async def test_refusals(tmp_path: Path, metadata: list[tuple[str, str]], status: Code) -> None:
    """Directories that were not offered and malformed patterns are refused with their status."""
    (tmp_path / "a").touch()
    async with connected(FileSync({"context": LocalDir(tmp_path)})) as peer:
        call = await peer.call(DIFF_COPY, metadata)
        assert await call.rest() == []
    assert call.status == status


async def test_file_numbers_are_checked(tmp_path: Path) -> None:
    """Asking for what is no regular file, or twice, ends the transfer."""
    (tmp_path / "dir").mkdir()
    async with connected(FileSync({"context": LocalDir(tmp_path)})) as peer:
        call = await peer.call(DIFF_COPY, [("dir-name", "context")])
        await call.receive()
        await call.send(fsutil_pb2.Packet(type="PACKET_REQ", ID=0).SerializeToString())
        await call.rest()
    assert call.status == Code.INVALID_ARGUMENT


@pytest.mark.parametrize("size", [5, 4_000, 6_000, 8_000, 200_000])
async def test_what_the_daemon_says_of_its_failure(tmp_path: Path, size: int) -> None:
    """An error of the daemon's ends the call with its text, however long it is."""
    async with connected(FileSync({"context": LocalDir(tmp_path)})) as peer:
        call = await peer.call(DIFF_COPY, [("dir-name", "context")])
        await call.receive()
        await call.send(fsutil_pb2.Packet(type="PACKET_ERR", data=b"x" * size).SerializeToString())
        await call.rest()
    assert (call.status, call.message) == (Code.UNKNOWN, f"error from receiver: {'x' * size}")


async def test_requests_come_many_at_once(tmp_path: Path) -> None:
    """The daemon's window for requests stays narrow, also where a request comes in pieces."""
    (tmp_path / "file").touch()
    async with connected(FileSync({"context": LocalDir(tmp_path)})) as peer:
        call = await peer.call(DIFF_COPY, [("dir-name", "context")])
        await call.receive()
        request = fsutil.framed_request(1 << 20)
        await peer.send_data(call.stream, request[:7])
        for _ in range(3):  # by then the session has heeded what came before
            await (await peer.call("/none")).rest()
        assert peer.h2.local_flow_control_window(call.stream) == STREAM_WINDOW - 7
        await peer.send_data(call.stream, request[7:])
        await call.rest()
    assert call.message == f"invalid file id {1 << 20}"


async def test_vanished_and_grown_files(tmp_path: Path) -> None:
    """A file that vanishes after it was listed arrives empty; one that grows arrives as long as it is."""
    for name in ("gone", "grown"):
        (tmp_path / name).write_text("12345")
    async with connected(FileSync({"context": LocalDir(tmp_path)})) as peer:
        call = await peer.call(DIFF_COPY, [("dir-name", "context")])
        for _ in range(3):
            await call.receive()
        (tmp_path / "gone").unlink()
        (tmp_path / "grown").write_bytes(b"x" * (CHUNK + 10))
        for number in (0, 1):
            await call.send(fsutil_pb2.Packet(type="PACKET_REQ", ID=number).SerializeToString())
        contents, ended = {0: b"", 1: b""}, set()
        while len(ended) < 2:
            packet = fsutil_pb2.Packet.FromString(await call.receive() or b"")
            contents[packet.ID] += packet.data
            if not packet.data:
                ended.add(packet.ID)
        await call.send(fsutil_pb2.Packet(type="PACKET_FIN").SerializeToString())
        await call.rest()
    assert (call.status, contents) == (0, {0: b"", 1: b"x" * (CHUNK + 10)})


async def test_unreadable_file_is_named() -> None:
    """A file that cannot be read fails the build by its name, and the caller learns what to do."""
    told: list[BakeError] = []
    with folder_of_an_ordinary_user() as folder:
        secret = folder / "secret"
        secret.write_text("x")
        secret.chmod(0)
        async with connected(FileSync({"context": LocalDir(folder)}, told.append)) as peer:
            call = await peer.call(DIFF_COPY, [("dir-name", "context")])
            found = await receive(call)
    assert call.status == Code.PERMISSION_DENIED
    assert str(secret) in found.error
    assert ".dockerignore" in told[0].diagnostics[0].hint


async def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A file whose reading fails is an error for every user: here one whose place a directory took."""
    (tmp_path / "file").write_text("x")
    told: list[BakeError] = []
    async with connected(FileSync({"context": LocalDir(tmp_path)}, told.append)) as peer:
        call = await peer.call(DIFF_COPY, [("dir-name", "context")])
        await call.receive()
        (tmp_path / "file").unlink()
        (tmp_path / "file").mkdir()
        await call.send(fsutil_pb2.Packet(type="PACKET_REQ", ID=0).SerializeToString())
        await call.rest()
    assert call.status == Code.UNKNOWN
    assert call.message == f"cannot read {tmp_path}/file: is a directory"
    assert "Cannot read" in str(told[0])


@given(st.integers(0, (1 << 32) - 1), st.binary(max_size=300))
def test_packets_by_hand(number: int, data: bytes) -> None:
    """Packets written by hand are those of the generated classes."""
    packet = fsutil_pb2.Packet(type="PACKET_DATA", ID=number, data=data)
    head = fsutil.framed_head(fsutil.data(number), len(data)) if data else fsutil.framed(fsutil.data(number))
    assert head + data == fsutil.framed(packet.SerializeToString())
    request = fsutil_pb2.Packet(type="PACKET_REQ", ID=number)
    assert fsutil.framed_request(number) == fsutil.framed(request.SerializeToString())


async def test_odd_entries_leave_no_trace_on_the_next(tmp_path: Path) -> None:
    """Extended attributes and device numbers belong to one entry alone."""
    (tmp_path / "a").touch()
    (tmp_path / "c").touch()
    try:
        os.setxattr(tmp_path / "a", "user.color", b"red")
        os.mknod(tmp_path / "b", 0o020600, os.makedev(1, 3))
    except OSError:
        pytest.skip("this user or file system allows no devices or extended attributes")
    async with connected(FileSync({"context": LocalDir(tmp_path)})) as peer:
        found = await receive(await peer.call(DIFF_COPY, [("dir-name", "context")]))
    a, b, c = found.stats
    assert (a.xattrs["user.color"], b.devmajor, b.devminor) == (b"red", 1, 3)
    assert (dict(c.xattrs), c.devmajor, c.devminor, b.mode) == ({}, 0, 0, fsutil.MODE_DEVICE | fsutil.MODE_CHAR | 0o600)
    assert "user.color" not in b.xattrs
