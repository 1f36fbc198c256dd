"""The Python interface, against a real BuildKit."""

import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bakepy
from bakepy.builders.create import Wish, create
from bakepy.settings import Settings
from tests.daemon import running_buildkitd

PAGE = Path(__file__).parent.parent / "docs" / "guide" / "python.md"

DEFINITION = r"""
variable "NAME" {
  default = "world"
}

target "app" {
  dockerfile-inline = "FROM scratch\nCOPY hello /${NAME}\n"
  output = ["type=local,dest=out"]
}

target "broken" {
  dockerfile-inline = "FROM scratch\nCOPY missing /\n"
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docker-bake.hcl").write_text(DEFINITION)
    (tmp_path / "hello").write_text("hello")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_names_can_be_had() -> None:
    """Each name of the interface is there, and no other."""
    assert all(getattr(bakepy, name) for name in bakepy.__all__)
    with pytest.raises(AttributeError):
        _ = bakepy.nothing


def test_a_definition_is_loaded_and_planned(folder: Path) -> None:
    """Names, overrides and variables mean what they mean on the command line."""
    config = bakepy.load(targets=["app"], overrides=["app.tags=example/app"], variables={"NAME": "moon"})

    assert (list(config.targets), config.targets["app"].tags) == (["app"], ["example/app"])
    assert "/moon" in (config.targets["app"].dockerfile_inline or "")
    plan = bakepy.plan(config)
    assert list(plan.specs) == ["app"]
    assert len(plan.graph.vertices) == 1


def test_faults_have_places(folder: Path) -> None:
    """What is wrong with a definition is told as on the command line: with file, line and remedy."""
    (folder / "docker-bake.hcl").write_text("target app {\n  tags = [nam]\n}\n")
    with pytest.raises(bakepy.BakeError) as caught:
        bakepy.load(targets=["app"])
    span = caught.value.diagnostics[0].subject
    assert span is not None
    assert str(span).startswith("docker-bake.hcl:2,")


@contextlib.contextmanager
def running_builder(folder: Path) -> Iterator[dict[str, str]]:
    """Give the environment in which a builder named "here" can be used while the context lasts."""
    environment = {"BUILDX_CONFIG": str(folder / "buildx"), "DOCKER_CONFIG": str(folder / "docker")}
    with running_buildkitd() as daemon:
        address = daemon.endpoint.target.replace("unix:", "unix://")
        create(Wish(name="here", driver="remote", endpoint=address), Settings(environment))
        yield environment


@pytest.mark.e2e
def test_a_plan_is_built(folder: Path) -> None:
    """Events are reported, what failed is an outcome beside what was built, and the files are there."""
    events: list[bakepy.Event] = []
    with running_builder(folder) as environment:
        plan = bakepy.plan(bakepy.load(targets=["app", "broken"]))
        outcomes = asyncio.run(bakepy.build(plan, builder="here", report=events.append, environment=environment))

    assert (folder / "out" / "world").read_text() == "hello"
    assert not outcomes["app"].error
    assert "missing" in outcomes["broken"].error
    assert events


@pytest.mark.e2e
def test_the_guide_runs(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The program of the guide's page runs as it stands."""
    program = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    with running_builder(folder) as environment:
        for name, value in (environment | {"BUILDX_BUILDER": "here"}).items():
            monkeypatch.setenv(name, value)
        exec(compile(program, PAGE, "exec"), {})

    assert capsys.readouterr().out == "app ['linux/amd64']\n1 solves\napp done\n"
    assert (folder / "out" / "moon").exists()


def test_more_than_the_folder_has_to_be_allowed(folder: Path) -> None:
    """What `--allow` is for on the command line is asked for here, too, before anything runs."""
    plan = bakepy.plan(bakepy.load(targets=["app"], overrides=["app.entitlements=network.host"]))
    plan.config.granted["entitlements"].clear()
    with pytest.raises(bakepy.BakeError) as caught:
        asyncio.run(bakepy.build(plan))
    assert "network.host" in caught.value.diagnostics[0].hint


def test_what_there_is_can_be_listed() -> None:
    """Completion finds what is imported only once it is used."""
    assert set(bakepy.__all__) <= set(dir(bakepy))
