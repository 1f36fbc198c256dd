"""A build with a policy does not start: bakepy evaluates none, and none is ignored."""

import asyncio
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

import bakepy
from bakepy.cli import main
from bakepy.diagnostics import BakeError, render


class EngineUsed(Exception):
    """A build went on to an engine."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def choose(*_: object) -> None:
        raise EngineUsed

    monkeypatch.setattr(import_module("bakepy.builders.choose"), "choose", choose)
    monkeypatch.chdir(tmp_path)
    for name in ("BUILDX_DEFAULT_POLICY", "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", "BUILDKIT_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def write(folder: Path, attributes: str) -> None:
    (folder / "docker-bake.hcl").write_text(f'target "default" {{\n  {attributes}\n}}\n')


def refused(build: Callable[[], object]) -> str:
    """Return all that a build says which stops at a policy."""
    with pytest.raises(BakeError) as caught:
        build()
    return render(caught.value.diagnostics)


def in_python(*overrides: str) -> None:
    asyncio.run(bakepy.build(bakepy.plan(bakepy.load(overrides=overrides))))


NAMED = [
    ('policy = ["filename=app.rego"]', "app.rego"),
    ('policy = [{ filename = "cwd://app.rego" }]', "cwd://app.rego"),
    ('policy = [{ reset = true }, { filename = "app.rego" }]', "app.rego"),
    ("policy = [{ strict = true }]", "strict=true"),
    ('policy = ["log-level=debug"]', "log-level=debug"),
]


@pytest.mark.parametrize(("attributes", "policy"), NAMED)
def test_policy_of_target_stops_build(folder, attributes, policy) -> None:
    """The error names policy and place, for the command and for Python."""
    write(folder, attributes)
    for build in (lambda: main.main(["build"]), in_python):
        said = refused(build)
        assert f'bakepy cannot evaluate the policy "{policy}" of target "default"' in said
        assert "--> docker-bake.hcl:2:" in said
        assert "hint: Pass --policy disabled=true" in said


@pytest.mark.parametrize(("attributes", "_policy"), NAMED)
def test_disabled_policies_let_build_go_on(folder, monkeypatch, attributes, _policy) -> None:
    """The way to go on that the error names works."""
    write(folder, attributes)
    (folder / "Dockerfile.rego").write_text("package docker\n")
    monkeypatch.setenv("BUILDX_DEFAULT_POLICY", "1")
    for build in (
        lambda: main.main(["build", "--policy", "disabled=true"]),
        lambda: main.main(["build", "--set", "*.policy=disabled=true"]),
        lambda: in_python("*.policy=disabled=true"),
    ):
        with pytest.raises(EngineUsed):
            build()


@pytest.mark.parametrize(
    ("attributes", "path"),
    [
        ("", "Dockerfile.rego"),
        ('dockerfile = "app.Dockerfile"', "app.Dockerfile.rego"),
        ('context = "sub"', "sub/Dockerfile.rego"),
        ('context = "sub"\n  dockerfile = "inner/Dockerfile"', "sub/inner/Dockerfile.rego"),
        ('context = "lower"', "lower/dockerfile.rego"),
        ('context = "https://example.com/app.git"\n  dockerfile = "{}/Dockerfile"', "{}/Dockerfile.rego"),
    ],
)
def test_policy_beside_dockerfile_stops_build(folder, attributes, path) -> None:
    """The file with the Dockerfile's name and ".rego" counts, unless the list is reset."""
    write(folder, attributes.replace("{}", str(folder)))
    (folder / "lower").mkdir()
    (folder / "lower" / "dockerfile").write_text("FROM scratch\n")
    file = folder / path.replace("{}/", "")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("package docker\n")
    (file.parent / file.stem).touch()
    path = path.replace("{}", str(folder))
    for build in (lambda: main.main(["build", "--set", "*.policy="]), in_python):
        said = refused(build)
        assert f'cannot evaluate the policy "{path}" of target "default"' in said
        assert "--> docker-bake.hcl:" in said
    with pytest.raises(EngineUsed):
        main.main(["build", "--set", "*.policy=reset=true"])


