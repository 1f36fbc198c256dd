"""Expressions, evaluated and compared with what the reference answered (tests/peer/record.py)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bakepy.diagnostics import Diagnostic, Source
from bakepy.evaluator.expressions import evaluate
from bakepy.evaluator.functions.library import Surroundings, standard_library
from bakepy.evaluator.scope import Scope
from bakepy.grammar.nodes import Object
from bakepy.grammar.parser import parse
from tests.peer.record import COLUMN, document

FOLDER = Path(__file__).parents[2] / "cases" / "expressions"
SURROUNDINGS = Surroundings(now=lambda: datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), home=lambda: "/home/user")
LIBRARY = standard_library(SURROUNDINGS)

Case = dict[str, str]

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['expr']}")
    for path in sorted(FOLDER.glob("*.json"))
    for case in json.loads(path.read_text())
]


def answer(expr: str) -> Case:
    """Return the answer to an expression in the form of the recorded ones."""
    faults: list[Diagnostic] = []
    source = Source("bake.hcl", document(expr))
    args = parse(source, faults).blocks[0].body.attributes["args"].value if not faults else None
    if isinstance(args, Object) and not faults:
        value = evaluate(args.items[0].value, Scope({}, LIBRARY), faults)
        if not faults:
            return {"expr": expr, "value": value.text}
    first = faults[0]
    assert first.subject is not None
    column = source.position(first.subject.start)[1] - COLUMN
    return {
        "expr": expr,
        "error": f"{first.summary}; {first.detail}",
        "at": f"{column}-{column + first.subject.end - first.subject.start}",
    }


@pytest.mark.parametrize("case", CASES)
def test_expression_has_the_answer_of_the_reference(case: Case) -> None:
    """An expression has the reference's value, or its fault in the same words at the same place."""
    got = answer(case["expr"])
    if "ours" in case:
        assert got.get("error") == case["ours"]
    else:
        assert got == case
