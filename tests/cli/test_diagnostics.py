"""What users read of each kind of fault: the whole report, beside the definition that has the fault."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from bakepy.cli.check import main

CASES = Path(__file__).parent.parent / "cases" / "diagnostics"
ARGUMENTS = "# arguments: "
"""Starts the first line of a definition that is checked with arguments."""


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir() if path.suffix in {".hcl", ".yml"}))
def test_a_fault_reads_so(name, tmp_path, monkeypatch, capsys):
    """Place, line, caret, words and remedy of every fault are as written down."""
    monkeypatch.chdir(tmp_path)
    text = (CASES / name).read_text()
    Path("docker-bake.hcl" if name.endswith(".hcl") else "compose.yml").write_text(text)
    Path("Dockerfile").write_text("FROM scratch\n")
    Path("services").mkdir()
    Path("services/base.yml").write_text("services:\n  base:\n    build:\n      tags: [{a: b}]\n")
    Path("services/bad.env").write_text("A=1\nB C=secret\n")
    first = text.partition("\n")[0]
    argv = shlex.split(first.removeprefix(ARGUMENTS)) if first.startswith(ARGUMENTS) else []
    main(argv)
    assert capsys.readouterr().out == (CASES / name).with_suffix(".txt").read_text()
