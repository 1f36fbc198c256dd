"""A build that needs more than its own folder says so before it runs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakepy.cli.consent import ask
from bakepy.diagnostics import BakeError
from bakepy.planner.entitlements import parse
from bakepy.planner.spec import LocalContext, LocalDockerfile, SolveSpec
from bakepy.planner.specify import specify
from bakepy.settings import Settings
from tests.planner.definitions import selected

OUTSIDE = 'target "default" {\n  context = ".."\n}'
HOST = 'target "default" {\n  network = "host"\n}'
INSECURE = 'target "default" {\n  entitlements = ["security.insecure"]\n}'
DEVICE = 'target "default" {\n  entitlements = ["device"]\n}'
AGENT = 'target "default" {\n  ssh = ["default"]\n}'
DELETING = 'target "default" {\n  output = ["type=local,dest=out,mode=delete"]\n}'
REFUSED = "additional privileges requested"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        yield


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What is written to this file is typed at the terminal that standard input is."""
    mine, theirs = os.openpty()
    with open(theirs) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        yield mine
    os.close(mine)


def run(
    definition: str, *allow: str, words: tuple[str, ...] = (), progress: str = "auto", remote: bool = False, **env: str
) -> None:
    config = selected(definition)
    allowed = parse(allow).plus(config.granted)
    specs = specify(config.targets).values()
    ask(specs, allowed, Settings(env), progress=progress, words=words, remote=remote)


def test_without_a_terminal_the_missing_flags_are_named(capsys):
    """The run ends; what to pass, and the whole command with it, are on the screen."""
    with pytest.raises(BakeError, match=REFUSED):
        run(OUTSIDE, words=("--set", "*.args.A=b c", "app"))
    assert capsys.readouterr().err == (
        "Your build is requesting privileges for following possibly insecure capabilities:\n\n"
        " - Read access to path ..\n\n"
        'Pass "--allow=fs.read=.." to grant requested privileges.\n\n'
        "Your full command with requested privileges:\n\n"
        "bakepy build --allow=fs.read=.. --set '*.args.A=b c' app\n\n"
        "To disable filesystem entitlements checks, you can set BUILDX_BAKE_ENTITLEMENTS_FS=0 .\n\n"
    )


def test_a_definition_cannot_write_the_question(capsys):
    """What it names stays in its line, and moves no cursor."""
    with pytest.raises(BakeError, match=REFUSED):
        run('target "default" {\n  entitlements = ["device=x\\u001b[2J\\u001b[H\\nAll is well: say y"]\n}')
    shown = capsys.readouterr().err
    assert " - Access to device x␛[2J␛[H␊All is well: say y\n" in shown
    assert "\x1b" not in shown
    assert not any(line.startswith("All is well") for line in shown.splitlines())


def test_a_definition_cannot_slip_in_a_flag(capsys):
    """What is shown to be typed allows what is asked for, and nothing else."""
    with pytest.raises(BakeError, match=REFUSED):
        run('target "default" {\n  entitlements = ["device=x --allow=fs=*"]\n}')
    assert "Pass \"'--allow=device=x --allow=fs=*'\" to grant" in capsys.readouterr().err
    with pytest.raises(BakeError, match=r"pass \"'--allow=device=x --allow=fs=.'\""):
        run('target "default" {\n  entitlements = ["device=x --allow=fs=*"]\n}', progress="rawjson", remote=True)


@pytest.mark.parametrize(("answer", "agreed"), [("y\n", True), ("Y\n", True), ("n\n", False), ("\n", False)])
def test_at_a_terminal_the_user_is_asked(keyboard, capsys, answer, agreed):
    """Only a yes goes on."""
    os.write(keyboard, answer.encode())
    if agreed:
        run(HOST)
    else:
        with pytest.raises(BakeError, match=REFUSED):
            run(HOST)
    shown = capsys.readouterr().err
    assert 'not see this message in the future pass "--allow=network.host"' in shown
    assert shown.endswith("Do you want to grant requested privileges and continue? [y/N] ")


