"""Compose's words for booleans: those of YAML 1.2 and, with a warning, those of YAML 1.1."""

from __future__ import annotations

from typing import Final

OUTDATED: Final = {**dict.fromkeys(("y", "yes", "on"), True), **dict.fromkeys(("n", "no", "off"), False)}
"""YAML 1.1's words, which YAML 1.2 reads as texts."""
WORDS: Final = {"true": True, "false": False, **OUTDATED}


def boolean(text: str) -> bool:
    """Return what a word in any case stands for. Raises ValueError."""
    value = WORDS.get(text.lower())
    if value is None:
        raise ValueError(f"invalid boolean: {text}")
    return value


def advice(text: str) -> str:
    """Return the warning for one of YAML 1.1's words, empty for other words."""
    value = OUTDATED.get(text.lower())
    if value is None:
        return ""
    return f'"{text}" for boolean is not supported by YAML 1.2, please use `{str(value).lower()}`'
