"""Order and reach: long chains, matrices, names across files."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from bakepy.evaluator.module import Row
from tests.evaluator.evaluating import module_of

LENGTH = 3000


def texts(row: Row, name: str) -> dict[str, str]:
    return {key: value.text for key, value in row.attributes[name].mapping.items()}


def test_a_long_chain_of_variables_has_a_value() -> None:
    """Thousands of names that each refer to the next, the last defined last, need no more than memory."""
    limit = sys.getrecursionlimit()
    chain = "".join(f"v{i} = v{i + 1}\n" for i in range(LENGTH))
    module = module_of(f'target "a" {{ args = {{ x = v0 }} }}\n{chain}v{LENGTH} = "end"\n')
    assert texts(module.rows[0], "args") == {"x": "end"}
    assert sys.getrecursionlimit() == limit


def test_a_long_chain_of_targets_has_values() -> None:
    """Targets may refer to targets that come later, thousands of them deep."""
    chain = "".join(f'target "t{i}" {{ args = {{ x = target.t{i + 1}.args.x }} }}\n' for i in range(LENGTH))
    module = module_of(f'{chain}target "t{LENGTH}" {{ args = {{ x = "end" }} }}\n')
    assert all(texts(row, "args") == {"x": "end"} for row in module.rows)


def test_rows_stand_in_source_order() -> None:
    """The first axis of a matrix varies slowest, as it is written; blocks follow each other as in the files."""
    text = 'target "m" {\n matrix = { b = ["1", "2"], a = ["x", "y"] }\n name = "m-${b}-${a}"\n}\n'
    module = module_of(f'target "z" {{}}\n{text}', 'target "a" {}\n')
    names = ["z", "m-1-x", "m-1-y", "m-2-x", "m-2-y", "a"]
    assert [row.name for row in module.rows] == names
    assert module.renamed["target"] == {"z": ["z"], "m": names[1:5], "a": ["a"]}


def test_a_function_is_called_for_each_row() -> None:
    """Values are shared among the rows of a matrix only where they are the same by nature."""
    text = 'target "m" {\n matrix = { x = ["1", "2", "3"] }\n name = "m-${x}"\n args = { id = uuidv4(), c = "c" }\n}\n'
    rows = module_of(text).rows
    assert len({texts(row, "args")["id"] for row in rows}) == 3


def test_constant_attributes_are_evaluated_once() -> None:
    """An attribute that names no axis and calls nothing is one value in all rows."""
    text = 'target "m" {\n matrix = { x = ["1", "2"] }\n name = "m-${x}"\n args = { c = "c" }\n tags = [x]\n}\n'
    first, second = module_of(text).rows
    assert first.attributes["args"] is second.attributes["args"]
    assert first.attributes["tags"] != second.attributes["tags"]


@given(st.permutations(range(6)))
def test_the_order_of_definitions_does_not_matter(order: list[int]) -> None:
    """However the definitions of a file are shuffled, the values are the same."""
    parts = [
        'variable "a" { default = "A" }\n',
        'variable "b" { default = "${a}${f(c)}" }\n',
        'c = "C"\n',
        'function "f" {\n params = [x]\n result = "<${x}${d}>"\n}\n',
        'variable "d" { default = c }\n',
        'target "t" { args = { x = b, y = target.u.args.z } }\ntarget "u" { args = { z = d } }\n',
    ]
    module = module_of("".join(parts[i] for i in order))
    assert texts(module.rows[0], "args") == {"x": "A<CC>", "y": "C"}


def test_overrides_reach_what_depends_on_them() -> None:
    """A value from outside takes the place of the default everywhere."""
    text = 'variable "a" { default = 1 }\nvariable "b" { default = a + 1 }\ntarget "t" { args = { x = b } }\n'
    module = module_of(text, overrides={"a": "41"})
    assert texts(module.rows[0], "args") == {"x": "42"}
    assert [(v.name, v.value) for v in module.variables] == [("a", "41"), ("b", "42")]
