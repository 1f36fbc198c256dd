"""From targets to solves: each attribute's meaning, and its faults."""

from __future__ import annotations

from typing import Any

import pytest

from bakepy.diagnostics import BakeError
from bakepy.model.attest import Attest
from bakepy.model.export import Export as Output
from bakepy.model.resources import Resources
from bakepy.model.secret import Secret
from bakepy.model.ssh import Ssh
from bakepy.model.target import Target
from bakepy.planner import location
from bakepy.planner.quantities import QuantityError, size, ulimit
from bakepy.planner.spec import (
    ContextDockerfile,
    Export,
    ImageContext,
    InlineDockerfile,
    LayoutContext,
    LinkContext,
    LocalContext,
    LocalDockerfile,
    RemoteContext,
    RemoteDockerfile,
    SecretSource,
    SolveSpec,
    SourceContext,
    SshSource,
)
from bakepy.planner.specify import specify


def one(**attributes: Any) -> SolveSpec:
    return specify({"t": Target(name="t", **attributes)})["t"]


def fault(**attributes: Any) -> str:
    with pytest.raises(BakeError) as caught:
        one(**attributes)
    return caught.value.diagnostics[0].summary


GIT = "https://git.test/a/b.git#main"


@pytest.mark.parametrize(
    ("attributes", "context", "dockerfile"),
    [
        ({}, LocalContext("."), LocalDockerfile("Dockerfile")),
        ({"context": "a/../b/"}, LocalContext("b"), LocalDockerfile("b/Dockerfile")),
        ({"context": "b", "dockerfile": "../x.Dockerfile"}, LocalContext("b"), LocalDockerfile("x.Dockerfile")),
        ({"context": "b", "dockerfile": "/x/D"}, LocalContext("b"), LocalDockerfile("/x/D")),
        ({"context": "b", "dockerfile": "cwd://x/D"}, LocalContext("b"), LocalDockerfile("./x/D")),
        ({"context": "cwd://b/."}, LocalContext("b"), LocalDockerfile("b/Dockerfile")),
        ({"dockerfile_inline": "FROM scratch"}, LocalContext("."), InlineDockerfile("FROM scratch")),
        ({"dockerfile": "https://d.test/D"}, LocalContext("."), RemoteDockerfile("https://d.test/D")),
        ({"context": GIT, "dockerfile": "x/D"}, RemoteContext(GIT), ContextDockerfile("x/D")),
        ({"context": GIT, "dockerfile": "/x/D"}, RemoteContext(GIT), LocalDockerfile("/x/D")),
    ],
)
def test_where_the_context_and_dockerfile_are(attributes: dict[str, Any], context: object, dockerfile: object) -> None:
    """A Dockerfile is seen from its context, unless it is absolute, `cwd://`, inline or an address."""
    spec = one(**attributes)
    assert (spec.context, spec.dockerfile) == (context, dockerfile)


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("target:base", LinkContext("base")),
        ("docker-image://alpine:3", ImageContext("alpine:3")),
        ("oci-layout://./x", LayoutContext("./x")),
        ("oci-layout://x:v1", LayoutContext("x", "v1")),
        (f"oci-layout://x@sha256:{'a' * 64}", LayoutContext("x", "", "sha256:" + "a" * 64)),
        ("git@host:a/b", SourceContext("git@host:a/b", ".")),
        ("cwd://a/..", LocalContext(".")),
        ("src", LocalContext("src")),
    ],
)
def test_named_contexts(text: str, context: object) -> None:
    """A named context's text tells its kind."""
    assert one(contexts={"x": text}).contexts == (("x", context),)


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        ("http://x", True),
        ("git://x/y", True),
        ("ssh://x/y", True),
        ("git@x.test:y", True),
        ("github.com/x/y", True),
        ("./github.com/x", False),
        ("../git@x:y", False),
        ("ftp://x", False),
        ("C:", False),
        ("a/b", False),
    ],
)
def test_what_is_remote(text: str, remote: bool) -> None:
    """HTTP addresses and Git repositories are fetched by BuildKit, all else is a path."""
    assert location.is_remote(text) is remote


def test_plain_attributes() -> None:
    """Null arguments fall out; sizes become bytes; the default network is none of ours."""
    spec = one(
        args={"B": "2", "A": "1", "N": None},
        shm_size="64m",
        ulimits=["nofile=1024", "core=1:2"],
        resources=Resources(memory="1g", cpu_shares=5),
        network="default",
        extra_hosts={"a": "1.2.3.4", "n": None},
        secret=[Secret("s", "file", "")],
        ssh=[Ssh("default")],
        attest=[Attest("sbom", True), Attest("provenance", attrs={"mode": "max"})],
        platforms=["linux/aarch64", "linux/arm64"],
    )
    assert spec.args == (("A", "1"), ("B", "2"))
    assert spec.shm_size == 64 << 20
    assert spec.ulimits == ("core=1:2", "nofile=1024:1024")
    assert spec.resources == (("cpu-shares", "5"), ("memory", str(1 << 30)))
    assert spec.network == ""
    assert spec.extra_hosts == (("a", "1.2.3.4"),)
    assert spec.secrets == (SecretSource("s", "file"),)
    assert spec.ssh == (SshSource("default"),)
    assert spec.attests == (("provenance", "type=provenance,mode=max"), ("sbom", None))
    assert spec.platforms == ("linux/arm64",)


