"""Reckon with moments in time of any year; parse RFC 3339 as strictly as the reference, with its words for faults."""

from __future__ import annotations

import re
from typing import Final

from bakepy.evaluator.functions.record import CallFault
from bakepy.records import Record
from bakepy.values.strings import quoted

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_DAY = 86400


def days_from_civil(year: int, month: int, day: int) -> int:
    """Count the days from 1970-01-01 to a date of the proleptic Gregorian calendar."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Return the year, month and day that lie a count of days after 1970-01-01."""
    era, of_era = divmod(days + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = (shifted + 2) % 12 + 1
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


class Moment(Record):
    """Be a count of nanoseconds since 1970-01-01 UTC, seen from a zone that is `offset` seconds east."""

    __slots__ = ("nanoseconds", "offset")

    def __init__(self, nanoseconds: int, offset: int = 0) -> None:
        self.nanoseconds: Final = nanoseconds
        self.offset: Final = offset

    @property
    def unix(self) -> int:
        """Return the whole seconds since 1970-01-01 UTC."""
        return self.nanoseconds // 10**9

    @property
    def date(self) -> tuple[int, int, int]:
        """Return year, month and day in the zone."""
        return civil_from_days((self.unix + self.offset) // _DAY)

    @property
    def clock(self) -> tuple[int, int, int]:
        """Return hour, minute and second in the zone."""
        seconds = (self.unix + self.offset) % _DAY
        return seconds // 3600, seconds // 60 % 60, seconds % 60

    @property
    def weekday(self) -> int:
        """Return the day of the week, from 0 for Sunday."""
        return ((self.unix + self.offset) // _DAY + 4) % 7

    @property
    def year_day(self) -> int:
        """Return the day of the year, from 1."""
        return (self.unix + self.offset) // _DAY - days_from_civil(self.date[0], 1, 1) + 1

    def iso_week(self) -> tuple[int, int]:
        """Return the ISO 8601 year and week: those of the week's Thursday."""
        days = (self.unix + self.offset) // _DAY
        thursday = days + 3 - (days + 3) % 7
        year = civil_from_days(thursday)[0]
        return year, (thursday - days_from_civil(year, 1, 1)) // 7 + 1

    def zone(self, colon: str = ":") -> str:
        """Return the zone's offset, for instance `+01:00`."""
        minutes = abs(self.offset) // 60
        return f"{'-' if self.offset < 0 else '+'}{minutes // 60:02d}{colon}{minutes % 60:02d}"

    def rfc3339(self) -> str:
        """Return the moment as RFC 3339 writes it, without fractions of a second."""
        (year, month, day), (hour, minute, second) = self.date, self.clock
        shown = f"{year:04d}" if year >= 0 else f"-{-year:04d}"
        zone = self.zone() if self.offset else "Z"
        return f"{shown}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}{zone}"


_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)  # fmt: skip


def _month_days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def parse_rfc3339(text: str) -> Moment:
    """Parse an RFC 3339 timestamp.

    Raises:
        CallFault: with what is wrong with it.

    """
    match = _RFC3339.fullmatch(text)
    if match:
        year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
        zone_hour, zone_minute = int(match[9] or 0), int(match[10] or 0)
        in_range = 1 <= month <= 12 and 1 <= day <= _month_days(year, month)
        if in_range and hour < 24 and minute < 60 and second < 60 and zone_hour < 24 and zone_minute < 60:
            offset = (zone_hour * 60 + zone_minute) * 60 * (-1 if match[8] == "-" else 1)
            seconds = days_from_civil(year, month, day) * _DAY + hour * 3600 + minute * 60 + second - offset
            return Moment(seconds * 10**9 + int((match[7] or "0")[:9].ljust(9, "0")), offset)
    raise CallFault(f"not a valid RFC3339 timestamp{_explain(text)}")


_PARTS = (
    ("year", r"\d{4}", 0, 9999), ("-", "-", 0, 0), ("month", r"\d\d", 1, 12), ("-", "-", 0, 0),
    ("day of month", r"\d\d", 0, 99), ("T", "T", 0, 0), ("hour", r"\d\d?", 0, 23), (":", ":", 0, 0),
    ("minute", r"\d\d", 0, 59), (":", ":", 0, 0), ("second", r"\d\d", 0, 59),
)  # fmt: skip


def _explain(text: str) -> str:
    """Find the first part that is wrong. A number that is out of range is reported with the text behind it."""
    rest, date = text, []
    for name, pattern, low, high in _PARTS:
        match = re.match(pattern, rest, re.ASCII)
        if match is None:
            return _explain_part(name, rest)
        rest, before = rest[match.end() :], rest
        if name not in ("-", "T", ":"):
            if not low <= int(match[0]) <= high:
                return _explain_part(name, rest)
            date.append(int(match[0]))
        if name == "hour" and match.end() == 1:
            return _explain_part(name, before[:1])
    fraction = re.match(r"[.,]\d+", rest, re.ASCII)
    if fraction:
        rest = rest[fraction.end() :]
        if fraction[0].startswith(","):
            return ': cannot use "," as timestamp segment'
    zone = re.match(r"Z|[+-](\d\d):(\d\d)", rest, re.ASCII)
    if zone is None:
        return _explain_part("UTC offset", rest)
    if zone[1] and (int(zone[1]) > 24 or int(zone[2]) > 60):
        return _explain_part("UTC offset", rest[zone.end() :])
    if rest[zone.end() :]:
        return _explain_part("timestamp segment", rest[zone.end() :])
    if not 1 <= date[2] <= _month_days(date[0], date[1]):
        return ": day out of range"
    return _explain_part("UTC offset", rest)


def _explain_part(name: str, found: str) -> str:
    if name == "T":
        return ": missing required time introducer 'T'"
    if name in ("-", ":"):
        if not found:
            return f": end of string where {quoted(name)} is expected"
        return f": found {quoted(found)} where {quoted(name)} is expected"
    if not found:
        return f": end of string before {name}"
    if name == "hour" and ":" in found:
        return ": hour must be between 0 and 23 inclusive"
    if name in ("hour", "minute") and len(found) != 2:
        return f": {name} must have exactly two digits"
    return f": cannot use {quoted(found)} as {name}"


_UNITS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9,
}  # fmt: skip
_DIGITS = 30
"""Digits that a part of a duration may have; beyond them it overflows, or its fraction is too small to count."""
_SPAN = re.compile(r"(\d*)(?:(\.)(\d*))?([^\d.]*)", re.ASCII)


def parse_duration(text: str) -> int:
    """Return the nanoseconds of a duration such as `1h30m` or `-1.5s`.

    Raises:
        CallFault: with what is wrong with it.

    """
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    invalid = CallFault(f"time: invalid duration {quoted(text)}")
    if not rest:
        raise invalid
    total = 0
    while rest:
        match = _SPAN.match(rest)
        if match is None or not (match[1] or match[3]):
            raise invalid
        if not match[4]:
            raise CallFault(f"time: missing unit in duration {quoted(text)}")
        unit = _UNITS.get(match[4])
        if unit is None:
            raise CallFault(f"time: unknown unit {quoted(match[4])} in duration {quoted(text)}")
        fraction = (match[3] or "")[:_DIGITS]
        whole = (match[1] or "0").lstrip("0")
        if len(whole) > _DIGITS:
            raise invalid
        total += int(whole or 0) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
        rest = rest[match.end() :]
    if total > 2**63 - (text[0] != "-"):
        raise invalid
    return -total if text[0] == "-" else total
