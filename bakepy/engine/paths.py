"""Where the embedded engine lives on disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from bakepy.records import Record
from bakepy.settings import Settings

SUN_PATH = 107
"""Bytes that fit into a unix socket's address (unix(7))."""


class Paths(Record):
    """Name every file of the engine's: one folder for one user, all of it ours to remove."""

    __slots__ = ("home",)

    def __init__(self, home: Path) -> None:
        self.home: Final = home

    @classmethod
    def of(cls, settings: Settings, node: str = "") -> Paths:
        """Return the paths in the user's data folder, or those of an engine that is a builder's node by itself."""
        home = settings.data_home / "bakepy" / "engine"
        return cls(home / "nodes" / node if node else home)

    def version(self, version: str) -> Path:
        """Return the folder of one installed version: `bin/` and `install.json`."""
        return self.home / version

    @property
    def state(self) -> Path:
        """Return BuildKit's own state folder, which holds the build cache."""
        return self.home / "state"

    @property
    def run(self) -> Path:
        """Return the folder of what exists only while the engine runs, open to its user alone.

        It does not lie in `XDG_RUNTIME_DIR`: that folder goes away when the user logs out, and not every shell of the
        same user has it set, while all of them share one engine with one state folder.
        """
        inside = self.home / "run"
        if len(os.fsencode(inside / "buildkitd.sock")) <= SUN_PATH:
            return inside
        import hashlib

        short = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path(f"/tmp/bakepy-{os.getuid()}-{short}")  # noqa: S108 (made by us with mode 0700, and checked)

    @property
    def socket(self) -> Path:
        """Return the socket on which BuildKit listens."""
        return self.run / "buildkitd.sock"

    @property
    def log(self) -> Path:
        """Return the file that holds what BuildKit prints."""
        return self.home / "buildkitd.log"

    @property
    def crash(self) -> Path:
        """Return the record of an engine that ended by itself."""
        return self.home / "crash.json"

    @property
    def install_lock(self) -> Path:
        """Return the lock of whoever installs or uninstalls."""
        return self.home / "install.lock"

    @property
    def start_lock(self) -> Path:
        """Return the lock of whoever starts or stops the engine."""
        return self.home / "start.lock"

    @property
    def clients_lock(self) -> Path:
        """Return the lock that clients share while they use the engine; the supervisor needs it alone to stop it."""
        return self.home / "clients.lock"

    @property
    def alive_lock(self) -> Path:
        """Return the lock that a supervisor holds as long as it lives; the file holds its process id."""
        return self.home / "alive.lock"

    def prepare(self) -> None:
        """Make the folders, and those that they lie in, open to this user alone.

        Raises EngineError where a folder belongs to someone else, who could put other programs there.
        """
        for folder in reversed([self.home, *self.home.parents]):
            # Each by itself: `parents=True` would leave them as open as the umask has it.
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        self.run.mkdir(mode=0o700, exist_ok=True)
        # The folder may be a link to another disk, but not in a place like /tmp, where anybody may put one.
        _claim(self.home, self.home.stat())
        _claim(self.run, self.run.lstat())


def _claim(folder: Path, found: os.stat_result) -> None:
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        from bakepy.engine.errors import EngineError

        raise EngineError.of(
            "the embedded engine's folder belongs to someone else",
            f"{folder} is owned by user {found.st_uid}, and this is user {os.getuid()}",
            hint=f"remove it: rm -r {folder}",
        )
    if found.st_mode & 0o077:
        folder.chmod(0o700)
