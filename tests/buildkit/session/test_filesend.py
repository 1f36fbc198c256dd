"""FileSend against senders, honest and hostile."""

from __future__ import annotations

import asyncio
import io
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakepy.buildkit.proto import fsutil_pb2, session_pb2
from bakepy.buildkit.session import fixed, fsutil, receive
from bakepy.buildkit.session.filesend import DirTarget, FileSend, FileSink, OpenSink, PipeSink
from bakepy.buildkit.session.rpc import Code
from bakepy.diagnostics import BakeError
from tests.buildkit.session.peer import PeerCall, connected

DIFF_COPY = "/moby.filesync.v1.FileSend/DiffCopy"
DIR = fsutil.MODE_DIR | 0o755
TIME = 1_700_000_000_123_456_789

Entry = tuple[bytes, int, bytes]


def entry(path: bytes, mode: int = 0o644, link: bytes = b"", **more: int) -> bytes:
    found = fsutil_pb2.Stat(path=path, mode=mode, linkname=link, modTime=TIME, **more)
    return fsutil_pb2.Packet(type="PACKET_STAT", stat=found).SerializeToString()


END = fsutil_pb2.Packet(type="PACKET_STAT").SerializeToString()
FIN = fsutil_pb2.Packet(type="PACKET_FIN").SerializeToString()


def data(number: int, content: bytes = b"") -> bytes:
    return fsutil_pb2.Packet(type="PACKET_DATA", ID=number, data=content).SerializeToString()


async def serve(call: PeerCall, entries: Iterable[bytes], contents: Mapping[int, bytes]) -> int | None:
    """Play the sender: list, send what is asked for in pieces, and return the status."""
    await call.send(*entries, END)
    while (message := await call.receive()) is not None:
        packet = fsutil_pb2.Packet.FromString(message)
        if packet.type == fsutil.REQ:
            content = contents.get(packet.ID, b"content")
            pieces = [content[at : at + 30_000] for at in range(0, len(content), 30_000)]
            await call.send(*(data(packet.ID, piece) for piece in pieces), data(packet.ID))
        elif packet.type == fsutil.FIN:
            await call.send(FIN)
    return call.status


async def export(
    target: DirTarget | Path, entries: Iterable[bytes], contents: Mapping[int, bytes] | None = None
) -> tuple[int | None, list[BakeError]]:
    told: list[BakeError] = []
    target = target if isinstance(target, DirTarget) else DirTarget(target)
    metadata = [("buildkit-attachable-exporter-id", "0")]
    if target.delete:
        metadata.append(("buildkit-exporter-multi-platform", "1"))
    async with connected(FileSend({0: target}, told.append)) as peer:
        call = await peer.call(DIFF_COPY, metadata)
        status = await serve(call, entries, contents or {})
    return status, told


def tree(root: Path) -> dict[str, str]:
    return {
        os.fsdecode(os.path.relpath(os.path.join(folder, name), os.fsencode(root))): describe(
            os.path.join(folder, name)
        )
        for folder, folders, files in os.walk(os.fsencode(root))
        for name in [*folders, *files]
    }


def describe(path: bytes) -> str:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return f"-> {os.readlink(path).decode()}"
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            return file.read().decode()
    return stat.filemode(status.st_mode)


async def test_everything_is_written(tmp_path: Path) -> None:
    """Files, directories, links and pipes arrive with contents, modes and times; the destination is made."""
    entries = [
        entry(b"bin", fsutil.MODE_DIR | 0o555),
        entry(b"bin/caf\xe9", 0o755),
        entry(b"bin/hard", 0o755, b"bin/caf\xe9"),
        entry(b"bin/link", fsutil.MODE_SYMLINK | 0o777, b"/etc/passwd"),
        entry(b"empty", 0o400 | fsutil.MODE_SETUID),
        entry(b"fifo", fsutil.MODE_FIFO | 0o622),
        entry(b"large", 0o600),
    ]
    out = tmp_path / "new" / "out"
    status, told = await export(out, entries, {4: b"", 6: b"x" * 100_000})
    assert (status, told) == (0, [])
    assert tree(out) == {
        "bin": "dr-xr-xr-x",
        "bin/caf\udce9": "content",
        "bin/hard": "content",
        "bin/link": "-> /etc/passwd",
        "empty": "",
        "fifo": "prw--w--w-",
        "large": "x" * 100_000,
    }
    assert stat.S_IMODE((out / "empty").stat().st_mode) == 0o4400
    assert (out / "bin" / "hard").stat().st_nlink == 2
    for name in ("bin", "bin/hard", "bin/link", "fifo", "empty"):
        assert (out / name).lstat().st_mtime_ns == TIME


