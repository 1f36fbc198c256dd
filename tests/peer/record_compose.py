"""Record what the reference answers to the Compose files in tests/cases/compose.

Run as `BUILDX=/path/to/buildx python -m tests.peer.record_compose [table ...]`. The tables have the form of
`record_definitions`, but for the answers: a case gets `print`, what `--print` shows of all targets, or `refused`, the
last line of the reference's error. `ours` is what we show where the reference's answer is a crash or serves nobody;
it is kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.peer.record_definitions import Case, files_of, record

CASES = Path(__file__).parent.parent / "cases" / "compose"


def lay_out(folder: Path, files: dict[str, str]) -> None:
    """Write the files of a case into a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def ask(table: Case, case: Case) -> Case:
    """Return the case with the reference's answer."""
    asked = {key: case[key] for key in ("text", "files", "env", "ours") if key in case}
    with tempfile.TemporaryDirectory() as name:
        lay_out(Path(name), files_of(table, case))
        done = subprocess.run(
            [os.environ["BUILDX"], "bake", "--print"],
            cwd=name,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": "/home/baker", "BUILDX_CONFIG": name} | case.get("env", {}),
        )
    if done.returncode == 0:
        return {**asked, "print": json.loads(done.stdout)}
    last = done.stderr.rstrip().rpartition("ERROR: ")[2] if "ERROR: " in done.stderr else "crash"
    return {**asked, "refused": last.replace(name, "")}


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(p.stem for p in CASES.glob("*.json")):
        record(CASES / f"{name}.json", ask)
