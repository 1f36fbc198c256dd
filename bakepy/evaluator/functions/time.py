"""Functions of time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bakepy.evaluator.functions.arguments import integer, strings
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.moment import MONTHS, WEEKDAYS, Moment, parse_duration, parse_rfc3339
from bakepy.evaluator.functions.record import ArgumentFault, CallFault, Function, Parameter
from bakepy.values.strings import quoted
from bakepy.values.types import NUMBER, STRING, ObjectType, Type
from bakepy.values.value import Value, count, object_, string

_TOKEN = re.compile(r"''|'(?:[^']|'')*'?|([A-Za-z])\1*|[^A-Za-z']+")

_Shown = dict[int, Callable[[Moment], str]]


def _two(part: Callable[[Moment], int]) -> _Shown:
    return {1: lambda t: str(part(t)), 2: lambda t: f"{part(t):02d}"}


def _half_day(t: Moment) -> str:
    return "PM" if t.clock[0] >= 12 else "AM"


_VERBS: dict[str, tuple[_Shown, str]] = {
    "Y": (
        {2: lambda t: f"{t.date[0] % 100:02d}", 4: lambda t: f"{t.date[0]:04d}"},
        'year must either be "YY" or "YYYY"',
    ),
    "M": (
        _two(lambda t: t.date[1]) | {3: lambda t: MONTHS[t.date[1] - 1][:3], 4: lambda t: MONTHS[t.date[1] - 1]},
        'month must be "M", "MM", "MMM", or "MMMM"',
    ),
    "D": (_two(lambda t: t.date[2]), 'day of month must either be "D" or "DD"'),
    "E": (
        {3: lambda t: WEEKDAYS[t.weekday][:3], 4: lambda t: WEEKDAYS[t.weekday]},
        'day of week must either be "EEE" or "EEEE"',
    ),
    "h": (_two(lambda t: t.clock[0]), '24-hour must either be "h" or "hh"'),
    "H": (_two(lambda t: (t.clock[0] + 11) % 12 + 1), '12-hour must either be "H" or "HH"'),
    "A": ({2: _half_day}, 'must be "AA"'),
    "a": ({2: lambda t: _half_day(t).lower()}, 'must be "aa"'),
    "m": (_two(lambda t: t.clock[1]), 'minute must either be "m" or "mm"'),
    "s": (_two(lambda t: t.clock[2]), 'second must either be "s" or "ss"'),
    "Z": (
        {
            1: lambda t: t.zone() if t.offset else "Z",
            3: lambda t: t.zone("") if t.offset else "UTC",
            4: lambda t: t.zone(""),
            5: lambda t: t.zone(),
        },
        "timezone must be Z, ZZZZ, or ZZZZZ",
    ),
}


def format_moment(layout: str, moment: Moment) -> str:
    """Return the moment in a layout of verbs such as `YYYY-MM-DD'T'hh:mm:ssZ`; quotes keep text as it is.

    Raises:
        ArgumentFault: for argument 0, where the layout has a verb that there is not or a quote that is not closed.

    """
    out = []
    for match in _TOKEN.finditer(layout):
        token = match[0]
        if token.startswith("'"):
            if len(token) == 1 or not token.endswith("'"):
                raise ArgumentFault(0, "unterminated literal '")
            out.append(token[1:-1].replace("''", "'") or "'")
        elif match[1]:
            out.append(_format_verb(token, moment))
        else:
            out.append(token)
    return "".join(out)


def _format_verb(token: str, moment: Moment) -> str:
    if token[0] not in _VERBS:
        raise ArgumentFault(0, f"invalid date format verb {quoted(token)}")
    forms, rule = _VERBS[token[0]]
    if len(token) not in forms:
        raise ArgumentFault(0, f"invalid date format verb {quoted(token)}: {rule}")
    return forms[len(token)](moment)


def _moment(index: int, text: str) -> Moment:
    try:
        return parse_rfc3339(text)
    except CallFault as fault:
        raise ArgumentFault(index, fault.message) from None


def _format_date(args: Sequence[Value], returns: Type) -> Value:
    moment = _moment(1, args[1].text)
    return string(format_moment(args[0].text, moment))


def _unix(index: int, value: Value) -> Moment:
    try:
        return Moment(integer(value) * 10**9)
    except CallFault:
        raise ArgumentFault(index, "unix timestamp must be an integer") from None


def _format_timestamp(args: Sequence[Value], returns: Type) -> Value:
    layout, time = args[0].text, args[1]
    if time.type is STRING:
        try:
            moment = parse_rfc3339(time.text)
        except CallFault as fault:
            message = "timestamp string must be RFC3339" if layout == "X" else fault.message
            raise ArgumentFault(1, message) from None
    elif time.type is NUMBER:
        moment = _unix(1, time)
        if layout != "X":
            moment = _moment(1, moment.rfc3339())  # refuses years that RFC 3339 cannot write
    else:
        raise ArgumentFault(1, "must be a string timestamp or a unix timestamp number")
    return string(str(moment.unix) if layout == "X" else format_moment(layout, moment))


def _time_add(args: Sequence[Value], returns: Type) -> Value:
    moment, duration = parse_rfc3339(args[0].text), parse_duration(args[1].text)
    return string(Moment(moment.nanoseconds + duration, moment.offset).rfc3339())


def _parse_unix(args: Sequence[Value], returns: Type) -> Value:
    moment = _unix(0, args[0])
    (year, month, day), (hour, minute, second) = moment.date, moment.clock
    iso_year, iso_week = moment.iso_week()
    numbers = {
        "year": year,
        "year_day": moment.year_day,
        "day": day,
        "month": month,
        "weekday": moment.weekday,
        "hour": hour,
        "minute": minute,
        "second": second,
        "iso_year": iso_year,
        "iso_week": iso_week,
    }
    texts = {
        "month_name": MONTHS[month - 1],
        "weekday_name": WEEKDAYS[moment.weekday],
        "rfc3339": moment.rfc3339(),
    }
    return object_({n: count(v) for n, v in numbers.items()} | {n: string(v) for n, v in texts.items()})


_UNIX_NUMBERS = "day hour iso_week iso_year minute month second weekday year year_day"
_UNIX_TEXTS = "month_name rfc3339 weekday_name"


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""

    def now(args: Sequence[Value], returns: Type) -> Value:
        return string(Moment(int(surroundings.now().timestamp()) * 10**9).rfc3339())

    parsed = ObjectType(dict.fromkeys(_UNIX_NUMBERS.split(), NUMBER) | dict.fromkeys(_UNIX_TEXTS.split(), STRING))
    return [
        Function(
            "formatdate",
            strings("format", "time"),
            None,
            STRING,
            _format_date,
            "Formats a timestamp; formattimestamp does more and replaces it.",
        ),
        Function(
            "formattimestamp",
            (*strings("format"), Parameter("time")),
            None,
            STRING,
            _format_timestamp,
            "Formats an RFC 3339 timestamp or Unix time; the format X gives Unix time.",
        ),
        Function(
            "timeadd",
            strings("timestamp", "duration"),
            None,
            STRING,
            _time_add,
            "Adds a duration such as 1h30m to a timestamp.",
        ),
        Function("timestamp", (), None, STRING, now, "Returns the time now, in UTC, as RFC 3339 writes it."),
        Function(
            "unixtimestampparse",
            (Parameter("unix_timestamp", NUMBER),),
            None,
            parsed,
            _parse_unix,
            "Returns the parts of the date and time that a Unix time means.",
        ),
    ]
