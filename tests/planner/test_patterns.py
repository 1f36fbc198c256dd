"""Patterns of names match as Go's `path.Match` does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.planner.patterns import PatternError, is_pattern, matches


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("*", "abc", True),
        ("*", "a/b", False),
        ("a*c", "abbc", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        ("[a-c-]", "b", None),
        ("[\\]]", "]", True),
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("a.c", "abc", False),
        ("[c-a]", "b", False),
        ("[", "a", None),
        ("[]a]", "a", None),
        ("a[", "a", None),
        ("\\", "a", None),
    ],
)
def test_patterns_match_whole_names(pattern, name, found):
    """Stars stop at slashes, classes and escapes work, broken patterns are faults."""
    if found is None:
        with pytest.raises(PatternError):
            matches(pattern, name)
    else:
        assert matches(pattern, name) is found


@given(st.text(st.characters(exclude_characters="*?[]\\", exclude_categories=["Cs"])))
def test_a_name_matches_itself(name):
    """A text without special characters is no pattern and matches only itself."""
    assert not is_pattern(name)
    assert matches(name, name)
    assert not matches(name, name + "x")