async def test_existing_destination_is_merged(tmp_path: Path) -> None:
    """What is in the way is replaced, whatever its kind, and what is not stays; links are not written through."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    out = tmp_path / "out"
    (out / "dir").mkdir(parents=True)
    (out / "dir" / "old").write_text("old")
    (out / "file").write_text("old")
    (out / "linked").symlink_to(outside / "kept")
    (out / "linkdir").symlink_to(outside)
    (out / "was-dir" / "deep").mkdir(parents=True)
    (out / "was-file").write_text("old")
    entries = [
        entry(b"dir", DIR),
        entry(b"dir/new"),
        entry(b"file"),
        entry(b"linkdir", DIR),
        entry(b"linkdir/kept"),
        entry(b"linked"),
        entry(b"was-dir"),
        entry(b"was-file", DIR),
    ]
    status, told = await export(out, entries)
    assert (status, told) == (0, [])
    assert tree(out) == {
        "dir": "drwxr-xr-x",
        "dir/new": "content",
        "dir/old": "old",
        "file": "content",
        "linkdir": "drwxr-xr-x",
        "linkdir/kept": "content",
        "linked": "content",
        "was-dir": "content",
        "was-file": "drwxr-xr-x",
    }
    assert tree(outside) == {"kept": "kept"}


async def test_delete_removes_the_rest(tmp_path: Path) -> None:
    """With mode=delete, only the result is left; without the daemon's word that it sends all at once, it is refused."""
    (tmp_path / "dir" / "old").mkdir(parents=True)
    (tmp_path / "old").symlink_to("/")
    (tmp_path / "file").write_text("old")
    target = DirTarget(tmp_path, delete=True)
    status, told = await export(target, [entry(b"dir", DIR), entry(b"dir/new"), entry(b"file")])
    assert (status, told) == (0, [])
    assert set(tree(tmp_path)) == {"dir", "dir/new", "file"}
    errors: list[BakeError] = []
    async with connected(FileSend({0: target}, errors.append)) as peer:
        call = await peer.call(DIFF_COPY)
        assert await serve(call, [], {}) != 0
    assert "mode=delete" in str(errors[0])
    assert set(tree(tmp_path)) == {"dir", "dir/new", "file"}


FLOOD = """
import asyncio, os, resource, sys
from bakepy.buildkit.proto import fsutil_pb2
from bakepy.buildkit.session.receive import Receiver, Room
from bakepy.buildkit.session.rpc import RpcError

class Flood:
    sent = 0

    async def receive_all(self):
        self.sent += 5_000
        stats = (fsutil_pb2.Stat(path=b"%08d" % n, mode=0o644) for n in range(self.sent - 5_000, self.sent))
        return [fsutil_pb2.Packet(stat=s).SerializeToString() for s in stats] if self.sent <= 300_000 else []

    async def send_framed(self, *buffers):
        return

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    asyncio.run(Receiver(Flood(), os.open(sys.argv[1], os.O_RDONLY)).run())
except RpcError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
"""


