"""Texts of variables: comma-separated values, floats."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.evaluator.overrides import CSVError, OverrideError, csv_fields, primitive
from bakepy.values.types import NUMBER

FIELD = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\n\0"))


@given(st.lists(FIELD, min_size=1))
def test_reads_what_a_csv_writer_wrote(fields: list[str]) -> None:
    """Splitting a written line gives its fields again."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(fields)
    assert csv_fields(out.getvalue()) == fields


@given(st.text())
def test_any_line_is_split_or_refused(line: str) -> None:
    """No text breaks the reader, and the fields hold no more than the text."""
    try:
        assert sum(map(len, csv_fields(line))) <= len(line)
    except CSVError:
        assert '"' in line or line in ("", "\n", "\r\n")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_floats(value: float) -> None:
    """A number from outside has the value of a 64-bit float."""
    from bakepy.values.numbers import to_float

    assert to_float(primitive("x", repr(value), NUMBER).number) == value


@given(st.text(alphabet="0123456789._-+eExXpPaAfF \tinfINFnaN"))
def test_odd_numbers_are_refused_with_a_reason(text: str) -> None:
    """A text is a number or the fault says that it is none."""
    try:
        said = primitive("x", text, NUMBER).type.friendly_name()
    except OverrideError as error:
        said = error.message
    assert said == "number" or said.startswith("failed to parse x as number")


@pytest.mark.parametrize("text", ["1_0", "0x1p4", ".5", "5.", "+3"])
def test_go_writes_numbers_in_more_ways(text: str) -> None:
    """Underscores between digits, hexadecimal floats and bare points are numbers."""
    assert primitive("x", text, NUMBER).type is NUMBER
