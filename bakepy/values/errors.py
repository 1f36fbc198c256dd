"""Say where in a value a fault lies, and what it is.

Nothing here knows of source text: whoever knows where the value came from turns the path into a place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bakepy.records import Record

if TYPE_CHECKING:
    from bakepy.values.value import Value


class AttributeStep(Record):
    """Step into the attribute of an object."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: Final = name


class IndexStep(Record):
    """Step into the element of a collection or tuple; `key` is a number or a string."""

    __slots__ = ("key",)

    def __init__(self, key: Value) -> None:
        self.key: Final = key


PathStep = AttributeStep | IndexStep
Path = tuple[PathStep, ...]


class ValueFault(Exception):
    """Be the base of the faults that values have.

    `message` is a clause in the words of cty without the path, for instance `a number is required`;
    `path` leads from the value that was handed in to the part at fault.
    """

    def __init__(self, message: str, path: Path = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


class ConversionError(ValueFault):
    """Say that a value cannot be converted to a type."""


class OperationError(ValueFault):
    """Say that an operation has no result for its operands."""


class JSONError(ValueFault):
    """Say that a value has no JSON form, or that a JSON text has no value of the type asked for."""


def render_path(path: Path) -> str:
    """Return the path as it would be written in an expression: `.name[0]["key"]`."""
    from bakepy.values.numbers import Float, number_text
    from bakepy.values.strings import quoted

    out = []
    for step in path:
        if isinstance(step, AttributeStep):
            out.append(f".{step.name}")
            continue
        raw = step.key.raw
        key = quoted(raw) if isinstance(raw, str) else number_text(raw) if isinstance(raw, int | Float) else "..."
        out.append(f"[{key}]")
    return "".join(out)
