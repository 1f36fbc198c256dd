"""Tell how this user may run containers, and what is lacking."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path

from bakepy.engine.errors import PrivilegeError
from bakepy.settings import Settings

CAP_SYS_ADMIN = 21
"""The capability's number in `CapEff` (capabilities(7))."""

FIRST_SUBORDINATE = 100000
"""Where distributions begin to give out such ids."""

SUBORDINATE_IDS = 65536
"""Ids that a user needs besides the own one, so that an image's files can have owners."""


def check(settings: Settings) -> Path | None:
    """Return rootlesskit's path where the engine must run through it, None where it runs as root.

    Raises PrivilegeError, which names everything that is lacking at once.
    """
    if os.geteuid() == 0:
        _check_root()
        return None
    lacks = list(_rootless_lacks(settings))
    rootlesskit = shutil.which("rootlesskit", path=settings.path)
    if lacks or rootlesskit is None:
        raise PrivilegeError.of(
            "the embedded engine cannot run as an ordinary user here",
            "\n".join(what for what, _ in lacks),
            hint="as root, run: " + " && ".join(dict.fromkeys(remedy for _, remedy in lacks)),
        )
    return Path(rootlesskit)


def _check_root() -> None:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff" and not int(value, 16) >> CAP_SYS_ADMIN & 1:
            raise PrivilegeError.of(
                "the embedded engine lacks privileges",
                "this is root without the capability CAP_SYS_ADMIN, as in a container, and containers cannot be run",
                hint="start the surrounding container with --privileged, or name another builder with --builder",
            )


def _rootless_lacks(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield what is lacking and the command that, run as root, mends it."""
    user = pwd.getpwuid(os.getuid()).pw_name
    packages = {"rootlesskit": "rootlesskit", "newuidmap": "uidmap", "newgidmap": "uidmap"}
    for program, package in packages.items():
        if shutil.which(program, path=settings.path) is None:
            yield f"{program} is not on PATH", f"apt-get install {package}"
    for file, option in (("/etc/subuid", "--add-subuids"), ("/etc/subgid", "--add-subgids")):
        if _subordinates(Path(file), user) < SUBORDINATE_IDS:
            start = max([FIRST_SUBORDINATE, *(first + count for _, first, count in _ranges(Path(file)))])
            yield (
                f"{file} gives {user} fewer than {SUBORDINATE_IDS} subordinate ids",
                f"usermod {option} {start}-{start + SUBORDINATE_IDS - 1} {user}",
            )
    for knob, blocked, remedy in (
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=28633"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ):
        if _read(Path("/proc/sys") / knob) == blocked:
            yield f"the kernel refuses user namespaces: {knob.replace('/', '.')} is {blocked}", remedy


def _subordinates(file: Path, user: str) -> int:
    """Count the ids that a file gives to a user, named or by number."""
    return sum(count for name, _, count in _ranges(file) if name in {user, str(os.getuid())})


def _ranges(file: Path) -> Iterator[tuple[str, int, int]]:
    """Yield user, first id and count of each line (subuid(5))."""
    for line in _read(file).splitlines():
        fields = line.split(":")
        if len(fields) == 3 and fields[1].isdigit() and fields[2].isdigit():
            yield fields[0], int(fields[1]), int(fields[2])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
