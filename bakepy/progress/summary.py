"""What is said when a run is over: why targets failed, with output and Dockerfile lines, and what was warned of."""

from __future__ import annotations

from collections.abc import Iterator

from bakepy.progress import events as ev
from bakepy.progress.board import Board, Work, named

LINES = 20
"""Lines of output shown of a failed step."""

MARGIN = 3
"""Lines of the Dockerfile shown around those at fault."""


def failures(board: Board) -> Iterator[str]:
    """Yield a block of text for each solve that failed by itself; equal failures of several solves come once."""
    seen: set[tuple[str, str]] = set()
    for work in board.works.values():
        end = work.finished
        if end is None or end.state is not ev.State.FAILED:
            continue
        step = work.failed_step()
        key = (step.key if step else work.solve.ref, end.error)
        if key in seen:
            continue
        seen.add(key)
        yield "\n".join(_failure(work, end))


def _failure(work: Work, end: ev.SolveFinished) -> Iterator[str]:
    step = work.failed_step()
    if step and step.lines:
        yield "------"
        yield f" > {step.name}:"
        shown = list(step.lines)[-LINES:]
        yield from (f"{since:.3f} {line}" for since, line in shown)
        yield "------"
    for source in end.sources[:1]:
        yield from excerpt(source)
    name = named(work.solve)  # on which node, the error says
    yield f"ERROR: target {name}: {end.error}" if name else f"ERROR: {end.error}"


def excerpt(source: ev.SourceRange) -> Iterator[str]:
    """Yield the lines at fault with some around them, marked `>>>`."""
    lines = source.data.decode("utf-8", "replace").splitlines()
    first, last = max(1, source.first), max(source.first, source.last)
    yield f"{source.filename}:{source.first}"
    yield "-" * 20
    for number in range(max(1, first - MARGIN), min(len(lines), last + MARGIN) + 1):
        mark = ">>>" if first <= number <= last else "   "
        yield f"{number:4} | {mark} {lines[number - 1]}".rstrip()
    yield "-" * 20


def warnings(board: Board, most: int = 10) -> Iterator[str]:
    """Yield the warnings of a run, as the reference does under its progress."""
    if not board.warnings:
        return
    count = len(board.warnings)
    yield f" {count} warning{'s' if count > 1 else ''} found:"
    for _, warning in board.warnings[:most]:
        where = f" (line {warning.source.first})" if warning.source else ""
        yield f" - {warning.short.removesuffix(where)}{where}"
        if warning.url:
            yield f"   {warning.url}"
    if count > most:
        yield f" - … and {count - most} more"
