"""Resolution that goes on behind faults: what it finds, what it leaves, and what it does not make up."""

from __future__ import annotations

import pytest

from tests.evaluator.evaluating import check_of

EVERY_STEP = """
variable {}
variable "n" {
  type    = number
  default = "x"
}
variable "port" {
  default = 0
  validation {
    condition     = port > 0
    error_message = "The port must be positive."
  }
}
function "f" {
  params = [x]
}
target "bad name" {}
target "a" { tags = [nope] }
target "b" { context = [] }
target "c" { dockerfile = "fine" }
g = uppr("x")
"""


def shown(*texts: str) -> list[str]:
    return [fault.summary for fault in check_of(*texts)[1] if not fault.implied]


def test_the_faults_of_all_steps_are_found_in_one_run() -> None:
    """Labels, variables, validation, functions, names, attributes and globals: none hides the next."""
    assert shown(EVERY_STEP) == [
        "Missing name for variable",
        "Invalid value",
        "Validation failed",
        "Invalid function",
        "Invalid name",
        "Unknown variable",
        "Unsuitable value type",
        "Call to unknown function",
    ]


def test_what_has_no_fault_is_evaluated() -> None:
    """Other targets keep their attributes, and those with faults are named."""
    module, _ = check_of(EVERY_STEP)
    rows = {row.name: row for row in module.rows if row.type == "target"}
    assert rows["c"].attributes["dockerfile"].text == "fine"
    assert module.failed == {"bad name", "a", "b"}
    assert not module.nameless


FOLLOWING = [
    ('variable "a" {\n default = nope\n validation {\n condition = a != ""\n }\n}\n', ["Unknown variable"]),
    ('variable "a" { default = nope }\ntarget "t" { tags = [a] }\n', ["Unknown variable"]),
    ('function "f" { params = [] }\ntarget "t" { tags = [f()] }\n', ["Invalid function"]),
    ('target "a b" {}\ntarget "t" { tags = target.x.tags }\n', ["Invalid name", "Unsupported attribute"]),
    (
        'target "a" {\n name = nope\n matrix = { x = [1] }\n}\ntarget "t" { tags = target.a-1.tags }\n',
        ["Unknown variable"],
    ),
]


@pytest.mark.parametrize(("text", "expected"), FOLLOWING)
def test_what_only_follows_from_a_fault_is_not_shown(text: str, expected: list[str]) -> None:
    """A name without a value, and a target without a name, are reported where they are made and not used."""
    assert shown(text) == expected


def test_an_attribute_that_lacks_a_value_does_not_hide_others() -> None:
    """Each attribute of a block is looked at, whatever others wait for."""
    text = 'variable "a" { default = nope }\ntarget "t" {\n tags = [a]\n args = { x = [] }\n context = also\n}\n'
    assert shown(text) == ["Unknown variable", "Unsuitable value type", "Unknown variable"]


def test_a_sound_file_has_no_faults() -> None:
    """Looking for faults gives the module that evaluation gives."""
    module, faults = check_of('variable "a" { default = 1 }\ntarget "t" { args = { a = a } }\n')
    assert faults == []
    assert [(row.name, list(row.attributes)) for row in module.rows] == [("t", ["args"])]


UNUSED = """
variable "used" {}
variable "idle" { default = "${used}" }
variable "itself" { default = itself2 }
variable "itself2" {}
variable "checked" {
  default = 1
  validation {
    condition = checked > 0
  }
}
function "called" {
  params = [x]
  result = x
}
function "idle" {
  params = [x]
  result = called(x)
}
"""


def test_what_nothing_uses_is_warned_of() -> None:
    """Variables and functions that no expression refers to are named; a rule makes a variable useful."""
    warnings = check_of(UNUSED)[0].warnings
    assert [w.detail for w in warnings] == [
        'Nothing refers to the variable "idle".',
        'Nothing refers to the variable "itself".',
        'Nothing refers to the function "idle".',
    ]
