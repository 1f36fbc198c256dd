"""Print numbers as Go's `big.Float.Text` does for `%e`, `%f` and `%g`."""

from __future__ import annotations

from bakepy.values.numbers import Float, Number, decimal_digits, round_digits, shortest


def number_form(x: Number, verb: str, precision: int | None = None) -> str:
    """Return the number in the form that a verb of `eEfgG` names.

    Args:
        x: the number.
        verb: `e` with an exponent, `f` without, `g` with one for very large and very small numbers.
        precision: digits after the point, or significant digits for `g`; None for as few as are exact.

    """
    negative = x.negative if isinstance(x, Float) else x < 0
    minus = "-" if negative else ""
    if isinstance(x, Float) and x.exponent is None:
        return f"{minus or '+'}Inf"
    lower = verb.lower()
    if precision is None:
        digits, point = shortest(x)
        wanted = {"e": len(digits) - 1, "f": max(len(digits) - point, 0), "g": len(digits)}[lower]
    else:
        wanted = max(precision, 1) if lower == "g" else precision
        digits, point = _exact(x)
        keep = {"e": 1 + wanted, "f": point + wanted, "g": wanted}[lower]
        digits, point = round_digits(digits, point, keep)
    if lower == "f":
        return minus + _plain(digits, point, wanted)
    if lower == "e":
        return minus + _scientific(digits, point, wanted, verb)
    limit = len(digits) if wanted > len(digits) >= point else wanted
    if precision is None:
        limit = 6
    if point - 1 < -4 or point - 1 >= limit:
        return minus + _scientific(digits, point, min(wanted, len(digits)) - 1, "e" if verb == "g" else "E")
    return minus + _plain(digits, point, max((len(digits) if wanted > point else wanted) - point, 0))


def _exact(x: Number) -> tuple[str, int]:
    if isinstance(x, Float):
        return decimal_digits(x.mantissa, x.exponent or 0)
    return decimal_digits(abs(x), 0)


def _scientific(digits: str, point: int, places: int, letter: str) -> str:
    exponent = point - 1 if digits else 0
    fraction = f".{digits[1 : 1 + places].ljust(places, '0')}" if places > 0 else ""
    return f"{digits[:1] or '0'}{fraction}{letter}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _plain(digits: str, point: int, places: int) -> str:
    whole = digits[:point].ljust(point, "0") if point > 0 else "0"
    if places <= 0:
        return whole
    fraction = digits[point:] if point > 0 else "0" * -point + digits
    return f"{whole}.{fraction[:places].ljust(places, '0')}"
