"""What the displays print for progress that a real BuildKit reported."""

import io
import json
import re

import pyte
import pytest
from rich.console import Console

from bakepy.diagnostics import BakeError
from bakepy.progress import events as ev
from bakepy.progress.choose import choose
from bakepy.progress.plain import Plain
from bakepy.progress.rawjson import RawJson
from bakepy.progress.tty import Tty
from tests.progress.recorded import CASES, updates
from tests.waiting import wait_for

DOCKERFILE = b"FROM base\nRUN echo about to fail; exit 7\n"


def play(reporter: ev.Reporter, *, more: tuple[str, ...] = ()) -> None:
    ok, bad = ev.Solve("1", ("ok",)), ev.Solve("2", ("bad",))
    reporter.plan(("ok", "bad", *more))
    for solve, name in ((ok, "exporting.jsonl"), (bad, "failing.jsonl")):
        reporter.report(ev.SolveStarted(solve, 0))
        for update in updates(name, solve):
            reporter.report(update)
    reporter.report(ev.SolveFinished(ok, 2_000_000_000, ev.State.DONE, digest="sha256:abc"))
    source = ev.SourceRange("Dockerfile", DOCKERFILE, 2, 2)
    reporter.report(ev.SolveFinished(bad, 3_000_000_000, ev.State.FAILED, "exit code: 7", (source,)))
    for index, name in enumerate(more):
        solve = ev.Solve(f"more{index}", (name,))
        reporter.report(ev.SolveStarted(solve, 0))
        reporter.report(ev.SolveUpdate(solve, (ev.Vertex(f"m{index}", "[1/1] RUN make", started=1),)))


def test_plain_tells_steps_output_and_results() -> None:
    """Plain lines carry number, target, output, cache hits and results."""
    out = io.StringIO()
    reporter = Plain(out)
    play(reporter)
    reporter.close()
    lines = out.getvalue().splitlines()

    assert "#1 [ok internal] load build definition from Dockerfile" in lines
    assert "=> target ok: done 2.0s sha256:abc" in lines
    assert "=> target bad: failed 3.0s" in lines
    assert any(line.endswith(" about to fail") and line.startswith("#") for line in lines)
    assert any(line.startswith("#") and " ERROR: process" in line for line in lines)
    assert any(line.endswith(" CACHED") or " DONE " in line for line in lines)


def test_failure_ends_with_log_dockerfile_lines_and_error() -> None:
    """The end of the output holds the failed step's log, the Dockerfile's line and the error."""
    out = io.StringIO()
    reporter = Plain(out)
    play(reporter)
    reporter.close()
    tail = out.getvalue().split("------\n", 1)[1]

    assert "about to fail" in tail
    assert "   2 | >>> RUN echo about to fail; exit 7" in tail
    assert tail.splitlines()[-1] == "ERROR: target bad: exit code: 7"


def test_quiet_tells_failures_alone() -> None:
    """Quiet prints nothing of what went well."""
    out = io.StringIO()
    reporter = choose("quiet", out)
    play(reporter)
    reporter.close()

    assert "DONE" not in out.getvalue()
    assert "ERROR: target bad: exit code: 7" in out.getvalue()


@pytest.mark.parametrize("name", ["failing.jsonl", "exporting.jsonl"])
def test_rawjson_gives_back_what_buildkit_wrote(name: str) -> None:
    """Progress read from BuildKit's form and written again is the same."""
    out = io.StringIO()
    reporter = RawJson(out)
    reporter.plan(("app",))
    for update in updates(name, ev.Solve("1", ("app",))):
        reporter.report(update)

    ours = [json.loads(line) for line in out.getvalue().splitlines()]
    theirs = [json.loads(line) for line in (CASES / name).read_text().splitlines()]
    assert ours == theirs


def on_nodes(reporter: ev.Reporter, *targets: str) -> None:
    """Report a target that one node built and another one did not."""
    reporter.plan(targets)
    for node, state, error in (("amd", ev.State.DONE, ""), ("arm", ev.State.FAILED, "on node arm (linux/arm64): no")):
        solve = ev.Solve(node, (targets[0],), node)
        reporter.report(ev.SolveStarted(solve, 0))
        reporter.report(ev.SolveFinished(solve, 2_000_000_000, state, error))
    reporter.close()


@pytest.mark.parametrize("targets", [("app",), ("app", "other")])
def test_plain_names_nodes(targets: tuple[str, ...]) -> None:
    """What ended on one of several nodes is told with the node, where there is one target too."""
    out = io.StringIO()
    on_nodes(Plain(out), *targets)
    lines = out.getvalue().splitlines()

    assert "=> target app [amd]: done 2.0s" in lines
    assert "=> target app [arm]: failed 2.0s" in lines
    assert lines[-1] == "ERROR: target app: on node arm (linux/arm64): no"


