"""The command itself: what it prints for help, and that no traceback reaches a user."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bakepy
from bakepy.cli.guard import guarded
from bakepy.cli.main import COMMANDS, main
from bakepy.diagnostics import BakeError, Diagnostic, Severity, Source, Span


@pytest.mark.parametrize("argv", [[], ["--help"], ["help"]])
def test_help_lists_every_command(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Help names all commands."""
    assert main(argv) == 0

    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in COMMANDS)


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints what is installed."""
    main(["--version"])

    assert capsys.readouterr().out == f"bakepy {bakepy.__version__}\n"


def test_an_unknown_command_is_refused_with_its_neighbour(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt command exits 1 and names the one that was meant."""
    assert main(["biuld"]) == 1
    assert "Did you mean 'build'?" in capsys.readouterr().err


def test_faults_end_with_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Diagnostics are printed, and the last line is the first of them."""

    def fail(_: object) -> int:
        raise BakeError([Diagnostic("No target", 'There is no target "x".', hint="did you mean y?")])

    assert guarded(fail, []) == 1
    err = capsys.readouterr().err
    assert "hint: did you mean y?" in err
    assert err.splitlines()[-1] == 'ERROR: No target; There is no target "x".'


def shown(capsys: pytest.CaptureFixture[str], *found: Diagnostic) -> list[str]:
    """Return the lines that a command prints which fails with the diagnostics."""

    def fail(_: object) -> int:
        raise BakeError(found)

    assert guarded(fail, []) == 1
    return capsys.readouterr().err.splitlines()


def test_an_error_with_a_place_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The last line is short: file, line, summary, and the number of other errors."""
    source = Source("bake.hcl", "a = b\nc = d\n")
    first = Diagnostic("Unknown variable", 'There is no variable named "d".', Span(source, 10, 11))
    other = Diagnostic("Unknown variable", 'There is no variable named "b".', Span(source, 4, 5))
    further = Diagnostic("Found by going on", further=True)
    warning = Diagnostic("Odd", severity=Severity.WARNING)

    assert shown(capsys, first)[-1] == "ERROR: bake.hcl:2: Unknown variable"
    lines = shown(capsys, warning, further, first, other, first)
    assert lines[-1] == "ERROR: bake.hcl:2: Unknown variable (and 2 more)"
    assert lines.count("error: Unknown variable (2 times)") == 1
    assert "\n".join(lines).count(first.detail) == 1


@pytest.mark.parametrize(("name", "place"), [("compose.yaml", "compose.yaml:2: "), ("--set", "")])
def test_last_line_names_a_related_place(capsys: pytest.CaptureFixture[str], name: str, place: str) -> None:
    """An error without a subject has its first relation's place."""
    related = (("it is here", Span(Source(name, "a: b\nc: d\n"), 5, 6)),)
    assert shown(capsys, Diagnostic("bad key", related=related))[-1] == f"ERROR: {place}bad key"


def test_an_error_of_several_lines_is_shown_in_full_above_a_short_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The end of a log, say, is set in; the last line is the summary."""
    lines = shown(capsys, Diagnostic("the engine did not start", "the end of its log:\nno space left"))

    assert lines[1:3] == ["  the end of its log:", "  no space left"]
    assert lines[-1] == "ERROR: the engine did not start"


def test_a_fault_without_a_place_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """What to do stands above the last line, which says the rest."""

    def fail(_: object) -> int:
        raise BakeError.of("failed to find target x", hint="did you mean y?")

    assert guarded(fail, []) == 1
    assert capsys.readouterr().err == "hint: did you mean y?\nERROR: failed to find target x\n"


def test_a_bug_prints_one_line_and_keeps_the_traceback_in_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback reaches the user; the report file holds it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fail(_: object) -> int:
        raise KeyError("oops")

    assert guarded(fail, []) == 70
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    (report,) = tmp_path.iterdir()
    assert "KeyError" in report.read_text()


def test_an_interrupt_exits_130(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C outside of a build ends quietly with the status shells expect."""

    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    assert guarded(interrupted, []) == 130
    assert capsys.readouterr().err == "ERROR: interrupted\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EMFILE])
