"""Measure bakepy beside the reference on the same work and the same engine, and print the ratios.

    python -m benchmarks                      everything
    python -m benchmarks --only print,cached  rows whose name contains one of these
    python -m benchmarks --runs 3 --save      fewer runs; write benchmarks/results.md

The reference is `buildx` (--reference, else on PATH, else .cache/reference/buildx, which `make reference` builds). The
engine is the one that `bakepy engine install` provides, started for this alone with its state in memory where there is
room.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import work
from benchmarks.timing import Figures, in_turn

ROOT = Path(__file__).parent.parent
MEMORY = Path("/dev/shm")
BUILDER = "benchmark"


@dataclass(frozen=True, slots=True)
class Row:
    """Be one line of the table: the files to make, the arguments, and whether each run starts with an empty engine."""

    name: str
    make: Callable[[Path], None]
    args: tuple[str, ...]
    engine: bool = True
    fresh: bool = False
    clean: str = ""
    """A folder of results to take away before each run."""
    once: bool = False
    """Whether one run has to do: the reference takes minutes."""


def rows() -> list[Row]:
    """List the work."""

    def definition(text: str) -> Callable[[Path], None]:
        return lambda folder: (folder / "docker-bake.hcl").write_text(text) and None

    def context(make: Callable[[Path], None], output: str = "type=cacheonly") -> Callable[[Path], None]:
        def both(folder: Path) -> None:
            make(folder)
            work.one_target(folder, output)

        return both

    def files(folder: Path) -> None:
        work.many_files(folder, 20_000)

    def small(folder: Path) -> None:
        (folder / "file").write_text("hello\n")
        (folder / "Dockerfile").write_text("FROM scratch\nCOPY file /\n")

    prints = [
        Row(name, definition(text), ("--print",), engine=False, once=name.endswith("10,000"))
        for name, text in work.definitions().items()
    ]
    gigabyte = context(lambda folder: work.big_file(folder, 1 << 30))
    return [
        *prints,
        Row("1 GiB context, fresh", gigabyte, (), fresh=True),
        Row("20,000 files, fresh", context(files), (), fresh=True),
        Row("20,000 files, unchanged", context(files), ()),
        Row("local export of 20,000 files", context(files, "type=local,dest=out"), (), clean="out"),
        Row("one cached build", context(small), ()),
        Row("fifty cached targets", work.fifty, ()),
    ]


class Engine:
    """Run a BuildKit of the benchmark's own, on a socket and state folder of its own."""

    def __init__(self, daemon: str, folder: Path) -> None:
        self._daemon = daemon
        self._folder = folder
        self.socket = folder / "bk.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start with the state that is there and wait until it answers."""
        log = (self._folder / "log").open("ab")
        command = [self._daemon, "--addr", f"unix://{self.socket}", "--root", str(self._folder / "state")]
        self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 30
        while not self.socket.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the engine did not start: see {self._folder / 'log'}")
            time.sleep(0.02)
        time.sleep(0.5)

    def stop(self) -> None:
        """Stop it and wait."""
        if self._process:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def empty(self) -> None:
        """Start anew without any state."""
        self.stop()
        shutil.rmtree(self._folder / "state", ignore_errors=True)
        self.start()


def measure(
    row: Row, tools: Sequence[Sequence[str]], engine: Engine | None, runs: int, env: dict[str, str]
) -> list[Figures]:
    """Run one row and return the figures of each tool."""
    with tempfile.TemporaryDirectory(prefix="bakepy-bench-") as name:
        folder, past = Path(name, "work"), Path(name, "past")
        folder.mkdir()
        past.mkdir()
        row.make(folder)

        def before() -> None:
            if row.clean and (folder / row.clean).exists():
                # Removed only at the end: ext4 looks long for an inode where many were freed a moment ago.
                (folder / row.clean).rename(past / str(len(os.listdir(past))))
            if row.fresh and engine:
                engine.empty()

        builder = ["--builder", BUILDER] if row.engine else []
        commands = [[*tool, *builder, *row.args] for tool in tools]
        return in_turn(
            commands, 1 if row.once else runs, folder, env, Path(name, "log"), before, warm=0 if row.once else 1
        )


@contextlib.contextmanager
def running_engine(daemon: str, reference: str, env: dict[str, str]) -> Iterator[Engine]:
    """Start an engine and name it to both tools in a builder store of the benchmark's own."""
    room = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 6 << 30 else None
    with tempfile.TemporaryDirectory(prefix="bakepy-bench-", dir=room) as name:
        engine = Engine(daemon, Path(name))
        engine.start()
        create = [reference, "create", "--name", BUILDER, "--driver", "remote", f"unix://{engine.socket}"]
        subprocess.run(create, env=env, check=True, stdout=subprocess.DEVNULL)
        try:
            yield engine
        finally:
            engine.stop()


def find(name: str, given: str | None, *places: Path) -> str:
    """Return the path of a program."""
    found = given or shutil.which(name) or next((str(p) for p in places if p.exists()), None)
    if not found:
        raise SystemExit(f"{name} was not found: run 'make reference' and 'bakepy engine install' first")
    return found


def line(name: str, ours: Figures, theirs: Figures) -> str:
    """Print one row of the table."""
    ratio = ours.wall / theirs.wall
    return f"| {name} | {ours.wall:.3f} | {ours.cpu:.2f} | {theirs.wall:.3f} | {theirs.cpu:.2f} | {ratio:.2f} |"


HEAD = "| work | bakepy s | cpu s | reference s | cpu s | ratio |\n|---|---|---|---|---|---|"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each command")
    parser.add_argument("--only", default="", help="comma-separated parts of rows' names")
    parser.add_argument("--reference", help="path of buildx")
    parser.add_argument("--engine", help="path of buildkitd")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results.md")
    args = parser.parse_args()
    reference = find("buildx", args.reference, ROOT / ".cache" / "reference" / "buildx")
    wanted = [w for w in args.only.split(",") if w]
    chosen = [r for r in rows() if not wanted or any(w in r.name for w in wanted)]
    tools = [[str(Path(sys.executable).parent / "bakepy"), "build"], [reference, "bake"]]
    lines = [HEAD]
    print(HEAD, flush=True)
    with contextlib.ExitStack() as stack:
        config = stack.enter_context(tempfile.TemporaryDirectory(prefix="bakepy-bench-"))
        env = {**os.environ, "BUILDX_CONFIG": config, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # measure as users run it: compiled once
        engine = None
        if any(r.engine for r in chosen):
            daemon = find("buildkitd", args.engine, *installed())
            env["PATH"] = f"{Path(daemon).parent}:{env['PATH']}"
            os.environ["PATH"] = env["PATH"]
            engine = stack.enter_context(running_engine(daemon, reference, env))
        for row in chosen:
            ours, theirs = measure(row, tools, engine, args.runs, env)
            lines.append(line(row.name, ours, theirs))
            print(lines[-1], flush=True)
    if args.save:
        save(lines, reference, args.runs)
    return 0


def installed() -> list[Path]:
    """List where an installed engine may lie."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return sorted((data / "bakepy").rglob("buildkitd"))


def save(lines: Sequence[str], reference: str, runs: int) -> None:
    """Write the table with what it was measured on."""
    version = subprocess.run([reference, "version"], capture_output=True, text=True, check=True).stdout.strip()
    text = f"""# Last results

Medians of {runs} whole processes each, run in turn, on {os.cpu_count()} cores, Linux {platform.release()}, Python
{platform.python_version()}. Reference: {version}. Made with `make bench`.

""" + "\n".join(lines)
    (ROOT / "benchmarks" / "results.md").write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
