"""Integers and their digits, however many there are."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.values.convert import convert
from bakepy.values.digits import digits_to_int, int_text, scaled_text
from bakepy.values.errors import ConversionError
from bakepy.values.numbers import Float, divide, modulo, number_text, parse_number
from bakepy.values.types import STRING
from bakepy.values.value import number

wide = st.builds(lambda digits, power: digits * 10**power + digits, st.integers(), st.integers(0, 12_000))


@given(wide)
def test_digits_and_integers_are_each_others_opposite(value: int) -> None:
    """No count of digits is refused, and none is lost."""
    text = int_text(value)
    assert digits_to_int(text.lstrip("-")) == abs(value)
    assert text.startswith("-") == (value < 0)


@given(st.integers(0, 10**30), st.sampled_from([2, 5]), st.integers(0, 40_000))
def test_scaled_digits_are_those_of_the_product(mantissa: int, base: int, exponent: int) -> None:
    """A power of two or five is written as the product would be."""
    assert scaled_text(mantissa, base, exponent) == int_text(mantissa * base**exponent)


@given(st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=30), st.integers(1, 500))
def test_digits_of_other_bases_are_read(digits: str, times: int) -> None:
    """Blocks are joined at the right place."""
    expected = 0
    for digit in digits * times:
        expected = expected * 36 + int(digit, 36)
    assert digits_to_int(digits * times, 36) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e1000000000", "+Inf"), ("-1e1000000000", "-Inf"), ("1e-1000000000", "0"), ("-1e-1000000000", "-0")],
)
def test_exponents_beyond_all_numbers_are_infinities_or_zero(text: str, value: str) -> None:
    """As in Go, whose exponents have 32 bits."""
    found = parse_number(text)
    assert found is not None
    assert number_text(found) == value


@pytest.mark.parametrize("text", ["1e2147483648", "1e-99999999999999999999", "1p2147483647"])
def test_exponents_that_go_refuses_are_no_numbers(text: str) -> None:
    """An exponent of more than 32 bits is not read."""
    assert parse_number(text) is None


@pytest.mark.parametrize("text", ["1e500000000", "1e-500000000"])
def test_a_number_of_too_many_digits_is_not_written_out(text: str) -> None:
    """It counts and compares all the same."""
    found = parse_number(text)
    assert found is not None
    with pytest.raises(ConversionError, match="cannot be written out"):
        convert(number(found), STRING)
    assert divide(found, found) == 1


def exact(x: int | Float) -> Fraction:
    if not isinstance(x, Float):
        return Fraction(x)
    assert x.exponent is not None
    return Fraction(x.mantissa) * Fraction(2) ** x.exponent * (-1 if x.negative else 1)


decimals = st.builds("{}{}.{}e{}".format, st.sampled_from(["", "-"]), *[st.integers(0, 10**6)] * 2, st.integers(-9, 9))


@given(decimals, decimals)
def test_a_rest_is_smaller_than_what_was_divided_by(x: str, y: str) -> None:
    """It has the sign of what was divided, and what is left is a whole multiple, to the last of 512 bits."""
    top, bottom = parse_number(x), parse_number(y)
    assert top is not None
    assert bottom is not None
    if not exact(bottom):
        return
    rest = exact(modulo(top, bottom))
    quotient = (exact(top) - rest) / exact(bottom)
    assert abs(rest) <= abs(exact(bottom))
    assert abs(quotient - round(quotient)) < Fraction(1, 2**400)