def test_what_the_machine_refuses_is_no_bug(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk is told as what it is, with the file and what to do, and asks for no report."""

    def fail(_: object) -> int:
        raise OSError(number, os.strerror(number), "/some/file")

    assert guarded(fail, []) == 1
    err = capsys.readouterr().err
    assert err.splitlines()[-1] == f"ERROR: /some/file: {os.strerror(number)}"
    assert "hint: " in err
    assert "report" not in err


@pytest.mark.parametrize(
    ("redirect", "status"), [(">/dev/full", 1), (">&-", 0), ("| true; exit ${PIPESTATUS[0]}", None)]
)
def test_output_that_cannot_be_written_is_no_bug(redirect: str, status: int | None) -> None:
    """A full device, a closed stream and a reader that went away end in a plain status and no traceback."""
    command = f"{sys.executable} -c 'from bakepy.cli.main import entry; entry()' functions {redirect}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)

    assert done.returncode in ({status} if status is not None else {0, 141})
    assert "report" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_output_is_utf_8_in_any_locale(tmp_path: Path) -> None:
    """What a definition says is printed as it stands there, also where the locale knows ASCII alone."""
    command = [sys.executable, "-c", "from bakepy.cli.main import entry; entry()", "build", "--list", "targets"]
    (tmp_path / "docker-bake.hcl").write_text('target "default" {\n  description = "é"\n}\n', encoding="utf-8")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})

    assert done.returncode == 0, done.stderr
    assert "é" in done.stdout.decode("utf-8")


def test_too_little_memory_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    """What the machine lacks is said in one line, without a report."""

    def fail(_: object) -> int:
        raise MemoryError

    assert guarded(fail, []) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "ERROR: not enough memory"


@pytest.mark.parametrize("leading", [["--builder", "nope"], ["--builder=nope"], ["-D"], ["--debug"]])
@pytest.mark.parametrize("words", [["version"], ["functions", "join"], ["schema"]])
def test_leading_flags_are_ignored_by_commands_without_them(
    leading: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands before the command is for those commands that have a builder or a display."""
    assert main([*leading, *words]) == 0
    printed = capsys.readouterr().out
    assert main(words) == 0
    assert printed == capsys.readouterr().out != ""


INTERRUPTING = """
import runpy, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

class Late:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder())
sys.argv = ["bakepy", "build", "--print"]
{more}
runpy.run_module("bakepy", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("module", "more"),
    [
        ("bakepy.cli.main", ""),
        ("bakepy.cli.guard", ""),
        ("bakepy.diagnostics", ""),
        ("bakepy.cli.build", ""),
        ("bakepy.evaluator", ""),
        ("", "import bakepy.cli.guard as g; g.guarded = lambda *_: Late() and 0"),
        ("", "import bakepy.cli.main as m; m.leave = lambda _: signal.raise_signal(signal.SIGINT)"),
    ],
)
def test_interrupt_at_any_time_prints_no_traceback(module: str, more: str, tmp_path: Path) -> None:
    """Ctrl-C ends the command with 130, even while modules load."""
    (tmp_path / "docker-bake.hcl").write_text('target "default" {}\n')
    command = [sys.executable, "-c", INTERRUPTING.format(module=module, more=more)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "ERROR: interrupted\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["build --print", "check", "plan", "fmt --check", "build --list targets"])
def test_closed_streams_do_not_matter(words: str, closed: str, tmp_path: Path) -> None:
    """A command that needs no standard stream works where it is closed."""
    (tmp_path / "docker-bake.hcl").write_text('target "default" {}\n')
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    command = f"{sys.executable} -m bakepy {words} {closed}"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", ["build --print -f -", "check -f -", "fmt -", "plan -f -"])
def test_closed_standard_input_is_not_an_empty_definition(words: str, tmp_path: Path) -> None:
    """`-` needs standard input to be open."""
    command = f"{sys.executable} -m bakepy {words} <&-"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "standard input is closed" in done.stdout + done.stderr


def test_closed_standard_input_grants_nothing(tmp_path: Path) -> None:
    """Without a terminal, a missing grant is an error."""
    (tmp_path / "docker-bake.hcl").write_text('target "default" { network = "host" }\n')
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    command = f"{sys.executable} -m bakepy build <&-"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("ERROR: additional privileges requested\n")
