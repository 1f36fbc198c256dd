"""What a shell is offered for the word that is being typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bakepy.cli.main import main

HCL = """
target "app" { description = "The app" }
target "lib" {}
group "all" { targets = ["app"] }
"""


@pytest.fixture(autouse=True)
def definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker-bake.hcl").write_text(HCL)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("plan", "--format", ""), "table json dot mermaid :4"),
        (("check", "--format", ""), "text json sarif :4"),
        (("du", "--format", ""), "table pretty json :4"),
        (("ls", "--format", ""), "table json :4"),
        (("functions", "upp"), "upper :4"),
        (("build", "--set", ""), "*. app. lib. :6"),
        (("build", "--set", "l"), "lib. :6"),
        (("build", "--set", "app.ar"), "app.args. :6"),
        (("build", "--set=*.pl"), "--set=*.platform= :6"),
        (("build", "--allow", "fs."), "fs.read fs.write :4"),
        (("build", "--call", ""), "build check outline targets :4"),
        (("build", "--list", "t"), "targets :4"),
        (("build", "--progress", "r"), "rawjson :4"),
    ],
)
def test_values_are_offered(words: tuple[str, ...], offered: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a flag or command takes is offered; `:6` has the shell add no space."""
    assert main(["__complete", *words]) == 0
    assert [line.partition("\t")[0] for line in capsys.readouterr().out.splitlines()] == offered.split()


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["completion", "bash"],
        ["__complete", "l"],
        ["__complete", "build", "--builder", ""],
        ["__complete", "functions", ""],
        ["__complete", "build", "--set", ""],
        ["__complete", "build", "--allow", ""],
    ],
)
def test_completing_loads_nothing_heavy(words: list[str], home: Path) -> None:
    """A shell waits for completion: no library of a build is loaded for it."""
    heavy = ["grpc", "networkx", "docker", "asyncio", "rich", "google.protobuf"]
    program = (
        f"import sys; from bakepy.cli.main import main; main({words!r});"
        f" print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
