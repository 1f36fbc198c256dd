from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bakepy.buildkit.session.patterns import Filter, Matcher, PatternError, fits, glob

RECORDED = Path(__file__).parents[2] / "cases" / "session" / "patterns.jsonl"
CASES = [json.loads(line) for line in RECORDED.read_text().splitlines()]


def match(matcher: Matcher, path: str) -> bool:
    state, found = matcher.start, False
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        found, state = matcher.match("/".join(parts[:end]), state)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case["patterns"]))
def test_recorded_answers(case: dict[str, object]) -> None:
    """Generated patterns, odd ones most of all, match as in the reference, whose answers are recorded."""
    patterns = case["patterns"]
    assert isinstance(patterns, list)
    if case.get("error"):
        with pytest.raises(PatternError):
            Matcher(patterns)
        return
    matcher = Matcher(patterns)
    wanted = case["matches"]
    assert isinstance(wanted, dict)
    assert {path: match(matcher, path) for path in wanted} == wanted


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*.go", "a.go", True),
        ("*.go", "a/b.go", False),
        ("?", "é", True),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[c-a]", "b", False),
        ("[^c-a]", "b", True),
        (r"\*", "*", True),
        (r"[\]]", "]", True),
        ("[", "[", False),
        ("a\\", "a\\", False),
    ],
)
def test_glob_of_a_name(pattern: str, name: str, matches: bool) -> None:
    """Names match the globs of `followpaths` as in Go."""
    assert (glob(pattern).fullmatch(name) is not None) is matches


WORDS = st.lists(st.sampled_from(["a", "b", "c", "*", "**", "a*"]), min_size=1, max_size=3).map("/".join)
PATTERNS = st.lists(st.tuples(st.sampled_from(["", "!"]), WORDS).map("".join), max_size=5)


@given(PATTERNS, PATTERNS)
def test_pruning_loses_nothing(includes: list[str], excludes: list[str]) -> None:
    """A directory that is not entered holds nothing that the patterns keep, but for one slip of the reference."""
    assume(not any(pattern.endswith("/*/**") for pattern in (*includes, *excludes)))
    keep = Filter(includes, excludes)
    without = Filter(includes, excludes)
    without._include_roots = without._except_roots = None
    names = "abc"

    def visit(path: str, state: tuple[tuple[bool, ...], tuple[bool, ...]], entered: bool, depth: int) -> None:
        kept, _, inherited = without.visit(path, state)
        prunes, enter, _ = keep.visit(path, state)
        assert kept == (prunes if entered else False)
        if depth < 3:
            for name in names:
                visit(f"{path}/{name}", inherited, entered and enter, depth + 1)

    for name in names:
        visit(name, keep.start, True, 1)


def test_two_trailing_globs_are_pruned_as_in_the_reference() -> None:
    """The reference takes both globs of `a/*/**` for trailing ones and never looks into `a/b`; images depend on it."""
    keep = Filter(["a/*/**"])
    kept, enter, state = keep.visit("a", keep.start)
    assert (kept, enter) == (False, True)
    assert keep.visit("a/b", state)[:2] == (False, False)


@given(st.text("ab*?[]^-\\. é", max_size=12), st.text("ab-. é\n", max_size=8))
def test_names_match_alike_with_many_stars(pattern: str, name: str) -> None:
    """The two ways to match a name agree."""
    pattern += "***"
    assert fits(pattern)(name) is (glob(pattern).fullmatch(name) is not None)


def test_many_stars_are_no_trap() -> None:
    """A pattern that a naive search would try for years is answered: one line of an ignore file is enough of those."""
    name = "a" * 250
    assert not match(Matcher(["*a" * 20 + "b"]), name)
    assert match(Matcher(["*a" * 20]), name)
    assert not match(Matcher(["/".join(["**", "a*"] * 12) + "/b"]), "/".join(["a"] * 100))
    assert not fits("*a" * 20 + "b")(name)
    assert fits("*a" * 20)(name)