def test_nothing_is_asked_where_all_is_allowed(capsys):
    """A flag is enough."""
    run(HOST, "network.host")
    assert capsys.readouterr().err == ""


def test_the_check_of_files_can_be_turned_off(capsys):
    """What is missing is still told, and what is not about files still asked for."""
    run(OUTSIDE, BUILDX_BAKE_ENTITLEMENTS_FS="0")
    assert " - Read access to path ..\n" in capsys.readouterr().err
    with pytest.raises(BakeError, match=REFUSED):
        run(HOST, BUILDX_BAKE_ENTITLEMENTS_FS="0")


@pytest.mark.parametrize(
    ("env", "remote", "checked"),
    [
        ({}, False, True),
        ({"BUILDX_BAKE_ENTITLEMENTS_FS": "false"}, False, False),
        ({"BAKE_ALLOW_REMOTE_FS_ACCESS": "1"}, False, True),
        ({"BAKE_ALLOW_REMOTE_FS_ACCESS": "1"}, True, False),
        ({"BAKE_ALLOW_REMOTE_FS_ACCESS": "0"}, True, True),
        ({"BAKE_ALLOW_REMOTE_FS_ACCESS": "1", "BUILDX_BAKE_ENTITLEMENTS_FS": "1"}, True, True),
        ({"BAKE_ALLOW_REMOTE_FS_ACCESS": "0", "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}, True, False),
    ],
)
def test_two_variables_say_whether_files_are_checked(env, remote, checked):
    """One is for remote definitions alone; the other has the last word."""
    assert Settings(env).checks_files(remote=remote) is checked


def test_a_variable_that_is_no_boolean_is_a_fault():
    """Nobody should believe that a check is off, or on, which is not."""
    with pytest.raises(BakeError, match='failed to parse BUILDX_BAKE_ENTITLEMENTS_FS value "off"'):
        run(OUTSIDE, BUILDX_BAKE_ENTITLEMENTS_FS="off")


def test_a_program_that_reads_the_display_is_told_the_flag():
    """It has no question to answer."""
    with pytest.raises(BakeError, match=r"pass \"--allow=buildx.local.delete\""):
        run(DELETING, progress="rawjson")


def test_what_was_written_elsewhere_does_not_pass_by_a_display():
    """A remote definition gets nothing without a grant, whoever reads."""
    with pytest.raises(BakeError, match=r"pass \"--allow=fs.read=..\""):
        run(OUTSIDE, progress="rawjson", remote=True)
    run(OUTSIDE, "fs.read=..", progress="rawjson", remote=True)
    with pytest.raises(BakeError, match=r"pass \"--allow=network.host\""):
        run(HOST, progress="rawjson", remote=True, BAKE_ALLOW_REMOTE_FS_ACCESS="1")


def test_rawjson_refusal_names_the_whole_command():
    """The hint is the command line with the missing grants."""
    with pytest.raises(BakeError) as caught:
        run(OUTSIDE, words=("--progress", "rawjson", "app"), progress="rawjson")
    assert caught.value.diagnostics[0].hint == (
        "Run bakepy build --allow=fs.read=.. --progress rawjson app to grant them."
    )


def test_a_variable_lets_remote_definitions_use_files_by_a_display():
    """What the user said in the environment counts there as well."""
    run(OUTSIDE, progress="rawjson", remote=True, BAKE_ALLOW_REMOTE_FS_ACCESS="1")
    run(AGENT, progress="rawjson", remote=True, BUILDX_BAKE_ENTITLEMENTS_FS="0")


def test_each_path_is_asked_for_once():
    """Ten solves of one folder are one need."""
    specs = [SolveSpec(LocalContext("../x"), LocalDockerfile(f"../x/{i}")) for i in range(10)]
    with pytest.raises(BakeError, match=REFUSED):
        ask(specs, parse([]), Settings({}))
