"""Definition files against the reference's recorded answers: values, and the words and places of faults."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bakepy.diagnostics import BakeError
from bakepy.evaluator.functions.library import Surroundings
from bakepy.planner.define import World, define
from bakepy.planner.load import BAKE_NAMES, File
from bakepy.planner.printing import show
from bakepy.planner.select import select
from tests.peer.record_definitions import CASES, cases_in

SURROUNDINGS = Surroundings(now=lambda: datetime(2026, 1, 2, tzinfo=UTC), home=lambda: "/home/baker")
BUILTINS = {"BAKE_CMD_CONTEXT": "cwd://", "BAKE_LOCAL_PLATFORM": "linux/amd64"}


def answer(files: dict[str, str], env: dict[str, str]) -> dict[str, Any]:
    world = World(SURROUNDINGS, {}, env, BUILTINS)
    try:
        named = [File(name, files[name].encode()) for name in sorted(files, key=BAKE_NAMES.index)]
        definition = define(named, world)
        return {"print": json.loads(show(select(definition, ["default"])))}
    except BakeError as error:
        return {"error": str(error)}


@pytest.mark.parametrize(("files", "case"), [pytest.param(f, c, id=name) for name, f, c in cases_in(CASES)])
def test_answers_as_the_reference(files: dict[str, str], case: dict[str, Any]) -> None:
    """A definition gives the reference's targets, or its fault at the same place in the same words."""
    expected = {key: case[key] for key in ("print", "error") if key in case}
    assert answer(files, case.get("env", {})) == expected
