"""The commands on builders, with a real BuildKit where they reach one."""

import asyncio
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakepy.builders.choose import choose
from bakepy.builders.create import REMOTE_SCHEMES
from bakepy.builders.store import StoredBuilder, StoredNode, Writer
from bakepy.buildkit.client import Client
from bakepy.cli import plugin
from bakepy.cli.main import COMMANDS, PLUGIN, main
from bakepy.diagnostics import BakeError
from bakepy.drivers.container_options import READERS
from bakepy.drivers.remote import OPTIONS
from bakepy.engine.paths import Paths
from bakepy.settings import Settings
from bakepy.transport.endpoint import Endpoint
from tests.daemon import Daemon, running_buildkitd
from tests.programs import needed
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("home")

AWAY = "unix:///nonexistent/bk.sock"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_buildkitd() as found:
        yield found


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str]):
    """Run a command that succeeds and return what it prints."""

    def run(*words: str) -> str:
        capsys.readouterr()
        assert main(words) == 0
        return capsys.readouterr().out

    return run


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "version"])
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` prints how a command is used, and nothing else happens."""
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.lower().startswith(f"usage: bakepy {name}")


@pytest.mark.parametrize("words", ["ls x", "du x", "create a b", "use a b", "stop a b", "inspect a b", "prune x"])
def test_too_many_arguments_are_refused(words: str) -> None:
    """A command says how many arguments it takes."""
    with pytest.raises(BakeError, match=r"accepts (no arguments|at most 1 argument)"):
        main(words.split())


def test_builders_go_through_their_life(out, capsys: pytest.CaptureFixture[str]) -> None:
    """Create prints the name, ls marks the current one, use changes that, rm says what it removed."""
    assert out("create", "--name", "one", AWAY, "--use") == "one\n"
    assert out("create", "--name", "two", AWAY) == "two\n"
    assert "one*" in out("ls")
    assert out("use", "two") == ""
    assert "two*" in out("ls")
    assert out("stop", "two") == ""
    assert main(["rm", "one", "two"]) == 0
    assert capsys.readouterr().err == "one removed\ntwo removed\n"


def test_the_embedded_engine_is_chosen_by_name(out) -> None:
    """`use embedded` needs no file, and holds until another choice."""
    out("use", "embedded")
    assert "Name:   embedded\nDriver: embedded\n" in out("inspect")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["use", "oen"], 'failed to find instance "oen"'),
        (["use"], "no builder is named; builders: one, default, embedded"),
        (["inspect", "none"], 'no builder "none" found'),
        (["rm", "default"], "failed to remove one or more builders"),
        (["rm", "--all-inactive", "one"], "cannot specify builder name when --all-inactive is set"),
        (["du", "--format", "json", "--verbose"], "--format and --verbose cannot be used together"),
        (["du", "--builder", "one"], "bk.sock"),
        (["prune", "-f", "--max-used-space", "x"], "invalid size: 'x'"),
        (["ls", "--timeout", "x"], 'invalid duration "x"'),
        (["create", "--driver-opt", "x", AWAY], 'invalid value "x", expecting k=v'),
        (["completion", "zhs"], "there is no completion for zhs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_faults_are_named(words: list[str], complaint: str) -> None:
    """What is wrong with a command is said in one error."""
    main(["create", "--name", "one", AWAY])
    with pytest.raises(BakeError) as caught:
        main(words)
    assert complaint in str(caught.value)


def test_a_node_that_does_not_answer_in_time_is_an_error_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--timeout` ends the waiting; the other nodes are shown, and the reason is on standard error."""
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(f"{tmp_path}/deaf")
        deaf.listen()
        with Writer.open(Settings()) as store:
            nodes = (StoredNode("one0", AWAY), StoredNode("one1", f"unix://{tmp_path}/deaf"))
            store.save(StoredBuilder("one", "remote", nodes))
        capsys.readouterr()
        assert main(["ls", "--timeout", "50ms"]) == 0
    printed = capsys.readouterr()
    assert "one1" in printed.out
    assert "the node did not answer within 0.05s" in printed.err


def test_a_fault_of_one_node_of_several_names_it() -> None:
    """Whoever has to start or correct a node learns which one."""
    main(["create", "--name", "one", AWAY])
    main(["create", "--name", "one", "--append", "--node", "second", f"{AWAY}2"])
    with pytest.raises(BakeError, match=r"^node one0: cannot connect to "):
        main(["du", "--builder", "one"])


@pytest.mark.parametrize(("text", "left"), [("n\n", ["one"]), ("", ["one"]), ("y\n", [])])
def test_removing_the_inactive_asks_first(
    out, home: Path, monkeypatch: pytest.MonkeyPatch, text: str, left: list[str]
) -> None:
    """Only a yes removes."""
    out("create", "--name", "one", AWAY)
    answer(monkeypatch, text)
    printed = out("rm", "--all-inactive")

    assert printed.startswith("WARNING! This will remove all builders that are not in running state.")
    assert [path.name for path in (home / "docker" / "buildx" / "instances").iterdir()] == left


@pytest.mark.e2e
def test_the_build_cache_is_shown_and_removed(
    out, daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a build leaves is listed, filtered, kept within limits, and removed once that is confirmed."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY data /\n")
    (tmp_path / "data").write_bytes(os.urandom(1 << 20))
    (tmp_path / "docker-bake.json").write_text('{"target": {"default": {"output": ["type=cacheonly"]}}}')
    monkeypatch.chdir(tmp_path)
    out("create", "--name", "one", "--use", daemon.endpoint.target.replace("unix:", "unix://"))
    out("build", "--progress", "quiet")

    records = [json.loads(line) for line in out("du", "--format", "json").splitlines()]
    assert {"regular", "source.local"} <= {record["Type"] for record in records}
    regular = out("du", "--filter", "type=regular", "--format", "{{.ID}} {{.Description}}").splitlines()
    assert len(regular) == 1
    assert regular[0].endswith("COPY data /")
    assert "Total:" in out("du")

    answer(monkeypatch, "n\n")
    assert out("prune").startswith("WARNING! This will remove all dangling build cache.")
    kept = out("prune", "-f", "--reserved-space", "1gb")
    assert kept == "Total:\t0B\n"
    some = out("prune", "-f", "--filter", "type=regular")
    assert some.splitlines()[0].split() == ["ID", "RECLAIMABLE", "SIZE", "LAST", "ACCESSED"]
    assert some.splitlines()[1].split()[0].removesuffix("*") == regular[0].split()[0]
    full = out("prune", "--all", "--force", "--verbose", "--max-used-space", "1kb")
    assert "Description:  local source for context" in full
    assert out("du", "--format", "json") == ""


@pytest.mark.e2e
def test_a_use_of_the_builder_is_remembered(
    out, daemon: Daemon, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build writes down when it used the builder."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "docker-bake.json").write_text('{"target": {"default": {"output": ["type=cacheonly"]}}}')
    monkeypatch.chdir(tmp_path)
    out("create", "--name", "one", daemon.endpoint.target.replace("unix:", "unix://"))
    activity = home / "docker" / "buildx" / "activity" / "one"
    activity.write_text("2020-01-01T00:00:00Z")
    out("build", "--progress", "quiet", "--builder", "one")

    assert activity.read_text() > "2025"


@pytest.mark.e2e
def test_standard_streams_reach_the_builder(out, daemon: Daemon, tmp_path: Path) -> None:
    """A program that speaks BuildKit's API talks to it through `dial-stdio`."""
    out("create", "--name", "one", daemon.endpoint.target.replace("unix:", "unix://"))
    program = "import sys; from bakepy.cli.main import main; sys.exit(main(['dial-stdio', '--builder', 'one']))"

    async def talk(path: str) -> str:
        async with Client.connect(Endpoint(f"unix:{path}")) as client:
            return (await client.info()).version

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/s")
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with (
                connection,
                subprocess.Popen([sys.executable, "-c", program], stdin=connection, stdout=connection) as dialled,
            ):
                dialled.wait(PATIENCE)

        thread = threading.Thread(target=serve)
        thread.start()
        version = asyncio.run(talk(f"{tmp_path}/s"))
        thread.join()

    assert version.startswith("v0.")


