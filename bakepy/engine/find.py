"""Find the embedded engine's programs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Final

from bakepy.engine.errors import NotInstalledError
from bakepy.engine.paths import Paths
from bakepy.records import Record
from bakepy.settings import Settings

BUILDKIT_VERSION = "v0.33.1"
"""The BuildKit that this bakepy installs."""

RUNC_VERSION = "v1.4.3"
"""The runc that is built where neither the archive nor the system has one."""


class Engine(Record):
    """Name the programs that make an engine, and how they came here."""

    __slots__ = ("buildkitd", "runc", "version", "road")

    def __init__(self, buildkitd: Path, runc: Path, version: str, road: str) -> None:
        self.buildkitd: Final = buildkitd
        self.runc: Final = runc
        self.version: Final = version
        self.road: Final = road
        """One of `path`, `archive`, `go`."""


def find(settings: Settings) -> Engine | None:
    """Return the engine to use: the installed one, else buildkitd and runc on PATH, else None."""
    return installed(Paths.of(settings)) or on_path(settings)


def need(settings: Settings) -> Engine:
    """Return the engine to use; raises NotInstalledError, which says what to type."""
    engine = find(settings)
    if engine is None:
        raise NotInstalledError.of(
            "there is no embedded engine yet",
            f"nothing is installed in {Paths.of(settings).home}, and buildkitd and runc are not both on PATH",
            hint="run: bakepy engine install",
        )
    return engine


def installed(paths: Paths) -> Engine | None:
    """Return the installed engine, this bakepy's version first, else one that an earlier bakepy left."""
    others = sorted(paths.home.glob("v*/install.json"), reverse=True)
    for manifest in (paths.version(BUILDKIT_VERSION) / "install.json", *others):
        engine = _read(manifest)
        if engine:
            return engine
    return None


def _read(manifest: Path) -> Engine | None:
    try:
        record = json.loads(manifest.read_bytes())
        engine = in_folder(manifest.parent, version=record["version"], road=record["road"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # With the road `path` these are links: what they point to may have been removed since.
    return engine if engine.buildkitd.exists() and engine.runc.exists() else None


def in_folder(folder: Path, *, version: str, road: str) -> Engine:
    """Return the engine whose programs lie in a folder's `bin/`."""
    return Engine(folder / "bin" / "buildkitd", folder / "bin" / "runc", version, road)


def write_manifest(folder: Path, *, version: str, road: str) -> None:
    """Record in a folder what was installed there."""
    (folder / "install.json").write_text(json.dumps({"version": version, "road": road}) + "\n", encoding="utf-8")


def on_path(settings: Settings) -> Engine | None:
    """Return the engine made of PATH's buildkitd and runc, its version yet unknown (empty)."""
    buildkitd = shutil.which("buildkitd", path=settings.path)
    runc = find_runc(settings)
    if buildkitd is None or runc is None:
        return None
    return Engine(Path(buildkitd), runc, "", "path")


def find_runc(settings: Settings) -> Path | None:
    """Return the first of PATH's runtimes, BuildKit's own copy of runc before the system's."""
    # Distributions put it where an ordinary user's PATH does not look.
    folders = os.pathsep.join([settings.path, "/usr/local/sbin", "/usr/sbin", "/sbin"])
    for name in ("buildkit-runc", "runc"):
        if found := shutil.which(name, path=folders):
            return Path(found)
    return None
