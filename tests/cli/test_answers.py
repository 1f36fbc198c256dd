"""Answers to calls are printed as the reference prints them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from bakepy.buildkit.requests import Answer
from bakepy.cli import flags
from bakepy.cli.answers import show
from bakepy.cli.build import FLAGS
from bakepy.cli.selection import call_name
from tests.planner.definitions import selected

FILE = """
group "default" { targets = ["app", "bad"] }
target "app" {
  description = "The <app>"
  call        = "lint"
}
target "bad" { call = "lint" }
target "args" { call = "outline" }
"""
DOCKERFILE = "from scratch\nFOO bar\n# c\n# d\n# e\n"
WARNING = {"ruleName": "Casing", "detail": "Mixed.", "location": {"ranges": [{"start": {"line": 1}, "end": {}}]}}
SOURCES = [{"filename": "bad.Dockerfile", "data": base64.b64encode(DOCKERFILE.encode()).decode()}]


def error(*lines: tuple[int, int]) -> dict[str, Any]:
    ranges = [{"start": {"line": first}, "end": {"line": last}} for first, last in lines]
    return {"message": "unknown instruction: FOO", "location": {"ranges": ranges}}


def lint(warnings: int = 0, text: str = "", **more: Any) -> Answer:
    found = {"sources": SOURCES, "warnings": [WARNING] * warnings or None, **more}
    return Answer(text, json.dumps(found).encode(), int(bool(warnings or more)), "1.0.0")


def printed(
    capsys: pytest.CaptureFixture[str], answers: dict[str, Answer], form: str = "", *, ignore_status: bool = False
) -> tuple[int, str]:
    status = show(selected(FILE, *answers), answers, form, ignore_status=ignore_status)
    return status, capsys.readouterr().out


def test_checks_tell_the_number_of_warnings_before_them(capsys):
    """Each target has its name, its description and its warnings, with an empty line between targets."""
    answers = {"app": lint(2, "\nWARNING: a\n\nWARNING: b\n"), "bad": lint(1, "\nWARNING: c\n")}
    assert printed(capsys, answers) == (
        1,
        "app\nThe <app>\n\nCheck complete, 2 warnings have been found!\n\nWARNING: a\n\nWARNING: b\n\n"
        "bad\n\nCheck complete, 1 warning has been found!\n\nWARNING: c\n",
    )


def test_a_check_without_warnings_says_so(capsys):
    """Nothing to print would look like nothing done."""
    assert printed(capsys, {"bad": lint()}) == (0, "bad\n\nCheck complete, no warnings found.\n")


def test_a_dockerfile_that_cannot_be_built_is_shown_with_its_lines(capsys):
    """The fault follows the warnings, and makes the status 1 even where statuses are ignored."""
    answers = {"bad": lint(1, "\nWARNING: c\n", buildError=error((2, 2)))}
    assert printed(capsys, answers, ignore_status=True) == (
        1,
        "bad\n\nCheck complete, 1 warning has been found!\n\nWARNING: c\n\nerror: unknown instruction: FOO\n"
        "bad.Dockerfile:2\n--------------------\n   1 |     from scratch\n   2 | >>> FOO bar\n   3 |     # c\n"
        "   4 |     # d\n--------------------\n\n",
    )


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([(1, 1)], [1, 2, 3]),
        ([(2, 3)], [1, 2, 3, 4]),
        ([(3, 0)], [1, 2, 3, 4, 5]),
        ([(6, 9)], [4, 5, 6]),
        ([(1, 1), (4, 4)], [1, 2, 3, 4, 5]),
        ([(9, 9)], []),
        ([], []),
    ],
)
def test_a_few_lines_around_a_fault_are_shown(capsys, lines, shown):
    """As many as the reference shows, at the ends of the file too; none of a place that is not there."""
    _, out = printed(capsys, {"bad": lint(buildError=error(*lines))})
    assert [int(line[:4]) for line in out.splitlines() if " | " in line] == shown


def test_an_outline_is_the_frontends_text(capsys):
    """What is no check is printed as it came."""
    answer = Answer("BUILD ARG\nB\n", b"{}", 0, "1.0.0")
    assert printed(capsys, {"args": answer}) == (0, "args\n\nBUILD ARG\nB\n")


def test_json_has_each_answer_beside_its_target(capsys):
    """One document holds what `--print` shows and what the frontend answered."""
    answers = {
        "app": lint(1, "text"),
        "bad": lint(buildError=error()),
        "args": Answer("", b'{"args": [{"name": "B"}]}', 0, ""),
    }
    status, out = printed(capsys, answers, "json")
    assert status == 1
    assert "The \\u003capp\\u003e" in out
    targets = json.loads(out)["target"]
    assert targets["app"]["check"] == json.loads(answers["app"].json)
    assert targets["bad"]["check"]["error"] == "unknown instruction: FOO\n"
    assert targets["args"] == {
        "build": {"context": ".", "dockerfile": "Dockerfile", "call": "outline"},
        "outline": {"args": [{"name": "B"}]},
    }


def test_a_status_may_be_ignored(capsys):
    """`ignorestatus` lets warnings pass."""
    assert printed(capsys, {"app": lint(1)}, "json", ignore_status=True)[0] == 0


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--check"], "lint"),
        (["--check", "--call=outline"], "outline"),
        (["--call=outline", "--check"], "lint"),
        (["--check=false", "--call=targets"], "targets"),
        ([], ""),
    ],
)
def test_the_later_of_two_flags_for_a_call_counts(argv, expected):
    """`--check` is `--call=check`."""
    assert call_name(flags.parse(FLAGS, argv)) == expected
