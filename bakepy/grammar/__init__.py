"""Turn source text into a syntax tree with spans; nothing here evaluates.

Every function appends what is wrong to the `faults` that its caller hands in and never raises for bad input.
"""

from bakepy.diagnostics import Diagnostic, Source
from bakepy.grammar.nodes import Body
from bakepy.grammar.parser import decode, parse, parse_expression, parse_template

__all__ = ["decode", "parse", "parse_expression", "parse_json", "parse_template"]


def parse_json(source: Source, faults: list[Diagnostic]) -> Body:
    """Read a whole file in HCL's JSON form: see `bakepy.grammar.json.parse_json`."""
    from bakepy.grammar import json  # costs 10 ms that most commands need not pay

    return json.parse_json(source, faults)
