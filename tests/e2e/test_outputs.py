"""What builds write, against a real BuildKit: platforms in indexes, OCI layouts, annotations."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Project

pytestmark = pytest.mark.e2e

Json = dict[str, Any]


def unpacked(archive: Path, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)  # tarfile of Python 3.11.2 knows no filter
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


def images(layout: Path) -> dict[str, Json]:
    """Return the images of a layout by name, or by tag without one; every blob must have its digest and size."""
    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    found = json.loads((layout / "index.json").read_text())["manifests"]
    for descriptor in found:
        complete(layout, descriptor)
    notes = [descriptor["annotations"] for descriptor in found]
    names = [n.get("io.containerd.image.name", n["org.opencontainers.image.ref.name"]) for n in notes]
    return dict(zip(names, found, strict=True))


def complete(layout: Path, descriptor: Json) -> None:
    """Check that all that a descriptor names is in the layout."""
    data = (layout / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
    assert "sha256:" + hashlib.sha256(data).hexdigest() == descriptor["digest"]
    assert len(data) == descriptor["size"]
    if "manifest" in descriptor["mediaType"] or "index" in descriptor["mediaType"]:
        manifest = json.loads(data)
        parts = [*manifest.get("manifests", ()), *manifest.get("layers", ())]
        for part in [*parts, *([manifest["config"]] if "config" in manifest else ())]:
            complete(layout, part)


COPY = "FROM scratch\nCOPY sh /bin/sh\n"


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_an_image_is_written_to_a_layout(project: Project, kind: str) -> None:
    """`tar=false` writes a folder, which serves as a context by its tag."""
    project.write(Dockerfile=COPY + "ENV FROM_LAYOUT=yes\n")
    output = f"type={kind},dest=new/lay,tar=false"
    project.bake(
        f'target "default" {{\n tags = ["x.test/base:1"]\n output = ["{output}"]\n}}', "--metadata-file", "m.json"
    )
    layout = project.path / "new/lay"
    (image,) = images(layout).items()
    assert image[0] == "x.test/base:1"
    assert image[1]["annotations"]["org.opencontainers.image.ref.name"] == "1"
    assert json.loads(project.read("m.json"))["default"]["containerimage.digest"] == image[1]["digest"]
    assert sorted(path.name for path in layout.iterdir()) == ["blobs", "index.json", "oci-layout"]
    leaf = json.dumps("FROM base AS work\nRUN echo $FROM_LAYOUT > /is\nFROM scratch\nCOPY --from=work /is /\n")
    contexts = 'contexts = { base = "oci-layout://new/lay:1" }'
    project.bake(f'target "default" {{\n {contexts}\n dockerfile-inline = {leaf}\n output = ["out"]\n}}')
    assert project.read("out/is") == "yes\n"


def test_a_layout_takes_several_images(project: Project) -> None:
    """Images are added, a tag moves to the latest, and equal targets write their own names."""
    project.write(Dockerfile=COPY + "ARG N\nLABEL n=$N\n")
    hcl = """
    group "default" {{ targets = ["a", "b", "c"] }}
    target "a" {{
      args = {{ N = "{0}" }}
      tags = ["x.test/a:1", "x.test/a:{0}"]
      output = ["type=oci,dest=lay,tar=false"]
    }}
    target "b" {{
      inherits = ["a"]
      tags = ["x.test/b:1"]
    }}
    target "c" {{
      inherits = ["a"]
      tags = []
      output = ["type=oci,dest=other,tar=false"]
    }}
    """
    project.bake(hcl.format("first"))
    before = images(project.path / "lay")
    assert set(before) == {f"x.test/{name}" for name in ("a:1", "a:first", "b:1")}
    assert set(images(project.path / "other")) == {"latest"}
    project.bake(hcl.format("second"))
    after = images(project.path / "lay")
    assert set(after) == {f"x.test/{name}" for name in ("a:1", "a:first", "a:second", "b:1")}
    assert after["x.test/a:first"]["digest"] == before["x.test/a:1"]["digest"]
    assert after["x.test/a:1"]["digest"] == after["x.test/a:second"]["digest"] != before["x.test/a:1"]["digest"]


def test_a_layout_holds_all_platforms_and_attestations(project: Project) -> None:
    """The index in the layout has an image for each platform, and its provenance."""
    project.write(Dockerfile=COPY)
    project.bake(
        """
        target "default" {
          tags      = ["x.test/many:1"]
          platforms = ["linux/amd64", "linux/arm64"]
          attest    = ["type=provenance,mode=max"]
          output    = ["type=oci,dest=lay,tar=false"]
        }
        """
    )
    (image,) = images(project.path / "lay").values()
    found = [m["platform"]["architecture"] for m in read(project.path / "lay", image)["manifests"]]
    assert found == ["amd64", "arm64", "unknown", "unknown"]


@pytest.mark.parametrize("layout_first", [True, False])
def test_a_layout_beside_another_image(project: Project, registry: str, layout_first: bool) -> None:
    """Each output gets its own image, although the builder answers about one of them only."""
    project.write(Dockerfile=COPY)
    outputs = ["type=oci,dest=lay,tar=false,compression=uncompressed,force-compression=true", "type=image,push=true"]
    project.bake(
        f'target "default" {{\n tags = ["{registry}/beside:1"]\n'
        f" output = {json.dumps(outputs if layout_first else outputs[::-1])}\n}}"
    )
    (image,) = images(project.path / "lay").values()
    manifest = read(project.path / "lay", image)
    while "manifests" in manifest:
        manifest = read(project.path / "lay", manifest["manifests"][0])
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/vnd.oci.image.layer.v1.tar"]


def test_a_layout_may_be_written_beside_a_cache(project: Project) -> None:
    """Both go through the same service, each to its own folder."""
    project.write(Dockerfile=COPY)
    attributes = 'output = ["type=oci,dest=lay,tar=false"]\n cache-to = ["type=local,dest=cache"]'
    project.bake(f'target "default" {{\n tags = ["x.test/a:1"]\n {attributes}\n}}')
    assert set(images(project.path / "lay")) == {"x.test/a:1"}
    assert (project.path / "cache/index.json").is_file()


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the working directory."""
    return tmp_path_factory.mktemp("outside")


