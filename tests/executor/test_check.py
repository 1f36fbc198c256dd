"""What is found before an engine is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bakepy.diagnostics import BakeError, Source, Span
from bakepy.executor.check import check
from bakepy.planner.spec import Export, InlineDockerfile, LocalContext, LocalDockerfile, SecretSource, SolveSpec
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
        ({"secrets": (SecretSource("NONE"),)}, "failed to stat NONE", "set the variable NONE"),
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
