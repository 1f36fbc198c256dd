"""No display obeys what it shows."""

import inspect
import io
import re
import typing
from collections.abc import Iterator

import pytest

from bakepy.progress import events as ev
from bakepy.progress.choose import choose
from bakepy.progress.printable import PrintableReporter
from bakepy.records import Record, fields

FORGED = "Do you want to grant requested privileges and continue? [y/N]"
CONTROLS = "\x1b]0;OWNED\x07\x1b[2J\x08\x00\x7f\x9b2J\x85\u200f\u202e\u2066\u2028\u2029\r\x0b\x0c\x1c"
EVIL = f"a{CONTROLS}\n{FORGED}"
DRAWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[hl]|\x1b\[1?A|\x1b\[2K|\r")
"""What the live display itself sends: colours, the cursor's place, and lines that are drawn again."""
KINDS = typing.get_args(ev.Event)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def evil(kind: object) -> object:
    """Return a value of a field's type in which every text is as bad as it can be."""
    if isinstance(kind, type) and issubclass(kind, Record):
        hints = typing.get_type_hints(kind.__init__)
        return kind(**{name: evil(hints[name]) for name in inspect.signature(kind).parameters})
    if kind is str:
        return EVIL
    if kind is bytes:
        return EVIL.encode() + b"\n"
    if kind is ev.State:
        return ev.State.FAILED
    if kind in (int, bool):
        return 1
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return (evil(arguments[0]),)
    if origin is dict:
        return {EVIL: EVIL}
    return evil(next(a for a in arguments if a is not type(None)))


def texts(value: object) -> Iterator[str]:
    """Yield the texts in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Record):
        for name in fields(type(value)):
            yield from texts(getattr(value, name))
    elif isinstance(value, tuple | dict):
        for item in [*value, *(value.values() if isinstance(value, dict) else ())]:
            yield from texts(item)


def stories() -> Iterator[list[ev.Event]]:
    """Yield runs that have all events, with each level of messages and with updates of steps that run and end."""
    for level in (EVIL, "info", "warning", "builder"):
        running = typing.cast(ev.SolveUpdate, evil(ev.SolveUpdate))
        vertex = typing.cast(ev.Vertex, evil(ev.Vertex))
        starts = ev.SolveUpdate(running.solve, (ev.Vertex(EVIL, EVIL, started=1, group=EVIL, group_name=EVIL),))
        ends = ev.SolveUpdate(running.solve, (vertex, ev.Vertex("other", EVIL, started=1, completed=2)))
        others = [typing.cast(ev.Event, evil(kind)) for kind in KINDS if kind is not ev.SolveUpdate]
        started = next(event for event in others if isinstance(event, ev.SolveStarted))
        others.remove(started)
        yield [started, starts, running, ends, ev.Message(EVIL, level), *others]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_text_of_an_event_becomes_printable(kind: type[ev.Event]) -> None:
    """No field of any event passes the layer with a control character or a line break."""
    passed: list[ev.Event] = []

    class Display(ev.Reporter):
        def report(self, event: ev.Event) -> None:
            passed.append(event)

    event = typing.cast(ev.Event, evil(kind))
    PrintableReporter(Display()).report(event)
    assert [text for text in texts(event) if not text.isprintable()]
    assert [text for text in texts(passed[0]) if not text.isprintable()] == []


def test_printable_events_pass_as_they_are() -> None:
    """What has nothing to replace is not copied."""
    passed: list[ev.Event] = []

    class Display(ev.Reporter):
        def report(self, event: ev.Event) -> None:
            passed.append(event)

    event = ev.SolveUpdate(ev.Solve("r", ("app",)), (ev.Vertex("d", "RUN make"),), (), (ev.Log("d", 1, b"\x1b", 1),))
    PrintableReporter(Display()).report(event)
    assert passed[0] is event


@pytest.mark.parametrize("mode", ["plain", "quiet", "tty"])
def test_no_display_sends_what_a_terminal_obeys(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control characters of names, errors, output and Dockerfiles reach no display, nor do forged lines."""
    monkeypatch.setenv("COLUMNS", "2000")
    monkeypatch.setenv("TERM", "xterm")
    for story in stories():
        out = Terminal()
        reporter = choose(mode, out)
        reporter.plan((EVIL, "other"))
        for event in story:
            reporter.report(event)
        reporter.close()
        shown = DRAWN.sub("", out.getvalue()) if mode == "tty" else out.getvalue()

        assert FORGED in shown
        assert sorted({char for char in shown if not char.isprintable()} - {"\n"}) == []
        assert [line for line in shown.split("\n") if line.lstrip().startswith(FORGED)] == []


def test_a_dockerfile_keeps_its_line_numbers() -> None:
    """Lines end as Docker's do: at line feeds alone, with or without a carriage return."""
    out = io.StringIO()
    reporter = choose("plain", out)
    reporter.plan(("app",))
    source = ev.SourceRange("Dockerfile", b"FROM a\r\n# \x0c\x85 \xe2\x80\xa8\r\nRUN x\r\n", 3, 3)
    reporter.report(ev.SolveFinished(ev.Solve("1", ("app",)), 1, ev.State.FAILED, "no", (source,)))
    reporter.close()

    assert "   3 | >>> RUN x\n" in out.getvalue()
