"""Contexts start at the folder of their file where the user asks for that."""

import pytest

from bakepy.planner.define import define
from bakepy.planner.folders import seen_from
from bakepy.planner.load import File
from bakepy.planner.select import select
from bakepy.records import replace
from tests.planner.definitions import world

COMPOSE = File("a/c.yml", b"services: {svc: {build: {context: dir, additional_contexts: {k: v}}}, two: {build: .}}")
OUTER = File(
    "a/x.hcl",
    b"""
target "one" {
  context = "b"
}
target "two" {}
target "three" { context = target.one.context }
target "base" {
  context = "../up"
  contexts = { k = "z", l = "docker-image://q" }
}
target "five" { inherits = ["two"] }
""",
)
INNER = File(
    "a/b/y.hcl",
    b"""
target "two" { tags = ["x"] }
target "four" { inherits = ["base"] }
target "base" { contexts = { m = "z" } }
target "six" { context = target.one.context }
target "seven" { context = "${target.one.context}" }
target "eight" { inherits = ["one"] }
target "nine" { context = "cwd://q" }
""",
)


@pytest.mark.parametrize(
    ("relative", "files", "contexts"),
    [
        (
            False,
            [OUTER, INNER],
            {"one": "b", "two": ".", "three": "b", "four": "../up", "five": ".", "seven": "b", "nine": "cwd://q"},
        ),
        (
            True,
            [OUTER, INNER],
            {
                "one": "a/b",
                "two": "a/b",
                "three": "a/b",
                "base": "up",
                "four": "up",
                "five": "a",
                "six": "a/b",
                "eight": "a/b",
                "nine": "cwd://q",
            },
        ),
        (True, [COMPOSE, OUTER, INNER], {"svc": "a/dir", "two": "a"}),
    ],
)
def test_where_contexts_start(relative, files, contexts):
    """A context starts at its file, also when it is inherited or taken from another target."""
    config = select(define(files, replace(world(), relative=relative)), list(contexts))
    assert {name: config.targets[name].context for name in contexts} == contexts


def test_further_contexts_start_at_their_file_too():
    """Each named context keeps the folder of the file that set it; what is no path stays."""
    definition = define([OUTER, INNER], replace(world(), relative=True))
    assert select(definition, ["base"]).targets["base"].contexts == {
        "k": "a/z",
        "l": "docker-image://q",
        "m": "a/b/z",
    }


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("x/../y/", "f/y"),
        ("..", "."),
        ("/abs", "/abs"),
        ("", ""),
        ("target:a", "target:a"),
        ("https://example.test/a.git", "https://example.test/a.git"),
    ],
)
def test_only_local_paths_move(path, seen):
    """Addresses, links and absolute paths mean the same everywhere."""
    assert seen_from("f", path) == seen
