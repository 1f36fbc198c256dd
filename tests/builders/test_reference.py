"""Either tool uses what the other made: the same files, to the byte, and the same answers about them."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakepy.builders.store import StoredBuilder, StoredNode, Writer
from bakepy.cli.main import main
from bakepy.diagnostics import BakeError
from bakepy.drivers.docker_host import DockerHost
from bakepy.settings import Settings
from tests.daemon import Daemon, running_buildkitd
from tests.docker_engine import running_dockerd
from tests.reference import Answer, ask, buildx

pytestmark = pytest.mark.e2e

AWAY = "unix:///nonexistent/bk.sock"


@pytest.fixture(scope="module", autouse=True)
def _reference() -> None:
    buildx()


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_buildkitd() as found:
        yield found


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerHost]:
    with running_dockerd("dockerd29") as found:
        yield found


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Variables for both tools, which the running process has, too; no Engine and no engine is there."""
    found = {
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "BUILDX_CONFIG": str(tmp_path / "buildx"),
        "DOCKER_HOST": f"unix://{tmp_path}/none.sock",
        "HOME": str(tmp_path),
    }
    for name in ("BUILDX_BUILDER", "DOCKER_CONTEXT", "BUILDKIT_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("bakepy.engine.find.on_path", lambda _settings: None)
    return found


def ours(capsys: pytest.CaptureFixture[str], *words: str) -> Answer:
    capsys.readouterr()
    error = ""
    try:
        status = main(words)
    except BakeError as fault:
        status, error = 1, f"ERROR: {fault}\n"
    printed = capsys.readouterr()
    return Answer(status, printed.out, printed.err + error)


def files(folder: Path) -> dict[str, str]:
    """Return all files of a store; of an activity only that it is there."""
    return {
        str(path.relative_to(folder)): "" if path.parent.name == "activity" else path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


STORIES = {
    "create": [f"create --name One --driver remote {AWAY}"],
    "address": [f"create --name one {AWAY}"],
    "commands": [
        "create --name one ssh://nobody@127.0.0.1:9",
        "create --name two kube-pod://away",
        "create --name three --driver remote docker-container://away",
    ],
    "options": [
        "create --name one --driver remote --driver-opt servername=x,cacert=/a --driver-opt key=/k,cert=/c tcp://h:1"
    ],
    "platforms": [
        f"create --name one --platform linux/arm64,linux/arm --platform windows/amd64 --driver remote {AWAY}"
    ],
    "append": [
        f"create --name one --platform linux/arm64,linux/amd64 --driver remote {AWAY}",
        "create --name one --append --platform linux/arm64 tcp://h:2",
        "create --name one --append --node own tcp://h:3",
        "create --name one --node own --platform linux/s390x tcp://h:4",
    ],
    "leave": [
        f"create --name one --driver remote {AWAY}",
        "create --name one --append tcp://h:2",
        "create --name one --leave --node one0",
    ],
    "refused": [
        f"create --name one --driver remote {AWAY}",
        f"create --name one --driver remote {AWAY}",
        f"create --name one --append {AWAY}",
        "create --name one --leave --node none",
        "create --name 0 tcp://x:1",
        "create --name default tcp://x:1",
        "create --name x --driver magic",
        "create --name x --driver docker",
        "create --name x --driver remote --driver-opt a=b tcp://x:1",
        "create --name x --driver remote --driver-opt a tcp://x:1",
        "create --append tcp://x:1",
        "create --leave",
        "rm default",
        "rm none",
    ],
    "use": [
        f"create --name one {AWAY} --use",
        "create --name two tcp://h:2",
        "use two",
        "use --global one",
        "use --default two",
    ],
    "unuse": [f"create --name one {AWAY} --use", "use default"],
    "remove": [f"create --name one {AWAY} --use", "create --name two tcp://h:2", "rm two"],
    "remove the current": [f"create --name one {AWAY} --use", "rm one"],
    "remove the inactive": [f"create --name one {AWAY}", "create --name two tcp://127.0.0.1:9", "rm --all-inactive -f"],
    "keep the daemon": [f"create --name one {AWAY}", "rm --keep-daemon one"],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_both_tools_leave_the_same_files(
    story: list[str], environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same commands end alike and leave the same bytes."""
    compare(environment, [line.split() for line in story], tmp_path, capsys)


def compare(
    environment: dict[str, str], story: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run the same commands with both tools, and hold that they end alike, print the same and leave the same bytes."""
    folder = Path(environment["BUILDX_CONFIG"])
    theirs = [ask(environment, *words) for words in story]
    expected = files(folder)
    folder.rename(tmp_path / "theirs")
    own = [ours(capsys, *words) for words in story]

    assert files(folder) == expected
    assert [answer.status for answer in own] == [answer.status for answer in theirs]
    assert [answer.out for answer in own] == [answer.out for answer in theirs]


SHOWN = [
    "ls",
    "ls --no-trunc",
    "ls --format {{.Name}}|{{.DriverEndpoint}}|{{.Status}}|{{.Buildkit}}|{{.Platforms}}|{{.LastActivity}}",
    "ls --format table|{{.Name}}\\t{{upper|.Status}}",
    "--debug ls --format table|{{title|.Name}}\\t{{printf|`%s!`|.Status}}",
    "inspect",
    "inspect one",
    "inspect two",
    "du --builder one",
    "du --builder one --verbose",
    "du --builder one --format json",
    "du --builder one --filter type=regular",
]


def test_both_tools_tell_the_same_of_builders(
    environment: dict[str, str], daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables, templates and details of builders that either made are equal in every byte."""
    ask(environment, "create", "--name", "one", "--use", daemon.endpoint.target.replace("unix:", "unix://"))
    ours(
        capsys,
        "create",
        "--name",
        "two",
        "--platform",
        "linux/arm64,linux/arm",
        "--driver-opt",
        "default-load=true",
        AWAY,
    )

    for line in SHOWN:
        words = [word.replace("|", " ") if word.startswith("table") else word for word in line.split()]
        theirs = ask(environment, *words)
        assert theirs.status == 0, theirs.err
        assert ours(capsys, *words).out == theirs.out, line


DEVICES = """\
cdiVersion: "0.6.0"
kind: vendor.example/toy
annotations: {org.example.note: "for tests"}
devices:
  - name: free
    annotations: {org.mobyproject.buildkit.device.autoallow: "true"}
    containerEdits: {env: [TOY=1]}
  - name: asked
    containerEdits: {env: [TOY=2]}
"""


def test_both_tools_show_devices(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Devices that builds may ask for are shown with what is known of them."""
    (tmp_path / "toy.yaml").write_text(DEVICES)
    with running_buildkitd("--cdi-spec-dir", str(tmp_path)) as daemon:
        ask(environment, "create", "--name", "one", "--use", daemon.endpoint.target.replace("unix:", "unix://"))
        theirs = ask(environment, "inspect")
        assert "Devices:" in theirs.out
        # The reference shows annotations in random order.
        assert sorted(ours(capsys, "inspect").out.splitlines()) == sorted(theirs.out.splitlines())


def test_both_tools_tell_the_same_as_json(
    environment: dict[str, str], daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    """`ls --format json` is equal in every byte but for what cannot be reached, of which we say more."""
    ask(environment, "create", "--name", "one", "--use", daemon.endpoint.target.replace("unix:", "unix://"))
    ask(environment, "create", "--name", "two", "--platform", "linux/arm64", AWAY)
    docker = Path(environment["DOCKER_CONFIG"])
    docker.mkdir(exist_ok=True)
    (docker / "config.json").write_text('{"proxies": {"default": {"httpProxy": "http://p:1"}}}')

    def lines(answer: Answer) -> list[str]:
        return [line for line in answer.out.splitlines() if json.loads(line)["Name"] != "default"]

    theirs = ask(environment, "ls", "--format", "json")
    assert len(lines(theirs)) == 2
    assert lines(ours(capsys, "ls", "--format", "json")) == lines(theirs)
    # In a template each row is one: of the builder, and of each of its nodes.
    theirs = ask(environment, "ls", "--format", "{{json .}}")
    assert len(lines(theirs)) == 4
    assert lines(ours(capsys, "ls", "--format", "{{json .}}")) == lines(theirs)


def test_a_choice_of_either_holds_for_both(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """What `use` chose, for an endpoint, as its default or everywhere, is what both then show."""
    for name in ("one", "two"):
        ask(environment, "create", "--name", name, f"tcp://{name}:1")
    elsewhere = {**environment, "DOCKER_HOST": "unix:///elsewhere.sock"}

    def current(where: dict[str, str]) -> str:
        return ask(where, "inspect", "--timeout", "1ms").out.splitlines()[0].split()[-1]

    ours(capsys, "use", "one")
    assert (current(environment), current(elsewhere)) == ("one", "default")
    ours(capsys, "use", "--global", "two")
    assert (current(environment), current(elsewhere)) == ("two", "two")
    ask(environment, "use", "--default", "one")
    ask(elsewhere, "use", "two")
    assert ours(capsys, "ls", "--format", "{{.Name}}", "--timeout", "1ms").status == 0
    assert "Name:          one\n" in ours(capsys, "inspect", "--timeout", "1ms").out
    assert current(environment) == "one"


def test_buildx_does_not_trip_over_builders_of_ours(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A builder that only bakepy knows is not listed by buildx, and chosen here, buildx takes its own default."""
    with Writer.open(Settings(environment)) as store:
        store.save(StoredBuilder("mine", "embedded", (StoredNode("mine0", "embedded://mine0"),)))
    assert ours(capsys, "use", "--global", "mine").status == 0

    listed = ask(environment, "ls", "--format", "{{.Name}}")
    assert (listed.status, listed.out.split()) == (0, ["default"])
    assert ask(environment, "ls").out.splitlines()[1].startswith("default*")
    assert "mine*" in ours(capsys, "ls").out


CONTAINERS = [
    ["create", "--name", "one"],
    ["create", "--name", "two", "default"],
    [
        "create",
        "--name",
        "ops",
        "--driver-opt",
        "network=host,env.FOO=bar",
        "--buildkitd-flags",
        "--debug --root '/a b'",
    ],
    ["create", "--name", "own", "--buildkitd-flags", "--allow-insecure-entitlement security.insecure"],
    ["create", "--name", "cfg", "--driver", "docker-container", "--buildkitd-config", "bk.toml", "--bootstrap=false"],
    ["create", "--name", "cfg", "--node", "cfg0", "--driver-opt", "memory=100m"],
    ["create", "--name", "one", "--append", "--node", "again"],
    ["create", "--name", "bad", "--driver", "docker-container", "--driver-opt", "memroy=1"],
    ["rm", "two"],
]


def test_builders_in_containers_are_the_same(
    environment: dict[str, str],
    engine: DockerHost,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What buildx keeps of a container's options, daemon configuration and certificates is what we keep."""
    monkeypatch.chdir(tmp_path)
    for name in ("ca", "key", "cert"):
        (tmp_path / name).write_text(name)
    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----\nMC4CAQ\n")
    config = tmp_path / "bk.toml"
    config.write_text(
        'debug = true\ninsecure-entitlements = [ "network.host", "it\'s", "tab\\there" ]\nroot = ""\n'
        '[worker.oci]\nrate = 1.5\nwhen = 2020-01-01T00:00:00Z\ninline = { a = 1, "b c" = "x" }\n'
        'nested = [[1,2],[3]]\nempty = []\n[[worker.oci.gcpolicy]]\nkeepBytes = "512MB"\n'
        '[[worker.oci.gcpolicy]]\nall = true\n[worker.oci.labels]\n"foo.bar" = "x"\n'
        f'[registry."my.io:5000"]\nhttp = true\nca = ["{tmp_path}/ca"]\n[[registry."my.io:5000".keypair]]\n'
        f'key = "{tmp_path}/key"\ncert = "{tmp_path}/cert"\n'
    )
    environment["DOCKER_HOST"] = engine.url
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    compare(environment, CONTAINERS, tmp_path, capsys)

    assert ours(capsys, "ls").out == ask(environment, "ls").out
    for name in ("default", "one"):
        words = ("inspect", name, "--debug")
        assert ours(capsys, *words).out == ask(environment, *words).out
    shown = ours(capsys, "inspect", "cfg").out
    assert "> debug = true" in shown
    # Whoever looks over a shoulder need not see a key.
    assert "MC4CAQ" not in shown


CONTEXTS = [
    ["create", "--name", "one", "here"],
    ["create", "--name", "two", "--use"],
    ["create", "--name", "bad", "away"],
    ["create", "--name", "here", "--driver", "docker-container"],
    ["use", "away"],
    ["use", "default"],
    ["use", "--default", "two"],
    ["use", "here"],
    ["use", "--global", "one"],
    ["rm", "here"],
    ["stop", "one"],
    ["du", "--builder", "one"],
    ["ls"],
    ["inspect", "here"],
    ["rm", "one"],
]


def test_docker_contexts_are_builders_for_both(
    environment: dict[str, str],
    engine: DockerHost,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each context is a builder, can be an endpoint, and is the key of choices made in it."""
    for name, url in (("here", engine.url), ("away", "unix:///nonexistent/d.sock")):
        meta = tmp_path / "docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
        meta.mkdir(parents=True)
        (meta / "meta.json").write_text(
            json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": url, "SkipTLSVerify": False}}})
        )
    environment["DOCKER_CONTEXT"] = "here"
    monkeypatch.setenv("DOCKER_CONTEXT", "here")
    del environment["DOCKER_HOST"]
    monkeypatch.delenv("DOCKER_HOST")
    compare(environment, CONTEXTS, tmp_path, capsys)
