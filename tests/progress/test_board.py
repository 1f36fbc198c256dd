"""The merging of steps."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.progress import board, summary
from bakepy.progress import events as ev
from bakepy.progress.board import LONGEST_LINE, SECOND, Board, Step, prefixed, size

SOLVE = ev.Solve("r", ("app",))


def test_a_step_that_runs_twice_counts_overlaps_once() -> None:
    """Running time is the union of the intervals."""
    step = Step("k", "n", 1, {0: 4 * SECOND, 2 * SECOND: 5 * SECOND, 8 * SECOND: 9 * SECOND})

    assert step.seconds() == 6


def log(data: bytes) -> ev.Log:
    return ev.Log("d", 1, data, 0)


def test_output_without_a_line_end_becomes_lines() -> None:
    """What never ends its line is held up to a bound; nothing of it is lost, and no character is cut in two."""
    step = Step("k", "n", 1)
    text = "é" * LONGEST_LINE
    shown = [line for at in range(0, len(text), 1000) for _, line in step.take_log(log(text[at : at + 1000].encode()))]

    assert len(step.partial[1]) <= LONGEST_LINE
    assert "".join([*shown, *(line for _, line in step.flush())]) == text
    assert max(map(len, shown)) <= LONGEST_LINE


def test_a_line_that_is_drawn_again_and_again_stays_short() -> None:
    """Of output that carriage returns overwrite, the last state is kept."""
    step = Step("k", "n", 1)
    for _ in range(3 * LONGEST_LINE // 5):
        assert step.take_log(log(b"\r 10%")) == []
    assert step.take_log(log(b"\r100%\r")) == []
    assert step.take_log(log(b"\n")) == [(0.0, "100%")]


def test_long_lines_are_cut() -> None:
    """A line of megabytes in one message comes in parts."""
    step = Step("k", "n", 1)
    lines = step.take_log(log(b"x" * (3 * LONGEST_LINE) + b"\n"))

    assert [len(line) for _, line in lines] == [LONGEST_LINE] * 3


def test_steps_beyond_the_bound_are_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a builder reports without end does not take all memory, and its output and errors are still shown."""
    monkeypatch.setattr(board, "MOST_STEPS", 10)
    shown = Board()
    shown.start(ev.SolveStarted(SOLVE, 0))
    steps = {shown.vertex(SOLVE, ev.Vertex(f"d{i}", f"n{i}", started=i, completed=i + 1)).name for i in range(100)}
    last = shown.vertex(SOLVE, ev.Vertex("e", "n", started=1, error="no space left"))

    assert len(shown.steps) == len(shown.works["r"].steps) == 10
    assert len(steps) == 11
    assert len(last.intervals) == 1
    assert last.error == "no space left"
    assert shown.step(SOLVE, "e") is last
    assert shown.step(SOLVE, "d1") is not last


def test_transfers_and_warnings_are_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """New ones beyond it are left out; those that are known go on."""
    monkeypatch.setattr(board, "MOST_OF_A_STEP", 3)
    step = Step("k", "n", 1)
    moves = [ev.Progress("d", f"layer {i % 5}", "", i, 9, 0, 0, None) for i in range(10)]
    assert [step.take_progress(move) for move in moves] == [True, True, True, False, False] * 2
    assert step.progress["layer 2"].current == 7

    shown = Board()
    for i in range(10):
        shown.warn(SOLVE, ev.Warned("d", 1, f"warning {i}"))
    assert len(shown.warnings) == 3


def test_a_restarted_step_runs_again() -> None:
    """A vertex that starts again after it completed is running."""
    board = Board()
    board.start(ev.SolveStarted(SOLVE, 0))
    board.vertex(SOLVE, ev.Vertex("d", "n", started=1, completed=2))
    step = board.vertex(SOLVE, ev.Vertex("d", "n", started=5))

    assert step.running
    assert step.seconds(now=6) == 2 / SECOND


def test_a_progress_group_is_one_step() -> None:
    """Vertices of one group merge under the group's name."""
    board = Board()
    board.plan(("app",))
    first = board.vertex(SOLVE, ev.Vertex("d1", "a", group="g", group_name="all", started=1))
    second = board.vertex(SOLVE, ev.Vertex("d2", "b", group="g", group_name="all", started=2))

    assert first is second
    assert first.name == "all"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("[internal] load", "[app internal] load"), ("exporting", "[app] exporting"), ("[2/3] RUN x", "[app 2/3] RUN x")],
)
def test_a_step_is_named_with_its_target(name: str, expected: str) -> None:
    """The target's name goes inside the brackets where there are any."""
    assert prefixed(name, SOLVE) == expected


