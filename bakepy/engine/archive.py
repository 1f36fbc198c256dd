"""The quick road: BuildKit's official release archive, pinned by its SHA-256."""

from __future__ import annotations

import hashlib
import platform
import queue
import shutil
import tarfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Final

from bakepy.engine.errors import InstallError
from bakepy.engine.find import BUILDKIT_VERSION
from bakepy.records import Record

REACHED_WITHIN = 5.0
"""Seconds after which the archive counts as out of reach."""

CHUNK = 1 << 20

PROGRAMS = {"bin/buildkitd": "buildkitd", "bin/buildkit-runc": "runc"}
"""What is taken from the archive, and its name with us."""


class Archive(Record):
    """Pin a release archive."""

    __slots__ = ("url", "sha256")

    def __init__(self, url: str, sha256: str) -> None:
        self.url: Final = url
        self.sha256: Final = sha256


SHA256 = {
    "amd64": "4e044bcd62a0c0bbe6a8c94d73989de2bfe4c04dbc0f9d6021cf96b72cd1d965",
    "arm64": "4e1ba91f139761f249a1fa6c71e632dfdbdafeda416176ecadefbb95225e56c4",
}

MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def release() -> Archive | None:
    """Return the archive for this machine, or None where none is pinned."""
    architecture = MACHINES.get(platform.machine(), "")
    if architecture not in SHA256:
        return None
    name = f"buildkit-{BUILDKIT_VERSION}.linux-{architecture}.tar.gz"
    url = f"https://github.com/moby/buildkit/releases/download/{BUILDKIT_VERSION}/{name}"
    return Archive(url, SHA256[architecture])


def reach(archive: Archive) -> HTTPResponse | str:
    """Open the download within a few seconds, or return why that is not possible."""
    answers: queue.Queue[HTTPResponse | str] = queue.Queue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(archive.url, timeout=REACHED_WITHIN))  # noqa: S310 (pinned URL)
        except urllib.error.HTTPError as error:
            error.close()
            answers.put(f"the server answers {error.code} {error.reason}")
        except urllib.error.URLError as error:
            answers.put(str(error.reason))
        except (OSError, HTTPException, ValueError) as error:
            answers.put(str(error) or type(error).__name__)

    # A thread, for no timeout of a socket bounds the time that looking up a name takes.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=REACHED_WITHIN + 1)
    except queue.Empty:
        return f"no answer within {REACHED_WITHIN:.0f} seconds"


def unpack(response: HTTPResponse, archive: Archive, folder: Path, say: Callable[[str], None]) -> None:
    """Download, compare the SHA-256, and only then take the programs into `folder`/bin.

    Raises InstallError where the archive is not the pinned one or the download ends early.
    """
    file = folder / "archive.tar.gz"
    digest = _download(response, file, say)
    if digest != archive.sha256:
        raise InstallError.of(
            "BuildKit's release archive is not the one that bakepy pins",
            f"{archive.url} has SHA-256 {digest}, expected {archive.sha256}",
            hint="something between here and there changes downloads: check proxies and mirrors",
        )
    with tarfile.open(file) as tar:
        for member, name in PROGRAMS.items():
            source = tar.extractfile(member)
            if source is None:
                raise InstallError.of("BuildKit's release archive is incomplete", f"{member} is not a file in it")
            target = folder / "bin" / name
            target.parent.mkdir(exist_ok=True)
            with source, target.open("wb") as out:
                shutil.copyfileobj(source, out, CHUNK)
            target.chmod(0o755)
    file.unlink()


def _download(response: HTTPResponse, file: Path, say: Callable[[str], None]) -> str:
    total = response.length or 0
    digest, done, told = hashlib.sha256(), 0, 0
    try:
        with response, file.open("wb") as out:
            while chunk := response.read(CHUNK):
                digest.update(chunk)
                out.write(chunk)
                done += len(chunk)
                if total and done * 10 // total > told:
                    told = done * 10 // total
                    say(f"downloaded {done >> 20} of {total >> 20} MiB")
    except (TimeoutError, ConnectionError, HTTPException) as error:
        raise _cut_off(str(error)) from error
    if done < total:
        raise _cut_off(f"{done} of {total} bytes came")
    return digest.hexdigest()


def _cut_off(why: str) -> InstallError:
    return InstallError.of("the download of BuildKit was cut off", why, hint="try again")
