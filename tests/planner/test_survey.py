"""A survey finds all faults of a definition in one run, and makes none up."""

from __future__ import annotations

import pytest

from bakepy.diagnostics import Severity
from bakepy.planner import overrides
from bakepy.planner.load import File
from bakepy.planner.survey import Survey, survey
from tests.planner.definitions import world


def surveyed(text: str, *names: str, sets: tuple[str, ...] = (), file: str = "docker-bake.hcl") -> Survey:
    settings = [overrides.parse(one, {}.get) for one in sets]
    return survey([File(file, text.encode())], world(), names, settings, {}.get)


def errors(text: str, *names: str) -> list[str]:
    return [d.summary for d in surveyed(text, *names).found if d.severity is Severity.ERROR and not d.implied]


def warnings(text: str, *names: str) -> list[tuple[str, str]]:
    return [(d.summary, d.detail) for d in surveyed(text, *names).found if d.severity is Severity.WARNING]


FIVE = """
group "default" { targets = ["wbe"] }
target "a" { tags = [nope] }
target "b" { inherits = ["bsae"] }
target "c" { contexts = { d = "target:d" } }
target "d" { contexts = { c = "target:c" } }
target "web" { secret = ["src=x"] }
"""


def test_faults_of_every_step_are_found_in_one_run() -> None:
    """Values, groups, inheritance, links and entries: none hides the next."""
    assert errors(FIVE) == [
        "Unknown variable",
        "failed to find target wbe",
        "failed to find target bsae",
        "infinite loop from d to c",
        "secret missing ID",
    ]


def test_each_fault_of_a_target_shows_its_place() -> None:
    """The files' places are told, down to the element."""
    related = [(words, str(span)) for d in surveyed(FIVE).found for words, span in d.related]
    assert related == [
        ("group default has it as a member", "docker-bake.hcl:2,30-35"),
        ("target b inherits from bsae", "docker-bake.hcl:4,26-32"),
        ("target d sets contexts here", "docker-bake.hcl:6,31-41"),
        ("target web sets secret here", "docker-bake.hcl:7,26-33"),
    ]


def test_an_inherited_fault_shows_both_places() -> None:
    """Where the attribute is set, and where the target takes it over."""
    text = (
        'target "base" { shm-size = "x" }\ntarget "mid" { inherits = ["base"] }\ntarget "app" { inherits = ["mid"] }\n'
    )
    (fault,) = surveyed(text).found
    assert [(words, str(span)) for words, span in fault.related] == [
        ("target base sets shm-size here", "docker-bake.hcl:1,17-31"),
        ("target app inherits from mid here", "docker-bake.hcl:3,28-33"),
    ]


QUIET = [
    'target "a b" {}\n',
    'target "x" {\n name = nope\n matrix = { v = ["1"] }\n}\ntarget "y" { inherits = ["x-1"] }\n',
    'target "base" {\n dockerfile = nope\n}\ntarget "app" {\n inherits = ["base"]\n shm-size = "x"\n}\n',
    'target "a" { inherits = nope }\n',
    'target "a" { x = [1, }\ngroup "default" { targets = ["b"] }\n',
]


@pytest.mark.parametrize("text", QUIET)
def test_what_a_fault_leaves_open_is_no_fault(text: str) -> None:
    """What cannot be known for another fault is not reported on top of it."""
    assert len(errors(text)) == 1


def test_targets_that_only_pass_on_attributes_are_not_built() -> None:
    """Files are asked for of targets that builds make: members, leaves, what links name, and what the user names."""
    text = """
group "g" { targets = ["parent"] }
target "base" {}
target "_hidden" {}
target "linked" {}
target "parent" { inherits = ["base"] }
target "child" {
  inherits = ["parent", "linked"]
  contexts = { x = "target:linked" }
}
"""
    assert surveyed(text).built == ["parent", "linked", "child"]
    assert surveyed(text, "base").built == ["base"]


WARNED = [
    (
        'target "a" { inherits = ["b"] }\ntarget "b" { inherits = ["c"] }\ntarget "c" { inherits = ["b"] }\n',
        [("Circular inheritance", "Target b inherits from itself: b -> c -> b.")],
    ),
    (
        'group "g" { targets = ["a", "b", "c"] }\ntarget "a" { tags = ["x"] }\n'
        'target "b" {\n tags = ["x", "y"]\n target = "s"\n}\ntarget "c" {}\n',
        [("Duplicate tag", "Targets a, b all have the tag x.")],
    ),
    ('target "a" { tags = ["x"] }\ntarget "b" {\n tags = ["x"]\n target = "s"\n}\n', []),
    ('group "g" { targets = ["a", "b"] }\ntarget "a" { tags = ["x"] }\ntarget "b" { tags = ["x"] }\n', []),
    (
        'target "a" { platforms = ["linux/amd46", "linux/arm/v7"] }\n'
        'target "b" { platforms = ["linux/amd46", "wasi/wasm"] }\n',
        [("Unknown platform", 'No platform is known that has "amd46", as linux/amd46 does.')],
    ),
    ("# nothing yet\n", [("No targets", "There is nothing to build.")]),
    ('target "a" { tgas = [] }\n', [("Unsupported argument", 'An argument named "tgas" is not expected here.')]),
]


@pytest.mark.parametrize(("text", "expected"), WARNED)
def test_what_is_likely_not_meant_is_warned_of(text: str, expected: list[tuple[str, str]]) -> None:
    """Circles of inheritance, tags that one build gives twice, names that nothing reads."""
    assert warnings(text) == expected


def test_targets_asked_for_together_are_one_build() -> None:
    """Tags that groups keep apart collide where the command line names both targets."""
    text = 'target "a" { tags = ["x"] }\ntarget "b" {\n tags = ["x"]\n target = "s"\n}\n'
    assert warnings(text, "a", "b") == [("Duplicate tag", "Targets a, b all have the tag x.")]


def test_a_missing_target_is_one_the_user_named() -> None:
    """Only what is asked for is looked at."""
    assert errors('target "a" { secret = ["src=x"] }\ntarget "b" {}\n', "b", "c") == ["failed to find target c"]


def test_overrides_count() -> None:
    """What `--set` changes is what is looked at."""
    assert [d.summary for d in surveyed('target "a" {}', sets=("a.shm-size=x",)).found] == [
        "invalid value x for membytes key shm-size"
    ]
    assert [d.summary for d in surveyed('target "a" {}', sets=("b.pull=1",)).found] == [
        "could not find any target matching 'b'"
    ]


def test_compose_files_are_looked_at_too() -> None:
    """Services are targets, though their places are not known."""
    (fault,) = surveyed("services: {a: {build: {context: ., shm_size: 1, ssh: [k=none]}}}", file="compose.yaml").found
    assert fault.summary.startswith("failed to convert agent config")
