"""Expressions to values, as HCL's native syntax specification says (hashicorp/hcl, hclsyntax/spec.md).

The families of nodes stand in their own modules, which enter themselves in the table of `dispatch`.
"""

from __future__ import annotations

from bakepy.evaluator import calls, collections, loops, operations, templates, traversals
from bakepy.evaluator.dispatch import evaluate

__all__ = ["calls", "collections", "evaluate", "loops", "operations", "templates", "traversals"]
