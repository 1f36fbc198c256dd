"""Count as the reference does: binary floating point of a stated precision, rounded half to even.

A number is one of three things, chosen so that the usual one is cheap:

- a plain `int`, of at most 512 bits: an integer of that precision, which is what a number in a definition has;
- an `Int64`: an integer of 64 bits of precision, which is what functions such as `length` return;
- a `Float`: everything else, with its own precision: fractions, infinities, negative zero, wide integers.

A result has the precision of the more precise operand, so `length(a) / 3` has 512 bits and
`length(a) / length(b)` has 64: visible once it is printed. The arithmetic follows Go's math/big.
"""

from __future__ import annotations

import re
from typing import Final

from bakepy.records import Record
from bakepy.values.digits import digits_to_int, scaled_text
from bakepy.values.errors import ConversionError, OperationError

PRECISION: Final = 512
"""Bits of mantissa of a number that is parsed from text."""
_SMALL: Final = 64
_POWER_GUARD: Final = 64
_MAX_EXPONENT: Final = 2**31 - 1
_MIN_EXPONENT: Final = -(2**31)


MAX_BITS: Final = 35_000_000
"""Exponent of two up to which a number is written out, which takes some ten million digits."""


MAX_LENGTH: Final = 10_000
"""Characters of a number that is read: the time grows faster than their count, and 512 bits hold 155 digits."""


class TooLongError(ConversionError, OperationError):
    """Say that a number has too many digits to read them, or to write them out."""


class Int64(int):
    """Be an integer of 64 bits of precision; arithmetic on it is done by this module's functions."""

    __slots__ = ()


class Float(Record):
    """Be `(-1)**negative * mantissa * 2**exponent`, where the mantissa is odd, or zero for a negative zero.

    `exponent` is None for an infinity. Numbers that `int` or `Int64` can hold never take this form, so equal
    numbers of equal precision are equal records.
    """

    __slots__ = ("negative", "mantissa", "exponent", "precision")

    def __init__(self, negative: bool, mantissa: int, exponent: int | None, precision: int) -> None:
        self.negative: Final = negative
        self.mantissa: Final = mantissa
        self.exponent: Final = exponent
        self.precision: Final = precision


Number = int | Float

INFINITY: Final = Float(False, 0, None, _SMALL)
NEGATIVE_INFINITY: Final = Float(True, 0, None, _SMALL)


class NotANumberError(ArithmeticError):
    """Say that an operation on zeros or infinities has no result."""


def _parts(x: Number) -> tuple[bool, int, int | None, int]:
    """Return sign, mantissa, exponent and precision of any number."""
    if isinstance(x, Float):
        return x.negative, x.mantissa, x.exponent, x.precision
    return x < 0, abs(x), 0, _SMALL if type(x) is Int64 else PRECISION


def precision_of(x: Number) -> int:
    """Return the bits of precision."""
    return x.precision if isinstance(x, Float) else _SMALL if type(x) is Int64 else PRECISION


def make(negative: bool, mantissa: int, exponent: int, precision: int) -> Number:
    """Return a number, rounded to the precision."""
    extra = mantissa.bit_length() - precision
    if extra > 0:
        half, rest = 1 << (extra - 1), mantissa & ((1 << extra) - 1)
        mantissa >>= extra
        exponent += extra
        if rest > half or (rest == half and mantissa & 1):
            mantissa += 1
    if mantissa == 0:
        return Float(True, 0, 0, precision) if negative else _integer(0, precision)
    zeros = (mantissa & -mantissa).bit_length() - 1
    mantissa >>= zeros
    exponent += zeros
    top = exponent + mantissa.bit_length()
    if top > _MAX_EXPONENT:
        return Float(negative, 0, None, precision)
    if top < _MIN_EXPONENT:
        return make(negative, 0, 0, precision)
    if exponent >= 0 and top <= precision and precision in (PRECISION, _SMALL):
        whole = mantissa << exponent
        return _integer(-whole if negative else whole, precision)
    return Float(negative, mantissa, exponent, precision)


