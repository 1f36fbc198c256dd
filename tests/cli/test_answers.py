"""Answers to calls are printed as the reference prints them."""

from __future__ import annotations

import base64
import json
import tracemalloc
from typing import Any

import pytest

from bakepy.buildkit.requests import Answer
from bakepy.cli import flags
from bakepy.cli.answers import show
from bakepy.cli.build import FLAGS
from bakepy.cli.selection import call_name
from bakepy.planner.spec import InlineDockerfile
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

SHOWN = (
    "\nWARNING: Casing\nMixed.\nbad.Dockerfile:1\n--------------------\n   1 | >>> from scratch\n   2 |     FOO bar\n"
    "   3 |     # c\n--------------------\n"
)


def error(*lines: tuple[int, int]) -> dict[str, Any]:
    ranges = [{"start": {"line": first}, "end": {"line": last}} for first, last in lines]
    return {"message": "unknown instruction: FOO", "location": {"ranges": ranges}}


def lint(count: int = 0, **more: Any) -> Answer:
    found = {"sources": SOURCES, "warnings": [WARNING] * count or None, **more}
    return Answer("", json.dumps(found).encode(), int(bool(count or more)), "1.0.0")


def printed(
    capsys: pytest.CaptureFixture[str], answers: dict[str, Answer], form: str = "", *, ignore_status: bool = False
) -> tuple[int, str]:
    dockerfiles = dict.fromkeys(answers, InlineDockerfile("another"))
    status = show(selected(FILE, *answers), answers, dockerfiles, form, ignore_status=ignore_status)
    return status, capsys.readouterr().out


def test_checks_tell_the_number_of_warnings_before_them(capsys):
    """Each target has its name, its description and its warnings, with an empty line between targets."""
    assert printed(capsys, {"app": lint(2), "bad": lint(1)}) == (
        1,
        f"app\nThe <app>\n\nCheck complete, 2 warnings have been found!\n{SHOWN}{SHOWN}\n"
        f"bad\n\nCheck complete, 1 warning has been found!\n{SHOWN}",
    )


@pytest.mark.parametrize(("version", "shown"), [("1.0.0", SHOWN), ("", SHOWN), ("1.1.0", "as text\n")])
def test_a_newer_check_is_the_frontends_text(capsys, version, shown):
    """Of JSON that may have what is not known here, the frontend's own text is printed."""
    answer = Answer("as text\n", lint(1).json, 1, version)
    assert printed(capsys, {"bad": answer})[1] == f"bad\n\nCheck complete, 1 warning has been found!\n{shown}"


def test_warnings_are_in_the_order_of_their_lines(capsys):
    """Those of no line come first, by their rules."""
    lines = [{"location": {"ranges": [{"start": {"line": n}}]}} for n in (4, 2)]
    nowhere = [{"ruleName": name, "location": {"sourceIndex": -1}} for name in ("Z", "Y")]
    answer = lint(warnings=[*lines, *nowhere])
    out = printed(capsys, {"bad": answer})[1]
    assert [line for line in out.splitlines() if line.startswith("WARNING: ")] == ["WARNING: Y", "WARNING: Z"] + [
        "WARNING: "
    ] * 2
    assert out.index("Dockerfile:2") < out.index("Dockerfile:4")


@pytest.mark.parametrize(
    "found",
    [
        b"",
        b"[",
        b"[1]",
        b"[" * 300_000,
        b'{"warnings": 1}',
        b'{"warnings": [1, {"location": {"sourceIndex": 7}}]}',
        b'{"sources": [{"data": "?"}], "warnings": [{"location": {"ranges": [{"start": {"line": "x"}}]}}]}',
        b'{"sources": [{}], "buildError": {"message": 1, "location": {"ranges": [{"start": {"line": 9999999999}}]}}}',
    ],
)
@pytest.mark.parametrize("form", ["", "json"])
def test_a_malformed_check_is_printed_as_far_as_it_can_be_read(capsys, found, form):
    """A frontend from a registry may answer anything."""
    assert printed(capsys, {"bad": Answer("", found, 0, "1.x")}, form)[1].count("bad")


def test_a_range_before_the_first_line_costs_nothing(capsys):
    """A frontend cannot fill the memory with the number of a line."""
    answers = {"bad": lint(1, buildError=error((-3_000_000, 2)))}
    tracemalloc.start()
    try:
        printed(capsys, answers)
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


def test_a_check_without_warnings_says_so(capsys):
    """Nothing to print would look like nothing done."""
    assert printed(capsys, {"bad": lint()}) == (0, "bad\n\nCheck complete, no warnings found.\n")


def test_a_dockerfile_that_cannot_be_built_is_shown_with_its_lines(capsys):
    """The fault follows the warnings, and makes the status 1 even where statuses are ignored."""
    answers = {"bad": lint(1, buildError=error((2, 2)))}
    assert printed(capsys, answers, ignore_status=True) == (
        1,
        f"bad\n\nCheck complete, 1 warning has been found!\n{SHOWN}\nerror: unknown instruction: FOO\n"
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
        "app": lint(1),
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


def test_json_has_a_list_under_the_calls_name(capsys):
    """A description of subrequests is a list, and a target's answer is an object."""
    config = selected('target "t" { call = "subrequests.describe" }', "t")
    answers = {"t": Answer("", b'[{"name": "frontend.lint"}]', 0, "")}
    assert show(config, answers, {"t": InlineDockerfile("")}, "json", ignore_status=False) == 0
    found = json.loads(capsys.readouterr().out)["target"]["t"]["subrequests.describe"]
    assert found == {"subrequests.describe": [{"name": "frontend.lint"}]}


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
