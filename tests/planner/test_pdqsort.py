"""The order in which equal names are listed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.planner.pdqsort import pdqsorted

CASES = json.loads((Path(__file__).parent.parent / "cases" / "pdqsort.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['order'])}")
def test_equal_keys_end_where_go_leaves_them(case: dict) -> None:
    """Orders recorded from Go's slices.SortFunc come out the same."""
    keys = case["keys"].split()

    assert [at for at, _ in pdqsorted(list(enumerate(keys)), lambda item: item[1])] == case["order"]


@given(st.lists(st.text("abc", max_size=2), max_size=200))
def test_the_result_is_sorted_and_complete(keys: list[str]) -> None:
    """Whatever the keys, the result is a sorted permutation of them."""
    assert pdqsorted(keys, lambda key: key) == sorted(keys)
