"""Line up columns as Go's text/tabwriter does, which the reference's tables come from."""

from __future__ import annotations

from collections.abc import Sequence

Line = list[str]


def align(text: str, *, least: int = 0, padding: int = 1, tab: int = 0) -> str:
    """Return text whose tabs have become columns.

    A cell ends with a tab; cells of one column on successive lines share a width: the widest one's plus `padding`, at
    least `least`. With `tab`, widths are rounded up to multiples of it and filled with tabs, else with spaces.
    """
    lines = [line.split("\t") for line in text.split("\n")]
    widths: list[list[int]] = [[] for _ in lines]
    _measure(lines, widths, 0, len(lines), 0, least, padding)
    return "\n".join(_join(line, found, tab) for line, found in zip(lines, widths, strict=True))


def _measure(
    lines: Sequence[Line], widths: list[list[int]], start: int, end: int, column: int, least: int, padding: int
) -> None:
    """Find the width of a column in each run of lines that have a cell in it, and of the columns right of it."""
    at = start
    while at < end:
        # What follows the last tab of a line is not part of a column.
        if column >= len(lines[at]) - 1:
            at += 1
            continue
        stop = at
        while stop < end and column < len(lines[stop]) - 1:
            stop += 1
        width = max(least, *(len(line[column]) + padding for line in lines[at:stop]))
        for found in widths[at:stop]:
            found.append(width)
        _measure(lines, widths, at, stop, column + 1, least, padding)
        at = stop


def _join(line: Line, widths: Sequence[int], tab: int) -> str:
    cells = [_pad(cell, width, tab) for cell, width in zip(line, widths, strict=False)]
    return "".join([*cells, *line[len(widths) :]])


def _pad(cell: str, width: int, tab: int) -> str:
    if not tab:
        return cell.ljust(width)
    rounded = -(-width // tab) * tab
    return cell + "\t" * -(-(rounded - len(cell)) // tab)
