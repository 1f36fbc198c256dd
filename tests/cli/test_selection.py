"""What a command line selects, and what it is told where it selects nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bakepy.cli import selection
from bakepy.cli.build import main as build
from bakepy.cli.check import main as check
from bakepy.cli.plan import main as plan
from bakepy.diagnostics import BakeError
from bakepy.model.target import OVERRIDES

HCL = 'variable "TAG" { default = "1" }\ntarget "default" { tags = [TAG] }\n'


@pytest.fixture(autouse=True)
def definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker-bake.hcl").write_text(HCL)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "other.hcl").write_text(HCL)
    monkeypatch.chdir(tmp_path)


def test_a_file_in_place_of_a_target_is_told_how_to_be_read() -> None:
    """The fault is the reference's, the remedy is ours."""
    with pytest.raises(BakeError, match=r"^failed to find target other_hcl$") as caught:
        build(["--print", "other.hcl"])
    assert "write -f other.hcl" in caught.value.diagnostics[0].hint


def test_a_check_tells_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """It tells it once."""
    assert check(["other.hcl"]) == 1
    out = capsys.readouterr().out
    assert out.count("failed to find target other_hcl") == 1
    assert "write -f other.hcl" in out


def test_a_name_of_no_file_is_told_as_before() -> None:
    """Where there is no such file, names of targets are shown."""
    with pytest.raises(BakeError) as caught:
        build(["--print", "none.hcl"])
    assert "There are: default" in caught.value.diagnostics[0].hint


def test_a_variable_that_is_not_declared_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    """It would change nothing, and nobody would know."""
    assert build(["--print", "--var", "TAGG=2", "--var", "TAG=3"]) == 0
    err = capsys.readouterr().err
    assert err.count("warning:") == 1
    assert "no file declares the variable TAGG" in err
    assert "Did you mean 'TAG'?" in err
    assert check(["--var", "TAGG=2"]) == 0
    assert "TAGG" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["TAG", "TAG_JSON", "BAKE_CMD_CONTEXT"])
def test_variables_that_can_be_set_are_not_warned_of(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor are the other name of one that is declared, and those that are always there."""
    assert build(["--print", "--var", f'{name}="x"']) == 0
    assert capsys.readouterr().err == ""


def test_texts_of_compose_files_may_name_any_variable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They declare none."""
    (tmp_path / "compose.yaml").write_text("services:\n  s:\n    build: .\n    image: x:${ANY}\n")
    assert build(["--print", "s", "--var", "ANY=1"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", [build, plan])
def test_a_misspelt_platform_is_warned_of(
    command: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """What a check says is said by what builds, too: no machine may ever run it."""
    words = ["--print"] if command is build else []
    assert command([*words, "--set", "*.platform=linux/amd46"]) == 0
    err = capsys.readouterr().err
    assert err.count("warning:") == 1
    assert "Did you mean linux/amd64?" in err


@pytest.mark.parametrize(
    ("output", "warned"), [("type=oci,dest=a", True), ("type=registry", False), ("type=docker", False), ("", False)]
)
def test_nothing_to_push_is_warned_of(output: str, warned: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Outputs without an image leave nothing to push, which nobody who asks for it expects."""
    assert build(["--print", "--push", "--set", f"*.output={output}"]) == 0
    assert ("Nothing to push" in capsys.readouterr().err) is warned


@pytest.mark.parametrize("flag", selection.FOREIGN)
def test_what_docker_build_has_flags_for_can_be_set(flag: str) -> None:
    """The hint for a flag of another command names a key that can be set."""
    with pytest.raises(BakeError, match="unknown") as caught:
        build([flag, "x"])
    hint = caught.value.diagnostics[0].hint
    key = re.search(r"--set '\*\.([a-z-]+)", hint)
    if key:
        assert not OVERRIDES[key[1]][1].warning  # it does what it says
    else:
        assert any(word in hint for word in ("--metadata-file", "--progress", "in the definition"))


def test_a_folder_is_no_target() -> None:
    """People who know another command name a folder."""
    with pytest.raises(BakeError, match=r"^failed to find target _$") as caught:
        build(["--print", "."])
    assert "Name targets, not folders; there are default." in caught.value.diagnostics[0].hint


@pytest.mark.parametrize(("key", "hint"), [("dockerfile-inline", "Only a definition"), ("platforms", "'platform'?")])
def test_what_is_not_set_by_its_name(key: str, hint: str) -> None:
    """An attribute that exists is not called a misspelling of another one."""
    with pytest.raises(BakeError, match=f"unknown key: {key}") as caught:
        build(["--print", "--set", f"*.{key}=x"])
    assert hint in caught.value.diagnostics[0].hint


def test_where_no_variable_is_declared_it_is_said_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The hint is what to write, and that is then no fault."""
    (tmp_path / "docker-bake.hcl").write_text('target "default" {}\n')
    assert build(["--print", "--var", "X=1"]) == 0
    _, told, text = capsys.readouterr().err.partition("Write: ")
    assert told
    (tmp_path / "docker-bake.hcl").write_text(f'{text.splitlines()[0]}\ntarget "default" {{}}\n')
    assert build(["--print", "--var", "X=1"]) == 0
    assert not capsys.readouterr().err
