"""Record what the reference answers to the definition files in tests/cases/definitions.

Run as `BUILDX=/path/to/buildx python -m tests.peer.record_definitions [table ...]`. Each table there holds `before`
and `after`, which stand around the `text` of each of its `cases`, in a file named `file`; or a case has `files`, text
by name. It may have an environment, `env`. It gets `print`, what `--print` shows of the target `default`, or `error`,
the last line. Nothing is built.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent.parent / "cases" / "definitions"

Case = dict[str, Any]


def files_of(table: Case, case: Case) -> dict[str, str]:
    """Return the texts of a case's files by name."""
    return case.get("files") or {table["file"]: table["before"] + case["text"] + table["after"]}


def cases_in(folder: Path) -> list[tuple[str, dict[str, str], Case]]:
    """Return each case of a folder's tables: its name, the texts of its files, and the case."""
    found = []
    for path in sorted(folder.glob("*.json")):
        table = json.loads(path.read_text())
        found += [(f"{path.stem}-{i}", files_of(table, case), case) for i, case in enumerate(table["cases"])]
    return found


def ask(table: Case, case: Case) -> Case:
    """Return the case with the reference's answer."""
    asked = {key: case[key] for key in ("text", "files", "env") if key in case}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files_of(table, case).items():
            Path(folder, name).write_text(text)
        done = subprocess.run(
            [os.environ["BUILDX"], "bake", "--print"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": folder} | case.get("env", {}),
        )
    if done.returncode == 0:
        return {**asked, "print": json.loads(done.stdout)}
    error = done.stderr[done.stderr.rindex("ERROR: ") :].removeprefix("ERROR: ").rstrip("\n")
    return {**asked, "error": case["error"] if _same(error, case.get("error", "")) else error}


def _same(error: str, other: str) -> bool:
    """Return whether errors differ at most in what they suggest, which the reference picks at random."""
    pattern = r'Did you mean "[^"]*"'
    return re.sub(pattern, "", error) == re.sub(pattern, "", other)


def record(path: Path, ask: Callable[[Case, Case], Case]) -> None:
    """Write a table with the answers that the reference gives now, one case a line."""
    table = json.loads(path.read_text())
    with ThreadPoolExecutor(2) as pool:
        table["cases"] = list(pool.map(partial(ask, table), table["cases"]))
    write(path, table)


def write(path: Path, table: Case) -> None:
    """Write a table, one case a line."""
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in table["cases"])
    head = "".join(f"{json.dumps(key)}: {json.dumps(table[key])},\n" for key in ("file", "before", "after"))
    path.write_text(f'{{\n{head}"cases": [\n{lines}\n]\n}}\n')


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(p.stem for p in CASES.glob("*.json")):
        record(CASES / f"{name}.json", ask)