def _integer(value: int, precision: int) -> Number:
    if precision == PRECISION:
        return value
    if precision == _SMALL:
        return Int64(value)
    return Float(value < 0, 0, 0, precision) if value == 0 else make(value < 0, abs(value), 0, precision)


def from_int(value: int) -> Number:
    """Return an integer that was computed, not written: of 64 bits of precision, or more where it needs more."""
    size = value.bit_length()
    return Int64(value) if size <= _SMALL else make(value < 0, abs(value), 0, size)


def from_float(value: float) -> Number:
    """Return a 53 bit number of the same value.

    Raises:
        NotANumberError: where `value` is a NaN.

    """
    if value != value:
        raise NotANumberError
    if value in (float("inf"), float("-inf")):
        return Float(value < 0, 0, None, 53)
    top, bottom = abs(value).as_integer_ratio()
    return make(value < 0 or str(value).startswith("-"), top, 1 - bottom.bit_length(), 53)


def to_float(x: Number) -> float:
    """Return the nearest double; an infinity where the number is beyond its range."""
    negative, mantissa, exponent, _ = _parts(x)
    if exponent is None:
        return float("-inf") if negative else float("inf")
    try:
        value = float(mantissa << exponent) if 0 <= exponent < 2000 else mantissa / (1 << -exponent)
    except (OverflowError, ValueError):
        value = float("inf") if exponent > 0 else 0.0
    return -value if negative else value


def is_integer(x: Number) -> bool:
    """Tell whether the number is finite and whole."""
    return not isinstance(x, Float) or (x.exponent is not None and x.exponent >= 0)


def truncate(x: Number) -> int:
    """Return the whole part of a finite number."""
    negative, mantissa, exponent, _ = _parts(x)
    if exponent is None:
        raise NotANumberError
    whole = mantissa << exponent if exponent >= 0 else mantissa >> -exponent
    return -whole if negative else whole


def sign(x: Number) -> int:
    """Return -1, 0 or 1."""
    negative, mantissa, exponent, _ = _parts(x)
    if mantissa == 0 and exponent is not None:
        return 0
    return -1 if negative else 1


def negate(x: Number) -> Number:
    """Return `-x`; zero has a negative twin."""
    if isinstance(x, Float):
        if x.mantissa == 0 and x.exponent is not None and x.negative:
            return _integer(0, x.precision)
        return Float(not x.negative, x.mantissa, x.exponent, x.precision)
    if x == 0:
        return Float(True, 0, 0, precision_of(x))
    return -x if type(x) is int else Int64(-x)


def absolute(x: Number) -> Number:
    """Return `|x|`."""
    negative, *_ = _parts(x)
    return negate(x) if negative else x


def add(x: Number, y: Number) -> Number:
    """Return `x + y`.

    Raises:
        NotANumberError: for the sum of opposing infinities.

    """
    if type(x) is int and type(y) is int and (total := x + y).bit_length() <= PRECISION:
        return total
    xn, xm, xe, xp = _parts(x)
    yn, ym, ye, yp = _parts(y)
    precision = max(xp, yp)
    if xe is None or ye is None:
        if xe is None and ye is None and xn != yn:
            raise NotANumberError
        return Float(xn if xe is None else yn, 0, None, precision)
    if xm == 0 and ym == 0:
        return make(xn and yn, 0, 0, precision)
    if abs(xe - ye) > 1 << 20 and xm and ym:
        return _add_far(x, y, precision)
    low = min(xe, ye)
    value = (-xm if xn else xm) * (1 << (xe - low)) + (-ym if yn else ym) * (1 << (ye - low))
    return make(value < 0, abs(value), low, precision)


