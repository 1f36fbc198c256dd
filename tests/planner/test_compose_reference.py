"""Compose files against the reference's recorded answers."""

import json
from pathlib import Path

import pytest

from bakepy.diagnostics import BakeError
from bakepy.planner.define import define
from bakepy.planner.load import COMPOSE_NAMES, File
from bakepy.planner.printing import show
from bakepy.planner.select import select
from bakepy.records import replace
from tests.peer.record_compose import CASES, lay_out
from tests.peer.record_definitions import cases_in
from tests.planner.definitions import world


def answer(files: dict[str, str], env: dict[str, str]) -> dict | None:
    """Return what is shown of all targets, None where the files are refused."""
    named = [File(name, files[name].encode()) for name in COMPOSE_NAMES if name in files]
    try:
        return json.loads(show(select(define(named, replace(world(), environment=env)), ["default"])))
    except BakeError:
        return None


@pytest.mark.parametrize(("files", "case"), [pytest.param(f, c, id=name) for name, f, c in cases_in(CASES)])
def test_answers_as_the_reference(files, case, tmp_path: Path, monkeypatch):
    """A Compose file gives the reference's targets, or is refused as there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/baker")
    lay_out(tmp_path, files)
    assert answer(files, case.get("env", {})) == case.get("ours", case.get("print"))
