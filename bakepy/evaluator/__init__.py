"""Names to order to values: scopes, expressions, variables, functions and blocks.

`resolve` turns the bodies of a run into a `Module`: variables with their values, and a `Row` for each target or group.
"""

from __future__ import annotations

from bakepy.evaluator.module import Decoder, Inputs, Module, Row, VariableInfo
from bakepy.evaluator.resolution import resolve

__all__ = ["Decoder", "Inputs", "Module", "Row", "VariableInfo", "resolve"]