def _add_far(x: Number, y: Number, precision: int) -> Number:
    """Add numbers so far apart that the smaller only decides the rounding of the larger."""
    if compare(absolute(x), absolute(y)) < 0:
        x, y = y, x
    xn, xm, xe, _ = _parts(x)
    yn, *_ = _parts(y)
    assert xe is not None  # noqa: S101
    guard = precision + 4
    wide = (xm << guard) + (1 if xn == yn else -1)
    return make(xn, wide, xe - guard, precision)


def subtract(x: Number, y: Number) -> Number:
    """Return `x - y`.

    Raises:
        NotANumberError: for an infinity taken from itself.

    """
    if type(x) is int and type(y) is int and y and (rest := x - y).bit_length() <= PRECISION:
        return rest
    return add(x, negate(y))


def multiply(x: Number, y: Number) -> Number:
    """Return `x * y`, with as many bits as it needs beyond the operands', up to 512.

    Raises:
        NotANumberError: for zero times infinity.

    """
    if type(x) is int and type(y) is int and x and y and (product := x * y).bit_length() <= PRECISION:
        return product
    xn, xm, xe, xp = _parts(x)
    yn, ym, ye, yp = _parts(y)
    negative = xn != yn
    if xe is None or ye is None:
        if (xe is not None and xm == 0) or (ye is not None and ym == 0):
            raise NotANumberError
        return Float(negative, 0, None, max(xp, yp))
    mantissa = xm * ym
    needed = min(mantissa.bit_length() - ((mantissa & -mantissa).bit_length() - 1), PRECISION) if mantissa else 0
    return make(negative, mantissa, xe + ye, max(xp, yp, needed))


def _product(x: Number, y: Number, precision: int) -> Number:
    """Return `x * y` of finite numbers, rounded to the precision."""
    xn, xm, xe, _ = _parts(x)
    yn, ym, ye, _ = _parts(y)
    return make(xn != yn, xm * ym, (xe or 0) + (ye or 0), precision)


def divide(x: Number, y: Number) -> Number:
    """Return `x / y`; a nonzero number divided by zero is an infinity.

    Raises:
        NotANumberError: for zero by zero and infinity by infinity.

    """
    if type(x) is int and type(y) is int and x and y:
        whole, rest = divmod(x, y)
        if rest == 0:
            return whole
    xn, xm, xe, xp = _parts(x)
    yn, ym, ye, yp = _parts(y)
    negative, precision = xn != yn, max(xp, yp)
    if xe is None or ye is None:
        if xe is None and ye is None:
            raise NotANumberError
        return Float(negative, 0, None, precision) if xe is None else make(negative, 0, 0, precision)
    if ym == 0:
        if xm == 0:
            raise NotANumberError
        return Float(negative, 0, None, precision)
    return _quotient(negative, (xm, xe), (ym, ye), precision)


def _quotient(negative: bool, x: tuple[int, int], y: tuple[int, int], precision: int) -> Number:
    shift = max(0, precision + 2 + y[0].bit_length() - x[0].bit_length())
    quotient, rest = divmod(x[0] << shift, y[0])
    # Two extra bits and a marker for what is left: enough for one correct rounding.
    return make(negative, quotient * 2 + (rest != 0), x[1] - y[1] - shift - 1, precision)


def modulo(x: Number, y: Number) -> Number:
    """Return the rest of the division, with the sign of `x`; `x` itself where `y` is zero.

    Raises:
        NotANumberError: where one is an infinity.

    """
    if type(x) is int and type(y) is int and x and y:
        rest = abs(x) % abs(y)
        return -rest if x < 0 else rest
    if (isinstance(x, Float) and x.exponent is None) or (isinstance(y, Float) and y.exponent is None):
        raise NotANumberError
    if sign(y) == 0:
        return x
    quotient, precision = divide(x, y), precision_of(x)
    xn, xm, xe, _ = _parts(x)
    if isinstance(quotient, Float) and is_integer(quotient):
        whole = make(quotient.negative, quotient.mantissa, quotient.exponent or 0, precision)
    else:
        cut = truncate(quotient)
        if cut == 0:
            return make(xn and xm != 0, xm, xe or 0, precision)
        whole = make(cut < 0, abs(cut), 0, precision)
    step = _product(y, whole, precision)
    sn, sm, se, _ = _parts(step)
    low = min(xe or 0, se or 0)
    value = (-xm if xn else xm) * (1 << ((xe or 0) - low)) - (-sm if sn else sm) * (1 << ((se or 0) - low))
    return make(value < 0, abs(value), low, precision)


