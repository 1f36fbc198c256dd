"""Between integers of any size and their digits, in less than quadratic time; Python's own ways refuse long texts."""

from __future__ import annotations

_SHORT_BITS = 14000
"""What `str` takes in any case: it refuses more than 4300 digits."""
_BLOCK = 4000


def int_text(value: int) -> str:
    """Return the decimal digits of an integer of any size."""
    return str(value) if value.bit_length() < _SHORT_BITS else _long_text(value, 2, 0)


def scaled_text(mantissa: int, base: int, exponent: int) -> str:
    """Return the decimal digits of `mantissa * base**exponent`, for an exponent that is not negative."""
    if mantissa.bit_length() + exponent * base.bit_length() < _SHORT_BITS:
        return str(mantissa * base**exponent)
    return _long_text(mantissa, base, exponent)


def _long_text(value: int, base: int, exponent: int) -> str:
    """Let `decimal` count, whose product of long numbers is the fast one: it takes halves apart and joins them."""
    import decimal
    from decimal import Decimal

    powers: dict[int, Decimal] = {}

    def power(of: int) -> Decimal:
        if of not in powers:
            powers[of] = Decimal(2) ** of
        return powers[of]

    def make(value: int, bits: int) -> Decimal:
        if bits <= 512:
            return Decimal(value)
        half = bits // 2
        high = value >> half
        return make(value - (high << half), half) + make(high, bits - half) * power(half)

    exact = decimal.Context(prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
    with decimal.localcontext(exact):
        made = make(abs(value), value.bit_length())
        if exponent:
            made *= Decimal(base) ** exponent
        return f"{'-' if value < 0 else ''}{made:f}"


def digits_to_int(digits: str, base: int = 10) -> int:
    """Return the integer that digits denote in a base of up to 36."""
    blocks = [int(digits[max(end - _BLOCK, 0) : end], base) for end in range(len(digits), 0, -_BLOCK)]
    factor = base**_BLOCK
    while len(blocks) > 1:  # the least significant stands first
        pairs = zip(blocks[::2], [*blocks[1::2], 0], strict=False)
        blocks = [low + high * factor for low, high in pairs]
        factor *= factor
    return blocks[0] if blocks else 0
