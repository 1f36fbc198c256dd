"""Finds values in bytes, in time that grows with the bytes, however many values there are and whatever they hold.

A pattern of the values' first two bytes finds where one may start. What follows there is looked up in a sorted list of
all values of up to `SPAN` bytes, and of the first `SPAN` bytes of longer ones. Longer values that start so are searched
for by `bytes.find`, which is linear, once from that place on: text that repeats a value's beginning again and again
costs no more than other text. For the same reason, text behind such a beginning is not looked at again with each piece
that follows, but once it may hold the value, and then after at least half the value's length.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from bakepy.records import Record

SPAN = 64
"""Bytes of a value that are compared wherever it may start."""
HEAD = 4
"""Bytes that are looked up before that; no value is shorter."""
MASK = b"***"


class Masked(Record):
    """Hold bytes without the values, and those at the end that cannot be decided before more follow.

    `wanted` is the number of bytes that `held` should have before they are looked at again.
    """

    __slots__ = ("shown", "held", "wanted")

    def __init__(self, shown: bytes, held: bytes = b"", wanted: int = 0) -> None:
        self.shown: Final = shown
        self.held: Final = held
        self.wanted: Final = wanted


class Matcher:
    """Find values, the leftmost first and of those that start together the longest."""

    def __init__(self, values: Iterable[bytes]) -> None:
        """Take values of at least `HEAD` bytes."""
        found = sorted(set(values), key=len, reverse=True)
        self._long: dict[bytes, list[bytes]] = {}
        for value in found:
            if len(value) > SPAN:
                self._long.setdefault(value[:SPAN], []).append(value)
        self._short = {value for value in found if len(value) <= SPAN}
        self._entries = sorted(self._short | self._long.keys())
        self._parents = _parents(self._entries)
        self._heads = {entry[:HEAD] for entry in self._entries}
        self._starts = _starts(self._entries)

    def __bool__(self) -> bool:
        """Return whether there are values."""
        return bool(self._entries)

    def mask(self, data: bytes, *, more: bool = False) -> Masked:
        """Return `data` with `MASK` in place of each value; with `more`, other bytes follow."""
        parts: list[bytes] = []
        end, size = 0, len(data)
        places: dict[bytes, int] = {}
        last, short = b"", 0
        longs: list[bytes] = []
        for hit in self._starts.finditer(data):
            at = hit.start()
            if at < end or (size - at >= HEAD and data[at : at + HEAD] not in self._heads):
                continue
            window = data[at : at + SPAN]
            if window != last:
                last, short, longs = window, self._size(window), self._long.get(window, [])
            if not (short or longs or size - at < SPAN):
                continue
            if more and (wanted := self._wanted(window, longs, size - at)):
                return Masked(b"".join([*parts, data[end:at]]), data[at:], wanted)
            if length := next((len(v) for v in longs if _place(data, v, at, places) == at), short):
                parts += (data[end:at], MASK)
                end = at + length
        return Masked(b"".join([*parts, data[end:]]) if parts else data)

    def _size(self, window: bytes) -> int:
        """Return the length of the longest value of up to SPAN bytes that a window starts with; 0 for none."""
        # All that a window starts with comes before it, and what lies between starts with that, too.
        at = bisect_right(self._entries, window) - 1
        while at >= 0 and not (window.startswith(self._entries[at]) and self._entries[at] in self._short):
            at = self._parents[at]
        return len(self._entries[at]) if at >= 0 else 0

    def _wanted(self, window: bytes, longs: Sequence[bytes], rest: int) -> int:
        """Return with how many bytes behind a place to look at it again; 0 where the `rest` decides."""
        if longs and (longest := len(longs[0])) > rest:
            return max(longest, rest + longest // 2)
        if len(window) < SPAN:
            at = bisect_right(self._entries, window)
            if at < len(self._entries) and self._entries[at].startswith(window):
                return rest + 1
        return 0


def _parents(entries: Sequence[bytes]) -> list[int]:
    """Return for each of some sorted entries the index of the longest other one that it starts with, or -1."""
    parents: list[int] = []
    for at, entry in enumerate(entries):
        parent = at - 1
        while parent >= 0 and not entry.startswith(entries[parent]):
            parent = parents[parent]
        parents.append(parent)
    return parents


def _starts(entries: Iterable[bytes]) -> re.Pattern[bytes]:
    """Return a pattern of single bytes that start an entry, behind which its second byte or nothing follows."""
    seconds: dict[bytes, set[bytes]] = {}
    for entry in entries:
        seconds.setdefault(entry[:1], set()).add(entry[1:2])
    return re.compile(
        b"|".join(
            re.escape(first) + b"(?=[" + b"".join(map(re.escape, sorted(following))) + b"]|\\Z)"
            for first, following in sorted(seconds.items())
        )
    )


def _place(data: bytes, value: bytes, at: int, places: dict[bytes, int]) -> int:
    """Return where a value stands next, at `at` or behind; -1 for nowhere. `places` holds what was found before."""
    if value not in places or 0 <= places[value] < at:
        places[value] = data.find(value, at)
    return places[value]