def test_a_repository_behind_ssh_gets_the_agent() -> None:
    """A context that is fetched by SSH brings the user's agent along."""
    assert one(context="git@x.test:y").ssh == (SshSource("default"),)


@pytest.mark.parametrize(
    ("output", "export"),
    [
        (Output("registry"), Export("image", (("push", "true"), ("unpack", "false")), names=("t:1",))),
        (Output("image", attrs={"push": "true"}), Export("image", (("push", "true"),), names=("t:1",))),
        (Output("tar"), Export("tar", dest="-")),
        (Output("oci", "o.tar"), Export("oci", dest="o.tar", names=("t:1",))),
        (Output("docker"), Export("docker", names=("t:1",))),
        (Output("local", "out"), Export("local", dest="out")),
        (Output("oci", "out", {"tar": "false"}), Export("oci", (("tar", "false"),), "out", ("t:1",))),
        (Output("cacheonly"), Export("cacheonly")),
    ],
)
def test_outputs(output: Output, export: Export) -> None:
    """Each output's type, place and names."""
    assert one(output=[output], tags=["t:1"]).exports == (export,)


def test_a_name_attribute_serves_where_there_is_no_tag() -> None:
    """Without tags, the exporter's own name counts."""
    (export,) = one(output=[Output("image", attrs={"name": "a,b"})]).exports
    assert export.names == ("a", "b")


def test_annotations_become_attributes_of_every_export() -> None:
    """Types and platforms go into the attribute's name."""
    texts = ["k=v", "index:i=v", "manifest[linux/aarch64],manifest-descriptor:m=v"]
    (export,) = one(output=[Output("oci", "x")], annotations=texts).exports
    assert dict(export.attrs) == {
        "annotation.k": "v",
        "annotation-index.i": "v",
        "annotation-manifest[linux/arm64].m": "v",
        "annotation-manifest-descriptor.m": "v",
    }


def test_a_call_has_no_outputs() -> None:
    """Asking the frontend a question writes nothing; `check` is the frontend's `lint`."""
    spec = one(call="check,format=json", output=[Output("tar", "x")])
    assert (spec.call, spec.exports) == ("lint", ())
    assert one(call="build", output=[Output("tar", "x")]).call == ""


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"context": "-"}, "context from stdin not allowed in bake"),
        ({"dockerfile": "-"}, "dockerfile from stdin not allowed in bake"),
        ({"platforms": ["bad"]}, '"bad": unknown operating system or architecture: invalid argument'),
        ({"shm_size": "big"}, "invalid value big for membytes key shm-size"),
        ({"ulimits": ["x=1"]}, "invalid ulimit type: x"),
        ({"network": "bridge"}, 'network mode "bridge" not supported by buildkit'),
        ({"output": [Output("local")]}, "dest is required for local exporter"),
        ({"output": [Output("local", "-")]}, "dest cannot be stdout for local exporter"),
        ({"annotations": ["x"]}, 'invalid annotation "x", expected key=value'),
        ({"annotations": ["odd:x=y"]}, 'unknown annotation type "odd"'),
        ({"secret": [Secret()]}, "secret missing ID"),
    ],
)
def test_faults(attributes: dict[str, Any], words: str) -> None:
    """What cannot be built is a diagnostic in the field's words."""
    assert fault(**attributes).startswith(words)


def test_faults_of_all_targets_are_told_at_once() -> None:
    """One run reports every target's faults."""
    with pytest.raises(BakeError) as caught:
        specify({"a": Target(context="-"), "b": Target(shm_size="x", dockerfile="-")})
    assert len(caught.value.diagnostics) == 3


def test_no_output_is_the_nodes_default() -> None:
    """A target without an output leaves it to the node; an empty list is none either."""
    assert one(tags=["a:1"]).exports == one(tags=["a:1"], output=[]).exports == (Export("default", names=("a:1",)),)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1024", 1024), ("1k", 1024), ("1.5KiB", 1536), ("2 MB", 2 << 20), ("3b", 3), ("1t", 1 << 40)],
)
def test_sizes(text: str, number: int) -> None:
    """Units are powers of 1024, in either spelling."""
    assert size(text) == number


@pytest.mark.parametrize("text", ["", "x", "-1", "1kk", "1bb", "1 kx", "1_0", "٣"])
def test_bad_sizes(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(QuantityError):
        size(text)


@pytest.mark.parametrize("text", ["nofile", "nofile=", "nofile=1:2:3", "nofile=2:1", "nofile=-1:5", "nofile=x"])
def test_bad_ulimits(text: str) -> None:
    """A soft limit is never above the hard one, and both are numbers."""
    with pytest.raises(QuantityError):
        ulimit(text)
