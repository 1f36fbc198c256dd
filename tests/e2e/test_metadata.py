"""The metadata file, beside the reference's."""

from __future__ import annotations

import json
from typing import cast

import pytest

from tests.e2e.conftest import Project
from tests.reference import ask

pytestmark = pytest.mark.e2e

ONE = 'target "default" {\n output = ["type=cacheonly"]\n}'
TWO = 'target "default" {\n platforms = ["linux/amd64", "linux/arm64"]\n output = ["type=cacheonly"]\n}'
Json = dict[str, "Json"]


@pytest.fixture
def files(project: Project) -> Project:
    """A project whose Dockerfile draws three warnings."""
    project.write(Dockerfile="frOM scratch as base\ncOpy f .\nfrom scratch\nCOPy --from=base /f /\n", f="x")
    return project


def ours(project: Project, hcl: str, **env: str) -> Json:
    project.bake(hcl, "--metadata-file", "ours.json", **env)
    return cast(Json, json.loads(project.read("ours.json")))


def reference(project: Project, hcl: str, *words: str, status: int = 0, **env: str) -> Json:
    (project.path / "docker-bake.hcl").write_text(hcl)
    environment = {"BUILDX_CONFIG": str(project.path / "buildx"), **env}
    made = ask(environment, "create", "--name", "b", "--driver", "remote", project.address)
    assert made.status == 0, made.err
    file, out = project.path / "docker-bake.hcl", project.path / "theirs.json"
    line = ["bake", "--builder", "b", "--file", str(file), "--metadata-file", str(out), "--allow=fs=*", *words]
    done = ask(environment, *line, "--set", f"*.context={project.path}")
    assert done.status == status, done.err
    return cast(Json, json.loads(out.read_text()))


def shape(value: object) -> object:
    """Return the keys of objects in objects; maps of what a build consists of stay closed."""
    if isinstance(value, dict):
        return {
            k: shape(v) if k not in {"args", "digestMapping", "locations", "vcs"} else ... for k, v in value.items()
        }
    return ...


@pytest.mark.parametrize("mode", ["", "min", "max", "disabled"])
@pytest.mark.parametrize("hcl", [ONE, TWO], ids=["one platform", "two"])
def test_provenance_beside_the_reference(files: Project, hcl: str, mode: str) -> None:
    """Each target's entries have the keys of the reference's, and the same facts that do not change from run to run."""
    env = {"BUILDX_METADATA_PROVENANCE": mode}
    mine, theirs = ours(files, hcl, **env)["default"], reference(files, hcl, **env)["default"]
    assert shape(mine) == shape(theirs)
    keys = [k for k in mine if k.startswith("buildx.build.provenance")]
    assert bool(keys) == (mode != "disabled")
    for key in keys:
        for fact in ("builder", "buildType", "materials"):
            assert mine[key].get(fact) == theirs[key].get(fact)


def test_provenance_is_told_where_none_is_attested(files: Project) -> None:
    """The daemon's record has it, whatever the image is to say."""
    told = ours(files, ONE.replace("}", ' attest = ["type=provenance,disabled=true"]\n}'))
    assert told["default"]["buildx.build.provenance"]


@pytest.mark.parametrize("call", ["check", "outline", "targets", "subrequests.describe"])
def test_answers_to_calls_beside_the_reference(files: Project, call: str) -> None:
    """Every target has the whole answer of its frontend."""
    hcl = 'target "default" {\n matrix = { n = ["a", "b"] }\n name = n\n target = n == "a" ? "base" : ""\n}'
    status = int(call == "check")
    run = files.bake(hcl, f"--call={call}", "--metadata-file=ours.json", check=False)
    assert run.returncode == status, run.stderr
    mine = cast(Json, json.loads(files.read("ours.json")))
    theirs = reference(files, hcl, f"--call={call}", status=status)
    assert list(mine) == ["a", "b"]
    assert _without_sessions(mine) == _without_sessions(theirs)


def _without_sessions(value: object) -> object:
    """Return an answer without the steps that read the Dockerfile, which have the session's id in them."""
    if isinstance(value, dict):
        return {k: _without_sessions(v) for k, v in value.items() if k != "definition"}
    return [_without_sessions(v) for v in value] if isinstance(value, list) else value


def test_warnings_beside_the_reference(files: Project) -> None:
    """Those of the whole run stand beside the targets, if they are asked for, each once."""
    key = "buildx.build.warnings"
    assert key not in ours(files, ONE)
    env = {"BUILDX_METADATA_WARNINGS": "true"}
    mine, theirs = _warnings(ours(files, ONE, **env)[key]), _warnings(reference(files, ONE, **env)[key])
    assert len(mine) == 3
    assert mine == _without_sessions(theirs)


def _warnings(found: object) -> list[dict[str, object]]:
    """Return warnings in an order of their own: the reference's is random."""
    warnings = cast("list[dict[str, object]]", found)
    return sorted(({k: v for k, v in w.items() if k != "vertex"} for w in warnings), key=lambda w: str(w["range"]))
