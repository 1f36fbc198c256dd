"""A build that needs more than its own folder says so before it runs."""

import io
from pathlib import Path

import pytest

from bakepy.cli.consent import ask
from bakepy.diagnostics import BakeError
from bakepy.planner.entitlements import parse
from bakepy.planner.specify import specify
from bakepy.settings import Settings
from tests.planner.definitions import selected

OUTSIDE = 'target "default" {\n  context = ".."\n}'
HOST = 'target "default" {\n  network = "host"\n}'


def consent(text: str, *allow: str, environ: dict[str, str] | None = None, progress: str = "auto") -> None:
    config = selected(text)
    allowed = parse(allow).plus(config.granted)
    ask(specify(config.targets).values(), allowed, Settings(environ or {}), progress=progress)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("sys.stdin", io.StringIO())


def test_without_a_terminal_the_missing_flags_are_named(capsys):
    """The run ends, and what to pass is on the screen."""
    with pytest.raises(BakeError, match="additional privileges requested"):
        consent(OUTSIDE)
    shown = capsys.readouterr().err
    assert " - Read access to path ..\n" in shown
    assert 'Pass "--allow=fs.read=.." to grant requested privileges.' in shown


@pytest.mark.parametrize(("answer", "agreed"), [("y\n", True), ("Y\n", True), ("n\n", False), ("", False)])
def test_at_a_terminal_the_user_is_asked(monkeypatch, answer, agreed):
    """Only a yes goes on."""
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    if agreed:
        consent(HOST)
    else:
        with pytest.raises(BakeError, match="additional privileges requested"):
            consent(HOST)


def test_nothing_is_asked_where_all_is_allowed(capsys):
    """A flag, or turning the check of files off, is enough."""
    consent(HOST, "network.host")
    assert capsys.readouterr().err == ""
    consent(OUTSIDE, environ={"BUILDX_BAKE_ENTITLEMENTS_FS": "0"})
    with pytest.raises(BakeError, match="additional privileges requested"):
        consent(HOST, environ={"BUILDX_BAKE_ENTITLEMENTS_FS": "0"})


def test_a_program_that_reads_the_display_is_asked_only_for_deletions():
    """The reference lets everything else pass there."""
    consent(OUTSIDE, progress="rawjson")
    deleting = 'target "default" {\n  output = ["type=local,dest=out,mode=delete"]\n}'
    with pytest.raises(BakeError, match=r"pass \"--allow=buildx.local.delete\""):
        consent(deleting, progress="rawjson")