def compare(x: Number, y: Number) -> int:
    """Return -1, 0 or 1 as `x` is less than, equal to or greater than `y`; zeros are equal."""
    if not isinstance(x, Float) and not isinstance(y, Float):
        return (x > y) - (x < y)
    xs, ys = sign(x), sign(y)
    if xs != ys or xs == 0:
        return (xs > ys) - (xs < ys)
    _, xm, xe, _ = _parts(x)
    _, ym, ye, _ = _parts(y)
    if xe is None or ye is None:
        return xs * ((xe is None) - (ye is None))
    xt, yt = xe + xm.bit_length(), ye + ym.bit_length()
    if xt != yt:
        return xs if xt > yt else -xs
    low = min(xe, ye)
    xm, ym = xm << (xe - low), ym << (ye - low)
    return xs * ((xm > ym) - (xm < ym))


def equal(x: Number, y: Number) -> bool:
    """Tell whether the numbers are equal: whole ones by value, others by how they print, as in cty."""
    if not isinstance(x, Float) and not isinstance(y, Float):
        return x == y
    if sign(x) != sign(y) or is_integer(x) != is_integer(y):
        return False
    if is_integer(x):
        return compare(x, y) == 0
    if precision_of(x) == precision_of(y):
        return x == y
    return number_text(x) == number_text(y)


_DECIMAL = r"(?a:([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([eEpP])([+-]?\d+))?)"
_INFINITY = r"([+-]?)[Ii]nf"


def parse_number(text: str) -> Number | None:
    """Return the number that a decimal text denotes, to 512 bits, or None where it denotes none.

    Takes what Go's `big.ParseFloat` takes in base 10: digits, a point, an exponent of ten (`e`) or two (`p`), `Inf`.
    Raises TooLongError.
    """
    if len(text) > MAX_LENGTH:
        raise too_long()
    if text.isdecimal() and text.isascii() and len(text) <= 150:
        return int(text)
    match = re.fullmatch(_DECIMAL, text)
    if match is None:
        infinity = re.fullmatch(_INFINITY, text)
        return Float(infinity[1] == "-", 0, None, PRECISION) if infinity else None
    negative = match[1] == "-"
    whole, _, fraction = match[2].partition(".")
    mantissa = digits_to_int(whole + fraction)
    exponent = int(match[4] or 0) if len(match[4] or "") < 20 else _MAX_EXPONENT + 1
    if mantissa == 0:
        return make(negative, 0, 0, PRECISION)
    twos = (exponent if match[3] else 0) - len(fraction)
    fives = -len(fraction) + (exponent if match[3] in ("e", "E") else 0)
    if not _MIN_EXPONENT <= twos + mantissa.bit_length() <= _MAX_EXPONENT:
        return None
    return _scale_by_fives(negative, mantissa, twos, fives)


def too_long() -> TooLongError:
    """Return the error for a number with more characters than are read."""
    return TooLongError(f"a number may have {MAX_LENGTH} characters at most")


