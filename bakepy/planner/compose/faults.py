"""Faults that are told of a path in a model, before it is known where the files say that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from bakepy.diagnostics import BakeError, Diagnostic

Steps = tuple[str | int, ...]
"""A way through a model, as `("services", "app", "build", "tags", 0)`; `[]` is whichever item has a fault's text."""

ANY_ITEM = "[]"


class Fault(NamedTuple):
    """Say what is wrong at a path of a model, and what to do.

    `text` is the value at fault, by which it is found in a list whose items moved, and `word` the part of it to point
    at. Where the key is at fault, `on_key` is set.
    """

    path: Steps
    message: str
    hint: str = ""
    text: str = ""
    word: str = ""
    on_key: bool = False


class PathError(BakeError):
    """Carry faults that know their paths in a model, until somebody who knows the files turns them into places."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__([Diagnostic(f.message, hint=f.hint, further=i > 0) for i, f in enumerate(faults)])
        self.faults: Final = faults

    @classmethod
    def at(cls, path: Steps, message: str, hint: str = "", text: str = "", *, on_key: bool = False) -> PathError:
        """Make an error of a single fault."""
        return cls([Fault(path, message, hint, text, on_key=on_key)])

    def within(self, *prefix: str | int) -> PathError:
        """Return the error with its paths seen from further outside."""
        return PathError([fault._replace(path=(*prefix, *fault.path)) for fault in self.faults])
