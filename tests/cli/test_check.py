"""`bakepy check` tells all faults in one run, for people and for programs."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from jsonschema import Draft202012Validator

from bakepy.cli.check import main
from bakepy.diagnostics import BakeError

MANY = """variable "TAG" { default = lates }
group "default" { targets = ["app", "wbe"] }
target "base" { dockerfile = "nope" }
target "app" { inherits = ["base"] }
target "web" { args = { x = uper("x") } }
target "api" { contexts = { base = "./nowhere" } }
target "job" {
  tgas   = ["x"]
  secret = ["id=s,src=none"]
}
"""

REPORT = """error: Unknown variable
  --> docker-bake.hcl:1:28
  1 | variable "TAG" { default = lates }
    |                            ^^^^^
  There is no variable named "lates".
  hint: define it with: variable "lates" {}

error: failed to find target wbe
  group default has it as a member:
  --> docker-bake.hcl:2:37
  2 | group "default" { targets = ["app", "wbe"] }
    |                                     ^^^^^
  hint: Did you mean 'web'?

error: failed to read dockerfile: open nope: no such file or directory
  target base sets dockerfile here:
  --> docker-bake.hcl:3:17
  3 | target "base" { dockerfile = "nope" }
    |                 ^^^^^^^^^^^^^^^^^^^
  target app inherits from base here:
  --> docker-bake.hcl:4:28
  4 | target "app" { inherits = ["base"] }
    |                            ^^^^^^

error: Call to unknown function
  --> docker-bake.hcl:5:29
  5 | target "web" { args = { x = uper("x") } }
    |                             ^^^^
  There is no function named "uper". Did you mean "upper"?

error: failed to get build context base: stat ./nowhere: no such file or directory
  target api sets contexts here:
  --> docker-bake.hcl:6:36
  6 | target "api" { contexts = { base = "./nowhere" } }
    |                                    ^^^^^^^^^^^

error: failed to stat none: stat none: no such file or directory
  target job sets secret here:
  --> docker-bake.hcl:9:13
  9 |   secret = ["id=s,src=none"]
    |             ^^^^^^^^^^^^^^^

warning: Unused variable
  --> docker-bake.hcl:1:10
  1 | variable "TAG" { default = lates }
    |          ^^^^^
  Nothing refers to the variable "TAG".
  hint: Refer to it, or remove the variable.

warning: Unsupported argument
  --> docker-bake.hcl:8:3
  8 |   tgas   = ["x"]
    |   ^^^^
  An argument named "tgas" is not expected here.
  hint: did you mean "tags"?

6 errors and 2 warnings found.
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUILDX_BAKE_FILE", raising=False)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def checked(capsys: pytest.CaptureFixture[str], text: str, *argv: str) -> tuple[int, str]:
    Path("docker-bake.hcl").write_text(text)
    status = main(argv)
    return status, capsys.readouterr().out


def test_one_run_tells_all_faults_with_place_and_remedy(capsys):
    """Six errors at six stages and two warnings, inherited attributes at both places, in the order of the file."""
    assert checked(capsys, MANY) == (1, REPORT)


@pytest.mark.parametrize(
    ("text", "argv", "status", "end"),
    [
        ('target "a" {}\n', [], 0, "No faults found.\n"),
        ('variable "x" {}\ntarget "a" {}\n', [], 0, "1 warning found.\n"),
        ('variable "x" {}\ntarget "a" {}\n', ["--strict"], 1, "1 warning found.\n"),
        ('target "a" { x = \n}\n', [], 1, "1 error found.\n"),
        ('target "a" { tags = nope }\ntarget "b" {}\n', ["b", "--set", "c"], 1, "2 errors found.\n"),
        ('variable "v" { type = number }\ntarget "a" { args = { v = v } }\n', ["--var", "v=x"], 1, "1 error found.\n"),
        ('target "a" { dockerfile = "nope" }\n', ["--set=a.dockerfile=Dockerfile"], 0, "No faults found.\n"),
        ('target "a" { output = ["-"] }\ntarget "b" { output = ["type=tar,dest=-"] }\n', [], 0, "No faults found.\n"),
    ],
)
def test_the_status_tells_errors_from_warnings(capsys, text, argv, status, end):
    """1 for errors, and for warnings where they are asked to count; targets are not taken for one build."""
    found, out = checked(capsys, text, *argv)
    assert (found, out[-len(end) :]) == (status, end)


def test_missing_sources_are_found(capsys, folder, monkeypatch):
    """A tag that a layout lacks, and a secret that is nowhere."""
    monkeypatch.delenv("UPLOAD_TOKEN", raising=False)
    (folder / "lay").mkdir()
    image = {"digest": "sha256:" + "a" * 64, "annotations": {"org.opencontainers.image.ref.name": "1.3"}}
    (folder / "lay/index.json").write_text(json.dumps({"manifests": [image]}))
    text = 'target "a" {\n  contexts = { base = "oci-layout://lay:1.4" }\n  secret = ["id=UPLOAD_TOKEN"]\n}\n'
    status, out = checked(capsys, text, "--format=json")
    assert status == 1
    assert [(d["summary"], d["hint"]) for d in json.loads(out)["diagnostics"]] == [
        ('OCI layout "lay" has no tag "1.4"', 'Did you mean "1.3"?'),
        (
            'secret "UPLOAD_TOKEN" not found: environment variable "UPLOAD_TOKEN" is not set, file "UPLOAD_TOKEN": '
            "no such file or directory",
            'Set the variable "UPLOAD_TOKEN", or add env=VARIABLE or src=FILE to the secret.',
        ),
    ]


