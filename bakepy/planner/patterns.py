"""Patterns of names, as Go's `path.Match` reads them: `*`, `?`, `[a-z]`, `[^a-z]`, and a backslash to escape."""

from __future__ import annotations

import re
from functools import lru_cache


class PatternError(ValueError):
    """Say that a pattern cannot be read."""


def is_pattern(text: str) -> bool:
    """Tell whether text is a pattern rather than a name."""
    return any(char in text for char in "*?[]")


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return the regular expression that matches what a pattern does. Raises PatternError."""
    out, at = [], 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            piece, at = _class(pattern, at)
            out.append(piece)
        else:
            if char == "\\":
                char, at = _literal(pattern, at - 1)
            out.append(re.escape(char))
    return re.compile("".join(out), re.DOTALL)


def matches(pattern: str, name: str) -> bool:
    """Tell whether a pattern matches a whole name. Raises PatternError."""
    return compiled(pattern).fullmatch(name) is not None


def _class(pattern: str, at: int) -> tuple[str, int]:
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[str] = []
    while not (ranges and pattern.startswith("]", at)):
        if at < len(pattern) and pattern[at] in "-]":
            raise PatternError("syntax error in pattern")
        low, at = _literal(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _literal(pattern, at + 1)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("")
    inside = "".join(ranges)
    if not inside:
        return (".", at + 1) if negated else ("(?!)", at + 1)
    return f"[{'^' if negated else ''}{inside}]", at + 1


def _literal(pattern: str, at: int) -> tuple[str, int]:
    if pattern.startswith("\\", at):
        at += 1
    if at >= len(pattern):
        raise PatternError("syntax error in pattern")
    return pattern[at], at + 1
