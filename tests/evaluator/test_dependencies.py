"""What an expression refers to."""

from __future__ import annotations

import pytest

from bakepy.evaluator.dependencies import dependencies
from tests.evaluator.evaluating import expression

CASES = [
    ("1", [], []),
    ("a", [], ["a"]),
    ("a.b[0].c", [], ["a"]),
    ('"x${a}y${b.c}"', [], ["a", "b"]),
    ("f(a, g(b)...)", ["f", "g"], ["a", "b"]),
    ("a[b]", [], ["a", "b"]),
    ("a[*].b", [], ["a"]),
    ("f(a).b", ["f"], ["a"]),
    ("-a + !b * (c)", [], ["a", "b", "c"]),
    ("a ? b : c", [], ["a", "b", "c"]),
    ("[a, { b = c, (d) = e }]", [], ["a", "c", "d", "e"]),
    ("[for x in x: x]", [], ["x"]),
    ("[for x in a: x + y if x > z]", [], ["a", "y", "z"]),
    ("{for k, v in a: k => v.b...}", [], ["a"]),
    ("[for x in a: [for y in x: x + y]]", [], ["a"]),
    ('"%{for x in a}${x}${b}%{endfor}"', [], ["a", "b"]),
    ('"%{if a}${b}%{else}${c}%{endif}"', [], ["a", "b", "c"]),
]


@pytest.mark.parametrize(("text", "calls", "roots"), CASES)
def test_names_what_is_read_and_called(text: str, calls: list[str], roots: list[str]) -> None:
    """Names of a `for` are its own; all others and all calls are found, in source order."""
    found = dependencies(expression(text))
    assert list(found.calls) == calls
    assert [v.root for v in found.variables] == roots
