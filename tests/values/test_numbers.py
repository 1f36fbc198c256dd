"""Numbers: correctly rounded, printed as shortly as is exact."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bakepy.values import numbers
from bakepy.values.errors import ConversionError
from bakepy.values.number_format import number_form
from bakepy.values.numbers import (
    INFINITY,
    NEGATIVE_INFINITY,
    PRECISION,
    Float,
    Int64,
    NotANumberError,
    Number,
    number_text,
    parse_number,
)
from tests.values.strategies import NUMBERS

NEGATIVE_ZERO = numbers.negate(0)


def exact(x: Number) -> Fraction:
    """Return the value of a finite number as a fraction."""
    if not isinstance(x, Float):
        return Fraction(int(x))
    assert x.exponent is not None
    return (-1 if x.negative else 1) * x.mantissa * Fraction(2) ** x.exponent


def nearest(value: Fraction, precision: int) -> Fraction:
    """Return the closest fraction with a mantissa of so many bits, the even one of two."""
    if value == 0:
        return value
    exponent = abs(value.numerator).bit_length() - value.denominator.bit_length() - precision
    while abs(value) >= Fraction(2) ** (exponent + precision):
        exponent += 1
    while abs(value) < Fraction(2) ** (exponent + precision - 1):
        exponent -= 1
    return round(value / Fraction(2) ** exponent) * Fraction(2) ** exponent


OPERATIONS: list[tuple[Callable[[Number, Number], Number], Callable[[Fraction, Fraction], Fraction]]] = [
    (numbers.add, lambda a, b: a + b),
    (numbers.subtract, lambda a, b: a - b),
    (numbers.multiply, lambda a, b: a * b),
    (numbers.divide, lambda a, b: a / b),
]


@pytest.mark.parametrize(("ours", "theirs"), OPERATIONS, ids=["add", "subtract", "multiply", "divide"])
@given(a=NUMBERS, b=NUMBERS)
def test_results_are_the_nearest_numbers(
    ours: Callable[[Number, Number], Number], theirs: Callable[[Fraction, Fraction], Fraction], a: Number, b: Number
) -> None:
    """Every operation returns the exact result, rounded once to 512 bits, half to even."""
    assume(ours is not numbers.divide or numbers.sign(b) != 0)
    assert exact(ours(a, b)) == nearest(theirs(exact(a), exact(b)), PRECISION)


@given(a=st.integers(-(2**62), 2**62), b=st.integers(1, 2**62))
def test_counted_numbers_have_64_bits(a: int, b: int) -> None:
    """The quotient of two counted numbers is rounded to 64 bits; one written number makes it 512."""
    assert exact(numbers.divide(Int64(a), Int64(b))) == nearest(Fraction(a, b), 64)
    assert exact(numbers.divide(Int64(a), b)) == nearest(Fraction(a, b), PRECISION)


@given(a=st.integers(-(2**62), 2**62), b=st.integers(-(2**62), 2**62))
def test_product_of_counted_numbers_is_exact(a: int, b: int) -> None:
    """A product keeps as many bits as it needs."""
    assert exact(numbers.multiply(Int64(a), Int64(b))) == a * b


@given(NUMBERS)
def test_text_reads_back(x: Number) -> None:
    """The text of a number denotes that number."""
    assert parse_number(number_text(x)) == x


@given(NUMBERS)
def test_text_is_shortest(x: Number) -> None:
    """Without its last digit, or with that digit rounded away, the text denotes another number."""
    digits, point = numbers.shortest(x)
    assume(len(digits) > 1)
    for kept in (int(digits[:-1]), int(digits[:-1]) + 1):
        assert parse_number(f"{kept}e{point - len(digits) + 1}") != numbers.absolute(x)


@given(a=NUMBERS, b=NUMBERS)
def test_comparing_agrees_with_fractions(a: Number, b: Number) -> None:
    """Numbers compare as the fractions that they are."""
    assert numbers.compare(a, b) == (exact(a) > exact(b)) - (exact(a) < exact(b))


@given(a=NUMBERS, b=NUMBERS)
def test_modulo_of_whole_numbers_has_the_sign_of_the_first(a: Number, b: Number) -> None:
    """For whole numbers, a quotient and the rest make up the first number, and the rest has its sign."""
    x, y = numbers.truncate(a), numbers.truncate(b)
    assume(y != 0 and abs(x) < 2**500 and abs(y) < 2**500)
    rest = numbers.truncate(numbers.modulo(x, y))
    assert abs(rest) < abs(y)
    assert (x - rest) % y == 0
    assert rest == 0 or (rest > 0) == (x > 0)


@given(NUMBERS)
def test_doubles_are_the_nearest(x: Number) -> None:
    """A number becomes the double that is nearest to it."""
    assert numbers.to_float(x) == float(exact(x))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_are_kept(value: float) -> None:
    """A double becomes a number of the same value and back."""
    assert numbers.to_float(numbers.from_float(value)) == value


@given(value=st.floats(allow_nan=False, allow_infinity=False), places=st.integers(0, 12), verb=st.sampled_from("ef"))
def test_forms_of_doubles_agree_with_python(value: float, places: int, verb: str) -> None:
    """With a precision given, a double prints as Python prints it."""
    assert number_form(numbers.from_float(value), verb, places) == f"{value:.{places}{verb}}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1.50", "1.5"),
        ("1e20", "1" + "0" * 20),
        ("1e-7", "0.0000001"),
        ("-0", "-0"),
        ("-0.0", "-0"),
        ("+5", "5"),
        ("5.", "5"),
        (".5", "0.5"),
        ("1p4", "16"),
        ("3P-1", "1.5"),
        ("Inf", "+Inf"),
        ("-inf", "-Inf"),
        ("1e300", "1" + "0" * 300),
        ("1e-300", "0." + "0" * 299 + "1"),
        ("9" * 300, "1" + "0" * 300),
    ],
)
def test_texts_of_numbers(text: str, shown: str) -> None:
    """Numbers read from texts print in full, without an exponent."""
    found = parse_number(text)
    assert found is not None
    assert number_text(found) == shown


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "0x1", "1_0", ".", "e5", "1e", "--1", "NaN", "٣", "1e99999999999", "Infinity"]
)
def test_texts_that_are_no_numbers(text: str) -> None:
    """What Go's parser refuses in base ten is refused."""
    assert parse_number(text) is None


