"""`bakepy engine`: install, start, stop, show and remove the embedded BuildKit."""

from __future__ import annotations

from collections.abc import Sequence

from bakepy.cli import command
from bakepy.diagnostics import BakeError, nearest, one_line
from bakepy.settings import Settings

ACTIONS = {
    "install": "Install BuildKit by the first road that is open",
    "start": "Start the engine now (builds start it by themselves)",
    "stop": "Stop the engine; its build cache stays",
    "status": "Show whether the engine is installed and running",
    "uninstall": "Stop the engine and remove it with its build cache",
}
ROWS = "\n".join(f"  {name:10} {text}" for name, text in ACTIONS.items())
USAGE = f"""Usage: bakepy engine ACTION

Look after the embedded BuildKit: it belongs to this user alone and stops by itself when idle.

Actions:
{ROWS}"""


def main(argv: Sequence[str]) -> int:
    """Run one action and return the exit status; raises BakeError."""
    given = command.begin(USAGE, command.COMMON, argv or ["--help"], at_most=1)
    if given is None:
        return 0
    run = {"install": _install, "start": _start, "stop": _stop, "status": _status, "uninstall": _uninstall}
    action = given.arguments[0] if given.arguments else ""
    if action not in run:
        near = nearest(action, ACTIONS)
        words = f"unknown action: {action}" if action else "an action is missing"
        raise BakeError.of(words, hint=f"did you mean {near}?" if near else f"the actions are {', '.join(ACTIONS)}")
    return run[action](Settings())


def _say(text: str) -> None:
    print(one_line(text), flush=True)


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
            print(one_line(f"{name + ':':12} {value}"))
    return 0


def _uninstall(settings: Settings) -> int:
    from bakepy.engine.install import uninstall

    if not uninstall(settings, _say):
        print("nothing is installed")
    return 0
