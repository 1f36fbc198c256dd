"""What builds write, against a real BuildKit: platforms in indexes, OCI layouts, annotations."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Project

pytestmark = pytest.mark.e2e

Json = dict[str, Any]


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return folder


def read(layout: Path, descriptor: Json) -> Json:
    """Return the JSON that a descriptor names."""
    found: Json = json.loads((layout / "blobs" / descriptor["digest"].replace(":", "/")).read_text())
    return found


def platforms(layout: Path) -> list[Json]:
    """Return the platforms of the only image in a layout."""
    (top,) = json.loads((layout / "index.json").read_text())["manifests"]
    return [m["platform"] for m in read(layout, top)["manifests"] if m["platform"]["os"] != "unknown"]


OLD, NEW = "windows(10.0.17763)/amd64", "windows(10.0.20348+win32k)/amd64"


@pytest.mark.parametrize("wanted", [[OLD, NEW], ["linux/amd64", NEW], [NEW]])
def test_versions_and_features_reach_the_index(project: Project, wanted: list[str]) -> None:
    """Each version is an image with its own `os.version` and `os.features`."""
    project.write(Dockerfile="FROM scratch\nARG TARGETPLATFORM\nCOPY sh /\nLABEL for=$TARGETPLATFORM\n")
    project.bake(
        f'target "default" {{\n platforms = {json.dumps(wanted)}\n output = ["type=oci,dest=o.tar"]\n attest = []\n}}',
        "--set=default.args.BUILDKIT_MULTI_PLATFORM=1",
    )
    expected = {
        "linux/amd64": {"architecture": "amd64", "os": "linux"},
        OLD: {"architecture": "amd64", "os": "windows", "os.version": "10.0.17763"},
        NEW: {"architecture": "amd64", "os": "windows", "os.version": "10.0.20348", "os.features": ["win32k"]},
    }
    assert platforms(unpacked(project.path / "o.tar", project.path / "o")) == [expected[text] for text in wanted]
