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


def reference(project: Project, hcl: str, **env: str) -> Json:
    (project.path / "docker-bake.hcl").write_text(hcl)
    environment = {"BUILDX_CONFIG": str(project.path / "buildx"), **env}
    made = ask(environment, "create", "--name", "b", "--driver", "remote", project.address)
    assert made.status == 0, made.err
    file, out = project.path / "docker-bake.hcl", project.path / "theirs.json"
    words = ["bake", "--builder", "b", "--file", str(file), "--metadata-file", str(out), "--allow=fs=*"]
    done = ask(environment, *words, "--set", f"*.context={project.path}")
    assert done.status == 0, done.err
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


def test_warnings_beside_the_reference(files: Project) -> None:
    """Those of the whole run stand beside the targets, if they are asked for, each once."""
    key = "buildx.build.warnings"
    assert key not in ours(files, ONE)
    env = {"BUILDX_METADATA_WARNINGS": "true"}
    mine, theirs = _warnings(ours(files, ONE, **env)[key]), _warnings(reference(files, ONE, **env)[key])
    assert len(mine) == 3
    assert mine == theirs


def _warnings(found: object) -> list[dict[str, object]]:
    """Return warnings in an order of their own: the reference's is random."""
    warnings = cast("list[dict[str, object]]", found)
    return sorted(({k: v for k, v in w.items() if k != "vertex"} for w in warnings), key=lambda w: str(w["range"]))
