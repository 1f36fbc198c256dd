"""Whole files are read within bounds, and without waiting for anybody."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bakepy.files import read_file

HCL = 'target "default" {}\n'
REFERENCES = {
    "definition": ["-f", "special.hcl"],
    "override": [],
    "env_file": ["-f", "env_file.yaml"],
    "include": ["-f", "include.yaml"],
    "include's env_file": ["-f", "include_env.yaml"],
    "extends": ["-f", "extends.yaml"],
    ".env": ["-f", "plain.yaml"],
}
"""The arguments with which a command reads the special file, by what names it."""
NAMES = {"definition": "special.hcl", "override": "docker-bake.override.hcl", ".env": ".env"}


def fifo(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


SPECIAL = {fifo: "it is a pipe", endless: "it is a device, not a regular file", huge: "16 MiB"}


def lay_out(folder: Path, what: str, make: Callable[[Path], None]) -> None:
    (folder / "docker-bake.hcl").write_text(HCL)
    (folder / "plain.yaml").write_text("services: {a: {build: .}}\n")
    (folder / "env_file.yaml").write_text("services: {a: {build: {context: ., args: [A]}, env_file: special}}\n")
    (folder / "include.yaml").write_text("include: [special]\nservices: {a: {build: .}}\n")
    (folder / "include_env.yaml").write_text("include: [{path: plain.yaml, env_file: special}]\n")
    (folder / "extends.yaml").write_text("services: {a: {extends: {file: special, service: b}}}\n")
    make(folder / NAMES.get(what, "special"))


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command with 2 GiB of memory; what waits for a writer never ends."""
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)); "
        "from bakepy.cli.main import entry; entry()"
    )
    return subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("make", SPECIAL, ids=lambda make: make.__name__)
@pytest.mark.parametrize("what", REFERENCES)
def test_special_file_is_refused(what: str, make: Callable[[Path], None], tmp_path: Path) -> None:
    """Whatever names it, a file without an end is an error."""
    lay_out(tmp_path, what, make)
    done = run(tmp_path, "build", "--print", *REFERENCES[what])
    assert done.returncode == 1
    assert SPECIAL[make] in done.stderr


@pytest.mark.parametrize("make", SPECIAL, ids=lambda make: make.__name__)
@pytest.mark.parametrize("words", [["check"], ["fmt"], ["plan"], ["__complete", "build", ""]], ids=lambda w: w[0])
def test_every_command_refuses_a_special_file(words: list[str], make: Callable[[Path], None], tmp_path: Path) -> None:
    """Commands share one reader."""
    lay_out(tmp_path, "override", make)
    done = run(tmp_path, *words, *(["docker-bake.override.hcl"] if words == ["fmt"] else []))
    assert done.returncode == (0 if words[0] == "__complete" else 1)
    assert words[0] == "__complete" or SPECIAL[make] in done.stdout + done.stderr


def test_process_substitution_is_read(tmp_path: Path) -> None:
    """`-f <(…)` names a pipe below /dev/fd."""
    read, write = os.pipe()
    os.write(write, HCL.encode())
    os.close(write)
    try:
        assert read_file(f"/dev/fd/{read}", pipes=True) == HCL.encode()
    finally:
        os.close(read)


def test_empty_process_substitution_is_an_empty_file() -> None:
    """A writer that is done left nothing."""
    read, write = os.pipe()
    os.close(write)
    try:
        assert read_file(f"/dev/fd/{read}", pipes=True) == b""
    finally:
        os.close(read)


def test_pipe_is_bounded() -> None:
    """A pipe's writer cannot fill the memory."""
    read, write = os.pipe()
    os.write(write, b"x" * 11)
    try:
        with pytest.raises(OSError, match="more than the 10 bytes that are allowed"):
            read_file(f"/dev/fd/{read}", 10, pipes=True)
    finally:
        os.close(read)
        os.close(write)


def test_named_pipe_without_writer_is_refused(tmp_path: Path) -> None:
    """A FIFO that nothing writes to ends at once."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="a pipe that nothing writes to"):
        read_file(tmp_path / "fifo", pipes=True)


def test_named_pipe_with_writer_is_read(tmp_path: Path) -> None:
    """Users may name a FIFO that a program writes to; definitions may not."""
    os.mkfifo(tmp_path / "fifo")
    writer = os.open(tmp_path / "fifo", os.O_RDWR)
    os.write(writer, b"x" * 11)
    try:
        with pytest.raises(OSError, match="a pipe, not a regular file"):
            read_file(tmp_path / "fifo")
        with pytest.raises(OSError, match="more than the 10 bytes"):
            read_file(tmp_path / "fifo", 10, pipes=True)
    finally:
        os.close(writer)


def test_null_device_is_an_empty_file() -> None:
    """`/dev/null` is a common name for nothing."""
    assert read_file("/dev/null") == b""


def test_socket_and_folder_are_errors(tmp_path: Path) -> None:
    """Nothing else can be opened."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        for path in (tmp_path / "s", tmp_path, "a\0b"):
            with pytest.raises(OSError, match=r".*"):
                read_file(path)


@pytest.mark.parametrize(("size", "fits"), [(10, True), (11, False)])
def test_limit_is_the_largest_size(size: int, fits: bool, tmp_path: Path) -> None:
    """A file may be as large as the limit."""
    (tmp_path / "file").write_bytes(b"x" * size)
    if fits:
        assert len(read_file(tmp_path / "file", 10)) == size
    else:
        with pytest.raises(OSError, match="more than the 10 bytes"):
            read_file(tmp_path / "file", 10)
