"""Record what the reference answers to the expressions in tests/cases/expressions.

Run as `BUILDX=/path/to/buildx python -m tests.peer.record [family ...]`. Each file there is a list of cases; a case
needs `expr` alone, and gets `value` (the JSON text of its value) or `error` and `at` (columns from the expression's
start). `ours` is the error that we report where the reference's is a crash or names another cause; it is kept.
Nothing is built: buildx only prints.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CASES = Path(__file__).parent.parent / "cases" / "expressions"
PREFIX = 'target "default" {\n  args = { v = jsonencode('
COLUMN = len(PREFIX.splitlines()[-1]) + 1
ERROR = re.compile(
    r"^ERROR: bake\.hcl:2,(\d+)-(\d+): (.*?)(?:, and \d+ other diagnostic\(s\))?$", re.DOTALL | re.MULTILINE
)

Case = dict[str, str]


def document(expr: str) -> str:
    """Return a definition file that evaluates the expression."""
    return f"{PREFIX}{expr}) }}\n}}\n"


def ask(expr: str) -> Case:
    """Return the case of an expression with the reference's answer."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bake.hcl").write_text(document(expr))
        done = subprocess.run(
            [os.environ["BUILDX"], "bake", "--print", "-f", "bake.hcl"],
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            env=os.environ | {"BUILDX_CONFIG": folder},
        )
    if done.returncode == 0:
        return {"expr": expr, "value": json.loads(done.stdout)["target"]["default"]["args"]["v"]}
    text = done.stderr[done.stderr.rindex("ERROR: ") :].rstrip("\n")
    match = ERROR.fullmatch(text)
    if match is None:
        raise ValueError(f"{expr}: {text}")
    return {"expr": expr, "error": match[3], "at": f"{int(match[1]) - COLUMN}-{int(match[2]) - COLUMN}"}


def record(path: Path) -> None:
    """Write a file anew with the answers of today's reference, one case a line."""
    known: list[Case] = json.loads(path.read_text())
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(ask, [case["expr"] for case in known])
    cases = [
        {"expr": case["expr"], "ours": case["ours"]} if "ours" in case else new
        for case, new in zip(known, answers, strict=True)
    ]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    path.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(p.stem for p in CASES.glob("*.json")):
        record(CASES / f"{name}.json")
