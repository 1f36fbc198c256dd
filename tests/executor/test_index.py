"""One index of what several nodes pushed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from bakepy.executor.index import Part, combine, index_annotations
from bakepy.executor.registry import DOCKER_INDEX, INDEX, Reference, is_loopback
from bakepy.planner.spec import Export, pairs

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def descriptor(text: str, kind: str = MANIFEST, **more: Any) -> dict[str, Any]:
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    return {"mediaType": kind, "digest": digest, "size": len(text), **more}


def index_of(*manifests: dict[str, Any]) -> Part:
    text = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
    return Part(descriptor(text, INDEX), text.encode())


AMD = {"architecture": "amd64", "os": "linux"}
ARM = {"architecture": "arm64", "os": "linux"}


def combined(*parts: Part, **annotations: str) -> tuple[str, Any]:
    kind, data = combine(parts, annotations)
    return kind, json.loads(data)


def test_all_manifests_of_all_parts_are_there() -> None:
    """Images and attestations keep their descriptors as they were."""
    image, proof = descriptor("a", platform=AMD), descriptor("p", annotations={"of": "a"}, platform={"os": "unknown"})
    other = descriptor("b", platform=ARM)
    kind, index = combined(index_of(image, proof), index_of(other))
    assert kind == index["mediaType"] == INDEX
    assert index["manifests"] == [image, proof, other]
    assert "annotations" not in index


def test_what_two_parts_share_comes_once() -> None:
    """A manifest that two nodes pushed is one entry with the annotations of both."""
    one = descriptor("a", platform=AMD, annotations={"x": "1"})
    two = descriptor("a", platform=AMD, annotations={"a": "2"})
    assert combined(index_of(one), index_of(two))[1]["manifests"] == [{**one, "annotations": {"a": "2", "x": "1"}}]


def test_a_single_manifest_gets_its_platform() -> None:
    """A node that pushed no index is listed with the platform of its image, and without what it told besides."""
    lone = descriptor("a", annotations={"config.digest": "x"})
    assert combined(Part(lone, b"a", ARM))[1]["manifests"] == [descriptor("a", platform=ARM)]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [((DOCKER_MANIFEST, DOCKER_MANIFEST), DOCKER_INDEX), ((DOCKER_MANIFEST, MANIFEST), INDEX), ((MANIFEST,), INDEX)],
)
def test_the_kind_of_an_index(kinds: tuple[str, ...], expected: str) -> None:
    """It is Docker's where all manifests are, and annotated only where it is not."""
    parts = [Part(descriptor(str(n), kind), b"", AMD) for n, kind in enumerate(kinds)]
    kind, index = combined(*parts, note="<&>")
    assert kind == expected
    assert ("annotations" in index) == (expected == INDEX)


def test_bytes_are_as_go_writes_them() -> None:
    """Fields are in the specification's order, indented by two, with signs of HTML escaped."""
    _, data = combine([Part(descriptor("a"), b"a", AMD)], {"b": "<&>", "a": "ü"})
    digest = descriptor("a")["digest"]
    assert data.decode() == (
        '{\n  "schemaVersion": 2,\n  "mediaType": "' + INDEX + '",\n  "manifests": [\n    {\n'
        f'      "mediaType": "{MANIFEST}",\n      "digest": "{digest}",\n      "size": 1,\n'
        '      "platform": {\n        "architecture": "amd64",\n        "os": "linux"\n      }\n    }\n  ],\n'
        '  "annotations": {\n    "a": "ü",\n    "b": "\\u003c\\u0026\\u003e"\n  }\n}'
    )


def test_only_the_indexs_own_annotations_are_taken() -> None:
    """Those of manifests and descriptors are the nodes' business."""
    attrs = {"annotation-index.a.b": "1", "annotation.c": "2", "annotation-manifest-descriptor.d": "3", "push": "true"}
    assert index_annotations(Export("image", pairs(attrs))) == {"a.b": "1"}


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("app", "docker.io/library/app:latest"),
        ("me/app:1", "docker.io/me/app:1"),
        ("index.docker.io/app", "docker.io/library/app:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("host:5000/a/b/c:2", "host:5000/a/b/c:2"),
        ("example.org/app@sha256:00", "example.org/app:latest"),
        ("[::1]:5000/app:1", "[::1]:5000/app:1"),
    ],
)
def test_names_are_completed(text: str, full: str) -> None:
    """Docker's names leave out the domain, the folder `library` and the tag `latest`."""
    assert str(Reference.parse(text)) == full


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("localhost:5000", True),
        ("127.0.0.1", True),
        ("127.8.8.8:1", True),
        ("[::1]:5000", True),
        ("10.0.0.1:5000", False),
        ("localhost.example.org", False),
    ],
)
def test_registries_of_this_machine(domain: str, expected: bool) -> None:
    """Only loopback addresses are spoken to without TLS."""
    assert is_loopback(domain) is expected
