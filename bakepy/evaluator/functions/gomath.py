"""Compute logarithms and powers of doubles as the reference does, whose library is not the C library's.

Fractional powers may differ in the last digit, as they do in the reference from one processor to another.
"""

from __future__ import annotations

import math
from math import frexp, inf, ldexp, nan, sqrt

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_L = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)


def log(x: float) -> float:
    """Return the natural logarithm by FreeBSD's e_log method; -inf for 0 and NaN below."""
    if x != x or x == inf:
        return x
    if x <= 0:
        return nan if x < 0 else -inf
    fraction, exponent = frexp(x)
    if fraction < math.sqrt(2) / 2:
        fraction, exponent = fraction * 2, exponent - 1
    f, k = fraction - 1, float(exponent)
    s = f / (2 + f)
    s2 = s * s
    s4 = s2 * s2
    odd = s2 * (_L[0] + s4 * (_L[2] + s4 * (_L[4] + s4 * _L[6])))
    even = s4 * (_L[1] + s4 * (_L[3] + s4 * _L[5]))
    half = 0.5 * f * f
    return k * _LN2_HIGH - ((half - (s * (half + (odd + even)) + k * _LN2_LOW)) - f)


def power(x: float, y: float) -> float:
    """Return `x**y`, multiplying out the whole part of `y`; NaN for a fractional power of a negative number."""
    special = _special_power(x, y)
    if special is not None:
        return special
    fraction, whole = math.modf(abs(y))
    if fraction and x < 0:
        return nan
    if whole >= 2.0**63:
        return 1.0 if x == -1 else 0.0 if (abs(x) < 1) == (y > 0) else inf
    result, exponent = 1.0, 0
    if fraction:
        if fraction > 0.5:
            fraction, whole = fraction - 1, whole + 1
        result = math.exp(fraction * log(x))
    base, base_exponent = frexp(x)
    bits = int(whole)
    while bits:
        if abs(base_exponent) > 1 << 12:
            exponent += base_exponent
            break
        if bits & 1:
            result, exponent = result * base, exponent + base_exponent
        base, base_exponent = base * base, base_exponent << 1
        if base < 0.5:
            base, base_exponent = base + base, base_exponent - 1
        bits >>= 1
    if y < 0:
        result, exponent = 1 / result, -exponent
    try:
        return ldexp(result, exponent)
    except OverflowError:
        return inf if result > 0 else -inf


def _special_power(x: float, y: float) -> float | None:
    if y == 0 or x == 1:
        return 1.0
    if y == 1:
        return x
    if x == 0 or math.isinf(x) or math.isinf(y):
        try:
            return math.pow(x, y)
        except ValueError:
            return -inf if math.copysign(1, x) < 0 and y % 2 == 1 else inf
    if y == 0.5 and x > 0:
        return sqrt(x)
    if y == -0.5 and x > 0:
        return 1 / sqrt(x)
    return None
