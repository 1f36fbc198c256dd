"""Imports between the rooms of the house point one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "bakepy"

UNPRINTED = [
    "grpc",
    "google",
    "networkx",
    "docker",
    "rich",
    "lark",
    "pydantic",
    "asyncio",
    "dataclasses",
    "inspect",
    "logging",
    "pathlib",
    "tempfile",
    "hashlib",
    "json.decoder",
    "urllib.parse",
    "subprocess",
    "socket",
]
"""Modules that evaluating a definition has no use for; each takes a millisecond at least."""

LEAVES = {"booleans", "diagnostics", "platforms", "quantities"}
ALLOWED = {
    "booleans": set(),
    "records": set(),
    "diagnostics": set(),
    "files": set(),
    "quantities": set(),
    "platforms": {"diagnostics"},
    "settings": {"booleans", "diagnostics"},
    "grammar": {"diagnostics"},
    "values": set(),
    "evaluator": {"grammar", "values", *LEAVES},
    "model": {"values", *LEAVES},
    "planner": {"evaluator", "files", "grammar", "values", "model", *LEAVES},
    "transport": {"diagnostics", "files"},
    "engine": {"transport", "settings", *LEAVES},
    "drivers": {"engine", "files", "transport", "buildkit", "settings", *LEAVES},
    "builders": {"drivers", "engine", "files", "transport", "settings", *LEAVES},
    "progress.events": set(),
    "progress": {"progress.events", "diagnostics"},
    "buildkit": {"files", "transport", "progress.events", *LEAVES},
    "executor": {
        "planner",
        "files",
        "model",
        "builders",
        "drivers",
        "buildkit",
        "transport",
        "progress.events",
        *LEAVES,
    },
    "api": {"executor", "planner", "evaluator", "builders", "settings", "progress.events", *LEAVES},
    "cli": {"*"},
    "__main__": {"cli"},
}
"""What each room may import besides itself, records and the package's version.

Drivers ask a node's BuildKit who it is.
"""

FORBIDDEN = {
    "grammar": {"os", "pathlib", "grpc", "asyncio"},
    "values": {"os", "pathlib", "grpc", "asyncio"},
    "evaluator": {"os", "pathlib", "grpc", "asyncio"},
    "model": {"grpc", "asyncio", "socket"},
    "planner": {"grpc", "asyncio", "socket", "docker"},
    "transport": {"google"},
    "engine": {"google", "rich"},
    "drivers": {"rich"},
    "executor": {"rich"},
    "progress": {"google", "grpc"},
}
"""Modules from outside that a room has no business with."""


def room(module: str) -> str:
    parts = module.split(".")[1:]
    if not parts:
        return ""
    return "progress.events" if parts[:2] == ["progress", "events"] else parts[0]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module in {"bakepy", "bakepy.progress"}:
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
                found.discard("bakepy.progress")
    return found


def modules() -> list[tuple[str, Path]]:
    files = sorted(PACKAGE.rglob("*.py"))
    named = [(".".join(("bakepy", *f.relative_to(PACKAGE).with_suffix("").parts)), f) for f in files]
    named = [(name.removesuffix(".__init__"), f) for name, f in named]
    return [(name, f) for name, f in named if room(name) and not f.name.endswith("_pb2.py")]


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda v: v if isinstance(v, str) else "")
def test_a_room_imports_only_what_it_may(name: str, path: Path) -> None:
    """No module reaches against the arrows."""
    mine = room(name)
    assert mine in ALLOWED, f"{mine} is no room of the house"
    allowed = ALLOWED[mine] | {mine, "", "records"}
    found = imports(path)
    wrong = {m for m in found if m.startswith("bakepy.") and "*" not in allowed and room(m) not in allowed}
    wrong |= {m for m in found if m.split(".")[0] in FORBIDDEN.get(mine, set())}
    if name == "bakepy.planner.load":
        wrong -= {"pathlib", "os"}  # the one module of the planner that reads files

    assert wrong == set()


def test_nothing_makes_classes_at_each_start() -> None:
    """No module uses dataclasses: a record is written out (docs/adr/0007-records.md)."""
    users = {name for name, path in modules() if {"dataclasses", "attrs"} & imports(path)}

    assert users == set()


def test_only_settings_and_the_outermost_room_read_the_environment() -> None:
    """No room below the command line looks at environment variables by itself."""
    readers = {
        name
        for name, path in modules()
        if room(name) not in {"settings", "cli"}
        and any(word in path.read_text() for word in ("os.environ", "os.getenv", "getenv("))
    }

    assert readers == set()


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        (
            "import bakepy.cli.main as m; m.main(['--help'])",
            ["lark", "pydantic", "grpc", "networkx", "docker", "rich", "asyncio"],
        ),
        (
            "import bakepy.cli.main as m; m.main(['build', '--help'])",
            ["pydantic", "grpc", "networkx", "docker", "rich", "asyncio"],
        ),
        (
            "import bakepy.cli.main as m; m.main(['build', '-f', 'tests/cases/small.hcl', '--print'])",
            UNPRINTED,
        ),
    ],
    ids=["--help", "build --help", "build --print"],
)
def test_a_command_loads_only_what_it_uses(code: str, heavy: list[str]) -> None:
    """Help and --print start without the libraries of a build."""
    script = (
        f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=PACKAGE.parent, check=False
    )

    assert done.stdout.splitlines()[-1] == "[]", done.stderr
