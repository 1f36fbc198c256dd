"""Strings are split into grapheme clusters."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from bakepy.evaluator.functions.string import clusters

FLAGS = "\U0001f1e9\U0001f1ea\U0001f1fa"


@given(st.text("a\u0301\u200d\r\n\u0600\u0915\u094d\U0001f469" + FLAGS))
def test_clusters_are_those_of_the_whole_text(text: str) -> None:
    """Splitting between flags changes nothing."""
    assert clusters(text) == regex.findall(r"\X", text)


def test_flags_are_looked_at_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """No search goes through all flags before a flag."""
    findall, longest = regex.findall, 0

    def counting(pattern: str, text: str) -> list[str]:
        nonlocal longest
        longest = max(longest, len(text))
        return findall(pattern, text)

    monkeypatch.setattr(regex, "findall", counting)
    assert len(clusters("é" + FLAGS * 1000)) == 1501
    assert longest <= 3