def test_tty_names_nodes() -> None:
    """What ended on one of several nodes is told with the node on a terminal too."""
    out = io.StringIO()
    on_nodes(Tty(out, Console(file=out, force_terminal=True, width=100, height=40)), "app")
    lines = screen(out.getvalue(), 100, 60)

    assert any(line.startswith(" ✔ app [amd]") for line in lines)
    assert any(line.startswith(" ✘ app [arm]") for line in lines)


def screen(text: str, columns: int, rows: int) -> list[str]:
    terminal = pyte.Screen(columns, rows)
    pyte.Stream(terminal).feed(text.replace("\n", "\r\n"))
    return [line.rstrip() for line in terminal.display]


def test_tty_ends_with_results_and_failure() -> None:
    """What stays on the screen after a run is a line for each target, the failure and the count."""
    out = io.StringIO()
    reporter = Tty(out, Console(file=out, force_terminal=True, width=100, height=40))
    play(reporter)
    reporter.close()
    lines = screen(out.getvalue(), 100, 60)

    assert any(line.startswith(" ✔ ok") and "sha256:abc" in line for line in lines)
    assert any(line.startswith(" ✘ bad") for line in lines)
    assert any(">>> RUN echo about to fail" in line for line in lines)
    assert any("(1/2 targets)" in line and "1 failed" in line for line in lines)


def test_tty_never_outgrows_the_screen() -> None:
    """Hundreds of running targets fit on a small terminal, and those not shown are counted."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=60, height=12)
    reporter = Tty(out, console)
    play(reporter, more=tuple(f"t{i}" for i in range(300)))
    shown = console.render_lines(reporter._view(), pad=False)
    reporter.close()

    text = ["".join(segment.text for segment in line) for line in shown]
    assert len(text) <= 11
    assert any("more running" in line for line in text)
    assert all(len(line) <= 60 for line in text)


def test_tty_fills_the_screen_with_what_runs() -> None:
    """Targets that wait between two steps take one line each, and those with a running step come first."""
    out = io.StringIO()
    reporter = Tty(out, Console(file=out, force_terminal=True, width=60, height=22))
    for i in range(100):
        reporter.report(ev.SolveStarted(ev.Solve(f"r{i}", (f"t{i}",)), 1))
    step = ev.Vertex("d", "[1/1] RUN make", (), 1, None)
    reporter.report(ev.SolveUpdate(ev.Solve("r90", ("t90",)), vertices=(step,)))
    console = reporter._console
    shown = ["".join(s.text for s in line) for line in console.render_lines(reporter._view(), pad=False)]
    reporter.close()

    assert len(shown) == 20
    assert sum(line.split()[1].startswith("t") for line in shown) == 17
    assert any("RUN make" in line for line in shown)
    assert "83 more running" in shown[-1]


def test_tty_shows_output_of_what_runs() -> None:
    """A running step's last lines stand below it."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, height=20)
    reporter = Tty(out, console)
    solve = ev.Solve("1", ("app",))
    reporter.plan(("app", "b"))
    reporter.report(ev.SolveStarted(solve, 0))
    reporter.report(ev.SolveUpdate(solve, (ev.Vertex("v", "[1/1] RUN make", started=1),)))
    reporter.report(ev.SolveUpdate(solve, logs=(ev.Log("v", 1, b"cc -o a\ncc -o b\n", 2),)))
    shown = console.render_lines(reporter._view(), pad=False)
    reporter.close()

    text = ["".join(segment.text for segment in line) for line in shown]
    at = next(i for i, line in enumerate(text) if "[app 1/1] RUN make" in line)
    assert [line.split()[-1] for line in text[at + 1 : at + 3]] == ["a", "b"]


@pytest.mark.parametrize(
    ("mode", "words"), [("plian", "did you mean plain"), ("7", "the modes are"), ("tty", "leave --progress out")]
)
def test_a_mode_that_cannot_be_is_refused_with_the_remedy(mode: str, words: str) -> None:
    """Unknown modes, and a live display without a terminal, are faults that name the remedy."""
    with pytest.raises(BakeError) as caught:
        choose(mode, io.StringIO())

    assert words in caught.value.diagnostics[0].hint


def test_plain_ends_a_step_once_that_goes_on_at_once() -> None:
    """A step that completes, starts anew and completes within a moment is DONE once, and its transfer is one line."""
    out = io.StringIO()
    reporter = Plain(out)
    solve = ev.Solve("1", ("app",))
    reporter.plan(("app",))
    reporter.report(ev.SolveStarted(solve, 0))
    for vertex in (ev.Vertex("v", "load", started=1, completed=2), ev.Vertex("v", "load", started=3)):
        reporter.report(ev.SolveUpdate(solve, (vertex,)))
    for current, completed in ((0, None), (20, 5)):
        moved = ev.Progress("v", "transferring:", "", current, 0, 5, started=3, completed=completed)
        reporter.report(ev.SolveUpdate(solve, progress=(moved,)))
    reporter.report(ev.SolveUpdate(solve, (ev.Vertex("v", "load", started=3, completed=6),)))
    reporter.close()

    assert out.getvalue().split("\n") == ["", "#1 load", "#1 transferring: 20B done", "#1 DONE 0.0s", ""]


