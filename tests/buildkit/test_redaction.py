"""No secret passes the redactor, however the output is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.buildkit.redaction import MASK, RedactingReporter, Redactor
from bakepy.progress.events import (
    Event,
    Log,
    Message,
    Reporter,
    Solve,
    SolveFinished,
    SolveUpdate,
    SourceRange,
    State,
    Step,
    Vertex,
    Warned,
)

SOLVE = Solve("ref", ("t",))


class Recorder(Reporter):
    def __init__(self) -> None:
        self.events: list[Event] = []

    def report(self, event: Event) -> None:
        self.events.append(event)

    def output(self, vertex: str) -> bytes:
        updates = [e for e in self.events if isinstance(e, SolveUpdate)]
        return b"".join(log.data for u in updates for log in u.logs if log.vertex == vertex)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({min(c, len(data)) for c in cuts} | {len(data)})
    return [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def play(chunks: list[bytes], values: list[bytes], end: Event) -> Recorder:
    recorder = Recorder()
    reporter = RedactingReporter(recorder, Redactor(values))
    for chunk in chunks:
        reporter.report(SolveUpdate(SOLVE, logs=(Log("v", 1, chunk, 0),)))
    reporter.report(end)
    return recorder


ENDS = [
    SolveFinished(SOLVE, 1, State.DONE),
    SolveUpdate(SOLVE, vertices=(Vertex("v", "step", started=1, completed=2),)),
]
ALPHABET = st.sampled_from(b"ab*\n").map(lambda c: bytes([c]))
VALUES = st.lists(st.lists(ALPHABET, min_size=4, max_size=9).map(b"".join), min_size=1, max_size=3)
TEXT = st.lists(ALPHABET, max_size=40).map(b"".join)


@given(TEXT, VALUES, st.lists(st.integers(0, 60)), st.sampled_from(ENDS))
def test_cutting_changes_nothing(text: bytes, values: list[bytes], cuts: list[int], end: Event) -> None:
    """Output in pieces is shown as the same output in one piece would be."""
    whole = Redactor(values).data(text)

    assert play(pieces(text, cuts), values, end).output("v") == whole


@given(st.binary(max_size=20), st.binary(min_size=4, max_size=12), st.binary(max_size=20), st.lists(st.integers(0, 60)))
def test_a_value_is_never_shown(before: bytes, value: bytes, after: bytes, cuts: list[int]) -> None:
    """The value is masked wherever it stands, unless the mask and what is around it spell it again."""
    shown = play(pieces(before + value + after, cuts), [value], ENDS[0]).output("v")

    assert value not in shown.split(MASK)


def test_other_output_waits_only_while_it_could_be_a_secret() -> None:
    """Ordinary lines are passed on at once; a beginning is held until the next piece tells."""
    recorder = Recorder()
    reporter = RedactingReporter(recorder, Redactor([b"hunter2"]))
    reporter.report(SolveUpdate(SOLVE, logs=(Log("v", 1, b"plain\n", 0), Log("v", 1, b"hunt", 0))))
    assert recorder.output("v") == b"plain\n"
    reporter.report(SolveUpdate(SOLVE, logs=(Log("w", 1, b"er2\n", 0), Log("v", 2, b"er2\n", 0))))
    assert recorder.output("v") == b"plain\ner2\n"
    reporter.report(SolveUpdate(SOLVE, logs=(Log("v", 1, b"ing\n", 0),)))
    assert recorder.output("v") == b"plain\ner2\nhunting\n"


@pytest.mark.parametrize(
    "event",
    [
        SolveUpdate(SOLVE, vertices=(Vertex("v", "RUN hunter2", error="hunter2", group_name="hunter2"),)),
        SolveUpdate(SOLVE, warnings=(Warned("v", 1, "hunter2", ("hunter2",), "", SourceRange("f", b"hunter2", 1, 1)),)),
        SolveFinished(SOLVE, 1, State.FAILED, "hunter2", (SourceRange("f", b"x hunter2", 1, 1),), "", {"k": "hunter2"}),
        Message("hunter2"),
        Step("s", "hunter2", 1, error="hunter2"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_every_text_of_an_event_is_covered(event: Event) -> None:
    """Names, errors, warnings, sources and messages are masked too."""
    shown = repr(list(Redactor([b"hunter2"]).events(event)))

    assert "hunter2" not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        (b"abc", "abc", "abc"),
        (b"secret\n", "is secret.", "is ***."),
        (b"-----BEGIN-----\nMIIabc123\n--\n", "line MIIabc123 --", "line *** --"),
        (b"pass", "passphrase", "***phrase"),
        ("käse".encode(), "käse", "***"),
        (b"....", "a....b aXXXXb", "a***b aXXXXb"),
    ],
)
def test_forms_of_a_value(value: bytes, text: str, expected: str) -> None:
    """Short values are left alone; a line break at the end does not matter; long lines count by themselves."""
    assert Redactor([value]).text(text) == expected


def test_nothing_to_hide_passes_the_event_as_it_is() -> None:
    """Without values, events are not copied."""
    event = SolveUpdate(SOLVE, logs=(Log("v", 1, b"x", 0),))

    assert next(Redactor([b"ab"]).events(event)) is event
