"""What comes of a run, and the metadata file."""

from __future__ import annotations

import json
import os
import stat
from base64 import b64encode
from pathlib import Path

import pytest

from bakepy.cli.build import main as build
from bakepy.diagnostics import BakeError
from bakepy.executor.node import Solved
from bakepy.executor.outcome import Outcome, check_metadata, metadata, outcomes, write_metadata
from bakepy.executor.parts import Ended
from bakepy.planner.graph import build_graph
from bakepy.planner.scheduler import State
from bakepy.planner.spec import Export, LocalContext, LocalDockerfile, SolveSpec


def done(**response: str) -> dict[str, Outcome]:
    return {"t": Outcome("t", State.DONE, response)}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        (b64encode(b'{"a": 1}').decode(), {"a": 1}),
        (b64encode(b'[{"a": 1}]').decode(), [{"a": 1}]),
        (b64encode(b"[1]").decode(), b64encode(b"[1]").decode()),
        (b64encode(b"{}").decode(), b64encode(b"{}").decode()),
        ("", ""),
    ],
)
def test_json_inside_is_decoded(value: str, shown: object) -> None:
    """Objects and lists of objects are shown as such, all else as text."""
    assert metadata(done(key=value)) == {"t": {"key": shown}}


def test_failed_targets_are_left_out() -> None:
    """The file tells of what was built."""
    assert metadata({"t": Outcome("t", State.FAILED, error="x")}) == {}


def test_the_file_is_written_whole(tmp_path: Path) -> None:
    """Others may read it; nothing else stays behind; Go's escapes are kept."""
    write_metadata(tmp_path / "m", done(a="<&>"))
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o644
    text = (tmp_path / "m").read_text()
    assert "\\u003c\\u0026\\u003e" in text
    assert json.loads(text) == {"t": {"a": "<&>"}}


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A missing folder is a fault, not a traceback."""
    with pytest.raises(BakeError, match="failed to write metadata file"):
        write_metadata(tmp_path / "no" / "m", done())


def test_nothing_stays_of_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """What was begun is removed."""
    (tmp_path / "m").mkdir()
    with pytest.raises(BakeError, match="failed to write metadata file"):
        write_metadata(tmp_path / "m", done(a="x"))
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_targets_that_share_a_solve_keep_their_names() -> None:
    """Each target is told of its own tags, as the exporter completed them."""
    base = SolveSpec(LocalContext("."), LocalDockerfile("Dockerfile"))
    specs = {n: SolveSpec(base.context, base.dockerfile, exports=(Export("image", names=(f"{n}:1",)),)) for n in "ab"}
    graph = build_graph(specs)
    (vertex,) = graph.vertices
    solved = Solved({"image.name": "host/a:1,host/b:1", "containerimage.digest": "sha256:x"})
    found = outcomes(graph, specs, {vertex: Ended(State.DONE, solved)})
    assert [found[n].response["image.name"] for n in "ab"] == ["host/a:1", "host/b:1"]
    assert {o.digest for o in found.values()} == {"sha256:x"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none/m.json", "No such file or directory"), ("file/m.json", "Not a directory"), ("folder", "Is a directory")],
)
def test_a_metadata_file_that_cannot_be_written_is_refused_before_the_build(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody builds for an hour to learn of a misspelt path; no builder is even looked for."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "docker-bake.hcl").write_text('target "default" {}')
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BakeError, match=reason):
        build(["--builder", "unix:///none.sock", "--metadata-file", name])


def test_a_metadata_file_that_can_be_written_is_let_pass(tmp_path: Path) -> None:
    """Whether it is there or not."""
    check_metadata(tmp_path / "m.json")
    (tmp_path / "m.json").write_text("{}")
    check_metadata(tmp_path / "m.json")


def test_a_metadata_file_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """A device or pipe would be replaced by a file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with pytest.raises(BakeError, match="not a regular file"):
            check_metadata(tmp_path / name)


def test_a_metadata_file_is_written_through_a_link(tmp_path: Path) -> None:
    """A link stays what it is, as with the reference."""
    (tmp_path / "link").symlink_to("file")
    for _ in range(2):
        check_metadata(tmp_path / "link")
        write_metadata(tmp_path / "link", {})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "{}"
