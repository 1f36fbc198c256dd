"""No secret passes the redactor, however the output is cut."""

import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.buildkit import matching
from bakepy.buildkit.matching import MASK, Masked, Matcher
from bakepy.buildkit.redaction import RedactingReporter, Redactor
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


def masked(text: bytes, values: list[bytes]) -> bytes:
    """Return a text without values in the plainest way: the leftmost first, the longest of those that start there."""
    shown, at = b"", 0
    while at < len(text):
        found = max((v for v in values if text.startswith(v, at)), key=len, default=b"")
        shown += MASK if found else text[at : at + 1]
        at += len(found) or 1
    return shown


@pytest.mark.parametrize("span", [4, 5, 64])
@given(TEXT, VALUES, st.lists(st.integers(0, 60)))
def test_values_of_any_length_are_found_from_left_to_right(
    span: int, text: bytes, values: list[bytes], cuts: list[int]
) -> None:
    """Whether a value is compared at once or searched for, in one piece or several, the same is masked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "SPAN", span)
        matcher = Matcher(values)
        shown, held = b"", b""
        for piece in pieces(text, cuts):
            result = matcher.mask(held + piece, more=True)
            shown, held = shown + result.shown, result.held
        shown += matcher.mask(held).shown
        whole = matcher.mask(text).shown

    assert shown == whole == masked(text, values)


@pytest.mark.parametrize("period", [b"a", b"abcd"])
def test_text_that_nearly_repeats_a_long_value_is_looked_at_a_few_times(
    period: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What masking costs grows with the text, not with the text and the value."""
    looked, searches = [0], [0]
    mask = Matcher.mask

    def counting(self: Matcher, data: bytes, *, more: bool = False) -> Masked:
        looked[0] += len(data)
        return mask(self, data, more=more)

    def watching(_frame: object, event: str, function: object) -> None:
        searches[0] += event == "c_call" and getattr(function, "__name__", "") == "find"

    monkeypatch.setattr(Matcher, "mask", counting)
    value = period * (20_000 // len(period)) + b"!"
    text = period * (100_000 // len(period))
    sys.setprofile(watching)
    try:
        shown = play(pieces(text, list(range(0, len(text), 100))), [value], ENDS[0]).output("v")
    finally:
        sys.setprofile(None)

    assert shown == text
    assert looked[0] < 10 * len(text)
    assert searches[0] < 200


@pytest.mark.parametrize("line", [b"SECRET_LINE_", b"aaaaaaaa"])
def test_many_values_that_begin_alike_are_compared_a_few_times(line: bytes) -> None:
    """A place where hundreds of values may start is decided by a few comparisons."""
    compared = [0]

    def watching(_frame: object, event: str, function: object) -> None:
        compared[0] += event == "c_call" and getattr(function, "__name__", "") == "startswith"

    matcher = Matcher([line + b"%040d" % number for number in range(2000)])
    text = line * 2000
    sys.setprofile(watching)
    try:
        shown = matcher.mask(text).shown
    finally:
        sys.setprofile(None)

    assert shown == text
    assert compared[0] < 10 * len(text)


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


SIDES = st.binary(max_size=5)


@given(SIDES, st.binary(min_size=10, max_size=40), SIDES, st.sampled_from([b64encode, urlsafe_b64encode]))
def test_base64_is_as_secret_as_what_it_holds(
    before: bytes, value: bytes, after: bytes, encode: Callable[[bytes], bytes]
) -> None:
    """What is shown of base64 is what stands beside the value, and a character or two that depend on both."""
    shown = Redactor([value]).data(encode(before + value + after))

    assert MASK in shown
    beside = len(b64encode(before).rstrip(b"=")) + len(b64encode(after))
    assert len(shown.replace(MASK, b"")) <= beside + 2 * len(b"x=")


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        (b"hunter2!", b64encode(b"hunter2!").decode(), "***"),
        (b"hunter2!\n", b64encode(b"hunter2!").decode(), "***"),
        (b"hunter2!", b64encode(b"hunter2!").decode().rstrip("="), "***"),
        (b"hunter2!", "Basic " + b64encode(b"me:hunter2!").decode(), "Basic bWU6***"),
        (b"\xff\xfe\xfd\xfc\xfb\xfa", "__79_Pv6", "***"),
        (b"hunter2!", "aHVudGVyMiE%3D", "***"),
        (b"a/b+c d&e", "https://u:a%2Fb%2Bc%20d%26e@host/", "https://u:***@host/"),
        (b"a/b+c d&e", "?q=a%2fb%2bc%20d%26e", "?q=***"),
        (b"a/b+c d&e", "?q=a%2Fb%2Bc+d%26e", "?q=***"),
        (b"a/b+c d&e", "?q=a/b%2Bc%20d%26e", "?q=***"),
        (b'pa"ss\\word', r'{"password":"pa\"ss\\word"}', '{"password":"***"}'),
        (b"one\ntwo", r'"one\ntwo"', '"***"'),
        ("käse".encode(), r'"k\u00e4se"', '"***"'),
        (b"a<b>&c", r'"a\u003cb\u003e\u0026c"', '"***"'),
    ],
)
def test_what_programs_write_in_place_of_a_value(value: bytes, text: str, expected: str) -> None:
    """Base64, also of a longer text that holds the value, and how it stands in URLs and JSON are masked."""
    assert Redactor([value]).text(text) == expected


@pytest.mark.parametrize("width", [64, 76])
def test_base64_in_lines_is_masked(width: int) -> None:
    """Tools break it: every whole line is hidden, and an end that is long enough to tell something."""
    value = bytes(range(32, 127)) + b"the end"
    whole = b64encode(value).decode()
    lines = [whole[at : at + width] for at in range(0, len(whole), width)]

    assert set(Redactor([value]).text("\n".join(lines)).splitlines()) == {"***"}


def test_nothing_to_hide_passes_the_event_as_it_is() -> None:
    """Without values, events are not copied."""
    event = SolveUpdate(SOLVE, logs=(Log("v", 1, b"x", 0),))

    assert next(Redactor([b"ab"]).events(event)) is event
