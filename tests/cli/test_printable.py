"""No command prints what a terminal obeys, wherever the text comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakepy.buildkit.requests import Answer, CacheRecord
from bakepy.cli import answers, formatting, run
from bakepy.cli.build import RunOptions
from bakepy.cli.du import HEADINGS, TABLE
from bakepy.cli.guard import guarded
from bakepy.cli.main import main
from bakepy.cli.reports import FORMATS
from bakepy.cli.usage import PRETTY, row
from bakepy.diagnostics import BakeError, Diagnostic, Source, Span
from bakepy.executor.outcome import INLINE_MESSAGE, Outcome
from bakepy.planner.scheduler import State
from bakepy.planner.spec import Dockerfile, LocalDockerfile
from tests.planner.definitions import selected

FORGED = "Do you want to grant requested privileges and continue? [y/N]"
EVIL = f"a\x1b]0;OWNED\x07\x1b[2J\x9b2J\x85\u202e\u2028\r\n{FORGED}"
DOCKERFILES: dict[str, Dockerfile] = {"default": LocalDockerfile(EVIL)}
DEFINITION = 'target "default" { call = "lint" }'


def obeyed(text: str) -> list[str]:
    """Return the characters of a text that do something to a terminal."""
    return sorted({char for char in text if not char.isprintable()} - {"\n", "\t", " "})


def forged(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.startswith(FORGED)]


def lint() -> Answer:
    error = {"message": EVIL, "location": {"ranges": [{"start": {"line": 1}, "end": {"line": 1}}]}}
    found = {"sources": [{"filename": EVIL, "data": "GxtdMDs="}], "warnings": [{"detail": EVIL}], "buildError": error}
    return Answer(EVIL, json.dumps(found).encode(), 1, "1.0.0")


@pytest.mark.parametrize("form", ["", "json"])
def test_answers_of_frontends_are_printable(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Calls print what frontends found in Dockerfiles without its control characters; as JSON they stay exact."""
    answers.show(selected(DEFINITION), {"default": lint()}, DOCKERFILES, form, ignore_status=False)
    out = capsys.readouterr().out

    assert obeyed(out) == []
    assert FORGED in out
    if form:
        assert json.loads(out)["target"]["default"]["check"]["buildError"]["message"] == EVIL


def test_messages_of_frontends_are_printable(capsys: pytest.CaptureFixture[str]) -> None:
    """What a frontend says beside its result comes without control characters."""
    outcome = Outcome("default", State.DONE, {INLINE_MESSAGE: EVIL})
    assert run.finish(selected(DEFINITION), RunOptions(), {"default": outcome}, DOCKERFILES) == 0
    assert obeyed(capsys.readouterr().out) == []


@pytest.mark.parametrize("progress", run.UNTOLD)
def test_failures_that_no_display_shows_are_one_line(progress: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A builder's error is one printable line where the display says nothing."""
    outcome = Outcome("default", State.FAILED, error=EVIL)
    assert run.finish(selected(DEFINITION), RunOptions(progress=progress), {"default": outcome}, DOCKERFILES) == 1
    err = capsys.readouterr().err
    assert obeyed(err) == forged(err) == []


@pytest.mark.parametrize("form", [PRETTY, TABLE, "{{.Description}} {{.Parents}}", "json"])
def test_records_of_the_build_cache_are_printable(form: str) -> None:
    """What a builder says of its cache adds no rows to a table, and stays exact in JSON."""
    record = CacheRecord(EVIL, EVIL, EVIL, 1, True, True, True, 1, 1, 1, (EVIL,))
    out = formatting.show(form, [row(record, table=formatting.is_table(form))], HEADINGS)

    assert obeyed(out) == forged(out) == []
    if form == "json":
        assert json.loads(out)["Description"] == EVIL


@pytest.mark.parametrize(
    "error",
    [
        BakeError.of(EVIL),
        BakeError.of("no", EVIL, hint=EVIL),
        BakeError.of(EVIL, EVIL, subject=Span(Source(EVIL, EVIL), 1, 4)),
        BakeError([Diagnostic(EVIL, EVIL, related=((EVIL, Span(Source(EVIL, EVIL), 1, 4)),))] * 2),
        ValueError(EVIL),
    ],
    ids=["summary", "detail", "subject", "related", "bug"],
)
def test_errors_are_printable(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever an error quotes, its report holds no control characters and no line of another's making."""

    def fail(_: object) -> int:
        raise error

    guarded(fail, [])
    err = capsys.readouterr().err
    assert obeyed(err) == forged(err) == []


@pytest.mark.parametrize("form", FORMATS)
def test_reports_of_a_check_are_printable(form: str) -> None:
    """Text has signs for control characters, JSON and SARIF have escapes."""
    out = FORMATS[form]([Diagnostic(EVIL, EVIL, Span(Source(EVIL, EVIL), 1, 4), hint=EVIL)])
    assert obeyed(out) == forged(out) == []


@pytest.mark.parametrize(
    "words",
    ["build --print", "build --list targets", "build --list variables", "build --list type=targets,format=json",
     "plan", "plan --format json", "plan --format dot", "__complete build"],
)  # fmt: skip
def test_what_shows_a_definition_is_printable(
    words: str, tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Texts of a definition reach the terminal without their control characters."""
    monkeypatch.chdir(tmp_path)
    text = json.dumps(EVIL.replace("\n", " "))[1:-1]
    (tmp_path / "docker-bake.hcl").write_text(
        f'variable "V" {{\n  default = "{text}"\n  description = "{text}"\n}}\n'
        f'target "default" {{\n  description = "{text}"\n  context = "https://host/{text}.git"\n'
        "  args = { A = V }\n}\n"
    )
    assert main(words.split() + ([""] if "__" in words else [])) == 0
    assert obeyed(capsys.readouterr().out) == []


LISTED = f"""
target "default" {{
  description = {json.dumps(EVIL)}
  output = [{json.dumps(f"type=local,dest={EVIL}")}]
}}
variable "v" {{
  default = {json.dumps(EVIL)}
  description = {json.dumps(EVIL)}
}}
"""


@pytest.mark.parametrize(
    "words",
    [["build", "--list=targets"], ["build", "--list=variables"], ["plan"], ["plan", "--format=json"]],
    ids=" ".join,
)
def test_tables_show_a_definitions_texts_in_one_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of a table cannot pass for two."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docker-bake.hcl").write_text(LISTED)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "OWNED" in shown
    assert (obeyed(shown), forged(shown)) == ([], [])
