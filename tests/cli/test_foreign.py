"""What strangers write into builders' files and addresses: it is refused by name, and no terminal obeys it."""

import json
from pathlib import Path

import pytest

from bakepy.cli.main import main
from bakepy.diagnostics import BakeError

pytestmark = pytest.mark.usefixtures("home")

ESCAPE = "\x1b]0;x\x07\x9b2J\u202e"


def store(home: Path, name: str, endpoint: str, options: dict[str, str] | None = None) -> None:
    folder = home / "docker" / "buildx" / "instances"
    folder.mkdir(parents=True, exist_ok=True)
    node = {"Name": f"{name}0", "Endpoint": endpoint, "DriverOpts": options}
    (folder / name).write_text(json.dumps({"Name": name, "Driver": "remote", "Nodes": [node]}))


@pytest.mark.parametrize("words", ["ls", "ls --format {{.DriverEndpoint}}{{.Error}}", "ls --format json", "inspect b"])
def test_no_terminal_obeys_a_builder(words: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Endpoints, options and errors are shown with signs for what is in them."""
    store(home, "b", f"unix:///{ESCAPE}", {ESCAPE: ESCAPE})
    assert main(words.split()) == 0
    shown = "".join(capsys.readouterr())
    assert not set(ESCAPE) - set("]0;x2J") & set(shown)
    assert "␛]0;x" in shown or "\\u001b]0;x" in shown


def test_json_keeps_what_terminals_would_obey(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who reads the JSON gets the endpoint as it is written."""
    store(home, "b", f"unix:///{ESCAPE}")
    assert main(["ls", "--format", "json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [node["Endpoint"] for builder in found if builder["Name"] == "b" for node in builder["Nodes"]] == [
        f"unix:///{ESCAPE}"
    ]


@pytest.mark.parametrize(
    "url",
    [
        "ssh://[x",
        "kube-pod://[x",
        "tcp://h:99999",
        "tcp://℀:1",
        "ssh://h\0",
        "kube-pod://p?context=%00",
    ],
)
def test_a_malformed_address_is_one_builder_s_error(url: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The builder's line tells of its fault, and the other builders are listed, too."""
    store(home, "bad", url)
    store(home, "good", "unix:///nonexistent/bk.sock")
    assert main(["ls", "--format", "{{.Name}} {{.Status}}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "bad0 error" in lines
    assert "good0 inactive" in lines


@pytest.mark.parametrize(
    "words",
    [
        "du --builder ssh://h:abc",
        "build --builder tcp://[x",
        "build --builder ssh://℀",
        "build --builder unix://[x",
        "create --driver remote tcp://[x",
        "create --driver docker-container tcp://h:99999",
    ],
)
def test_malformed_addresses_are_refused_by_commands(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No address ends in a fault of the program."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    (tmp_path / "docker-bake.hcl").write_text('target "default" {}')
    with pytest.raises(BakeError, match=r"invalid (bind )?address"):
        main(words.split())


def test_a_malformed_address_is_shown_with_its_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """`inspect` shows a node's error as the node's."""
    assert main(["inspect", "--builder", "tcp://[x"]) == 0
    assert "invalid address tcp://[x: Invalid IPv6 URL" in capsys.readouterr().out


@pytest.mark.parametrize("address", ["tcp://[x", "ssh://℀", "tcp://h:abc"])
def test_a_malformed_engine_is_an_error_of_ls(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`DOCKER_HOST` is an address like others."""
    monkeypatch.setenv("DOCKER_HOST", address)
    assert main(["ls"]) == 0
    assert f"invalid address {address}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["\ud800", "\x1b"])
def test_a_context_that_is_no_text_is_not_there(name: str, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """A name that nothing can write is the name of no Docker context."""
    (home / "docker").mkdir()
    (home / "docker" / "config.json").write_text(json.dumps({"currentContext": name}))
    monkeypatch.delenv("DOCKER_HOST")
    with pytest.raises(BakeError, match="there is no Docker context"):
        main(["ls"])
