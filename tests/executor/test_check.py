"""What is found before an engine is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bakepy.diagnostics import BakeError, Diagnostic, Keeping, Source, Span
from bakepy.executor.check import check
from bakepy.planner import location
from bakepy.planner.spec import (
    Export,
    InlineDockerfile,
    LinkContext,
    LocalContext,
    LocalDockerfile,
    SecretSource,
    SolveSpec,
)
from bakepy.records import replace
from tests.privileges import folder_of_an_ordinary_user

GOOD = SolveSpec(LocalContext("."), InlineDockerfile("FROM scratch"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "sub").mkdir()
    return tmp_path


def test_a_path_meant_from_its_file_is_told(folder: Path) -> None:
    """What is there from the folder of the definition, but not from the working directory, is named."""
    (folder / "project/app").mkdir(parents=True)
    span = Span(Source("project/docker-bake.hcl", "context"), 0, 7)
    with pytest.raises(BakeError) as caught:
        check({"t": replace(GOOD, context=LocalContext("app"))}, {}, lambda *_: (("set here", span),))
    assert "write project/app, or set BUILDX_BAKE_FILE_RELATIVE_PATHS=1" in caught.value.diagnostics[0].hint


def faults(*changes: dict[str, Any], **variables: str) -> list[tuple[str, str]]:
    specs = {f"t{i}": replace(GOOD, **c) for i, c in enumerate(changes)}
    try:
        check(specs, variables)
    except BakeError as error:
        return [(d.summary, d.hint) for d in error.diagnostics]
    return []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tags": ("a", "h.test:5000/a/b_c:1.0-x", "localhost/a@sha256:" + "0" * 64)},
        {"secrets": (SecretSource("a", file="file"), SecretSource("b", env="ANY"), SecretSource("V"))},
        {"exports": (Export("local", dest="new/folder"), Export("tar", dest="new/file"), Export("default"))},
        {"exports": (Export("tar", dest="-"),)},
    ],
)
def test_nothing_wrong(changes: dict[str, Any]) -> None:
    """What can be built passes."""
    assert faults(changes, V="1") == []


@pytest.mark.parametrize(
    ("changes", "words", "remedy"),
    [
        ({"context": LocalContext("subs")}, 'path "subs" not found', "did you mean sub?"),
        ({"context": LocalContext("file")}, "file is not a folder", "folder"),
        ({"dockerfile": LocalDockerfile("sub")}, "sub is a folder", "sub/Dockerfile"),
        ({"dockerfile": LocalDockerfile("no/such/D")}, "open no/such/D: no such file", "no folder"),
        ({"contexts": (("c", LocalContext("file")),)}, "not a directory", ""),
        ({"secrets": (SecretSource("a", file="fil"),)}, "failed to stat fil", "did you mean file?"),
        ({"secrets": (SecretSource("NONE"),)}, 'variable "NONE" is not set, file "NONE"', "add env="),
        ({"tags": ("a:b:c",)}, 'invalid tag "a:b:c"', "name:tag"),
        ({"exports": (Export("tar", dest="sub"),)}, "sub is a directory", "sub/image.tar"),
        ({"exports": (Export("image", (("push", "true"),)),)}, "tag is needed when pushing", "tags"),
    ],
)
def test_faults(changes: dict[str, Any], words: str, remedy: str) -> None:
    """Each fault has its words and its remedy."""
    ((summary, hint),) = faults(changes)
    assert words in summary
    assert remedy in hint


LAYOUT = Export("oci", (("tar", "false"),), dest="lay")


@pytest.mark.parametrize(
    ("index", "words"),
    [(None, ""), ('{"manifests": []}', ""), ("{", "Cannot read lay/index.json"), ("[]", "no image index")],
)
def test_the_index_of_a_layout_is_read_before_the_build(folder: Path, index: str | None, words: str) -> None:
    """An image is added to an index that can be read."""
    (folder / "lay").mkdir()
    if index is not None:
        (folder / "lay/index.json").write_text(index)
    found = faults({"exports": (LAYOUT,)})
    assert [words in summary for summary, _ in found] == ([True] if words else [])


BOTH = ("linux/amd64", "linux/arm64")


@pytest.mark.parametrize(
    ("dockerfile", "mine", "theirs", "wrong"),
    [
        ("FROM base", "linux/s390x", BOTH, True),
        ("FROM scratch\nCOPY --from=BASE / /", "linux/s390x", BOTH, True),
        ("FROM base", "linux/arm64", BOTH, False),
        ("FROM base", "linux/s390x", ("linux/amd64",), False),
        ("FROM base", "linux/s390x", (), False),
        ("FROM base", "", BOTH, False),
        ("FROM --platform=$BUILDPLATFORM base", "linux/s390x", BOTH, False),
        ("FROM scratch", "linux/s390x", BOTH, False),
    ],
)
@pytest.mark.parametrize("inline", [True, False])
def test_a_linked_target_lacks_the_platform(
    folder: Path, dockerfile: str, mine: str, theirs: tuple[str, ...], wrong: bool, inline: bool
) -> None:
    """Both places are shown, unless the Dockerfile chooses another platform or ignores the link."""
    (folder / "D").write_text(dockerfile)
    specs = {
        "base": replace(GOOD, platforms=theirs),
        "app": replace(
            GOOD,
            dockerfile=InlineDockerfile(dockerfile) if inline else LocalDockerfile("D"),
            contexts=(("base", LinkContext("base")),),
            platforms=(mine,) if mine else (),
        ),
    }
    place = Span(Source("docker-bake.hcl", "platforms"), 0, 9)
    found: list[Diagnostic] = []
    with Keeping(found):
        check(specs, {}, lambda target, attribute, _: ((f"{target} {attribute}", place),))
    shown = [(d.summary, [label for label, _ in d.related]) for d in found]
    summary = 'target "app" is built for "linux/s390x", its linked target "base" is not'
    assert shown == ([(summary, ["app platforms", "base platforms"])] if wrong else [])


ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def layout(folder: Path, tags: dict[str, str], *blobs: str) -> None:
    """Write an OCI layout of images by tag, an empty tag for an image without one."""
    notes = ({"annotations": {"org.opencontainers.image.ref.name": tag}} if tag else {} for tag in tags)
    images = [{"digest": digest, "size": 1} | note for digest, note in zip(tags.values(), notes, strict=True)]
    (folder / "lay/blobs/sha256").mkdir(parents=True)
    (folder / "lay/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": images}))
    for digest in blobs:
        (folder / "lay/blobs/sha256" / digest.removeprefix("sha256:")).touch()


def named(text: str) -> dict[str, Any]:
    return {"contexts": (("base", location.context(text)),)}


@pytest.mark.parametrize(
    ("text", "words", "remedy"),
    [
        ("oci-layout://lay:1.4", 'OCI layout "lay" has no tag "1.4"', 'Did you mean "1.3"?'),
        ("oci-layout://lay:latest", 'OCI layout "lay" has no tag "latest"', 'Did you mean "1.3"?'),
        (f"oci-layout://lay@{TWO}", f'OCI layout "lay" has no image with digest "{TWO}"', ONE),
        (f"oci-layout://lay:1.3@{TWO}", f'OCI layout "lay" has no image with digest "{TWO}"', ONE),
        (f"oci-layout://lay@sha256:{'a' * 40}", f'cannot read "sha256:{"a" * 40}" from OCI layout "lay"', ""),
        ("oci-layout://sub", '"sub" is not an OCI layout', "index.json"),
    ],
)
def test_an_image_that_a_layout_lacks_is_named(folder: Path, text: str, words: str, remedy: str) -> None:
    """A missing tag, digest or layout is named, with what there is."""
    layout(folder, {"1.3": ONE}, ONE)
    ((summary, hint),) = faults(named(text))
    assert words in summary
    assert remedy in hint


@pytest.mark.parametrize(
    "text", ["oci-layout://lay", "oci-layout://lay:1.3", f"oci-layout://lay@{ONE}", f"oci-layout://lay:x@{ONE}"]
)
def test_an_image_that_a_layout_has_passes(folder: Path, text: str) -> None:
    """Its tag, its digest, or nothing where it is the only one, names an image."""
    layout(folder, {"1.3": ONE}, ONE)
    assert faults(named(text)) == []


@pytest.mark.parametrize(
    ("tags", "remedy"),
    [
        ({"1.2": ONE, "1.3": TWO}, 'Did you mean "1.2"?'),
        ({"apple": ONE, "berry": TWO}, "Use one of its tags: apple, berry."),
        ({"": ONE}, "Name the image by its digest"),
    ],
)
def test_tags_of_a_layout_are_offered(folder: Path, tags: dict[str, str], remedy: str) -> None:
    """The nearest tag, else all, else the digest."""
    layout(folder, tags)
    ((_, hint),) = faults(named("oci-layout://lay:1.22"))
    assert remedy in hint


@pytest.mark.parametrize(
    "changes",
    [
        {"context": LocalContext("x" * 300)},
        {"exports": (Export("local", dest="a\0b"),)},
        {"secrets": (SecretSource("a", file="x/" * 2100),)},
    ],
)
def test_what_cannot_be_a_path(changes: dict[str, Any]) -> None:
    """It is a fault of the definition, told once."""
    ((summary, _),) = faults(changes)
    assert summary.startswith("failed to evaluate path")


def test_a_big_secret(folder: Path) -> None:
    """BuildKit takes 500 KiB at most."""
    (folder / "big").write_bytes(b"x" * (500 * 1024 + 1))
    ((summary, _),) = faults({"secrets": (SecretSource("s", file="big"),)})
    assert summary == "secret s too big. max size 500KB"


def test_unreadable_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user may not read is told as such."""
    with folder_of_an_ordinary_user() as own:
        monkeypatch.chdir(own)
        (own / "file").touch(mode=0)
        ((summary, _),) = faults({"secrets": (SecretSource("s", file="file"),)})
        monkeypatch.chdir("/")
    assert "no permission to read" in summary


def test_targets_must_not_overwrite_each_other() -> None:
    """One file, or standard output, is for one target."""
    same = {"exports": (Export("tar", dest="x.tar"),)}
    ((summary, _),) = faults(same, same)
    assert summary == "x.tar is the destination of target t0 too"
    detour = {"exports": (Export("tar", dest="in/../x.tar"),)}
    ((summary, _),) = faults(same, detour)
    assert summary == "in/../x.tar is the destination of target t0 too"
    out = {"exports": (Export("tar", dest="-"),)}
    ((summary, _),) = faults(out, out)
    assert summary == "multiple outputs configured to write to stdout"


def test_a_shared_fault_is_told_once() -> None:
    """Fifty targets with one missing context are one fault."""
    assert len(faults(*[{"context": LocalContext("none"), "stage": str(n)} for n in range(50)])) == 1


def test_all_faults_are_told() -> None:
    """One run reports what is wrong with every target."""
    assert len(faults({"tags": ("A",)}, {"context": LocalContext("x")}, {"secrets": (SecretSource("s"),)})) == 3
