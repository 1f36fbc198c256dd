"""What reading a file costs grows with its size, and is bounded."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from bakepy.diagnostics import Diagnostic, Source
from bakepy.grammar import nodes, parse, parse_json
from bakepy.grammar.builder import Builder

ONES = ",".join("1" * 60)
TEXT = "${a}" * 60


class Piece(str):
    """Text that may only be joined once."""

    __slots__ = ()

    def __add__(self, other: str) -> str:
        raise AssertionError("text is joined piece by piece")


def test_lines_of_a_heredoc_are_joined_once() -> None:
    """Text is not copied for each of its lines."""
    builder = Builder(Source("x.hcl", "<<A\na\nb\nc\nA\n"))
    parts: list[nodes.Expr] = []
    for at in (4, 6, 8):
        parts = builder.add_literal(parts, ("LIT", Piece(f"{at}\n"), at, at + 2))
    found = builder.quoted(("OHEREDOC", "<<A\n", 0, 4), parts, ("CHEREDOC", "A", 10, 11))
    assert isinstance(found, nodes.Literal)
    assert found.value == "4\n6\n8\n"


def test_text_beside_an_interpolation_keeps_its_place() -> None:
    """Joined lines span from the first to the last."""
    source = Source("x.hcl", "a = <<A\nx\ny ${b}\nz\nA\n")
    value = parse(source, []).attributes["a"].value
    assert isinstance(value, nodes.Template)
    assert [(str(p.value), p.span.start, p.span.end) for p in value.parts if isinstance(p, nodes.Literal)] == [
        ("x\ny ", 8, 12),
        ("\nz\n", 16, 19),
    ]


@pytest.mark.parametrize("unit", ["x", "\n", '"', "é", "\\", "\U0001f600"])
def test_json_string_takes_memory_for_its_text_alone(unit: str) -> None:
    """No record is kept of each character."""
    source = Source("x.json", json.dumps({"variable": {"A": {"default": unit * 500_000}}}))
    tracemalloc.start()
    try:
        body = parse_json(source, [])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    value = body.blocks[0].body.attributes["default"].value
    assert isinstance(value, nodes.Literal)
    assert value.value == unit * 500_000
    assert peak < 12 * len(source.text) + 500_000


def test_json_array_keeps_no_tokens() -> None:
    """Tokens are read one by one."""
    source = Source("x.json", f'{{"a": [{",".join(["1"] * 20_000)}]}}')
    tracemalloc.start()
    try:
        parse_json(source, [])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 600 * 20_000


@pytest.mark.parametrize(
    ("name", "text"),
    [("x.json", f'{{"a": [{ONES}]}}'), ("x.hcl", f"a = [{ONES}]\n"), ("x.hcl", "a=1\n" * 60), ("x.hcl", f'a="{TEXT}"')],
)
def test_too_many_tokens_are_one_fault(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: a file has a greatest count of tokens."""
    for module in ("json", "scanner", "parser"):
        monkeypatch.setattr(f"bakepy.grammar.{module}.MAX_TOKENS", 100)
    faults: list[Diagnostic] = []
    (parse_json if name.endswith(".json") else parse)(Source(name, text), faults)
    assert [(f.summary, f.detail) for f in faults] == [
        ("Definition too large", "A definition may have 100 tokens at most.")
    ]
