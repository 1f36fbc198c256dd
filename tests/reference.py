"""The reference, buildx, which `make reference` provides."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.programs import needed

KEPT = Path(__file__).parent.parent / ".cache" / "reference" / "buildx"


def buildx() -> str:
    """Return the reference's program; fails the test if it is missing."""
    return str(KEPT) if KEPT.exists() else needed("buildx")


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str


def ask(environment: dict[str, str], *words: str) -> Answer:
    """Run the reference with some variables set, and none of Docker's from outside."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER", "BUILD"))}
    done = subprocess.run(
        [buildx(), *words], env=clean | environment, capture_output=True, text=True, check=False, timeout=60
    )
    return Answer(done.returncode, done.stdout, done.stderr)
