"""`bakepy engine` as it is typed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bakepy.cli.engine import ACTIONS, main
from bakepy.diagnostics import BakeError
from bakepy.engine.find import Engine

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(home: Path, engine: Engine) -> Run:
    """Run the command for a user with a data folder of their own and a real BuildKit on PATH."""

    def command(*words: str, path: str = os.environ["PATH"]) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "XDG_DATA_HOME": str(home), "PATH": path}
        program = [sys.executable, "-c", "from bakepy.cli.main import entry; entry()", "engine", *words]
        return subprocess.run(program, env=environment, capture_output=True, text=True, check=False)

    return command


@pytest.mark.e2e
def test_the_life_of_an_engine(run: Run, engine: Engine) -> None:
    """Install, start, status, stop and uninstall each say what they did, and exit 0; so they do a second time."""
    installed = run("install")
    assert installed.returncode == 0, installed.stderr
    assert f"taking {engine.buildkitd} and {engine.runc} from PATH" in installed.stdout
    for _ in range(2):
        started = run("start")
        assert started.returncode == 0, started.stderr
        assert "answers on unix://" in started.stdout
    status = run("status").stdout
    assert "state:       running" in status
    assert "(road: path)" in status

    assert run("stop").stdout == "stopped\n"
    assert run("stop").stdout == "the engine does not run\n"
    assert "state:       stopped" in run("status").stdout
    assert "removed" in run("uninstall").stdout
    assert run("uninstall").stdout == "nothing is installed\n"


@pytest.mark.e2e
def test_starting_without_an_engine_says_what_to_type(run: Run) -> None:
    """The error is one line with the command that mends it, and the exit status 1."""
    started = run("start", path="/nonexistent")

    assert started.returncode == 1
    assert "bakepy engine install" in started.stderr
    assert started.stderr.splitlines()[-1].startswith("ERROR: there is no embedded engine yet")
    assert "Traceback" not in started.stderr


@pytest.mark.e2e
def test_status_changes_nothing(run: Run, home: Path) -> None:
    """Asking makes no folder."""
    assert "state:       stopped" in run("status").stdout
    assert list(home.iterdir()) == []


@pytest.mark.e2e
@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), ([], 0), (["isntall"], 1)])
def test_help_and_mistakes(run: Run, words: list[str], status: int) -> None:
    """Help lists the actions; anything else than an action is refused, with status 1 as everywhere."""
    done = run(*words)

    assert done.returncode == status
    assert "install" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "remedy"), [(["strat"], "did you mean start?"), (["x"], "the actions are"), (["status", "x"], "ACTION")]
)
def test_an_action_that_is_not_there_is_refused_with_the_remedy(words: list[str], remedy: str) -> None:
    """A misspelt action names its neighbour, as a misspelt command does."""
    with pytest.raises(BakeError) as caught:
        main(words)

    assert remedy in caught.value.diagnostics[0].hint


def test_help_lists_the_actions(capsys: pytest.CaptureFixture[str]) -> None:
    """No action and --help, also behind an action, print them all."""
    for words in ([], ["--help"], ["start", "--help"]):
        assert main(words) == 0
        out = capsys.readouterr().out
        assert all(f"\n  {action} " in out for action in ACTIONS)
