"""Turn source text into a syntax tree with spans; nothing here evaluates.

Every function appends what is wrong to the `faults` that its caller hands in and never raises for bad input.
"""

from bakepy.grammar.parser import decode, parse, parse_expression, parse_template

__all__ = ["decode", "parse", "parse_expression", "parse_template"]
