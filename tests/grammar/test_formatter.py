"""The layout of sources."""

from __future__ import annotations

import pytest
from hypothesis import given

from bakepy.diagnostics import Diagnostic, Source
from bakepy.grammar import parse
from bakepy.grammar.formatter import format_source
from tests.grammar.sources import expressions
from tests.grammar.trees import shape


def formatted(text: str) -> str:
    faults: list[Diagnostic] = []
    result = format_source(Source("f", text), faults)
    assert not faults
    return result


LAYOUTS = [
    ("a=1\n", "a = 1\n"),
    ("  a   =   1\n", "a = 1\n"),
    ("a=1\nlonger=2\n\nb=3\n", "a      = 1\nlonger = 2\n\nb = 3\n"),
    ("a=1 # x\nbb=22# y\n", "a  = 1  # x\nbb = 22 # y\n"),
    ('t "l"{\na=[1,2 ,3]\n}\n', 't "l" {\n  a = [1, 2, 3]\n}\n'),
    ("t{a=1}\n", "t { a = 1 }\n"),
    ("t{\n}\nu{}\n", "t {\n}\nu {}\n"),
    ("a = [\n1,\n{\nb=2\n}\n]\n", "a = [\n  1,\n  {\n    b = 2\n  }\n]\n"),
    ("a = [{\nb=2\n}]\n", "a = [{\n  b = 2\n}]\n"),
    ("a={b=1,c=2}\n", "a = { b = 1, c = 2 }\n"),
    ("a = f ( x , y ... )\n", "a = f(x, y...)\n"),
    ("a = - b + ! c -1\n", "a = -b + !c - 1\n"),
    ("a = b . c [ 0 ]\n", "a = b.c[0]\n"),
    ("a = [for x in[b]:x if x]\n", "a = [for x in [b] : x if x]\n"),
    ('a = "x${ b }y"\n', 'a = "x${b}y"\n'),
    ("a = <<E\n  x\n y\nE\nb = 1\n", "a = <<E\n  x\n y\nE\nb = 1\n"),
    ("t {\n  a = <<-E\n   x\n   E\n    b=1\n}\n", "t {\n  a = <<-E\n   x\n   E\n  b = 1\n}\n"),
    ("# x\n   # y\nt {\n# z\n}\n", "# x\n# y\nt {\n  # z\n}\n"),
    ("a = 1 /* x */\n", "a = 1 /* x */\n"),
    ("a=1", "a = 1"),
    ("\ta=1\n\t\n", "a = 1\n\n"),
    ("a = 1 .b\n", "a = 1 .b\n"),
    ("a = b? c:d\n", "a = b ? c : d\n"),
    ("a = ns :: f(1)\n", "a = ns::f(1)\n"),
]


@pytest.mark.parametrize(("text", "expected"), LAYOUTS)
def test_layout(text: str, expected: str) -> None:
    """Sources come out in the layout of HCL's own formatter, and stay so."""
    assert formatted(text) == expected
    assert formatted(expected) == expected


@given(expressions)
def test_no_value_changes(text: str) -> None:
    """A formatted source reads as the same tree, and formatting it again changes nothing."""
    source = f"a = ({text})\nb {{\n  cc = [1]\n}}\n"
    before: list[Diagnostic] = []
    tree = parse(Source("f", source), before)
    once = formatted(source)
    assert shape(parse(Source("f", once), before)) == shape(tree)
    assert not before
    assert formatted(once) == once


def test_a_source_with_faults_stays_as_it_is() -> None:
    """What cannot be read is not touched, and its faults are reported."""
    faults: list[Diagnostic] = []
    assert format_source(Source("f", "a=[\n"), faults) == "a=[\n"
    assert faults
