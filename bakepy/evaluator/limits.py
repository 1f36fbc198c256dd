"""What evaluating a definition may cost, so that none takes all memory or no end of time.

The bounds lie far above what a build can use: BuildKit takes 16 MiB in one message.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from bakepy.diagnostics import Diagnostic, Span
from bakepy.evaluator.functions.record import CallFault
from bakepy.records import Record

MAX_TEXT: Final = 1 << 26
"""Characters of one text."""
MAX_TEXTS: Final = 1 << 28
"""Characters of all texts that a run makes."""
MAX_STEPS: Final = 2_000_000
"""Rounds of `for` in a run; four elements that a function returns count as one, a call of a file's function as four."""
CALL_STEPS: Final = 4
MAX_ROWS: Final = 100_000
"""Rows of a matrix."""
MAX_VALUES: Final = 4_000_000
"""Values within a value, counted once for each place at which they stand."""
MAX_FAULTS: Final = 1000
"""Faults that the rounds of a loop may have before it is left."""


class LimitFault(CallFault):
    """Say that a bound was reached."""


class _Meter(Record):
    """Count what a run has used."""

    __slots__ = ("texts", "steps", "told")

    def __init__(self) -> None:
        self.texts = 0
        self.steps = 0
        self.told = False


_METER: ContextVar[_Meter] = ContextVar("meter")


def start() -> None:
    """Begin a run: nothing is used yet."""
    _METER.set(_Meter())


def _meter() -> _Meter:
    found = _METER.get(None)
    if found is None:
        start()
        found = _METER.get()
    return found


def check_text(length: int) -> None:
    """Raise LimitFault where a text of this length may not be made; called before it is."""
    if length > MAX_TEXT:
        raise LimitFault(f"the result would be too large: a text may have {MAX_TEXT} characters")


def take_text(length: int) -> None:
    """Count a text that was made; raises LimitFault."""
    check_text(length)
    meter = _meter()
    meter.texts += length
    if meter.texts > MAX_TEXTS:
        raise LimitFault(f"all texts together would be too large: they may have {MAX_TEXTS} characters")


def check_elements(count: int) -> None:
    """Raise LimitFault where a collection may not have so many elements; called before it is made."""
    if count > MAX_VALUES:
        raise LimitFault(f"the result would be too large: a value may hold {MAX_VALUES} values")


def take_steps(count: int) -> None:
    """Count steps; raises LimitFault."""
    meter = _meter()
    if meter.steps + count > MAX_STEPS:
        raise LimitFault(f"it takes more than {MAX_STEPS} steps")
    meter.steps += count


def take_result(raw: object) -> None:
    """Count what a function returned; raises LimitFault."""
    if isinstance(raw, str):
        take_text(len(raw))
    elif isinstance(raw, tuple | dict):
        check_elements(len(raw))
        take_steps(len(raw) // 4)


def fault(reached: LimitFault, span: Span) -> Diagnostic:
    """Return the fault of an expression that reached a bound; all that follow the first in a run are implied by it."""
    meter = _meter()
    implied, meter.told = meter.told, True
    hint = "look for what multiplies it: loops in loops, or names that each use another one twice"
    detail = f"{reached.message[0].upper()}{reached.message[1:]}."
    return Diagnostic("Too much to evaluate", detail, span, hint=hint, implied=implied)


def text_fits(text: str, span: Span, faults: list[Diagnostic]) -> bool:
    """Count a text that an expression made; where it is too much, append the fault and return False."""
    try:
        take_text(len(text))
    except LimitFault as reached:
        faults.append(fault(reached, span))
        return False
    return True


def step_fits(span: Span, faults: list[Diagnostic], count: int = 1) -> bool:
    """Count steps of an expression; where they are too many, append the fault and return False."""
    try:
        take_steps(count)
    except LimitFault as reached:
        faults.append(fault(reached, span))
        return False
    return True


def value_fits(size: int, span: Span, faults: list[Diagnostic]) -> bool:
    """Tell whether a value holds few enough values; where not, append the fault."""
    try:
        check_elements(size)
    except LimitFault as reached:
        faults.append(fault(reached, span))
        return False
    return True