async def test_a_list_without_contents_takes_little_memory(tmp_path: Path) -> None:
    """Entries that wait for contents take a few times their bytes, not dozens."""
    command = [sys.executable, "-c", FLOOD, str(tmp_path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    grown, _, error = done.stdout.partition(" ")
    assert "cut short" in error
    assert int(grown) * 1024 < 300_000 * 150


async def test_transfers_of_a_solve_share_the_room_for_waiting_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many entries without contents end a transfer; one that ends gives its room back."""
    monkeypatch.setattr(receive, "WAITING", 1_000 * receive.OVERHEAD)
    told: list[BakeError] = []
    async with connected(FileSend({0: DirTarget(tmp_path)}, told.append)) as peer:
        for _ in range(2):
            first, second = [await peer.call(DIFF_COPY) for _ in range(2)]
            for call in (first, second):
                await call.send(*(entry(b"%04d" % n) for n in range(600)))
            await second.rest()
            assert second.status == Code.UNKNOWN
            await first.half_close()
            await first.rest()
    assert ["too many files" in str(error) for error in told] == [True, False] * 2


async def test_platforms_arrive_at_once(tmp_path: Path) -> None:
    """Concurrent calls for one exporter write beside each other."""
    async with connected(FileSend({0: DirTarget(tmp_path)})) as peer:
        calls = [await peer.call(DIFF_COPY) for _ in range(2)]
        for call, name in zip(calls, (b"linux_amd64", b"linux_arm64"), strict=True):
            await call.send(entry(name, DIR), entry(name + b"/x"))
        for call in calls:
            assert await serve(call, [], {}) == 0
    assert set(tree(tmp_path)) == {"linux_amd64", "linux_amd64/x", "linux_arm64", "linux_arm64/x"}


async def test_many_files_with_few_descriptors(tmp_path: Path) -> None:
    """Thousands of files in hundreds of directories arrive, a bounded number at a time."""
    entries = [
        packet
        for folder in range(100)
        for packet in (entry(b"d%03d" % folder, DIR), *(entry(b"d%03d/f%02d" % (folder, n)) for n in range(20)))
    ]
    before = len(os.listdir("/proc/self/fd"))
    status, _ = await export(tmp_path, entries)
    assert status == 0
    assert sum(1 for content in tree(tmp_path).values() if content == "content") == 2_000
    assert len(os.listdir("/proc/self/fd")) <= before


ATTACKS = {
    "parent": [entry(b"../x")],
    "parent itself": [entry(b"..", DIR)],
    "parent within": [entry(b"a", DIR), entry(b"a/../../x")],
    "absolute": [entry(b"/tmp/x")],
    "dot": [entry(b".", DIR)],
    "empty": [entry(b"")],
    "double slash": [entry(b"a", DIR), entry(b"a//x")],
    "trailing slash": [entry(b"a/", DIR)],
    "nul": [entry(b"a\0b")],
    "through a symlink": [entry(b"a", fsutil.MODE_SYMLINK, b"../outside"), entry(b"a/x")],
    "symlink replaces directory": [entry(b"a", DIR), entry(b"a", fsutil.MODE_SYMLINK, b"../outside"), entry(b"a/x")],
    "nul in symlink": [entry(b"a", fsutil.MODE_SYMLINK, b"x\0y")],
    "below a file": [entry(b"a"), entry(b"a/x")],
    "directory not sent": [entry(b"a/x")],
    "twice": [entry(b"a"), entry(b"a")],
    "unsorted": [entry(b"b"), entry(b"a")],
    "back into a directory": [entry(b"a", DIR), entry(b"b"), entry(b"a/x")],
    "hard link out": [entry(b"a", 0o644, b"../outside/secret")],
    "hard link absolute": [entry(b"a", 0o644, b"/etc/passwd")],
    "hard link through a symlink": [entry(b"a", fsutil.MODE_SYMLINK, b"../outside"), entry(b"b", 0o644, b"a/secret")],
    "hard link to a symlink": [entry(b"a", fsutil.MODE_SYMLINK, b"../outside/secret"), entry(b"b", 0o644, b"a")],
    "hard link to what was there": [entry(b"x", 0o644, b"present")],
    "hard link to itself": [entry(b"a", 0o644, b"a")],
    "socket": [entry(b"a", 1 << 24)],
    "every kind at once": [entry(b"a", fsutil.MODE_TYPE)],
    "not asked for": [data(7, b"x")],
    "not asked for yet": [entry(b"a", DIR), data(0, b"x")],
    "early end": [entry(b"a"), FIN],
    "error": [fsutil_pb2.Packet(type="PACKET_ERR", data=b"no \xff").SerializeToString()],
    "entry after the end": [END, entry(b"a")],
    "no packet": [b"\xff" * 9],
    "no entry": [b"\x12\xff"],
    "entry and data": [entry(b"a") + data(0, b"x")],
}


@pytest.mark.parametrize("packets", ATTACKS.values(), ids=ATTACKS)
async def test_attacks_are_refused(tmp_path: Path, packets: list[bytes]) -> None:
    """Whatever a sender tries, nothing outside changes, the call fails, the caller is told, no torn file is left."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    out = tmp_path / "out"
    out.mkdir()
    (out / "present").write_text("present")
    told: list[BakeError] = []
    before = len(os.listdir("/proc/self/fd"))
    async with connected(FileSend({0: DirTarget(out)}, told.append)) as peer:
        call = await peer.call(DIFF_COPY)
        await call.send(*packets, END)
        await call.rest()
    assert call.status
    assert len(told) == 1
    assert tree(tmp_path)["outside/secret"] == "secret"
    assert set(os.listdir(tmp_path)) == {"outside", "out"}
    assert (outside / "secret").stat().st_nlink == 1
    assert set(os.listdir(outside)) == {"secret"}
    assert not [p for p in out.rglob("*") if p.is_file() and not p.is_symlink() and p.name != "present"]
    assert len(os.listdir("/proc/self/fd")) <= before


PARTS = st.sampled_from([b"a", b"b", b"..", b".", b"", b"out", b"\0"])
PATHS = st.lists(PARTS, min_size=1, max_size=3).map(b"/".join)
MODES = st.sampled_from([0o644, DIR, fsutil.MODE_SYMLINK, fsutil.MODE_FIFO])
PACKETS = st.one_of(st.builds(entry, PATHS, MODES, PATHS), st.builds(data, st.integers(0, 3), st.binary(max_size=3)))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(PACKETS, max_size=8))
async def test_nothing_escapes(tmp_path_factory: pytest.TempPathFactory, packets: list[bytes]) -> None:
    """No sequence of packets changes anything beside the destination."""
    root = tmp_path_factory.mktemp("run")
    (root / "a").mkdir()
    (root / "b").write_text("b")
    async with connected(FileSend({0: DirTarget(root / "out")})) as peer:
        call = await peer.call(DIFF_COPY)
        await call.send(*packets)
        await call.half_close()
        await call.rest()
    assert call.status
    assert {k: v for k, v in tree(root).items() if not k.startswith("out")} == {
        "a": describe(bytes(root / "a")),
        "b": "b",
    }
    assert os.stat(root / "b").st_nlink == 1


async def test_files_appear_once_complete(tmp_path: Path) -> None:
    """No file has its name before all of it is there; what has replaced an unfinished one stays."""
    other, out = tmp_path / "other", tmp_path / "out"
    other.write_text("whole")
    async with connected(FileSend({0: DirTarget(out)})) as peer:
        call = await peer.call(DIFF_COPY)
        await call.send(entry(b"a"), entry(b"b"), END)
        await call.receive()
        await call.send(data(0, b"half"), data(1, b"half"))
        while len(list(out.glob(".tmp.*"))) < 2:  # noqa: ASYNC110 - a file sends no event
            await asyncio.sleep(0.001)
        assert not (out / "a").exists()
        temporary = sorted(out.glob(".tmp.*"))[0]
        other.rename(temporary)
        await call.half_close()
        await call.rest()
    assert tree(out) == {temporary.name: "whole"}


async def test_write_error_is_told(tmp_path: Path) -> None:
    """A destination that cannot be written is named to the caller, once."""
    (tmp_path / "out").write_text("a file")
    status, told = await export(tmp_path / "out", [entry(b"a")])
    assert status
    assert [str(tmp_path / "out") in str(error) for error in told] == [True]


async def archive(open_sink: OpenSink, *pieces: bytes, end: bool = True) -> tuple[int | None, list[BakeError]]:
    told: list[BakeError] = []
    async with connected(FileSend({3: open_sink}, told.append)) as peer:
        metadata = [("buildkit-attachable-exporter-id", "3"), ("exporter-md-containerimage.digest", "sha256:1")]
        call = await peer.call(DIFF_COPY, metadata)
        for piece in pieces:
            await call.send(session_pb2.BytesMessage(data=piece).SerializeToString())
        if end:
            await call.half_close()
            await call.rest()
    return call.status, told


async def test_archive_appears_whole(tmp_path: Path) -> None:
    """An archive replaces its file only once it is whole; the exporter's metadata reach the caller."""
    path, seen = tmp_path / "out.tar", []
    path.write_text("old")

    def sink(metadata: Mapping[str, str]) -> FileSink:
        seen.append(dict(metadata))
        return FileSink(path)

    assert await archive(sink, b"abc", b"", b"def") == (0, [])
    assert path.read_bytes() == b"abcdef"
    assert seen == [{"containerimage.digest": "sha256:1"}]
    status, _ = await archive(sink, b"torn", end=False)
    assert status is None
    assert path.read_bytes() == b"abcdef"
    assert os.listdir(tmp_path) == ["out.tar"]


async def test_archive_goes_through_links_and_devices(tmp_path: Path) -> None:
    """A link to a file is kept, a device is written in place."""
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    assert await archive(lambda _: FileSink(tmp_path / "link"), b"new") == (0, [])
    assert ((tmp_path / "link").is_symlink(), (tmp_path / "real").read_text()) == (True, "new")
    assert await archive(lambda _: FileSink(Path("/dev/null")), b"new") == (0, [])
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("name", ["out", "out/deep"])
async def test_destinations_that_lead_elsewhere_by_now(tmp_path: Path, name: str) -> None:
    """A link that appeared in a destination's path since the run began is not followed, by no kind of export."""
    (tmp_path / "elsewhere").mkdir()
    place = tmp_path / name
    real = str(place)
    (tmp_path / "out").symlink_to("elsewhere")
    status, told = await export(DirTarget(place, real=real), [entry(b"file")])
    assert (status, len(told)) == (Code.UNKNOWN, 1)
    file = place / "file"
    status, told = await archive(lambda _: FileSink(file, real=str(file)), b"new")
    assert (status, len(told)) == (Code.UNKNOWN, 1)
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_archive_to_open_file() -> None:
    """An archive may go to standard output or any open file, which stays open."""
    out = io.BytesIO()
    assert await archive(lambda _: PipeSink("stdout", out), b"abc", b"def") == (0, [])
    assert out.getvalue() == b"abcdef"


async def test_archive_error_is_told(tmp_path: Path) -> None:
    """A file that cannot be written fails the call and is named to the caller."""
    (tmp_path / "file").touch()
    status, told = await archive(lambda _: FileSink(tmp_path / "file" / "out.tar"), b"abc")
    assert status
    assert str(tmp_path / "file" / "out.tar") in str(told[0])
    assert (await archive(lambda _: FileSink(Path("/dev/full")), b"abc"))[0]


@pytest.mark.parametrize("cut", [False, True])
async def test_results_that_did_not_come_are_known(cut: bool, tmp_path: Path) -> None:
    """A result counts once all of it is written, even before the sender agrees."""
    service = FileSend({0: DirTarget(tmp_path / "folder"), 1: lambda _: FileSink(tmp_path / "file")})
    assert service.missing == {0, 1}
    async with connected(service) as peer:
        folder = await peer.call(DIFF_COPY)
        await folder.send(entry(b"a"))
        archive = await peer.call(DIFF_COPY, [("buildkit-attachable-exporter-id", "1")])
        await archive.send(session_pb2.BytesMessage(data=b"x").SerializeToString())
        if not cut:
            await folder.send(END)
            request = fsutil_pb2.Packet.FromString(await folder.receive() or b"")
            await folder.send(data(request.ID))
            assert fsutil_pb2.Packet.FromString(await folder.receive() or b"").type == fsutil.FIN
            await archive.half_close()
            await archive.rest()
    assert service.missing == ({0, 1} if cut else set())


async def test_unknown_exporter_is_refused() -> None:
    """An exporter that nobody asked for is refused."""
    told: list[BakeError] = []
    async with connected(FileSend({}, told.append)) as peer:
        call = await peer.call(DIFF_COPY, [("buildkit-attachable-exporter-id", "9")])
        assert await call.rest() == []
    assert call.status
    assert "exporter 9" in str(told[0])


async def test_attributes_that_no_system_takes(tmp_path: Path) -> None:
    """An extended attribute of an impossible name is left out."""
    stat_ = fsutil_pb2.Stat(path=b"file", mode=0o644, modTime=TIME, xattrs={"user.a\0b": b""})
    named = fsutil_pb2.Packet(type="PACKET_STAT", stat=stat_).SerializeToString()
    assert await export(tmp_path, [named]) == (0, [])


async def test_devices_are_left_out(tmp_path: Path) -> None:
    """A result's device files are not made, whatever their numbers; a warning counts them."""
    char = fsutil.MODE_DEVICE | fsutil.MODE_CHAR
    warned: list[str] = []
    async with connected(FileSend({0: DirTarget(tmp_path)}, warn=warned.append)) as peer:
        call = await peer.call(DIFF_COPY)
        entries = [
            entry(b"a", char | 0o666, devmajor=1, devminor=3),
            entry(b"b", fsutil.MODE_DEVICE | 0o666, devmajor=-1, devminor=1 << 40),
            entry(b"c"),
        ]
        assert await serve(call, entries, {}) == 0
    assert tree(tmp_path) == {"c": "content"}
    assert warned == [f"2 device files of the result were not written to {tmp_path}"]


async def test_a_deep_folder_gives_way(tmp_path: Path) -> None:
    """A tree deeper than the stack is replaced by a file, and removed where it is no part of the result."""

    def deepen() -> None:
        for name in ("replaced", "removed"):
            at = os.open(tmp_path, os.O_RDONLY)
            for level in [name, *["d"] * 1_500]:
                os.mkdir(level, dir_fd=at)
                inner = os.open(level, os.O_RDONLY, dir_fd=at)
                os.close(at)
                at = inner
            os.symlink("/", "link", dir_fd=at)
            os.close(at)

    deepen()
    assert await export(DirTarget(tmp_path, delete=True), [entry(b"replaced")]) == (0, [])
    assert tree(tmp_path) == {"replaced": "content"}


async def test_a_folder_that_is_swapped_after_the_check_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check of a destination and its opening, another process gains nothing by a link."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    check = fixed.hold

    def hold_and_swap(path: str | Path, real: str) -> None:
        check(path, real)
        if not (tmp_path / "out").is_symlink():
            (tmp_path / "out").rmdir()
            (tmp_path / "out").symlink_to("elsewhere")

    monkeypatch.setattr(fixed, "hold", hold_and_swap)
    for target in (
        DirTarget(tmp_path / "out", real=str(tmp_path / "out")),
        DirTarget(tmp_path / "out" / "deep", real=str(tmp_path / "out" / "deep")),
    ):
        status, told = await export(target, [entry(b"file")])
        assert (status, len(told)) == (Code.UNKNOWN, 1)
        (tmp_path / "out").unlink()
        (tmp_path / "out").mkdir()
    file = tmp_path / "out" / "file"
    status, told = await archive(lambda _: FileSink(file, real=str(file)), b"new")
    assert (status, len(told)) == (Code.UNKNOWN, 1)
    assert list((tmp_path / "elsewhere").iterdir()) == []
