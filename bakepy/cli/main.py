"""The `bakepy` command: finds the subcommand and imports only that."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import bakepy

COMMANDS = {
    "build": "Build targets of a definition",
    "plan": "Show the solve graph of a build without running it",
    "check": "Look for faults in a definition without an engine",
    "fmt": "Lay out definition files the usual way",
    "functions": "Show the functions that definition files may call",
    "schema": "Print the JSON Schema of definition files in JSON",
    "engine": "Install, start and stop the embedded BuildKit",
}
"""Each is a module of this package with `main(argv) -> exit status`."""

ALIASES = {"bake": "build", "b": "build"}

USAGE = "Usage: bakepy COMMAND [OPTIONS]"


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
    if argv[0] in {"-V", "--version", "version"}:
        print(f"bakepy {bakepy.__version__}")
        return 0
    name = ALIASES.get(argv[0], argv[0])
    if name not in COMMANDS:
        from bakepy.diagnostics import nearest

        near = nearest(name, COMMANDS)
        hint = f" Did you mean '{near}'?" if near else ""
        print(f"ERROR: unknown command: bakepy {name}.{hint}\nRun 'bakepy --help' for the commands.", file=sys.stderr)
        return 1
    module = import_module(f"bakepy.cli.{name.replace('-', '_')}")
    return int(module.main(argv[1:]))


def entry() -> None:
    """Run as the console script: turn what escapes into one line and an exit status."""
    import os

    from bakepy.cli.guard import guarded

    # gRPC's core would write its own account of a failed connection to standard error; ours is a diagnostic.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    sys.exit(guarded(main, sys.argv[1:]))
