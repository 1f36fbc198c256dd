"""Diagnostics as people, programs and code-scanning services read them: text, JSON and SARIF."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import bakepy
from bakepy.diagnostics import Diagnostic, Severity, Span, printable_json, render

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
UNNAMED_RULE = "invalid-target"
"""The rule of faults whose words differ from target to target."""


def in_order(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return errors before warnings, each in the order of the files; what has no place comes first."""
    rows = list(found)
    sources: dict[int, int] = {}
    for one in rows:
        if place := _place(one):
            sources.setdefault(id(place.source), len(sources))

    def key(one: Diagnostic) -> tuple[bool, int, int]:
        place = _place(one)
        return one.severity is Severity.WARNING, *((sources[id(place.source)], place.start) if place else (-1, 0))

    return sorted(rows, key=key)


def text(found: Sequence[Diagnostic]) -> str:
    """Return the diagnostics for a terminal, with how many there are."""
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    counts = [_count(number, kind) for kind, number in _numbers(found).items() if number]
    end = " and ".join(counts) + " found" if counts else "No faults found"
    return f"{render(found, color=color)}\n{end}.\n" if found else f"{end}.\n"


def as_json(found: Sequence[Diagnostic]) -> str:
    """Return the diagnostics in the form that Terraform's tools have for theirs; lines and columns start at 1."""
    numbers = _numbers(found)
    return _dump(
        {
            "format_version": "1.0",
            "valid": not numbers["error"],
            "error_count": numbers["error"],
            "warning_count": numbers["warning"],
            "diagnostics": [_object(one) for one in found],
        }
    )


def sarif(found: Sequence[Diagnostic]) -> str:
    """Return the diagnostics in SARIF 2.1.0 (OASIS)."""
    rules = sorted({_rule(one) for one in found})
    driver = {
        "name": "bakepy",
        "version": bakepy.__version__,
        "rules": [{"id": rule, "shortDescription": {"text": rule.replace("-", " ").capitalize()}} for rule in rules],
    }
    # Columns are counted in Python's characters, which are Unicode's code points.
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, rules) for one in found],
    }
    return _dump({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


FORMATS: dict[str, Callable[[Sequence[Diagnostic]], str]] = {"text": text, "json": as_json, "sarif": sarif}


def _dump(value: object) -> str:
    import json

    return printable_json(json.dumps(value, indent=2, ensure_ascii=False)) + "\n"


def _numbers(found: Sequence[Diagnostic]) -> dict[str, int]:
    return {s.value: sum(one.severity is s for one in found) for s in Severity}


def _count(number: int, kind: str) -> str:
    return f"{number} {kind}{'' if number == 1 else 's'}"


def _place(one: Diagnostic) -> Span | None:
    """Return the place that a diagnostic is best shown at."""
    return one.subject or (one.related[0][1] if one.related else None)


def _object(one: Diagnostic) -> dict[str, Any]:
    place = _place(one)
    out: dict[str, Any] = {"severity": one.severity.value, "summary": one.summary, "detail": one.detail}
    if one.hint:
        out["hint"] = one.hint
    if place:
        out["range"] = _range(place)
    if one.context:
        out["context"] = _range(one.context)
    if one.related:
        out["related"] = [{"message": words, "range": _range(span)} for words, span in one.related]
    return out


def _range(span: Span) -> dict[str, Any]:
    ends = {"start": span.start, "end": span.end}
    places = {name: span.source.shown_position(offset) for name, offset in ends.items()}
    return {"filename": span.source.name, **{n: {"line": line, "column": c} for n, (line, c) in places.items()}}


def _rule(one: Diagnostic) -> str:
    """Return a name for the kind of fault: HCL's summaries are such names, while others speak of one target."""
    if not (one.subject and one.detail):
        return UNNAMED_RULE
    return re.sub("[^a-z0-9]+", "-", one.summary.lower()).strip("-")


def _result(one: Diagnostic, rules: Sequence[str]) -> dict[str, Any]:
    rule = _rule(one)
    place = _place(one)
    words = [one.summary, *([one.detail] if one.detail else []), *([one.hint] if one.hint else [])]
    out: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": rules.index(rule),
        "level": one.severity.value,
        "message": {"text": "\n".join(words)},
    }
    if place:
        out["locations"] = [_location(place)]
    if one.related:
        out["relatedLocations"] = [
            {"id": i, **_location(span), "message": {"text": words}} for i, (words, span) in enumerate(one.related)
        ]
    return out


def _location(span: Span) -> dict[str, Any]:
    from urllib.parse import quote

    (line, column), (last, end) = span.source.position(span.start), span.source.position(span.end)
    region = {"startLine": line, "startColumn": column, "endLine": last, "endColumn": end}
    name = span.source.name
    uri = f"file://{quote(name)}" if name.startswith("/") else quote(name)
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}