def test_long_texts_are_read() -> None:
    """Texts of more digits than Python converts at once are read and printed."""
    found = parse_number("1" + "0" * 9_000)
    assert found is not None
    assert number_text(found) == "1" + "0" * 9_000


@pytest.mark.parametrize("text", ["9" * 10_001, "0." + "9" * 10_000, "x" * 10_001])
def test_too_long_texts_are_not_read(text: str) -> None:
    """Reading a number takes more time than in proportion to its digits."""
    with pytest.raises(ConversionError, match="10000 characters at most"):
        parse_number(text)


@pytest.mark.parametrize(
    ("operation", "a", "b"),
    [
        (numbers.add, INFINITY, NEGATIVE_INFINITY),
        (numbers.subtract, INFINITY, INFINITY),
        (numbers.multiply, 0, INFINITY),
        (numbers.multiply, NEGATIVE_INFINITY, NEGATIVE_ZERO),
        (numbers.divide, 0, 0),
        (numbers.divide, 0, NEGATIVE_ZERO),
        (numbers.divide, INFINITY, NEGATIVE_INFINITY),
        (numbers.modulo, INFINITY, 2),
        (numbers.modulo, 2, INFINITY),
    ],
)
def test_operations_without_result(operation: Callable[[Number, Number], Number], a: Number, b: Number) -> None:
    """Zeros and infinities that cancel out have no result."""
    with pytest.raises(NotANumberError):
        operation(a, b)


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (numbers.divide(1, 0), "+Inf"),
        (numbers.divide(-1, 0), "-Inf"),
        (numbers.divide(1, NEGATIVE_ZERO), "-Inf"),
        (numbers.divide(1, INFINITY), "0"),
        (numbers.add(INFINITY, 5), "+Inf"),
        (numbers.multiply(NEGATIVE_INFINITY, 2), "-Inf"),
        (numbers.multiply(0, -5), "-0"),
        (numbers.negate(NEGATIVE_ZERO), "0"),
        (numbers.subtract(5, 5), "0"),
        (numbers.modulo(5, 0), "5"),
        (numbers.absolute(NEGATIVE_ZERO), "0"),
    ],
)
def test_zeros_and_infinities(result: Number, shown: str) -> None:
    """Zeros keep their sign and infinities theirs."""
    assert number_text(result) == shown


def test_zeros_are_equal() -> None:
    """The two zeros are equal."""
    assert numbers.equal(0, NEGATIVE_ZERO)
    assert numbers.compare(NEGATIVE_ZERO, 0) == 0


def test_numbers_of_unlike_size_add_up() -> None:
    """A number too small to matter only decides the rounding."""
    big, small = parse_number("1e400000"), parse_number("1e-400000")
    assert big is not None
    assert small is not None
    assert numbers.add(big, small) == big
    assert numbers.subtract(big, small) == big
    assert numbers.add(small, numbers.negate(big)) == numbers.negate(big)
