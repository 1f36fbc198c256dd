"""Grants are required before any engine is used: for each display, kind of grant and way to start a build."""

import asyncio
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

import bakepy
from bakepy.cli import remote
from bakepy.cli.build import main
from bakepy.diagnostics import BakeError
from bakepy.planner.entitlements import IMAGES, KEYS
from bakepy.planner.load import File
from bakepy.progress.choose import MODES
from bakepy.progress.events import Reporter

GRANTS = {
    "network.host": ('network = "host"', "network.host"),
    "security.insecure": ('entitlements = ["security.insecure"]', "security.insecure"),
    "ssh": ('ssh = ["default"]', "ssh"),
    "buildx.local.delete": ('output = ["type=local,dest=out,mode=delete"]', "buildx.local.delete"),
    "device": ('entitlements = ["device=gpu"]', "device=gpu"),
    "fs.read": ('contexts = { other = "{}.." }', "fs.read=.."),
    "fs.write": ('output = ["type=local,dest=../out"]', "fs.write=.."),
    "fs": ('contexts = { other = "{}.." }\n  output = ["type=local,dest=../out"]', "fs=.."),
}
"""For each kind of grant, the lines of a target that need it, and what `--allow` must then be given."""


class EngineUsed(Exception):
    """A build went on to an engine."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    def choose(*_: object) -> None:
        raise EngineUsed

    monkeypatch.setattr(import_module("bakepy.builders.choose"), "choose", choose)
    monkeypatch.setattr(import_module("bakepy.cli.run"), "choose", lambda *_: Reporter())
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "agent").write_text("")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    for name in ("BUILDKIT_PROGRESS", "BUILDX_BAKE_ENTITLEMENTS_FS", "BAKE_ALLOW_REMOTE_FS_ACCESS"):
        monkeypatch.delenv(name, raising=False)
    with open("/dev/null") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        yield folder


def define(folder: Path, kind: str, place: str = "") -> str:
    text = f'target "default" {{\n  context = "{place}."\n  {GRANTS[kind][0].replace("{}", place)}\n}}\n'
    (folder / "docker-bake.hcl").write_text(text)
    return text


def refused(build: Callable[..., object], capsys: pytest.CaptureFixture[str]) -> str:
    """Return all that a refused build says."""
    with pytest.raises(BakeError, match="additional privileges requested") as caught:
        build()
    return "\n".join([capsys.readouterr().err, str(caught.value), *(d.hint for d in caught.value.diagnostics)])


def test_each_kind_of_grant_has_a_case() -> None:
    """A new kind of grant must be added here."""
    assert set(GRANTS) == set(KEYS) - set(IMAGES)


@pytest.mark.parametrize("kind", GRANTS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("variable", [False, True])
def test_command_requires_each_grant_whatever_the_display(folder, monkeypatch, capsys, kind, mode, variable) -> None:
    """No display skips a grant; the flag and the whole command are named."""
    define(folder, kind)
    flag = f"--allow={GRANTS[kind][1]}"
    words = [] if variable else ["--progress", mode]
    if variable:
        monkeypatch.setenv("BUILDKIT_PROGRESS", mode)
    said = refused(lambda: main(words), capsys)
    assert f'ass "{flag}" to grant' in said
    assert " ".join(["bakepy build", flag, *words]) in said
    with pytest.raises(EngineUsed):
        main([*words, flag])


@pytest.mark.parametrize("kind", GRANTS)
@pytest.mark.parametrize("mode", MODES)
def test_remote_definition_requires_each_grant_whatever_the_display(folder, monkeypatch, capsys, kind, mode) -> None:
    """A definition from elsewhere is refused like a local one."""
    text = define(folder, kind, "cwd://")
    monkeypatch.setattr(remote, "fetch", lambda *_: ([File("docker-bake.hcl", text.encode())], None))
    words = ["https://example.com/docker-bake.hcl", "--progress", mode]
    assert f'ass "--allow={GRANTS[kind][1]}" to grant' in refused(lambda: main(words), capsys)
    with pytest.raises(EngineUsed):
        main([*words, f"--allow={GRANTS[kind][1]}"])


@pytest.mark.parametrize("kind", GRANTS)
def test_python_requires_each_grant(folder, capsys, kind) -> None:
    """`bakepy.build` refuses what the command refuses, and names the argument."""
    define(folder, kind)
    plan = bakepy.plan(bakepy.load())
    assert f'Pass allow=["{GRANTS[kind][1]}"] to grant them.' in refused(
        lambda: asyncio.run(bakepy.build(plan)), capsys
    )
    with pytest.raises(EngineUsed):
        asyncio.run(bakepy.build(plan, allow=[GRANTS[kind][1]]))


@pytest.mark.parametrize("kind", GRANTS)
def test_variable_turns_off_file_grants_alone(folder, monkeypatch, kind) -> None:
    """`BUILDX_BAKE_ENTITLEMENTS_FS=0` counts for files and the agent, in the command and in Python alike."""
    define(folder, kind)
    monkeypatch.setenv("BUILDX_BAKE_ENTITLEMENTS_FS", "0")
    expected = EngineUsed if kind in {"ssh", "fs", "fs.read", "fs.write"} else BakeError
    plan = bakepy.plan(bakepy.load())
    with pytest.raises(expected):
        asyncio.run(bakepy.build(plan))
    for mode in MODES:
        with pytest.raises(expected):
            main(["--progress", mode])