def test_words_are_completed(out, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands, flags, their values, targets and builders; files where a flag takes one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docker-bake.hcl").write_text('target "app" { description = "The app" }\ntarget "_x" {}\n')
    (tmp_path / "other.hcl").write_text('target "lib" {}\ngroup "all" { targets = ["lib"] }\n')
    out("create", "--name", "one", AWAY)

    assert out("__complete", "ins") == (
        "inspect\tShow a builder and its nodes\ninstall-plugin\tMake bakepy a command of docker: docker bakepy\n:4\n"
    )
    assert out("__complete", "build", "") == "app\tThe app\n:4\n"
    assert out("__complete", "bake", "-f", "other.hcl", "") == "all\nlib\n:4\n"
    assert out("__complete", "build", "--builder", "o") == "one\n:4\n"
    assert out("__complete", "build", "--builder=o") == "--builder=one\n:4\n"
    assert out("__complete", "rm", "") == "one\n:4\n"
    assert out("__complete", "du", "--verb") == "--verbose\tThe same as --format=pretty\n:4\n"
    assert out("__complete", "build", "-f", "") == ":0\n"
    assert out("__complete", "nonsense", "") == ":4\n"
    (tmp_path / "docker-bake.hcl").write_text("target {{{")
    assert out("__complete", "build", "") == ":4\n"


def test_bash_completes(out, tmp_path: Path) -> None:
    """The script makes bash offer what bakepy says, and files where those are wanted."""
    needed("bash")
    (tmp_path / "t.hcl").write_text('target "lib" {}')
    run = "import sys; from bakepy.cli.main import main; main(sys.argv[1:])"
    (tmp_path / "bakepy").write_text(f"#!/bin/sh\nexec {sys.executable} -c '{run}' \"$@\"\n")
    (tmp_path / "bakepy").chmod(0o755)
    script = out("completion", "bash") + (
        'complete_line() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bakepy bakepy "${@: -1}" "${@: -2:1}";'
        ' echo "${COMPREPLY[@]}"; }\n'
        "complete_line bakepy build -f t.hcl l\ncomplete_line bakepy build -f t\ncomplete_line bakepy insp\n"
    )
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == ["lib", "t.hcl", "inspect"]


def test_docker_finds_the_plugin(out, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`install-plugin` makes a link that Docker's client takes for a plugin, and `--remove` takes it away."""
    program = home / "bin" / "bakepy"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(Path.cwd())!r})\n"
        "from bakepy.cli.main import entry\nentry()\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr("sys.argv", [str(program)])
    link = home / "docker" / "cli-plugins" / PLUGIN
    assert str(link) in out("install-plugin")
    assert link.resolve() == program

    told = subprocess.run([link, plugin.METADATA], capture_output=True, text=True, check=True).stdout
    assert json.loads(told)["SchemaVersion"] == "0.1.0"
    out("create", "--name", "one", AWAY)
    used = subprocess.run(
        [link, "--context", "other", "bakepy", "ls", "--format", "{{.Name}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'there is no Docker context "other"' in used.stderr
    if docker := shutil.which("docker"):
        listed = subprocess.run(
            [docker, "bakepy", "ls", "--format", "{{.Name}}"],
            env=os.environ | {"PATH": str(home)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert listed.stdout.split() == ["one", "one0", "default"]
    out("install-plugin", "--remove")
    assert not link.is_symlink()


def test_a_file_in_the_plugin_s_place_is_left(home: Path) -> None:
    """What someone else put there is not overwritten."""
    link = home / "docker" / "cli-plugins" / PLUGIN
    link.parent.mkdir(parents=True)
    link.write_text("theirs")
    with pytest.raises(BakeError, match="is there already"):
        main(["install-plugin"])
    assert link.read_text() == "theirs"


@pytest.fixture
def namesakes(home: Path) -> Path:
    """Two builders of one name: ours, and the one that buildx made later; returns the folder of both."""
    main(["create", "--name", "twin", "--driver", "embedded"])
    nodes = [{"Name": "twin0", "Endpoint": AWAY}]
    folder = home / "docker" / "buildx"
    record = {"Name": "twin", "Driver": "remote", "Nodes": nodes}
    (folder / "instances" / "twin").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("words", ["ls", "inspect twin", "stop twin", "use twin", "ls --format json"])
def test_a_name_of_two_builders_is_told(words: str, namesakes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A command says which of the two it means: the one that buildx means."""
    capsys.readouterr()
    assert main(words.split()) == 0
    assert 'WARNING: there are two builders "twin": the one of the remote driver is meant' in capsys.readouterr().err


def test_a_build_tells_of_two_builders_of_its_name(namesakes: Path) -> None:
    """The choice of a builder brings the warning along."""
    assert 'two builders "twin"' in str(choose("twin", Settings()).warnings[0])


def test_both_builders_of_a_name_are_listed(namesakes: Path, out) -> None:
    """Only the one that the name means is marked as the current one."""
    main(["use", "twin"])
    first = "table {{.Name}}|{{.DriverEndpoint}}"
    assert [line for line in out("ls", "--format", first).splitlines() if line.startswith("twin")] == [
        "twin*|remote",
        "twin|embedded",
    ]


def test_both_builders_of_a_name_are_removed(namesakes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`rm` stops and removes the embedded one, too."""

    cache = Paths.of(Settings(), "twin0").state
    cache.mkdir(parents=True)
    capsys.readouterr()
    assert main(["rm", "twin"]) == 0
    assert capsys.readouterr().err == "twin (remote) removed\ntwin (embedded) removed\n"
    assert not cache.exists()
    assert not list(namesakes.rglob("*/twin"))


def stored(name: str, driver: str, *endpoints: str) -> Path:
    """Write a builder as it is, and return its file."""
    with Writer.open(Settings()) as store:
        nodes = tuple(StoredNode(f"{name}{i}", endpoint) for i, endpoint in enumerate(endpoints))
        store.save(StoredBuilder(name, driver, nodes))
    return Settings().buildx_config / "instances" / name


def test_a_builder_of_an_unknown_driver_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    """What bakepy cannot stop it does not forget, unless it shall not be stopped."""
    file = stored("far", "kubernetes", "kubernetes:///far")
    with pytest.raises(BakeError):
        main(["rm", "far"])
    said = capsys.readouterr().err
    assert 'the driver "kubernetes" of the builder "far" is not supported yet; it was left as it is' in said
    assert "docker buildx rm far" in said
    assert file.exists()
    assert main(["rm", "--keep-daemon", "far"]) == 0
    assert not file.exists()


def test_containers_that_stay_behind_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Without their Engine they cannot be removed; the builder is forgotten, as buildx does."""
    file = stored("box", "docker-container", AWAY, "unix:///nonexistent/2")
    with pytest.raises(BakeError):
        main(["rm", "box"])
    said = capsys.readouterr().err
    assert "failed to remove box: node box0: " in said
    assert "the builder box is forgotten, but its containers were not removed" in said
    names = "buildx_buildkit_box0 buildx_buildkit_box1"
    assert f"docker rm -f {names} && docker volume rm {names.replace('0 ', '0_state ')}_state" in said
    assert not file.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rm"], "the embedded engine is no builder that someone made"),
        (["rm", "embedded"], "bakepy engine uninstall"),
        (["rm", "default"], "docker context rm default"),
        (["rm", "unix:///x"], "an address is no builder"),
    ],
)
def test_what_nobody_made_is_not_removed(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what it is instead."""
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setattr("bakepy.drivers.docker_host.DEFAULT_SOCKET", AWAY)
    with pytest.raises(BakeError):
        main(words)
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "[]", '{"Name":"bad","Nodes":[1]}'])
@pytest.mark.parametrize("chosen", [True, False])
def test_a_damaged_file_hides_no_builder(chosen: bool, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are listed, with the file's name and the remedy, which works."""
    stored("good", "remote", AWAY)
    file = stored("bad", "remote", AWAY)
    main(["use", "bad" if chosen else "good"])
    file.write_text(text)
    capsys.readouterr()
    assert main(["ls"]) == 0
    printed = capsys.readouterr()
    assert "good0" in printed.out
    assert printed.err.count(str(file)) == 1
    assert "hint: remove it: bakepy rm bad" in printed.err
    assert main(["rm", "--all-inactive", "--force"]) == 0
    assert file.exists()
    capsys.readouterr()
    assert main(["rm", "bad"]) == 0
    assert not list(file.parents[1].rglob("bad"))
    printed = capsys.readouterr()
    assert "WARNING: the file of bad was damaged" in printed.err
    assert "bad removed" in printed.err


def test_create_names_all_addresses_and_options(out) -> None:
    """Its help tells of every scheme of a remote builder, and of every option of a driver."""
    said = out("create", "--help")
    schemes = {f"{scheme}://" for scheme in REMOTE_SCHEMES if scheme != "npipe"}
    assert {word for word in (*schemes, *READERS, *OPTIONS) if word not in said} == set()


def test_a_builder_that_does_not_start_stays(out) -> None:
    """The error says so, and what to type."""
    with pytest.raises(BakeError) as caught:
        main(["create", "--name", "cold", "--bootstrap", AWAY])
    (fault,) = caught.value.diagnostics
    assert fault.hint.endswith("start it again: bakepy inspect --bootstrap cold, or bakepy rm cold")
    assert "cold0" in out("ls")


def test_a_damaged_namesake_goes_with_the_other(namesakes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The one that can be read is removed as ever."""
    (namesakes / "instances" / "twin").write_text("{")
    assert main(["rm", "twin"]) == 0
    assert not list(namesakes.rglob("*/twin"))


def test_why_a_context_s_engine_cannot_be_asked_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Below the table, as the reference does, also where another builder is the current one; in a template, not."""
    main(["create", "--name", "one", AWAY, "--use"])
    capsys.readouterr()
    assert main(["ls"]) == 0
    why = f"\nCannot load builder default: the Docker Engine at unix://{home}/none.sock does not answer"
    assert capsys.readouterr().err.startswith(why)
    assert main(["ls", "--format", "{{.Name}}"]) == 0
    assert capsys.readouterr().err == ""
