"""An image of BuildKit for tests, made of the suite's own programs, since none can be pulled."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bakepy.drivers.docker_api import DockerApi
from bakepy.drivers.docker_host import DockerHost
from tests.programs import needed

IMAGE = "localhost:1/bakepy/buildkit:test"
"""A name that nothing answers for: pulling it fails at once, and the Engine's own is used."""

PROGRAMS = ("buildkitd", "buildctl", "runc")

CHUNK = 1 << 20


def load_buildkit(host: DockerHost, folder: Path) -> None:
    """Make the image in a folder and load it into an Engine."""
    programs = {name: needed(name) for name in (*PROGRAMS, "busybox")}
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        archive = Path(scratch) / "image.tar"
        _write({name: Path(path) for name, path in programs.items() if path}, archive, Path(scratch) / "layer.tar")
        with archive.open("rb") as file:
            DockerApi(host).load(iter(lambda: file.read(CHUNK), b""), lambda _text: None)


def _write(programs: dict[str, Path], archive: Path, layer: Path) -> None:
    with layer.open("wb") as file:
        _layer(programs, file)
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Entrypoint": ["buildkitd"],
            "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            "Volumes": {"/var/lib/buildkit": {}},
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]
    with tarfile.open(archive, "w") as tar:
        tar.add(layer, "layer.tar")
        for name, record in (("config.json", config), ("manifest.json", manifest)):
            data = json.dumps(record).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


def _layer(programs: dict[str, Path], file: BinaryIO) -> None:
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name in ("bin", "etc", "proc", "run", "sys", "tmp", "usr", "usr/bin", "var", "var/lib"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(entry)
        for name in PROGRAMS:
            tar.add(programs[name].resolve(), f"usr/bin/{name}", filter=_root)
        tar.add(programs["busybox"].resolve(), "bin/busybox", filter=_root)
        for applet in _applets(programs["busybox"]):
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)


def _root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode, entry.uid, entry.gid, entry.mtime = 0o755, 0, 0, 0
    return entry


def _applets(busybox: Path) -> Iterator[str]:
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout
    return (name for name in listed.split() if name != "busybox")