@pytest.mark.parametrize(("targets", "name"), [(("app",), "[arm 2/3] RUN x"), (("app", "b"), "[app arm 2/3] RUN x")])
def test_a_step_is_named_with_its_node(targets: tuple[str, ...], name: str) -> None:
    """Where there are several nodes, the same step of two of them is two steps, and each names its node."""
    board = Board()
    board.plan(targets)
    vertex = ev.Vertex("d", "[2/3] RUN x", started=1)
    steps = []
    for node in ("arm", "amd"):
        board.start(ev.SolveStarted(ev.Solve(node, ("app",), node), 0))
        steps.append(board.vertex(ev.Solve(node, ("app",), node), vertex))

    assert [step.name for step in steps] == [name, name.replace("arm", "amd")]
    assert board.step(ev.Solve("amd", ("app",)), "d") is steps[1]


def test_the_node_of_an_update_alone_is_not_told() -> None:
    """Updates always carry a node; whether there are several is said where a solve starts."""
    board = Board()
    board.start(ev.SolveStarted(SOLVE, 0))
    step = board.vertex(ev.Solve("r", ("app",), "only"), ev.Vertex("d", "[2/3] RUN x"))

    assert step.name == "[app 2/3] RUN x"


def test_equal_warnings_of_several_solves_are_kept_once() -> None:
    """Fifty targets with one Dockerfile warn once."""
    board = Board()
    warning = ev.Warned("v", 1, "short", source=ev.SourceRange("Dockerfile", b"x", 1, 1))
    board.warn(SOLVE, warning)
    board.warn(SOLVE, warning)

    assert len(board.warnings) == 1


@pytest.mark.parametrize("short", ["Rule: text", "Rule: text (line 1)"])
def test_a_warning_names_its_line_once(short: str) -> None:
    """The line is added where BuildKit's own words lack it."""
    board = Board()
    board.warn(SOLVE, ev.Warned("v", 1, short, source=ev.SourceRange("Dockerfile", b"x", 1, 1)))

    assert " - Rule: text (line 1)" in list(summary.warnings(board))


@given(st.binary(), st.lists(st.integers(0, 40)))
def test_lines_do_not_depend_on_how_output_was_cut(data: bytes, cuts: list[int]) -> None:
    """Any chunking of a log gives the same lines."""

    def lines(chunks: list[bytes]) -> list[str]:
        step = Step("k", "n", 1)
        out = [line for chunk in chunks for _, line in step.take_log(ev.Log("v", 1, chunk, 0))]
        return out + [line for _, line in step.flush()]

    bounds = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    chunks = [data[a:b] for a, b in pairwise(bounds)]

    assert lines(chunks) == lines([data])


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0B"), (999, "999B"), (1000, "1.00kB"), (1_234_567, "1.23MB"), (10**16, "10000.00TB")]
)
def test_sizes_are_decimal(count: int, expected: str) -> None:
    """Sizes print in decimal units with two digits."""
    assert size(count) == expected


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["done"], "done"),
        (["done", None], None),
        (["done", "failed", "done"], "failed"),
        (["skipped", "done"], "skipped"),
        (["done", "cancelled", "done"], "done"),
        (["done", "cancelled"], "cancelled"),
    ],
)
def test_a_target_ends_once(states: list[str | None], expected: str | None) -> None:
    """Of the solves that serve a target, all must have ended; the worst tells, or the last try where one was lost."""
    board = Board()
    for number, state in enumerate(states):
        solve = ev.Solve(str(number), ("app", "other"))
        board.start(ev.SolveStarted(solve, 0))
        if state:
            board.finish(ev.SolveFinished(solve, 1, ev.State(state)))

    assert board.ends() == ({"app": ev.State(expected), "other": ev.State(expected)} if expected else {})


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link", "link"),
        (b"a\x1b[2J\x1b[1;1Hb", "ab"),
        (b"10%\r50%\r100%\r", "100%"),
        (b"bell\x07 \xc2\x9b31m tab\t.", "bell 31m tab\t."),
        (b"\x1b", ""),
        ("näme \U0001f600".encode(), "näme \U0001f600"),
    ],
)
def test_output_does_nothing_to_a_terminal(data: bytes, shown: str) -> None:
    """Colours, movements and titles of a step's output are left out."""
    step = Step("k", "n", 1)

    assert step.take_log(ev.Log("v", 1, data + b"\n", 0)) == [(0.0, shown)]
