"""`--debug` and `--builder` are taken where the reference takes them, and `create` says how to quote an option."""

import re
import shlex
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

import bakepy
from bakepy.cli import flags
from bakepy.cli.create import FLAGS, _options
from bakepy.cli.guard import guarded
from bakepy.cli.main import COMMANDS, main
from bakepy.diagnostics import BakeError

pytestmark = pytest.mark.usefixtures("home")

OWN = {"plan", "check", "fmt", "functions", "schema", "engine", "completion", "install-plugin"}
"""Commands that the reference does not have."""


def known(command: str) -> dict[str, flags.Flag]:
    module = import_module(f"bakepy.cli.{command.replace('-', '_')}")
    return {flag.name: flag for flag in getattr(module, "FLAGS", flags.COMMON)}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_takes_the_reference_s_root_flags(command: str) -> None:
    """`-D` is for all commands, `--builder` for all that the reference has."""
    assert known(command)["debug"].short == "D"
    assert command in OWN or known(command)["builder"].value


def test_version_takes_root_flags(capsys: pytest.CaptureFixture[str]) -> None:
    """Before and after the command."""
    for words in (["version", "-D"], ["-D", "version"], ["version", "--builder", "x"], ["--version"]):
        assert main(words) == 0
        assert capsys.readouterr().out == f"bakepy {bakepy.__version__}\n"
    with pytest.raises(BakeError, match='"bakepy version" accepts no arguments'):
        main(["version", "x"])


def test_builder_without_effect_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    """`ls` lists all builders, whichever is named."""
    assert main(["ls", "--builder", "x"]) == 0
    assert "WARNING: --builder has no effect on bakepy ls" in capsys.readouterr().err


def test_debug_shows_where_an_error_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    """Without it, the error stands alone."""
    for words in (["version", "x"], ["version", "x", "-D"]):
        assert guarded(main, words) == 1
        said = capsys.readouterr().err
        assert said.endswith('ERROR: "bakepy version" accepts no arguments; it was given x\n')
        assert ("Traceback" in said) == ("-D" in words)


def test_debug_in_a_value_is_no_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What another flag takes as its value asks for nothing."""
    words = ["create", "--driver", "remote", "--buildkitd-flags", "--debug", f"unix://{tmp_path}/x"]
    assert guarded(main, words) == 1
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("plan --progress=foo", "invalid progress mode foo"),
        ("build --print --call=check,ignorestatus=maybe", "invalid ignorestatus print value: maybe: strconv.ParseBool"),
        ("build --print --call=check,format=xml", 'invalid call format "xml"'),
    ],
)
def test_value_of_flag_is_checked_where_nothing_is_built(
    words: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong value is refused before it matters."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docker-bake.hcl").write_text('target "default" {}\n')
    with pytest.raises(BakeError, match=re.escape(fault)):
        main(words.split())


def test_template_shows_the_whole_builder(capsys: pytest.CaptureFixture[str]) -> None:
    """`.Builder` has the fields of the builder's JSON."""
    assert main(["ls", "--format", "{{.Builder.Name}} {{.Builder.Driver}} {{json .Builder}}"]) == 0
    assert re.search(r'^(\S+) \S* \{.*"Name":"\1"', capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    ("option", "options"),
    [
        ("env.NO_PROXY=localhost,127.0.0.1", {"env.NO_PROXY": "localhost,127.0.0.1"}),
        ("image=x,env.A=1,2,3,network=host", {"image": "x", "env.A": "1,2,3", "network": "host"}),
        ("env.A=it's,so", {"env.A": "it's,so"}),
    ],
)
def test_option_with_commas_is_quoted_as_the_hint_says(option: str, options: dict[str, str]) -> None:
    """What the hint shows can be pasted into a shell."""
    with pytest.raises(BakeError, match="expecting k=v") as caught:
        _options(flags.parse(FLAGS, ["--driver-opt", option]))
    hint = caught.value.diagnostics[0].hint
    pasted = hint.removeprefix("Write ").removesuffix(" for a value with commas.")
    words = subprocess.run(["sh", "-c", f"printf '%s\\n' {pasted}"], capture_output=True, text=True, check=True)
    assert words.stdout.splitlines() == shlex.split(pasted)
    assert _options(flags.parse(FLAGS, words.stdout.splitlines())) == options


def test_option_without_a_name_is_refused() -> None:
    """There is nothing to quote."""
    with pytest.raises(BakeError) as caught:
        _options(flags.parse(FLAGS, ["--driver-opt", "x"]))
    assert caught.value.diagnostics[0].hint == "Write --driver-opt KEY=VALUE."