def _scale_by_fives(negative: bool, mantissa: int, exponent: int, fives: int) -> Number:
    if fives == 0:
        return make(negative, mantissa, exponent, PRECISION)
    _, power, shift, _ = _parts(_power_of_five(abs(fives)))
    if shift is None:  # the power is beyond all exponents, and with it the number
        return Float(negative, 0, None, PRECISION) if fives > 0 else make(negative, 0, 0, PRECISION)
    if fives > 0:
        return make(negative, mantissa * power, exponent + shift, PRECISION)
    return _quotient(negative, (mantissa, exponent), (power, shift), PRECISION)


def _power_of_five(n: int) -> Number:
    """Return 5**n to 576 bits, by the same steps as Go so that the last bit agrees."""
    precision = PRECISION + _POWER_GUARD
    if n <= 248:
        return make(False, 5**n, 0, precision)
    result, n = make(False, 5**27, 0, precision), n - 27
    factor: Number = make(False, 5, 0, precision + _POWER_GUARD)
    while n > 0:
        if n & 1:
            result = _product(result, factor, precision)
        factor = _product(factor, factor, precision + _POWER_GUARD)
        n >>= 1
    return result


def number_text(x: Number) -> str:
    """Return the number without an exponent, with as few digits as tell it from its neighbours."""
    if not isinstance(x, Float):
        return str(int(x))
    minus = "-" if x.negative else ""
    if x.exponent is None:
        return f"{minus or '+'}Inf"
    digits, point = shortest(x)
    if not digits:
        return f"{minus}0"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return minus + digits + "0" * (point - len(digits))
    return f"{minus}{digits[:point]}.{digits[point:]}"


def decimal_digits(mantissa: int, exponent: int) -> tuple[str, int]:
    """Return `mantissa * 2**exponent` exactly, as digits without trailing zeros and the place of the point."""
    if mantissa == 0:
        return "", 0
    if not -MAX_BITS <= exponent <= MAX_BITS:
        raise TooLongError("a number of more than ten million digits cannot be written out")
    text = scaled_text(mantissa, 2, exponent) if exponent >= 0 else scaled_text(mantissa, 5, -exponent)
    return text.rstrip("0"), len(text) + min(exponent, 0)


def shortest(x: Number) -> tuple[str, int]:
    """Return the fewest digits that round to the finite number at its precision, and the place of the point."""
    _, mantissa, exponent, precision = _parts(x)
    if exponent is None or mantissa == 0:
        return "", 0
    digits, point = decimal_digits(mantissa, exponent)
    shift = precision + 1 - mantissa.bit_length()
    half, low = mantissa << shift, exponent - shift
    inclusive = half & 2 == 0
    lower, _ = decimal_digits(half - 1, low)
    upper, _ = decimal_digits(half + 1, low)
    for i, digit in enumerate(digits):
        below = lower[i] if i < len(lower) else "0"
        above = upper[i] if i < len(upper) else "0"
        down = below != digit or (inclusive and i + 1 == len(lower))
        up = digit != above and (inclusive or ord(digit) + 1 < ord(above) or i + 1 < len(upper))
        if down and up:
            return round_digits(digits, point, i + 1)
        if down:
            return _trim(digits[: i + 1], point)
        if up:
            return _round_up(digits, point, i + 1)
    return digits, point


def round_digits(digits: str, point: int, count: int) -> tuple[str, int]:
    """Round to the first `count` digits, half to even."""
    if count < 0 or count >= len(digits):
        return digits, point
    tail = digits[count:]
    odd = count > 0 and int(digits[count - 1]) % 2 == 1
    up = tail > "5" or (tail == "5" and odd)
    return _round_up(digits, point, count) if up else _trim(digits[:count], point)


def _round_up(digits: str, point: int, count: int) -> tuple[str, int]:
    if count >= len(digits):
        return digits, point
    kept = digits[:count].rstrip("9")
    if not kept:
        return "1", point + 1
    return kept[:-1] + str(int(kept[-1]) + 1), point


def _trim(digits: str, point: int) -> tuple[str, int]:
    digits = digits.rstrip("0")
    return (digits, point) if digits else ("", 0)
