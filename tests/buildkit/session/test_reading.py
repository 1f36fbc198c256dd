"""Files that a definition names are read whatever they are."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from bakepy.buildkit.session import reading
from bakepy.buildkit.session.reading import read
from bakepy.files import open_regular


async def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    """A larger file is refused; the null device is empty."""
    (tmp_path / "file").write_bytes(b"0123456789")
    assert await read(tmp_path / "file", 10) == b"0123456789"
    assert await read(os.devnull, 5) == b""
    with pytest.raises(OSError, match="more than"):
        await read(tmp_path / "file", 9)


@pytest.mark.parametrize("kind", ["socket", "folder", "/dev/zero", "/dev/tty", "absent"])
async def test_other_kinds_of_files_are_refused_at_once(tmp_path: Path, kind: str) -> None:
    """What is no file or pipe neither blocks nor is read."""
    path = tmp_path / kind
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - each kind has its own words
        await read(path, 5)


def test_a_pipe_is_no_regular_file(tmp_path: Path) -> None:
    """Opening one does not wait for a writer."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="not a regular file"):
        open_regular(tmp_path / "fifo")


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("content", [b"", b"secret", b"x" * 300_000])
async def test_a_pipe_is_read_to_its_end(tmp_path: Path, named: bool, content: bytes) -> None:
    """A pipe's writer may come late and write in pieces; a shell's pipe may be over."""
    path = tmp_path / "fifo"
    if named:
        os.mkfifo(path)
        reads = asyncio.create_task(read(path, 1 << 20))
        for _ in range(3):
            await asyncio.sleep(0)
        await asyncio.to_thread(path.write_bytes, content)
        assert await reads == content
        return
    ours, theirs = os.pipe()
    writes = asyncio.create_task(asyncio.to_thread(_write, theirs, content))
    assert await read(f"/dev/fd/{ours}", 1 << 20) == content
    await writes
    os.close(ours)


def _write(descriptor: int, content: bytes) -> None:
    with open(descriptor, "wb") as file:
        file.write(content)


async def test_an_endless_pipe_is_refused(tmp_path: Path) -> None:
    """A writer that does not stop fills no memory."""
    os.mkfifo(tmp_path / "fifo")
    endless = await asyncio.create_subprocess_shell(f"exec cat /dev/zero > '{tmp_path}/fifo' 2>&1")
    with pytest.raises(OSError, match="more than 100000 bytes"):
        await read(tmp_path / "fifo", 100_000)
    await endless.wait()


@pytest.mark.parametrize("opened", [True, False])
async def test_a_pipe_without_an_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: bool) -> None:
    """A pipe that no process writes to, or ends, is an error in time."""
    monkeypatch.setattr(reading, "PATIENCE", 0.05)
    os.mkfifo(tmp_path / "fifo")
    held = os.open(tmp_path / "fifo", os.O_RDWR) if opened else -1
    with pytest.raises(OSError, match="did not end"):
        await read(tmp_path / "fifo", 5)
    if opened:
        os.close(held)
