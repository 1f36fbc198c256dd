"""What holds for every source."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakepy.diagnostics import Source, render
from bakepy.grammar import decode, nodes, parse, parse_json
from bakepy.grammar.explain import explain
from bakepy.grammar.printer import print_body, print_expr
from bakepy.grammar.scanner import MAX_DEPTH, scan
from tests.grammar.sources import expressions, messy
from tests.grammar.test_parser import BODIES, EXPRESSIONS
from tests.grammar.trees import read, shape, tree


@given(expressions)
def test_a_printed_expression_reads_as_the_same_tree(text: str) -> None:
    """Printing and reading an expression gives it back, spans apart."""
    found = tree(text)
    assert isinstance(found, nodes.Expr)
    assert shape(tree(print_expr(found))) == shape(found)


@pytest.mark.parametrize("text", [text for text, _ in EXPRESSIONS])
def test_the_known_expressions_print(text: str) -> None:
    """Every form of expression can be printed and read again."""
    test_a_printed_expression_reads_as_the_same_tree.hypothesis.inner_test(text)  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", [text for text, expected in BODIES if expected])
def test_a_printed_body_reads_as_the_same_tree(text: str) -> None:
    """Printing and reading a body gives it back, spans apart."""
    body = tree(text, "file")
    assert isinstance(body, nodes.Body)
    assert shape(tree(print_body(body), "file")) == shape(body)


@given(messy, st.sampled_from(["file", "expression", "template"]))
@settings(max_examples=300)
def test_every_source_is_read_or_explained(text: str, what: str) -> None:
    """What the grammar takes has no faults, what it refuses has some that can be shown, and nothing crashes."""
    _, faults = read(text, what)
    source = Source("f", text)
    assert bool(faults) == bool(explain(what, source, scan(text, what, raw=True)))
    for fault in faults:
        assert fault.summary != "Invalid syntax"
        assert fault.subject is not None
        assert 0 <= fault.subject.start <= fault.subject.end <= len(text)
    render(faults)


@given(st.binary(max_size=40))
def test_any_bytes_are_read(data: bytes) -> None:
    """No file crashes the reader, in either form."""
    source = decode("f", data, [])
    parse(source, [])
    parse_json(source, [])


NESTED = [
    "(",
    "[",
    "{a=",
    "-",
    "!",
    "a?b:",
    "a?",
    "f(",
    '"${',
    "a+(",
    "a[",
    "[for x in ",
    "{for x in y: x => ",
    "%{if a}",
]


@pytest.mark.parametrize("opening", NESTED)
@pytest.mark.parametrize("times", [MAX_DEPTH - 5, 5000])
def test_depth_has_a_limit_with_its_own_fault(opening: str, times: int) -> None:
    """Nesting without end is a fault, whatever nests, never a failure of Python's."""
    _, faults = read(opening * times, "template" if opening[0] == "%" else "expression")
    assert faults
    assert any(fault.summary == "Nesting too deep" for fault in faults) == (times == 5000)


@pytest.mark.parametrize("text", ["+".join("a" * 5000), "a" + "[*].b" * 5000, "a" + "[b]" * 5000, "a" + "?b:c" * 5000])
def test_depth_without_brackets_has_a_limit(text: str) -> None:
    """Chains that make a deep tree are limited too."""
    _, faults = read(text)
    assert [fault.summary for fault in faults] == ["Nesting too deep"]


@pytest.mark.parametrize("text", [".".join("a" * 5000), "[" + "1," * 5000 + "]", "a.b" + "[0]" * 5000])
def test_length_has_no_limit(text: str) -> None:
    """Long but shallow expressions are read."""
    tree(text)


@pytest.mark.parametrize("opening", ["t {\n", '{"a":', "["])
def test_depth_of_bodies_and_json_has_a_limit(opening: str) -> None:
    """Blocks and JSON values that nest without end are a fault."""
    faults = []
    reader = parse if opening[0] == "t" else parse_json
    reader(Source("f", opening * 5000), faults)
    assert any(fault.summary == "Nesting too deep" for fault in faults)
