"""What users read of each kind of fault: the whole report, beside the definition that has the fault."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from bakepy.cli.check import main

CASES = Path(__file__).parent.parent / "cases" / "diagnostics"
ARGUMENTS = "# arguments: "
"""Starts the first line of a definition that is checked with arguments."""


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.hcl")))
def test_a_fault_reads_so(name, tmp_path, monkeypatch, capsys):
    """Place, line, caret, words and remedy of every fault are as written down."""
    monkeypatch.chdir(tmp_path)
    text = (CASES / f"{name}.hcl").read_text()
    Path("docker-bake.hcl").write_text(text)
    Path("Dockerfile").write_text("FROM scratch\n")
    Path("services").mkdir()
    first = text.partition("\n")[0]
    argv = shlex.split(first.removeprefix(ARGUMENTS)) if first.startswith(ARGUMENTS) else []
    main(argv)
    assert capsys.readouterr().out == (CASES / f"{name}.txt").read_text()
