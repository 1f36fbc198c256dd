"""Directories to a real daemon and results back."""

from __future__ import annotations

import os
import secrets
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from bakepy.buildkit.client import Client
from bakepy.buildkit.errors import SolveError
from bakepy.buildkit.requests import Exporter, GatewayRequest, SolveRequest
from bakepy.buildkit.session.filesend import DirTarget, FileSend, FileSink, OpenSink
from bakepy.buildkit.session.filesync import FileSync, LocalDir
from bakepy.buildkit.session.server import Session
from bakepy.diagnostics import BakeError
from bakepy.progress.events import Solve
from bakepy.transport.endpoint import Endpoint

pytestmark = pytest.mark.e2e

TIME = 1_600_000_000_000_000_000


async def build(
    endpoint: Endpoint, context: Path, target: DirTarget | OpenSink, exporter: Exporter, key: str = ""
) -> list[BakeError]:
    told: list[BakeError] = []
    here = LocalDir(context)
    sync = FileSync({"context": here, "dockerfile": here}, told.append)
    session = Session([sync, FileSend({0: target}, told.append)], key or secrets.token_hex(4))
    ref = secrets.token_hex(12)
    async with (
        Client.connect(endpoint) as client,
        client.session(session),
        client.build(SolveRequest(ref, session.id, exporters=(exporter,)), Solve(ref, ("t",)), lambda _: None) as build,
    ):
        await build.finish(await build.solve(GatewayRequest({"filename": "Dockerfile"})))
    return told


def describe(root: Path, skip: Sequence[bytes] = ()) -> dict[bytes, tuple[object, ...]]:
    """Tell of each entry what a copy keeps."""
    out: dict[bytes, tuple[object, ...]] = {}
    base = os.fsencode(root)
    for folder, folders, files in os.walk(base):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            mode = status.st_mode
            content: object = None
            if stat.S_ISLNK(mode):
                content, mode = os.readlink(path), stat.S_IFMT(mode)
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    content = (file.read(), status.st_nlink)
            relative = os.path.relpath(path, base)
            if relative not in skip:
                out[relative] = (mode, content, status.st_mtime_ns)
    return out


def fill(root: Path) -> None:
    base = os.fsencode(root)
    (root / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (root / ".dockerignore").write_text(
        "ignored\n*.log\n!kept.log\n" + "".join(f"not/there/{n}\n" for n in range(2_000))
    )
    for name in ("ignored", "x.log", "kept.log", "plain", "dir/deep/er", "setuid", "big"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "big").write_bytes(os.urandom(3_000_000))
    (root / "setuid").chmod(0o4755)
    (root / "dir").chmod(0o711)
    os.link(root / "plain", root / "zz-hard")
    os.symlink("/absent", root / "link")
    os.mkfifo(root / "fifo", 0o640)
    with open(base + b"/caf\xe9 \xff", "wb") as file:
        file.write(b"not UTF-8")
    for n in range(500):
        (root / "many").mkdir(exist_ok=True)
        (root / "many" / f"{n}").write_text(str(n))
    for folder, folders, files in os.walk(base):
        for name in [*folders, *files]:
            os.utime(os.path.join(folder, name), ns=(TIME, TIME), follow_symlinks=False)


async def test_round_trip(endpoint: Endpoint, tmp_path: Path) -> None:
    """What a context holds comes back by `local` as it was, odd files too, and again after a change."""
    context, out = tmp_path / "context", tmp_path / "out"
    context.mkdir()
    fill(context)
    ignored = (b"ignored", b"x.log")
    assert await build(endpoint, context, DirTarget(out), Exporter("local"), "round-trip") == []
    assert describe(out) == describe(context, ignored)
    (context / "many" / "7").write_text("changed")
    (context / "plain").unlink()
    (context / "zz-hard").unlink()
    again = tmp_path / "again"
    assert await build(endpoint, context, DirTarget(again), Exporter("local"), "round-trip") == []
    assert describe(again, [b"many"]) == describe(context, [*ignored, b"many"])  # its time is the daemon's own


async def test_archive(endpoint: Endpoint, tmp_path: Path) -> None:
    """The tar exporter's archive is whole."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (tmp_path / "big").write_bytes(os.urandom(5_000_000))
    archive = tmp_path.with_suffix(".tar")
    assert await build(endpoint, tmp_path, lambda _: FileSink(archive), Exporter("tar")) == []
    with tarfile.open(archive) as tar:
        assert sorted(tar.getnames()) == ["Dockerfile", "big"]
        found = tar.extractfile("big")
        assert found is not None
        assert found.read() == (tmp_path / "big").read_bytes()


async def test_mode_delete(endpoint: Endpoint, tmp_path: Path) -> None:
    """The local exporter's mode=delete leaves only the result."""
    context, out = tmp_path / "context", tmp_path / "out"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (out / "old").mkdir(parents=True)
    assert await build(endpoint, context, DirTarget(out, delete=True), Exporter("local", {"mode": "delete"})) == []
    assert os.listdir(out) == ["Dockerfile"]


async def test_destination_fault_fails_the_build(endpoint: Endpoint, tmp_path: Path) -> None:
    """A destination that cannot be written ends the build instead of hanging it, and is told."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (tmp_path / "file").write_text("x")
    with pytest.raises(SolveError, match="Cannot write"):
        await build(endpoint, tmp_path, DirTarget(tmp_path / "file"), Exporter("local"))
