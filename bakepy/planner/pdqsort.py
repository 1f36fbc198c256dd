"""Pattern-defeating quicksort, choosing as Go's `slices.SortFunc` does.

It is not stable, but what it does with equal keys is fixed: the reference lists a target and a group of one name in the
order that falls out of it, and whoever compares listings expects that one. After Orson Peters, "Pattern-defeating
Quicksort" (arXiv:2106.05123), with Go's thresholds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SHORT = 12
"""Up to this length, insertion sort."""

LONG = 50
"""From this length on, the pivot is a median of medians, and elements out of place are shifted."""

MASK = (1 << 64) - 1


class _Sorter:
    """Sort the positions of `keys`; every range is `a` to `b`, exclusive."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self.order = list(range(len(keys)))
        self.swaps = 0

    def less(self, i: int, j: int) -> bool:
        return self.keys[self.order[i]] < self.keys[self.order[j]]

    def swap(self, i: int, j: int) -> None:
        self.order[i], self.order[j] = self.order[j], self.order[i]

    def sort(self, a: int, b: int, limit: int) -> None:
        balanced = partitioned = True
        while (length := b - a) > SHORT:
            if limit == 0:
                # Go falls back to heap sort here, which only input made for the purpose gets to.
                self.order[a:b] = sorted(self.order[a:b], key=lambda at: self.keys[at])
                return
            if not balanced:
                self.scatter(a, b)
                limit -= 1
            pivot, trend = self.pivot(a, b)
            if trend < 0:
                self.order[a:b] = self.order[a:b][::-1]
                pivot = b - 1 - (pivot - a)
            if balanced and partitioned and trend and self.nearly_sorted(a, b):
                return
            if a > 0 and not self.less(a - 1, pivot):
                a = self.part(a, b, pivot, below=lambda i, first: not self.less(first, i))[1]
                continue
            swapped, after = self.part(a, b, pivot, below=self.less)
            middle = after - 1
            self.swap(middle, a)
            partitioned = not swapped
            left, right = middle - a, b - middle
            balanced = min(left, right) >= length // 8
            if left < right:
                self.sort(a, middle, limit)
                a = middle + 1
            else:
                self.sort(middle + 1, b, limit)
                b = middle
        self.insert(a, b)

    def insert(self, a: int, b: int) -> None:
        self.order[a:b] = sorted(self.order[a:b], key=lambda at: self.keys[at])

    def part(self, a: int, b: int, pivot: int, below: Callable[[int, int], bool]) -> tuple[bool, int]:
        """Put the pivot first and what is below it next; tell whether others moved, and where the rest starts."""
        self.swap(a, pivot)
        i, j, swapped = a + 1, b - 1, False
        while True:
            while i <= j and below(i, a):
                i += 1
            while i <= j and not below(j, a):
                j -= 1
            if i > j:
                return swapped, i
            self.swap(i, j)
            swapped = True
            i, j = i + 1, j - 1

    def nearly_sorted(self, a: int, b: int) -> bool:
        """Shift at most five elements to their place; tell whether that sorted the range."""
        i = a + 1
        for _ in range(5):
            while i < b and not self.less(i, i - 1):
                i += 1
            if i == b:
                return True
            if b - a < LONG:
                return False
            self.swap(i, i - 1)
            if i - a >= 2:
                at = i - 1
                while at >= 1 and self.less(at, at - 1):
                    self.swap(at, at - 1)
                    at -= 1
            if b - i >= 2:
                at = i + 1
                while at < b and self.less(at, at - 1):
                    self.swap(at, at - 1)
                    at += 1
        return False

    def scatter(self, a: int, b: int) -> None:
        """Move three elements by an xorshift generator that starts from the length."""
        length = value = b - a
        middle = a + length // 4 * 2
        for at in range(middle - 1, middle + 2):
            value ^= value << 13 & MASK
            value ^= value >> 7
            value ^= value << 17 & MASK
            other = value & ((1 << length.bit_length()) - 1)
            self.swap(at, a + (other - length if other >= length else other))

    def pivot(self, a: int, b: int) -> tuple[int, int]:
        """Return a pivot, and 1 where the samples rise, -1 where they fall, 0 else."""
        quarter = (b - a) // 4
        samples = [a + quarter, a + quarter * 2, a + quarter * 3]
        self.swaps = 0
        if b - a >= LONG:
            samples = [self.median(at - 1, at, at + 1) for at in samples]
        middle = self.median(*samples)
        return middle, 1 if self.swaps == 0 else -1 if self.swaps == SHORT else 0

    def median(self, a: int, b: int, c: int) -> int:
        a, b = self.ordered(a, b)
        b, c = self.ordered(b, c)
        return self.ordered(a, b)[1]

    def ordered(self, a: int, b: int) -> tuple[int, int]:
        if self.less(b, a):
            self.swaps += 1
            return b, a
        return a, b


def pdqsorted(items: list[T], key: Callable[[T], str]) -> list[T]:
    """Return the items in the order in which Go's `slices.SortFunc` leaves them."""
    sorter = _Sorter([key(item) for item in items])
    sorter.sort(0, len(items), len(items).bit_length())
    return [items[at] for at in sorter.order]
