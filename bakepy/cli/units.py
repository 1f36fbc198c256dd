"""Sizes and durations, as the reference reads and prints them."""

from __future__ import annotations

import re

from bakepy.diagnostics import BakeError
from bakepy.quantities import MOST, scaled

DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")

SECOND = 1_000_000_000
"""Nanoseconds."""

NANOSECONDS = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,
    "μs": 1000,
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}


def decimal_size(size: int) -> str:
    """Return a size in four digits and powers of 1000, as in `1.653GB`."""
    return _size(size, 1000, DECIMAL)


def binary_size(size: int) -> str:
    """Return a size in four digits and powers of 1024, as in `9.313GiB`."""
    return _size(size, 1024, BINARY)


def _size(size: float, base: int, units: tuple[str, ...]) -> str:
    index = 0
    while size >= base and index < len(units) - 1:
        size, index = size / base, index + 1
    text = f"{size:.4g}"
    return _go_exponent(text) + units[index]


def _go_exponent(text: str) -> str:
    return re.sub(r"e([+-])(\d)$", r"e\g<1>0\2", text)


def parse_size(text: str) -> int:
    """Return the bytes of `128mb`, `2GiB` or `512`, all in powers of 1024; raises BakeError."""
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+) ?(?:(b)|([kmgtp])(?:b|ib)?)?", text.strip(), re.IGNORECASE)
    if not found:
        raise BakeError.of(f"invalid size: '{text}'", hint="a size looks like 512mb or 2gb")
    power = "bkmgtp".index(found[3].lower()) if found[3] else 0
    if (count := scaled(found[1], 1024**power)) is None:
        raise BakeError.of(f"invalid size: '{text}'", hint="Give less than 8 EiB.")
    return count


def parse_duration(text: str) -> int:
    """Return the nanoseconds of Go's durations, such as `1h30m` or `20s`; raises BakeError."""
    sign = -1 if text.startswith("-") else 1
    body = text.lstrip("+-") if text[:1] in "+-" else text
    if body == "0":
        return 0
    parts = re.findall(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        raise BakeError.of(f'invalid duration "{text}"', hint="a duration looks like 20s, 90m or 24h")
    amounts = [float(number) * NANOSECONDS[unit] for number, unit in parts]
    if sum(amounts) >= MOST:
        raise BakeError.of(f'invalid duration "{text}"', hint="Give less than 292 years.")
    return sign * sum(map(round, amounts))


def duration(nanoseconds: int) -> str:
    """Return a duration of whole seconds or more as Go prints it, as in `48h0m0s`."""
    if nanoseconds == 0:
        return "0s"
    seconds, rest = divmod(nanoseconds, SECOND)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{head}{seconds}{fraction}s"


def ago(nanoseconds: int) -> str:
    """Return about how long a time is, in words."""
    seconds = nanoseconds // SECOND
    minutes, hours = seconds // 60, int(nanoseconds / SECOND / 3600 + 0.5)
    for limit, text in (
        (seconds < 1, "Less than a second"),
        (seconds == 1, "1 second"),
        (seconds < 60, f"{seconds} seconds"),
        (minutes == 1, "About a minute"),
        (minutes < 60, f"{minutes} minutes"),
        (hours == 1, "About an hour"),
        (hours < 48, f"{hours} hours"),
        (hours < 24 * 7 * 2, f"{hours // 24} days"),
        (hours < 24 * 30 * 2, f"{hours // 24 // 7} weeks"),
        (hours < 24 * 365 * 2, f"{hours // 24 // 30} months"),
    ):
        if limit:
            return text
    return f"{seconds // 3600 // 24 // 365} years"


def timestamp(nanoseconds: int) -> str:
    """Return a time as Go prints one in UTC: `2025-06-12 15:44:02.715795569 +0000 UTC`."""
    from datetime import UTC, datetime

    seconds, rest = divmod(nanoseconds, SECOND)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"
