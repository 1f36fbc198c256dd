"""Command lines, read as the reference's are."""

import pytest

from bakepy.cli.flags import Flag, parse
from bakepy.diagnostics import BakeError

FLAGS = (Flag("all", "", short="a"), Flag("force", "", short="f"), Flag("file", "", "FILE", short="x"))


@pytest.mark.parametrize(
    ("line", "all_", "force", "file", "arguments"),
    [
        ("-af", True, True, "", []),
        ("-afx y z", True, True, "y", ["z"]),
        ("-afxy z", True, True, "y", ["z"]),
        ("-ax=y", True, None, "y", []),
        ("-fa=false", False, True, "", []),
        ("z --file=y=w --all", True, None, "y=w", ["z"]),
        ("-- -af", None, None, "", ["-af"]),
        ("-", None, None, "", ["-"]),
    ],
)
def test_switches_of_one_letter_stand_together(
    line: str, all_: bool | None, force: bool | None, file: str, arguments: list[str]
) -> None:
    """What follows a switch's letter are more flags; what follows another flag's is its value."""
    given = parse(FLAGS, line.split())
    assert (given.switch("all"), given.switch("force"), given.text("file"), given.arguments) == (
        all_,
        force,
        file,
        arguments,
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("-az", "unknown shorthand flag: 'z' in -z"),
        ("-a=x", 'invalid argument "x" for "--all" flag'),
        ("-ax", "flag needs an argument: -x"),
        ("--fil y", "unknown flag: --fil"),
    ],
)
def test_faults_name_the_flag(line: str, complaint: str) -> None:
    """No letter is taken for a switch's value: `-af` is not `--all=f`."""
    with pytest.raises(BakeError, match=complaint):
        parse(FLAGS, line.split())


def test_flags_of_another_command_are_told_apart() -> None:
    """The fault stays, and the hint is what to write here."""
    for line in ("--tag x", "--tag=x", "-t x", "-tx"):
        with pytest.raises(BakeError, match="unknown") as caught:
            parse(FLAGS, line.split(), {"--tag": "Write it so.", "-t": "Write it so."})
        assert caught.value.diagnostics[0].hint == "Write it so."


def test_what_a_switch_may_be_is_said() -> None:
    """Nobody has to know how another language reads truth."""
    with pytest.raises(BakeError) as caught:
        parse(FLAGS, ["--all=maybe"])
    assert caught.value.diagnostics[0].hint == "Write --all, or --all=true or --all=false."
