"""Read whole numbers of 64 bits from digits, of which a text may have any count."""

from __future__ import annotations

MOST = 2**63 - 1
_DIGITS = 19
"""Digits of the greatest integer of 64 bits."""


def whole(text: str) -> int | None:
    """Return the integer that decimal digits, maybe behind a sign, denote; None where 64 bits do not hold it."""
    negative = text.startswith("-")
    digits = text.lstrip("+-").lstrip("0")
    if len(digits) > _DIGITS:
        return None
    value = -int(digits or "0") if negative else int(digits or "0")
    return value if -MOST - 1 <= value <= MOST else None


def scaled(text: str, factor: int) -> int | None:
    """Return a decimal number times a factor, without its fraction; None where 64 bits do not hold it.

    It is counted in floating point, as the reference does.
    """
    value = float(text) * factor
    return int(value) if -MOST <= value < MOST else None