@pytest.mark.parametrize("attributes", ['dockerfile-inline = "FROM scratch"', "policy = [{ disabled = true }]"])
def test_policy_that_does_not_apply_is_no_fault(folder, attributes) -> None:
    """An inline Dockerfile has none beside it, and a target may disable them."""
    write(folder, attributes)
    (folder / "Dockerfile.rego").write_text("package docker\n")
    with pytest.raises(EngineUsed):
        main.main(["build"])


def test_disabled_policy_stands_alone(folder) -> None:
    """Together with others it is a fault, as in the reference."""
    write(folder, 'policy = ["filename=a.rego", "disabled=true"]')
    assert "disabled policy cannot be combined with other policy flags" in refused(lambda: main.main(["build"]))


@pytest.mark.parametrize("flag", ["strict=true", "strict=false", "log-level=debug"])
def test_policy_flag_stops_build(folder, flag) -> None:
    """`--policy` is not ignored either."""
    write(folder, 'policy = ["filename=app.rego"]')
    said = refused(lambda: main.main(["build", "--policy", flag]))
    assert f'cannot evaluate the policy "{flag}"' in said
    assert f"--> --policy:1:1\n  1 | {flag}" in said


def test_default_policy_of_environment_stops_build(folder, monkeypatch) -> None:
    """The variable counts for each target that does not disable policies."""
    write(folder, "")
    monkeypatch.setenv("BUILDX_DEFAULT_POLICY", "true")
    for build in (lambda: main.main(["build"]), in_python):
        said = refused(build)
        assert "BUILDX_DEFAULT_POLICY asks for the default policy" in said
        assert "hint: Unset BUILDX_DEFAULT_POLICY, or pass --policy disabled=true" in said
    monkeypatch.setenv("BUILDX_DEFAULT_POLICY", "0")
    with pytest.raises(EngineUsed):
        main.main(["build"])


def test_source_policy_of_environment_stops_build(folder, monkeypatch) -> None:
    """`disabled=true` does not cover it, as in the reference."""
    write(folder, "")
    monkeypatch.setenv("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", "policy.json")
    for build in (lambda: main.main(["build", "--policy", "disabled=true"]), in_python):
        said = refused(build)
        assert 'EXPERIMENTAL_BUILDKIT_SOURCE_POLICY names the source policy "policy.json"' in said
        assert "hint: Unset EXPERIMENTAL_BUILDKIT_SOURCE_POLICY" in said


def test_several_targets_share_one_fault(folder) -> None:
    """A policy that targets inherit is reported once."""
    text = 'target "a" {\n  policy = ["filename=a.rego"]\n}\ntarget "b" {\n  inherits = ["a"]\n}\n'
    (folder / "docker-bake.hcl").write_text(text)
    assert refused(lambda: main.main(["build", "a", "b"])).count("cannot evaluate") == 1


def test_commands_that_build_nothing_go_on(folder, monkeypatch, capsys) -> None:
    """`--print`, `--list`, `plan` and `fmt` work; `check` reports the policy."""
    write(folder, 'policy = ["filename=app.rego"]')
    monkeypatch.setenv("BUILDX_DEFAULT_POLICY", "1")
    assert main.main(["build", "--print"]) == 0
    assert json.loads(capsys.readouterr().out)["target"]["default"]["policy"][0]["Files"][0]["Filename"] == "app.rego"
    for words in (["build", "--list=targets"], ["plan"], ["fmt", "--check"]):
        assert main.main(words) == 0
    assert main.main(["check"]) == 1
    said = capsys.readouterr().out
    assert 'bakepy cannot evaluate the policy "app.rego" of target "default"' in said
    assert "BUILDX_DEFAULT_POLICY asks for the default policy" in said