def test_a_file_that_is_not_there_does_not_hide_faults_of_others(capsys):
    """Syntax is checked in what can be read; what depends on the rest is left."""
    status, out = checked(capsys, 'target "a" {\n  tags = [b\n}\n', "-f", "none.hcl", "-f", "docker-bake.hcl")
    assert status == 1
    assert "open none.hcl: no such file or directory" in out
    assert "docker-bake.hcl:3:1" in out


def test_no_definition_is_a_fault(capsys):
    """There is nothing to check where there is no file."""
    assert main([]) == 1
    assert "couldn't find a bake definition" in capsys.readouterr().out


def test_standard_input_can_be_checked(capsys, monkeypatch):
    """`-f -` reads a definition as builds do."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b'target "a" { tags = 1 }\n')))
    assert main(["-f", "-"]) == 1
    assert "Unsuitable value type" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--format", "jsn"], "invalid format jsn"),
        (["https://example.test/a.git"], "cannot check a remote definition: https://example.test/a.git"),
    ],
)
def test_what_cannot_be_done_is_refused(argv, message):
    """Formats that are not known, and definitions that an engine would have to fetch."""
    with pytest.raises(BakeError, match=message):
        main(argv)


def test_json_gives_places_and_counts(capsys):
    """Programs get every part of a diagnostic."""
    status, out = checked(capsys, MANY, "--format", "json")
    report = json.loads(out)
    assert (status, report["valid"], report["error_count"], report["warning_count"]) == (1, False, 6, 2)
    assert report["diagnostics"][0] == {
        "severity": "error",
        "summary": "Unknown variable",
        "detail": 'There is no variable named "lates".',
        "hint": 'define it with: variable "lates" {}',
        "range": {
            "filename": "docker-bake.hcl",
            "start": {"line": 1, "column": 28},
            "end": {"line": 1, "column": 33},
        },
        "context": {
            "filename": "docker-bake.hcl",
            "start": {"line": 1, "column": 28},
            "end": {"line": 1, "column": 33},
        },
    }
    assert [one["message"] for one in report["diagnostics"][2]["related"]] == [
        "target base sets dockerfile here",
        "target app inherits from base here",
    ]


def test_json_of_a_sound_file_is_empty_and_valid(capsys):
    """Nothing found is said so."""
    status, out = checked(capsys, 'target "a" {}\n', "--format=json")
    assert status == 0
    assert json.loads(out)["valid"] is True


TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "id": {"type": "integer", "minimum": 0},
        "message": TEXT,
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "properties": {
                "artifactLocation": {"type": "object", "properties": {"uri": {"type": "string", "minLength": 1}}},
                "region": {
                    "type": "object",
                    "required": ["startLine", "startColumn", "endLine", "endColumn"],
                    "additionalProperties": {"type": "integer", "minimum": 1},
                },
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message"],
    "properties": {
        "ruleId": {"type": "string", "pattern": "^[a-z0-9-]+$"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": TEXT,
        "locations": {"type": "array", "items": LOCATION, "minItems": 1},
        "relatedLocations": {"type": "array", "items": LOCATION, "uniqueItems": True},
    },
    "additionalProperties": False,
}
DRIVER = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "rules": {
            "type": "array",
            "uniqueItems": True,
            "items": {
                "type": "object",
                "required": ["id"],
                "properties": {"id": {"type": "string"}, "shortDescription": TEXT},
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "properties": {
                    "tool": {"type": "object", "required": ["driver"], "properties": {"driver": DRIVER}},
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
"""What SARIF 2.1.0 asks of the parts that are used here."""


@pytest.mark.parametrize("text", [MANY, 'target "a" {}\n', 'target "a" { tags = ["ä", nope] }\n'])
def test_sarif_has_the_structure_of_its_standard(capsys, text):
    """Code scanning can read the report: rules by index, regions from 1, messages that are not empty."""
    _, out = checked(capsys, text, "--format", "sarif")
    report = json.loads(out)
    assert list(Draft202012Validator(SARIF).iter_errors(report)) == []
    (run,) = report["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])


def test_sarif_names_files_by_uri(capsys, folder):
    """Paths are relative to the folder, or absolute URIs."""
    Path("a b.hcl").write_text('target "a" { tags = nope }\n')
    for name, uri in (("a b.hcl", "a%20b.hcl"), (str(folder / "a b.hcl"), f"file://{folder}/a%20b.hcl")):
        main(["--format=sarif", "-f", name])
        (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_sarif_names_rules_by_the_kind_of_fault(capsys):
    """Faults whose words name a target share a rule, so that the list of rules does not grow with the file."""
    _, out = checked(capsys, MANY, "--format", "sarif")
    results = json.loads(out)["runs"][0]["results"]
    assert [r["ruleId"] for r in results] == [
        "unknown-variable",
        "invalid-target",
        "invalid-target",
        "call-to-unknown-function",
        "invalid-target",
        "invalid-target",
        "unused-variable",
        "unsupported-argument",
    ]
    assert results[2]["locations"][0]["physicalLocation"]["region"]["startLine"] == 3
    assert [one["message"]["text"] for one in results[2]["relatedLocations"]][1] == "target app inherits from base here"
