"""`bakepy plan`: the graph in each format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakepy.cli.plan import main
from bakepy.diagnostics import BakeError

HCL = """
group "default" { targets = ["app", "again", "tool"] }
target "base" {}
target "app" {
  contexts = { base = "target:base" }
  tags = ["x/app:1"]
  output = ["type=registry"]
}
target "again" {
  inherits = ["app"]
  tags = ["x/again:1"]
}
target "tool" {
  context = "tool"
  platforms = ["linux/arm64"]
}
"""


@pytest.fixture(autouse=True)
def definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker-bake.hcl").write_text(HCL)
    monkeypatch.chdir(tmp_path)


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Each solve is a row, in the order in which it may start."""
    assert main([]) == 0
    rows = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    table = [[cell.strip() for cell in row if cell] for row in rows]
    assert table == [
        ["SOLVE", "TARGETS", "AFTER", "PLATFORMS", "CONTEXT", "OUTPUT"],
        ["1", "tool", "-", "linux/arm64", "tool", "-"],
        ["2", "base", "-", "-", ".", "cacheonly"],
        ["3", "app, again", "base", "-", ".", "image (push)"],
        [],
        ["4 targets in 3 solves; the longest chain is base -> app"],
    ]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Ids tie solves to their parents."""
    assert main(["--format=json"]) == 0
    found = json.loads(capsys.readouterr().out)
    by_name = {s["targets"][0]: s for s in found["solves"]}
    assert by_name["app"]["parents"] == [by_name["base"]["id"]]
    assert by_name["app"]["tags"] == ["x/again:1", "x/app:1"]
    assert found["criticalPath"] == [by_name["base"]["id"], by_name["app"]["id"]]


@pytest.mark.parametrize(
    ("name", "node", "edge"),
    [("dot", 's2 [label="app, again"];', "s1 -> s2;"), ("mermaid", 's2["app, again"]', "s1 --> s2")],
)
def test_drawings(capsys: pytest.CaptureFixture[str], name: str, node: str, edge: str) -> None:
    """Nodes carry the targets' names, edges run from parent to child."""
    assert main(["--format", name]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert node in lines
    assert edge in lines


def test_an_unknown_format() -> None:
    """The nearest one is offered."""
    with pytest.raises(BakeError) as caught:
        main(["--format", "jsn"])
    assert caught.value.diagnostics[0].hint == "Did you mean json?"


def test_a_misspelt_block_is_told_where_its_target_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings are printed also where the selection fails: they often say why."""
    Path("docker-bake.hcl").write_text('taget "default" {}\n')
    with pytest.raises(BakeError):
        main([])

    assert 'did you mean "target"?' in capsys.readouterr().err