@pytest.mark.parametrize("link", ["lay", "lay/blobs", "lay/index.json"])
def test_a_layout_stays_inside_its_folder(project: Project, outside: Path, link: str) -> None:
    """A link that leads elsewhere needs a grant or is refused, and nothing is written there."""
    (outside / "index.json").write_text('{"manifests": []}')
    path = project.path / link
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(outside / "index.json" if link.endswith(".json") else outside)
    project.write(Dockerfile=COPY)
    run = project.bake('target "default" {\n output = ["type=oci,dest=lay,tar=false"]\n}', check=False)
    assert run.returncode == 1
    assert ("--allow" in run.stderr) == (link == "lay")
    assert [file.name for file in outside.iterdir()] == ["index.json"]
    assert (outside / "index.json").read_text() == '{"manifests": []}'


def test_a_layout_elsewhere_needs_a_grant(project: Project, outside: Path) -> None:
    """A destination outside the working directory is written only with `--allow`."""
    project.write(Dockerfile=COPY)
    hcl = f'target "default" {{\n tags = ["a:1"]\n output = ["type=oci,dest={outside}/lay,tar=false"]\n}}'
    assert "fs.write" in project.bake(hcl, check=False).stderr
    assert not list(outside.iterdir())
    project.bake(hcl, f"--allow=fs.write={outside}")
    assert set(images(outside / "lay")) == {"docker.io/library/a:1"}


def test_two_layouts_of_one_target_are_refused(project: Project) -> None:
    """The builder writes a solve's image to one layout only."""
    project.write(Dockerfile=COPY)
    outputs = ["type=oci,dest=a,tar=false", "type=docker,dest=b,tar=0"]
    run = project.bake(f'target "default" {{\n output = {json.dumps(outputs)}\n}}', check=False)
    assert run.returncode == 1
    assert 'several outputs of target "default" write an OCI layout' in run.stderr


@pytest.mark.parametrize(
    ("platform", "dockerfile", "status"),
    [
        ('platforms = ["linux/s390x"]', "FROM base", 1),
        ("", "FROM base", 1),
        ("", "FROM --platform=linux/ppc64le base", 0),
        ('platforms = ["linux/s390x"]', "FROM --platform=linux/ppc64le base", 0),
        ('platforms = ["linux/ppc64le"]', "FROM base", 0),
    ],
)
def test_a_link_without_the_platform_is_refused(project: Project, platform: str, dockerfile: str, status: int) -> None:
    """It names both targets, and asks no registry."""
    project.write(Dockerfile=COPY)
    run = project.bake(
        f"""
        target "base" {{
          platforms = ["linux/ppc64le", "linux/riscv64"]
        }}
        target "default" {{
          {platform}
          contexts = {{ base = "target:base" }}
          dockerfile-inline = {json.dumps(dockerfile)}
          output = ["type=cacheonly"]
        }}
        """,
        check=False,
    )
    assert run.returncode == status, run.stderr
    assert ('its linked target "base" is not' in run.stderr) == bool(status)
    assert "docker.io/library/base" not in run.stderr