def test_plain_tells_what_is_held_without_another_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step's start is printed though nothing else happens."""
    monkeypatch.setattr("bakepy.progress.plain.HOLD", 0.0)
    out = io.StringIO()
    reporter = Plain(out)
    reporter.plan(("app",))
    reporter.report(ev.SolveUpdate(ev.Solve("1", ("app",)), (ev.Vertex("v", "RUN sleep", started=1),)))
    wait_for(lambda: out.getvalue() == "\n#1 RUN sleep\n")


def test_plain_puts_results_on_lines_one_below_the_other() -> None:
    """No empty line stands between the results of targets that end together."""
    out = io.StringIO()
    reporter = Plain(out)
    reporter.plan(("a", "b"))
    for name in ("a", "b"):
        reporter.report(ev.SolveFinished(ev.Solve(name, (name,)), 0, ev.State.DONE))
    reporter.close()

    assert out.getvalue() == "\n=> target a: done 0.0s\n=> target b: done 0.0s\n"


def test_tty_cuts_names_and_keeps_times() -> None:
    """A step whose name is too long for the terminal still shows how long it has run, on one line, as does the head."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=40, height=20)
    reporter = Tty(out, console)
    solve = ev.Solve("1", ("app",))
    reporter.plan(("app", "b"))
    reporter.report(ev.SolveStarted(solve, 0))
    reporter.report(ev.SolveUpdate(solve, (ev.Vertex("v", "[1/1] RUN " + "make " * 30, started=1),)))
    shown = console.render_lines(reporter._view(), pad=False)
    reporter.close()

    text = ["".join(segment.text for segment in line) for line in shown]
    assert len(text) == 3
    assert re.fullmatch(r"   └ \[app 1/1\] RUN ma.*…  [0-9.]+s", text[2])
    assert all(len(line) <= 40 for line in text)


def test_tty_does_not_call_a_cancelled_run_built() -> None:
    """The closing line of a run that was interrupted says so."""
    out = io.StringIO()
    reporter = Tty(out, Console(file=out, force_terminal=True, width=100, height=20))
    solve = ev.Solve("1", ("app",))
    reporter.plan(("app", "b"))
    reporter.report(ev.SolveStarted(solve, 0))
    reporter.report(ev.SolveFinished(solve, 1, ev.State.CANCELLED))
    reporter.close()

    assert any(line.startswith("[+] Stopped after ") for line in screen(out.getvalue(), 100, 40))


def pulled(reporter: ev.Reporter, *amounts: int, ended: bool = False) -> None:
    """Report how far a transfer of 100 bytes is."""
    for current in amounts:
        completed = 3_000_000_000 if ended else None
        reporter.report(ev.Step("p", "pulling image app", 1_000_000_000, completed, current, 100))


def test_plain_tells_each_quarter_of_a_transfer() -> None:
    """A log of what takes long stays short, and ends with how much it was."""
    out = io.StringIO()
    reporter = Plain(out)
    pulled(reporter, 0, *range(1, 100))
    pulled(reporter, 100, ended=True)

    lines = out.getvalue().strip().splitlines()
    assert lines[0] == "=> pulling image app"
    assert lines[1:-1] == [f"=> pulling image app {n}B / 100B" for n in (25, 50, 75)]
    assert lines[-1] == "=> pulling image app 100B / 100B done 2.0s"


def test_tty_shows_how_far_a_transfer_is_before_there_are_targets() -> None:
    """What is started says that it starts, and how many bytes there are of how many."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=60, height=20)
    reporter = Tty(out, console)
    pulled(reporter, 40)
    shown = ["".join(segment.text for segment in line) for line in console.render_lines(reporter._view(), pad=False)]
    reporter.close()

    assert shown[0].startswith("[+] Starting ")
    assert shown[1].startswith(" ▸ pulling image app")
    assert "40B / 100B" in shown[1]


def test_rawjson_tells_how_far_a_transfer_is() -> None:
    """What takes long outside of BuildKit is a step with bytes, as BuildKit's own transfers are."""
    out = io.StringIO()
    pulled(RawJson(out), 0, 40)

    first, last = map(json.loads, out.getvalue().splitlines())
    assert first["vertexes"][0]["name"] == "pulling image app"
    assert last["statuses"][0]["vertex"] == first["vertexes"][0]["digest"]
    assert (last["statuses"][0]["current"], last["statuses"][0]["total"]) == (40, 100)
