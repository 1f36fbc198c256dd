"""`bakepy fmt`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from bakepy.cli import fmt
from bakepy.diagnostics import BakeError

UGLY, TIDY = "a=1\nt{\nb=2\n}\n", "a = 1\nt {\n  b = 2\n}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_default_files_are_laid_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without arguments the usual files are changed, the names of those that were not tidy printed, modes kept."""
    (folder / "docker-bake.hcl").write_text(UGLY)
    (folder / "docker-bake.hcl").chmod(0o640)
    (folder / "docker-bake.override.hcl").write_text(TIDY)
    assert fmt.main([]) == 0
    assert capsys.readouterr().out == "docker-bake.hcl\n"
    assert (folder / "docker-bake.hcl").read_text() == TIDY
    assert (folder / "docker-bake.hcl").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in folder.iterdir()) == ["docker-bake.hcl", "docker-bake.override.hcl"]


@pytest.mark.parametrize(("text", "status"), [(UGLY, 1), (TIDY, 0)])
def test_check_changes_nothing(folder: Path, text: str, status: int) -> None:
    """`--check` tells by its exit status."""
    (folder / "x.hcl").write_text(text)
    assert fmt.main(["--check", "x.hcl"]) == status
    assert (folder / "x.hcl").read_text() == text


def test_files_that_would_change_are_named_without_writing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--write=false` lists them and leaves them; the status is 0, as nobody asked for a check."""
    (folder / "x.hcl").write_text(UGLY)
    (folder / "y.hcl").write_text(TIDY)
    assert fmt.main(["--write=false", "x.hcl", "y.hcl"]) == 0
    assert capsys.readouterr().out == "x.hcl\n"
    assert (folder / "x.hcl").read_text() == UGLY


def test_diff_shows_the_change(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--diff` prints a unified diff and changes nothing."""
    (folder / "x.hcl").write_text(UGLY)
    assert fmt.main(["--diff", "x.hcl"]) == 0
    assert "-a=1\n+a = 1\n" in capsys.readouterr().out.replace("-t{\n-b=2\n", "")
    assert (folder / "x.hcl").read_text() == UGLY


def test_standard_input_goes_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-` is a filter."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UGLY.encode())))
    assert fmt.main(["-"]) == 0
    assert capsys.readouterr().out == TIDY


def test_faults_are_reported_and_the_other_files_done(folder: Path) -> None:
    """A file that cannot be read is left as it is; the rest is laid out."""
    (folder / "bad.hcl").write_text("a=[\n")
    (folder / "x.hcl").write_text(UGLY)
    with pytest.raises(BakeError, match=r"bad\.hcl:2,1-1: "):
        fmt.main(["bad.hcl", "x.hcl"])
    assert (folder / "bad.hcl").read_text() == "a=[\n"
    assert (folder / "x.hcl").read_text() == TIDY


@pytest.mark.parametrize(
    ("names", "words"), [([], "no definition file"), (["gone.hcl"], "cannot read gone.hcl"), (["x.json"], "JSON")]
)
def test_what_cannot_be_laid_out_is_named(folder: Path, names: list[str], words: str) -> None:
    """No file, a missing one and one in JSON are told apart."""
    with pytest.raises(BakeError, match=words):
        fmt.main(names)
