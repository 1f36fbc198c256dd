"""Check versions (semver.org) against constraints such as `^1.2`, `~1.2.x`, `1.2 - 1.4` and `>= 1.0, < 2 || 3`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from bakepy.evaluator.functions.record import CallFault
from bakepy.records import Record

_EXTRAS = r"(?:-([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(?:\+([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?"
_VERSION = re.compile(r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?" + _EXTRAS, re.ASCII)
_LOOSE = r"v?([0-9|xX*]+)(?:\.([0-9|xX*]+))?(?:\.([0-9|xX*]+))?" + _EXTRAS
_PLAIN = re.sub(r"\((?!\?)", "(?:", _LOOSE)
_OPERATORS = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^"
_ONE = re.compile(rf"\s*({_OPERATORS})\s*({_LOOSE})\s*")
_FIND = re.compile(rf"(?:{_OPERATORS})\s*{_PLAIN}")
_VALID = re.compile(rf"\s*(?:{_OPERATORS})\s*{_PLAIN}\s*(?:(?:\s+|,\s*)(?:{_OPERATORS})\s*{_PLAIN}\s*)*")
_RANGE = re.compile(rf"\s*({_PLAIN})\s+-\s+({_PLAIN})\s*")
_ANY = ("x", "X", "*", None)
_MAX_SEGMENT = 2**64
_MAX_DIGITS = 20


class Version(Record):
    """Be a version; build metadata plays no part in comparisons and is not kept."""

    __slots__ = ("major", "minor", "patch", "pre")

    def __init__(self, major: int, minor: int, patch: int, pre: str = "") -> None:
        self.major: Final = major
        self.minor: Final = minor
        self.patch: Final = patch
        self.pre: Final = pre

    def compare(self, other: Version) -> int:
        """Return -1, 0 or 1 by precedence."""
        mine, theirs = (self.major, self.minor, self.patch), (other.major, other.minor, other.patch)
        if mine != theirs:
            return -1 if mine < theirs else 1
        if self.pre == other.pre:
            return 0
        if not self.pre or not other.pre:
            return 1 if not self.pre else -1
        return _compare_pre(self.pre, other.pre)


def _compare_pre(a: str, b: str) -> int:
    ours, theirs = a.split("."), b.split(".")
    for mine, other in zip(ours, theirs, strict=False):
        if mine == other:
            continue
        if mine.isdigit() and other.isdigit():
            return 1 if _size(mine) > _size(other) else -1
        if mine.isdigit() != other.isdigit():
            return -1 if mine.isdigit() else 1
        return 1 if mine > other else -1
    return (len(ours) > len(theirs)) - (len(ours) < len(theirs))


def _size(digits: str) -> tuple[int, str]:
    """Return what orders numbers of any length: Python converts no more than 4300 digits."""
    significant = digits.lstrip("0")
    return len(significant), significant


def parse_version(text: str) -> Version:
    """Parse a version; minor and patch may lack, and a `v` may stand before it.

    Raises:
        CallFault: where it is none.

    """
    match = _VERSION.fullmatch(text)
    if match is None:
        raise CallFault("invalid semantic version")
    found = [(match[i] or "").lstrip("0") for i in (1, 2, 3)]
    numbers = [int(digits or "0") if len(digits) <= _MAX_DIGITS else _MAX_SEGMENT for digits in found]
    for i, value in enumerate(numbers, 1):
        if value >= _MAX_SEGMENT:
            raise CallFault(
                f'error parsing version segment: strconv.ParseUint: parsing "{match[i]}": value out of range'
            )
    pre = match[4] or ""
    if any(part.isdigit() and len(part) > 1 and part[0] == "0" for part in pre.split(".")):
        raise CallFault("version segment starts with 0")
    return Version(numbers[0], numbers[1], numbers[2], pre)


class _Constraint(Record):
    """Be one comparison. `open_at` counts the segments that were given, where the rest was left open; 3 for all."""

    __slots__ = ("operator", "version", "open_at")

    def __init__(self, operator: str, version: Version, open_at: int) -> None:
        self.operator: Final = operator
        self.version: Final = version
        self.open_at: Final = open_at

    @property
    def dirty(self) -> bool:
        return self.open_at < 3

    def allows(self, version: Version, *, pre: bool) -> bool:
        if version.pre and not pre:
            return False
        return _CHECKS[self.operator](version, self)


def _equal(v: Version, c: _Constraint) -> bool:
    return _tilde(v, c) if c.dirty else v.compare(c.version) == 0


def _not_equal(v: Version, c: _Constraint) -> bool:
    if not c.dirty:
        return v.compare(c.version) != 0
    if c.version.major != v.major:
        return True
    if c.open_at == 1:
        return False
    if c.version.minor != v.minor:
        return True
    if c.open_at == 2:
        both = v.pre, c.version.pre
        return any(both) and v.pre != c.version.pre
    return c.version.patch != v.patch


def _greater(v: Version, c: _Constraint) -> bool:
    if not c.dirty or v.major != c.version.major or c.open_at == 0:
        return v.compare(c.version) == 1 if not c.dirty or v.major == c.version.major else v.major > c.version.major
    return c.open_at == 2 and v.minor > c.version.minor


def _less_or_equal(v: Version, c: _Constraint) -> bool:
    if not c.dirty:
        return v.compare(c.version) <= 0
    if v.major > c.version.major:
        return False
    return not (v.major == c.version.major and v.minor > c.version.minor and c.open_at != 1)


def _tilde(v: Version, c: _Constraint) -> bool:
    if v.compare(c.version) < 0:
        return False
    if (c.version.major, c.version.minor, c.version.patch) == (0, 0, 0) and c.open_at in (0, 3):
        return True
    return v.major == c.version.major and (v.minor == c.version.minor or c.open_at == 1)


def _caret(v: Version, c: _Constraint) -> bool:
    wanted = c.version
    if v.compare(wanted) < 0:
        return False
    if wanted.major > 0 or c.open_at == 1:
        return v.major == wanted.major
    if v.major > 0:
        return False
    if wanted.minor > 0 or c.open_at == 2:
        return v.minor == wanted.minor
    return v.minor == 0 and v.patch == wanted.patch


_CHECKS: dict[str, Callable[[Version, _Constraint], bool]] = {
    "": _equal,
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    "<": lambda v, c: v.compare(c.version) < 0,
    ">=": lambda v, c: v.compare(c.version) >= 0,
    "=>": lambda v, c: v.compare(c.version) >= 0,
    "<=": _less_or_equal,
    "=<": _less_or_equal,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}


def _parse_constraint(text: str) -> _Constraint:
    match = _ONE.fullmatch(text)
    if match is None:
        raise CallFault(f"improper constraint: {text}")
    segments = [match[3], match[4], match[5]]
    open_at = next((i for i, s in enumerate(segments) if s in _ANY), 3)
    given = ".".join([*segments[:open_at], *["0"] * (3 - open_at)])
    pre = f"-{match[6]}" if match[6] else ""
    try:
        version = parse_version(given + pre)
    except CallFault:
        raise CallFault("constraint parser error") from None
    return _Constraint(match[1], version, open_at)


def satisfies(version_text: str, constraint_text: str) -> bool:
    """Tell whether a version satisfies a constraint. Pre-releases satisfy only constraints that name one.

    Raises:
        CallFault: where either text is not what it should be.

    """
    version = parse_version(version_text)
    groups = []
    for part in _RANGE.sub(lambda m: f">= {m[1]}, <= {m[2]} ", constraint_text).split("||"):
        if not _VALID.fullmatch(part):
            raise CallFault(f"improper constraint: {part}")
        groups.append([_parse_constraint(one) for one in _FIND.findall(part) or [part]])
    return any(_all_allow(group, version) for group in groups)


def _all_allow(group: list[_Constraint], version: Version) -> bool:
    pre = any(c.version.pre for c in group)
    return all(c.allows(version, pre=pre) for c in group)
