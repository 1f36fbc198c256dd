"""`bakepy engine`: install, start, stop, show and remove the embedded BuildKit."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bakepy.settings import Settings

ACTIONS = {
    "install": "install BuildKit by the first road that is open",
    "start": "start the engine now (builds start it by themselves)",
    "stop": "stop the engine; its build cache stays",
    "status": "show whether the engine is installed and running",
    "uninstall": "stop the engine and remove it with its build cache",
}


def main(argv: Sequence[str]) -> int:
    """Run one action and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="bakepy engine",
        description="Look after the embedded BuildKit: it belongs to this user alone and stops by itself when idle.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in ACTIONS.items():
        actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    try:
        options = parser.parse_args(argv or ["--help"])
    except SystemExit as end:
        return int(end.code or 0)
    run = {"install": _install, "start": _start, "stop": _stop, "status": _status, "uninstall": _uninstall}
    return run[options.action](Settings())


def _say(text: str) -> None:
    print(text, flush=True)


def _install(settings: Settings) -> int:
    from bakepy.engine.install import install

    install(settings, _say)
    return 0


def _start(settings: Settings) -> int:
    from bakepy.engine.find import need
    from bakepy.engine.paths import Paths
    from bakepy.engine.process import start

    start(need(settings), settings, _say)
    print(f"BuildKit answers on unix://{Paths.of(settings).socket}")
    return 0


def _stop(settings: Settings) -> int:
    from bakepy.engine.paths import Paths
    from bakepy.engine.process import stop

    print("stopped" if stop(Paths.of(settings)) else "the engine does not run")
    return 0


def _status(settings: Settings) -> int:
    from bakepy.engine.find import find
    from bakepy.engine.paths import Paths
    from bakepy.engine.process import health

    paths = Paths.of(settings)
    engine = find(settings)
    state = health(paths)
    rows = {
        "BuildKit": f"{engine.version or engine.buildkitd} (road: {engine.road})" if engine else "not installed",
        "runc": str(engine.runc.resolve()) if engine else "",
        "state": "running" if state.running else "stopped",
        "clients": str(state.clients) if state.running else "",
        "last crash": str(state.crash or ""),
        "socket": f"unix://{paths.socket}" if state.running else "",
        "log": str(paths.log) if paths.log.exists() else "",
        "folder": f"{paths.home} ({state.free_bytes >> 30} GiB free)",
    }
    for name, value in rows.items():
        if value:
            print(f"{name + ':':12} {value}")
    return 0


def _uninstall(settings: Settings) -> int:
    from bakepy.engine.install import uninstall

    if not uninstall(settings, _say):
        print("nothing is installed")
    return 0
