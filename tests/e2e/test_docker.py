"""Builds in Docker Engines and images that are loaded into them: 20.10 with its BuildKit 0.8, and 29."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from bakepy.drivers.docker_host import DockerHost
from tests.docker_engine import running_dockerd
from tests.e2e.conftest import Project

pytestmark = pytest.mark.e2e

HCL = """
target "default" {
  tags = ["made/here:1"]
  labels = { from = "bakepy" }
  network = "none"  // the Engine has no bridge
}
"""
DOCKERFILE = "FROM scratch\nCOPY sh /bin/sh\nRUN echo made > /made\n"


@pytest.fixture(scope="module", params=["dockerd20", "dockerd29"])
def docker(request: pytest.FixtureRequest) -> Iterator[DockerHost]:
    with running_dockerd(request.param) as host:
        yield host


@pytest.fixture
def engine(docker: DockerHost, project: Project) -> Project:
    """A project whose user has a Docker Engine and chose no builder."""
    project.env["DOCKER_HOST"] = docker.url
    project.address = "default"
    project.write(Dockerfile=DOCKERFILE)
    return project


def inspected(docker: DockerHost, name: str) -> dict[str, object]:
    """Return what the Engine knows of an image."""
    import http.client
    import socket

    connection = http.client.HTTPConnection("engine")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(docker.url.removeprefix("unix://"))
    try:
        connection.request("GET", f"/images/{name}/json")
        answer = connection.getresponse()
        found: dict[str, object] = json.loads(answer.read())
    finally:
        connection.close()
    assert answer.status == 200, found
    return found


def test_the_engine_keeps_what_it_builds(engine: Project, docker: DockerHost) -> None:
    """Without an output, the image is in the Engine's own store, under its tag."""
    run = engine.bake(HCL, "--metadata-file", "m.json")
    image = inspected(docker, "made/here:1")
    assert "made/here:1" in image["RepoTags"]  # type: ignore[operator]
    assert image["Config"]["Labels"] == {"from": "bakepy"}  # type: ignore[index]
    assert "No output specified" not in run.stderr
    assert json.loads(engine.read("m.json"))["default"]["containerimage.digest"].startswith("sha256:")


def test_another_builders_image_is_loaded(engine: Project, docker: DockerHost, address: str) -> None:
    """`--load` brings an image from a BuildKit elsewhere into the Engine."""
    engine.address = address
    engine.bake(HCL.replace("here", "elsewhere"), "--load")
    image = inspected(docker, "made/elsewhere:1")
    assert image["Config"]["Labels"] == {"from": "bakepy"}  # type: ignore[index]


def test_folders_come_out_of_an_engine(engine: Project) -> None:
    """A local output works on every Engine."""
    engine.bake('target "default" {\n network = "none"\n output = ["out"]\n}')
    assert engine.read("out/made") == "made\n"


@pytest.mark.parametrize("docker", ["dockerd20"], indirect=True)
@pytest.mark.parametrize(
    ("hcl", "words"),
    [
        ('target "default" {\n output = ["type=oci,dest=x"]\n}', "OCI exporter is not supported"),
        ('target "default" {\n platforms = ["linux/amd64", "linux/arm64"]\n}', "multi-platform build is not supported"),
        ('target "default" {\n contexts = { x = "target:b" }\n}\ntarget "b" {\n network = "none"\n}', "linked targets"),
    ],
)  # fmt: skip
def test_what_an_old_engine_lacks_is_named(engine: Project, docker: DockerHost, hcl: str, words: str) -> None:
    """20.10 gets an error that names the feature and a remedy."""
    run = engine.bake(hcl, check=False)
    assert run.returncode == 1
    assert words in run.stderr
    assert "hint:" in run.stderr or "builder" in run.stderr
    assert "Traceback" not in run.stderr


def test_failures_in_an_engine(engine: Project) -> None:
    """A failing step is shown as by any other builder."""
    engine.write(Dockerfile=DOCKERFILE + "RUN echo oops; exit 9\n")
    run = engine.bake(HCL, check=False)
    assert run.returncode == 1
    assert "oops" in run.stderr
    assert "exit code: 9" in run.stderr


NO_PROVENANCE = '"type=provenance,disabled=true"'


@pytest.mark.parametrize("output", ["", "type=image", "type=docker"])
@pytest.mark.parametrize("kind", ["index", "index-descriptor"])
def test_index_annotations_of_one_platform_are_refused(engine: Project, kind: str, output: str) -> None:
    """An image without attestations has no index, with or without an output."""
    outputs = json.dumps([output] if output else [])
    attributes = f'annotations = ["{kind}:a=b"]\n output = {outputs}\n network = "none"\n attest = [{NO_PROVENANCE}]'
    run = engine.bake(f'target "default" {{\n tags = ["a:1"]\n {attributes}\n}}', check=False)
    assert run.returncode == 1
    assert "index annotations not supported for single platform export" in run.stderr


@pytest.mark.parametrize("kind", ["manifest:", "manifest-descriptor:", ""])
def test_other_annotations_are_accepted(engine: Project, kind: str) -> None:
    """Those of a manifest build on every Engine."""
    engine.bake(f'target "default" {{\n tags = ["a:1"]\n annotations = ["{kind}a=b"]\n network = "none"\n}}')
