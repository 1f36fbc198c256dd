"""Provide the real programs that the tests run against: python -m tests.provide FOLDER [--reference].

FOLDER/bin holds them afterwards. Daemons come out of distribution packages without being installed, so that no
service starts; the rest is built from pinned Go modules, or installed where it must be the system's.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from bakepy.engine import gobuild
from bakepy.engine.gobuild import Program
from bakepy.engine.locks import locked
from bakepy.records import replace
from bakepy.settings import Settings

HERE = Path(__file__).parent

INSTALLED = {
    "busybox": "busybox-static",
    "newuidmap": "uidmap",
    "rootlesskit": "rootlesskit",
    "gcc": "gcc",
    "pkg-config": "pkg-config",
    "iptables": "iptables",
    "openssl": "openssl",
    "capsh": "libcap2-bin",
    "git": "git",
    "ssh-agent": "openssh-client",
}
"""Programs and the packages that hold them."""

FILES = {"/usr/include/seccomp.h": "libseccomp-dev", "/usr/include/stdlib.h": "libc6-dev"}

UNPACKED = {
    "docker.io": {"usr/sbin/dockerd": "dockerd20", "usr/bin/docker": "docker-client"},
    "containerd": {f"usr/bin/{name}": name for name in ("containerd", "containerd-shim-runc-v2", "ctr")},
    "docker-registry": {"usr/bin/docker-registry": "docker-registry"},
    "qemu-user-static": {f"usr/bin/qemu-{name}-static": f"qemu-{name}-static" for name in ("aarch64", "riscv64")},
    "tini": {"usr/bin/tini-static": "docker-init"},
    "openssh-server": {"usr/sbin/sshd": "sshd"},
    "libwrap0": {"usr/lib/*/libwrap.so.0.*": "libwrap.so.0"},
}
"""Packages, and what is taken out of them under which name: files, or patterns of them where a package's differ."""

DOCKERD = Program(
    HERE / "parts" / "dockerd",
    "github.com/moby/moby/v2/cmd/dockerd",
    cgo=True,
    arguments=(
        "-tags",
        "exclude_graphdriver_btrfs no_systemd",
        "-ldflags",
        "-s -w -X github.com/moby/moby/v2/dockerversion.Version=29.0.0",
    ),
)
BUILDX = Program(
    HERE / "peer" / "reference", "github.com/docker/buildx/cmd/buildx", cgo=False, arguments=("-ldflags", "-s -w")
)

BUILDCTL = replace(gobuild.BUILDKITD, package="github.com/moby/buildkit/cmd/buildctl")

LABS = replace(gobuild.BUILDKITD, arguments=("-tags", "dfrundevice", *gobuild.BUILDKITD.arguments))
"""A BuildKit whose own frontend knows what is stable in the `labs` channel of Dockerfile's syntax alone."""

BUILT = {
    "buildkitd": gobuild.BUILDKITD,
    "buildkitd-labs": LABS,
    "buildctl": BUILDCTL,
    "runc": gobuild.RUNC,
    "dockerd29": DOCKERD,
}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reference", action="store_true", help="provide buildx, too, in .cache/reference")
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock"):
        install()
        for package, programs in UNPACKED.items():
            unpack(folder, package, programs)
        build(folder, {folder / "bin" / name: program for name, program in BUILT.items()})
        if options.reference:
            build(folder, {folder / "bin" / "buildx": BUILDX})
            kept = HERE.parent / ".cache" / "reference" / "buildx"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.unlink(missing_ok=True)
            kept.symlink_to(folder / "bin" / "buildx")
    return 0


def install() -> None:
    """Install what must be the system's."""
    missing = {package for program, package in INSTALLED.items() if shutil.which(program) is None}
    missing |= {package for file, package in FILES.items() if not Path(file).exists()}
    if not missing:
        return
    command = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *sorted(missing)]
    if os.geteuid() != 0:
        sys.exit(f"the tests need more packages: as root, run: {' '.join(command)}")
    print(f"installing {', '.join(sorted(missing))}", flush=True)
    apt(["apt-get", "-qq", "update"])
    apt(command)


def apt(command: Iterable[str], cwd: Path | None = None) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(list(command), check=True, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, cwd=cwd)


def unpack(folder: Path, package: str, programs: dict[str, str]) -> None:
    """Take programs out of a distribution package without installing it."""
    if all((folder / "bin" / name).exists() for name in programs.values()):
        return
    print(f"unpacking {package}", flush=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        try:
            apt(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package], cwd=scratch)
        except subprocess.CalledProcessError:
            apt(["apt-get", "-qq", "update"])
            apt(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package], cwd=scratch)
        (archive,) = scratch.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, scratch / "files"], check=True)
        for source, target in programs.items():
            (found,) = (scratch / "files").glob(source)
            shutil.move(found, folder / "bin" / target)


def build(folder: Path, wanted: dict[Path, Program]) -> None:
    """Build what is not there yet, or was built of another version; all with one set of caches."""
    stamps = folder / "stamps"
    stamps.mkdir(exist_ok=True)
    missing = {
        target: program
        for target, program in wanted.items()
        if not target.exists() or not _is(stamps / target.name, recipe(program))
    }
    if not missing:
        return
    settings = Settings()
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        found = gobuild.go_on_path(settings)
        command = found if isinstance(found, Path) else gobuild.fetch_go(scratch, settings, say)
        go = gobuild.prepare(command, scratch, settings)
        for target, program in missing.items():
            gobuild.build(go, program, scratch / target.name, say)
            os.replace(scratch / target.name, target)
            (stamps / target.name).write_text(recipe(program))


def recipe(program: Program) -> str:
    """Return a digest of all that a program is built from."""
    parts = [program.package, *program.arguments, (program.module / "go.mod").read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _is(stamp: Path, text: str) -> bool:
    return stamp.exists() and stamp.read_text() == text


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
