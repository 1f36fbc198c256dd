"""Plain scalars that are times to Go's YAML, after YAML 1.1: `args: {DATE: 2024-01-01}`."""

from __future__ import annotations

import re

_DATE = r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2}):(?P<second>\d{1,2})(?:[.,](?P<fraction>\d+))?"
_ZONE = r"(?:Z|(?P<offset>[+-][01]\d:[0-5]\d|[+-]2[0-3]:[0-5]\d))"
_FORMS = tuple(re.compile(f"(?a:{form})") for form in (_DATE, rf"{_DATE} +{_TIME}", rf"{_DATE}[Tt]{_TIME}{_ZONE}"))

LEAP = 2000
"""A year that has all days, as year 0 has, which Python's calendar lacks."""


class Moment(str):
    """Be a time as Go prints it: good where any scalar is taken for a text, and no text where one is asked for."""

    __slots__ = ()


def moment(text: str) -> Moment | None:
    """Return the time that a plain scalar denotes, None where it denotes none."""
    found = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
    if found is None:
        return None
    from datetime import datetime

    part = found.groupdict("")
    number = {name: int(part.get(name) or 0) for name in ("year", "month", "day", "hour", "minute", "second")}
    day = (number["year"] or LEAP, number["month"], number["day"])
    try:
        when = datetime(*day, number["hour"], number["minute"], number["second"])
    except ValueError:
        return None
    fraction = part.get("fraction", "")[:9].rstrip("0")
    offset = part.get("offset", "").replace(":", "")
    # Go knows a zone by its offset alone; one without an offset is taken for UTC.
    zone = f"{offset} {offset}" if offset.strip("+-0") else "+0000 UTC"
    point = "." if fraction else ""
    return Moment(f"{part['year']}-{when:%m-%d %H:%M:%S}{point}{fraction} {zone}")
