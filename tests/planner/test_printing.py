"""What is printed has the form of Go's JSON and tables."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.planner.printing import list_targets, list_variables, show, table, to_json
from tests.planner.definitions import defined, selected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("<a&b>\u2028", '"\\u003ca\\u0026b\\u003e\\u2028"'),
        ("é\t\x01\x7f", '"é\\t\\u0001\x7f"'),
        ({}, "{}"),
        ([], "[]"),
        (None, "null"),
        ([True, 1, "a"], '[\n  true,\n  1,\n  "a"\n]'),
        ({"a": {"b": []}}, '{\n  "a": {\n    "b": []\n  }\n}'),
    ],
)
def test_json_is_written_as_go_writes_it(value, text):
    """Escapes, indentation and empty brackets are Go's."""
    assert to_json(value) == text


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=8,
)


@given(PLAIN)
def test_json_reads_back(value):
    """What is written is JSON of the same value."""
    assert json.loads(to_json(value)) == value


def test_print_shows_groups_and_targets_by_name():
    """Groups and targets are sorted, and only what is set is shown."""
    text = 'group "default" { targets = ["b", "a"] }\ntarget "b" { tags = ["t"] }\ntarget "a" {}'
    assert json.loads(show(selected(text))) == {
        "group": {"default": {"targets": ["a", "b"]}},
        "target": {
            "a": {"context": ".", "dockerfile": "Dockerfile"},
            "b": {"context": ".", "dockerfile": "Dockerfile", "tags": ["t"]},
        },
    }


LISTED = """
variable "A" { default = "x" }
variable "B" {
  type = list(string)
  default = ["y"]
  description = "Some."
}
variable "C" { default = null }
group "default" {
  targets = ["b", "a"]
  description = "All"
}
target "a" { description = "First" }
target "b" {}
target "_c" {}
"""


def test_targets_are_listed_without_private_ones():
    """A group is described by its members."""
    assert list_targets(defined(LISTED), "table") == ("TARGET\tDESCRIPTION\na\tFirst\nb\t\ndefault\tAll (a, b)\n")
    assert json.loads(list_targets(defined(LISTED), "json")) == [
        {"name": "a", "description": "First"},
        {"name": "b"},
        {"name": "default", "description": "All (a, b)", "group": True},
    ]


def test_variables_are_listed_with_types_and_values():
    """A variable that is null has no value."""
    assert json.loads(list_variables(defined(LISTED), "json")) == [
        {"name": "A", "value": "x"},
        {"name": "B", "description": "Some.", "type": "list of string", "value": '["y"]'},
        {"name": "C"},
    ]
    assert list_variables(defined(LISTED), "table").splitlines()[-1] == "C\t\t\t\t<null>\t"


def test_columns_are_as_wide_as_their_widest_cell():
    """Cells are followed by the tabs that their column needs."""
    assert table([("A", "B"), ("12345678", "x"), ("1", "y")]) == "A\t\tB\n12345678\tx\n1\t\ty\n"


def test_a_group_of_null_is_printed_as_null():
    """Null and empty are told apart, as the reference does."""
    config = selected('group "a" { targets = null }\ngroup "b" { targets = [] }', "a", "b")
    assert [config.groups[name].json() for name in "ab"] == [{"targets": None}, {"targets": []}]


def test_a_matrix_is_listed_beside_a_group_of_its_name():
    """The group is the one that counts; the list has both."""
    matrix = 'target "m" {\n  name = "m-${a}"\n  matrix = { a = ["x"] }\n}\ngroup "m" { targets = ["z"] }'
    assert list_targets(defined(matrix), "table").splitlines() == ["TARGET\tDESCRIPTION", "m\tz", "m\tm-x", "m-x\t"]
