"""`bakepy install-plugin`: make bakepy a command of Docker's client."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bakepy.cli import command
from bakepy.cli.flags import Flag
from bakepy.cli.main import PLUGIN
from bakepy.diagnostics import BakeError

FLAGS = (Flag("remove", "Take it away again"), *command.COMMON)
USAGE = """Usage: bakepy install-plugin [OPTIONS]

Link bakepy in with Docker's client, so that `docker bakepy` is the same as `bakepy`."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = command.begin(USAGE, FLAGS, argv)
    if given is None:
        return 0
    from bakepy.settings import Settings

    link = Settings().docker_config / "cli-plugins" / PLUGIN
    if link.exists() and not link.is_symlink():
        raise BakeError.of(
            f"{link} is there already", "it is a file, and not a link of ours", hint=f"remove it: rm {link}"
        )
    if given.switch("remove"):
        print(f"removed {link}" if link.is_symlink() else "there is no plugin")
        link.unlink(missing_ok=True)
        return 0
    program = _program()
    try:
        link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    except OSError as error:
        raise BakeError.of(f"{link} cannot be made", error.strerror or "") from error
    print(f"{link} -> {program}\nTry: docker bakepy --help")
    return 0


def _program() -> Path:
    """Return the program that runs bakepy: this one, or the one beside Python where a module was started."""
    import shutil

    started = Path(sys.argv[0])
    beside = Path(sys.executable).parent / "bakepy"
    for found in (started if started.name in {"bakepy", PLUGIN} else None, beside, shutil.which("bakepy")):
        if found and Path(found).exists():
            # The environment of a link is the one it lies in: only what the plugin itself is a link to is followed.
            path = Path(found).absolute()
            return path.resolve() if path.name == PLUGIN else path
    raise BakeError.of("the program bakepy is not found", hint="install bakepy with pip, and run it from there")
