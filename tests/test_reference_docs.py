"""The reference docs are what the model and the functions state of themselves."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bakepy.cli.main import main
from bakepy.model.schema import NAME, json_schema
from bakepy.planner.define import NAME as DEFINED_NAME

ROOT = Path(__file__).parent.parent
FILES = runpy.run_path(str(ROOT / "scripts" / "reference_docs.py"))["FILES"]
VALIDATOR = Draft202012Validator(json_schema())


@pytest.mark.parametrize("name", FILES)
def test_a_page_is_current(name: str) -> None:
    """`make docs` would change nothing."""
    assert (ROOT / "docs" / "reference" / name).read_text() == FILES[name]()


def test_the_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """`bakepy schema` prints what editors read, and the schema is one."""
    assert main(["schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json_schema()
    Draft202012Validator.check_schema(printed)


def test_names_look_alike_in_schema_and_definitions() -> None:
    """What the schema takes for a name is what definitions take for one."""
    assert f"^{DEFINED_NAME.pattern}$" == NAME


SOUND = [
    {},
    {"target": {}},
    {"version": "1.2", "variable": {"TAG": {"default": "${version}", "validation": [{"condition": "${TAG != 1}"}]}}},
    {"function": {"f": {"params": ["x"], "result": "${x}"}}},
    {"group": {"default": {"targets": ["a", "b"]}}},
    {
        "target": [
            {"a": {"//": "a comment", "inherits": ["b"]}},
            {"b": [{"context": "."}, {"args": {"x": None, "y": 1}}]},
        ]
    },
    {"target": {"a": {"args": "${merge({}, {})}", "no-cache": "${true}", "output": ["type=image", {"type": "oci"}]}}},
    {"target": {"a": {"name": "a-${x}", "matrix": {"x": ["1", "2"]}, "secret": [{"id": "s", "env": "S"}]}}},
    {"target": {"a": {"ssh": [{"id": "x", "paths": ["k"]}], "resources": {"memory": "1g", "cpu-shares": 2}}}},
]
UNSOUND = [
    {"target": {"a": {"tgas": ["x"]}}},
    {"target": {"a": {"tags": "x"}}},
    {"target": {"a": {"args": {"x": ["y"]}}}},
    {"target": {"a": {"no-cache": "often"}}},
    {"target": {"a b": {}}},
    {"target": {"a": {"secret": [{"ident": "s"}]}}},
    {"target": {"a": {"resources": {"cpu-shares": 1.5}}}},
    {"group": {"default": {}}},
    {"variable": {"x": {"defualt": 1}}},
]


@pytest.mark.parametrize("document", SOUND, ids=str)
def test_sound_files_fit_the_schema(document: object) -> None:
    """Every form that HCL's JSON allows is accepted: lists of bodies, templates for values, comments."""
    assert list(VALIDATOR.iter_errors(document)) == []


@pytest.mark.parametrize("document", UNSOUND, ids=str)
def test_slips_do_not_fit_the_schema(document: object) -> None:
    """Misspelt attributes, wrong types and names that are none are seen by an editor."""
    assert list(VALIDATOR.iter_errors(document))
