"""`bakepy functions`: the functions of the language, and how each is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bakepy.cli import flags
from bakepy.diagnostics import BakeError, Diagnostic, nearest

if TYPE_CHECKING:
    from bakepy.evaluator.functions.record import Function

FLAGS = flags.COMMON
USAGE = """Usage: bakepy functions [NAME...]

List the functions that definition files may call, or show how the named ones are called.

Options:
"""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = flags.parse(FLAGS, argv)
    if given.switch("help"):
        print(USAGE + flags.usage(FLAGS), end="")
        return 0
    from bakepy.cli.selection import surroundings
    from bakepy.evaluator.functions.library import standard_library

    library = standard_library(surroundings())
    if not given.arguments:
        width = max(map(len, library))
        print("\n".join(f"{name:{width}}  {function.doc}" for name, function in library.items()))
        return 0
    faults: list[Diagnostic] = []
    for name in given.arguments:
        if name not in library:
            near = nearest(name, library)
            hint = f"Did you mean '{near}'?" if near else "'bakepy functions' lists all of them."
            faults.append(Diagnostic(f"unknown function: {name}", hint=hint))
    if faults:
        raise BakeError(faults)
    print("\n\n".join(describe(library[name]) for name in given.arguments))
    return 0


def describe(function: Function) -> str:
    """Return a function's call, doc and examples as text."""
    from bakepy.evaluator.functions.examples import EXAMPLES
    from bakepy.evaluator.functions.signature import signature

    examples = EXAMPLES.get(function.name, ())
    width = max((len(call) for call, _ in examples), default=0)
    lines = [f"  {call:{width}}  =  {result}" for call, result in examples]
    return "\n".join([signature(function), "", f"  {function.doc}", "", *lines])
