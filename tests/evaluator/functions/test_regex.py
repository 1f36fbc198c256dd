"""Patterns are matched in bytes, and what is found is told in characters."""

from __future__ import annotations

import pytest

from bakepy.evaluator.functions.record import call
from bakepy.values.value import string
from tests.evaluator.functions.test_reference import LIBRARY


@pytest.mark.parametrize(
    ("pattern", "text", "found", "replaced"),
    [
        ("", "aé😀", ["", "", "", ""], "<>a<>é<>😀<>"),
        ("é*", "aéé😀é", ["", "éé", "é"], "<>a<éé>😀<é>"),
        ("\\B", "a😀 é", ["", "", ""], "a😀<> <>é<>"),
        ("\\b", "a😀b", ["", "", "", ""], "<>a<>😀<>b<>"),
        (".", "é\n😀", ["é", "😀"], "<é>\n<😀>"),
    ],
)
def test_matches_lie_between_characters(pattern: str, text: str, found: list[str], replaced: str) -> None:
    """Whatever bytes a character has, no match starts, ends or goes on within one."""
    matches = call(LIBRARY["regexall"], [string(pattern), string(text)])
    assert [match.text for match in matches.elements] == found
    assert call(LIBRARY["regex_replace"], [string(text), string(pattern), string("<$0>")]).text == replaced
