"""HCL's specification, statement by statement: hclsyntax/spec.md, json/spec.md, and the points of its test suite.

The files in tests/cases/specification hold cases of three parts: a claim behind `===`, a source, and what it means
behind `---`: its value as JSON, or each of its faults with the place. Attributes and blocks of a value stand under
their names (a block's with its labels); what comes more than once is a list. `[escaped]` behind a claim says that
the source is written in one line with `\\n`, `\\r`, `\\t` and `\\u`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bakepy.diagnostics import Diagnostic, Source
from bakepy.evaluator.expressions import evaluate
from bakepy.evaluator.functions.library import Surroundings, standard_library
from bakepy.evaluator.scope import Scope
from bakepy.grammar import parse, parse_json
from bakepy.grammar.nodes import Attribute, Block, Body
from bakepy.values.json import encode
from bakepy.values.value import string

FOLDER = Path(__file__).parent.parent / "cases" / "specification"
LIBRARY = standard_library(Surroundings(now=lambda: datetime(2024, 5, 6, tzinfo=UTC), home=lambda: "/home/user"))
ESCAPED = " [escaped]"


def cases(path: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Give claim, source and expectations of each case in a file."""
    for case in path.read_text().split("=== ")[1:]:
        claim, _, rest = case.partition("\n")
        source, *expected = re.split(r"^--- (.*)\n", rest, flags=re.MULTILINE)
        if claim.endswith(ESCAPED):
            source = re.sub(r"\\(?:[nrt]|u[0-9a-f]{4}|U[0-9a-f]{8})", unescape, source.removesuffix("\n"))
        yield claim.removesuffix(ESCAPED), source, [line for line in expected if line]


def unescape(found: re.Match[str]) -> str:
    simple = {"n": "\n", "r": "\r", "t": "\t"}
    return simple.get(found[0][1]) or chr(int(found[0][2:], 16))


CASES = [
    pytest.param(path.stem, source, expected, id=f"{path.stem}: {claim}")
    for path in sorted(FOLDER.glob("*.txt"))
    for claim, source, expected in cases(path)
]


class Reading:
    """Evaluate a body; global attributes are variables of those behind them."""

    def __init__(self, source: str, form: str) -> None:
        self.faults: list[Diagnostic] = []
        self.scope = Scope({"bar": string("Bar"), "space": string("  Bar")}, LIBRARY)
        reader = parse_json if form == "json" else parse
        body = reader(Source("f", source), self.faults)
        self.value = self.body(body) if not self.faults else {}

    def body(self, body: Body) -> dict[str, object]:
        found: dict[str, list[object]] = {}
        items: list[Attribute | Block] = [*body.attributes.values(), *body.blocks]
        for item in items:
            if isinstance(item, Block):
                found.setdefault(" ".join((item.type, *item.labels)), []).append(self.body(item.body))
                continue
            value = evaluate(item.value, self.scope, self.faults)
            self.scope.variables[item.name] = value
            if not self.faults:
                found.setdefault(item.name, []).append(digits(encode(value)))
        return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def digits(text: str) -> object:
    """Read JSON with its numbers as they are written."""
    return json.loads(text, parse_int=lambda number: ("number", number), parse_float=lambda number: ("number", number))


@pytest.mark.parametrize(("form", "source", "expected"), CASES)
def test_specification(form: str, source: str, expected: list[str]) -> None:
    """A source means what the specification says, or has its faults at the places it says."""
    reading = Reading(source, form)
    if expected[0].startswith("{"):
        assert [str(fault) for fault in reading.faults] == []
        assert reading.value == digits(expected[0])
    else:
        assert [f"{str(fault.subject)[2:]} {fault.summary}" for fault in reading.faults] == expected
