"""The `bakepy` command: finds the subcommand and imports only that."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import NoReturn

import bakepy

COMMANDS = {
    "build": "Build targets of a definition",
    "plan": "Show the solve graph of a build without running it",
    "check": "Look for faults in a definition without an engine",
    "fmt": "Lay out definition files the usual way",
    "functions": "Show the functions that definition files may call",
    "schema": "Print the JSON Schema of definition files in JSON",
    "engine": "Install, start and stop the embedded BuildKit",
    "create": "Make a builder, or add a node to one",
    "use": "Choose the builder of what follows",
    "ls": "List builders",
    "inspect": "Show a builder and its nodes",
    "stop": "Stop a builder",
    "rm": "Remove builders",
    "du": "Show what the build cache takes",
    "prune": "Remove build cache",
    "dial-stdio": "Connect standard input and output to a builder",
    "completion": "Print the completion script of a shell",
    "install-plugin": "Make bakepy a command of docker: docker bakepy",
    "version": "Show the version",
}
"""Each is a module of this package with `main(argv) -> exit status`."""

ALIASES = {"bake": "build", "b": "build"}

COMPLETE = "__complete"
"""The hidden command that shells ask for what may follow."""

PLUGIN = "docker-bakepy"
"""The name under which Docker's client finds its plugins."""

USAGE = "Usage: bakepy COMMAND [OPTIONS]"


LEADING = frozenset({"--builder", "-D", "--debug"})
"""Flags that may stand before the command."""


def help_text() -> str:
    """Return what `bakepy --help` prints."""
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:{width}}  {what}" for name, what in COMMANDS.items())
    return f"{USAGE}\n\n{bakepy.__doc__}\n\nCommands:\n{rows}\n\nRun 'bakepy COMMAND --help' for more on a command.\n"


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    if not argv or argv[0] in {"-h", "--help", "help"}:
        print(help_text(), end="")
        return 0
    if argv[0] in {"-V", "--version"}:
        return main(["version", *argv[1:]])
    if argv[0] in LEADING or argv[0].startswith("--builder="):
        return main(_command_first(argv))
    if argv[0] == COMPLETE:
        from bakepy.cli.complete import main as complete

        return complete(argv[1:])
    name = ALIASES.get(argv[0], argv[0])
    if name not in COMMANDS:
        from bakepy.diagnostics import nearest

        near = nearest(name, COMMANDS)
        hint = f" Did you mean '{near}'?" if near else ""
        print(f"ERROR: unknown command: bakepy {name}.{hint}\nRun 'bakepy --help' for the commands.", file=sys.stderr)
        return 1
    return int(_module(name).main(argv[1:]))


def _command_first(argv: Sequence[str]) -> list[str]:
    """Move a leading `--builder NAME` or `--debug` behind the command, where it is read; others ignore it."""
    own = 2 if argv[0] == "--builder" else 1
    rest = list(argv[own:])
    flag = "builder" if argv[0].startswith("--builder") else "debug"
    takes = bool(rest) and rest[0] in {*COMMANDS, *ALIASES} and _takes(rest[0], flag)
    return [rest[0], *argv[:own], *rest[1:]] if takes else rest


def _takes(command: str, name: str) -> bool:
    return any(flag.name == name for flag in getattr(_module(command), "FLAGS", ()))


def _module(command: str) -> ModuleType:
    return import_module(f"bakepy.cli.{ALIASES.get(command, command).replace('-', '_')}")


def entry() -> None:
    """Run as the console script: turn what escapes into one line and an exit status."""
    import gc
    import io
    import os

    from bakepy.cli.guard import guarded
    from bakepy.cli.standard import open_closed

    # Definitions are trees without cycles: to look for garbage among them every 700 objects finds none.
    gc.set_threshold(50_000, 20, 20)

    # gRPC's core would write its own account of a failed connection to standard error; ours is a diagnostic.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    open_closed()
    # Definitions are UTF-8 and so is what is printed of them, whatever the locale; other bytes leave as they came.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    program, *argv = sys.argv
    if os.path.basename(program) == PLUGIN:
        from bakepy.cli.plugin import main as plugin

        leave(guarded(plugin, argv))
    leave(guarded(main, argv))


def leave(status: int) -> NoReturn:
    """End the process at once: taking the interpreter apart would take as long as evaluating a small definition.

    Commands clean up behind themselves; nothing is left to the interpreter's end.
    """
    import os

    if commands := sys.modules.get("bakepy.transport.command"):
        commands.end_all()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        pass  # nobody is left to be told; standard output was flushed while that could still be a fault
    os._exit(status)
