"""Turn source text into a syntax tree with spans; nothing here evaluates.

Every function appends what is wrong to the `faults` that its caller hands in and never raises for bad input.
"""

from __future__ import annotations

from bakepy.diagnostics import Diagnostic, Source
from bakepy.grammar.nodes import Body, Expr

__all__ = ["decode", "parse", "parse_expression", "parse_json", "parse_template"]


def decode(name: str, data: bytes, faults: list[Diagnostic]) -> Source:
    """Return the UTF-8 text of a file as a source, without its byte order mark; bytes that are not UTF-8 are a fault."""
    raise NotImplementedError


def parse(source: Source, faults: list[Diagnostic]) -> Body:
    """Read a whole file in HCL's native syntax; after a fault the body holds what was complete before it."""
    raise NotImplementedError


def parse_expression(source: Source, faults: list[Diagnostic]) -> Expr:
    """Read a source that holds a single expression, for instance a type or the value of an override."""
    raise NotImplementedError


def parse_template(source: Source, faults: list[Diagnostic]) -> Expr:
    """Read a source that holds a bare template: text with `${}` and `%{}` in it and no quotes around it."""
    raise NotImplementedError


def parse_json(source: Source, faults: list[Diagnostic]) -> Body:
    """Read a whole file in HCL's JSON form, after the schema of definition files; the body has `json` set.

    A string without `${` and `%{` is a `Literal`; any other a `Template` or `TemplateWrap`; one whose template is
    broken an `Invalid`, whose faults count only where it is evaluated.
    """
    raise NotImplementedError
