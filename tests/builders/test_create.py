"""What `create` makes of a wish, and which wishes it refuses. No engine is needed: a remote node may be away."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bakepy.builders.create import Wish, create, docker_address, leave
from bakepy.builders.daemonconfig import files, parse
from bakepy.builders.store import StoreError, names, read, selected
from bakepy.diagnostics import BakeError
from bakepy.settings import Settings

Make = Callable[..., Settings]
AWAY = "unix:///nonexistent/bk.sock"
REMOTE = Wish(name="one", driver="remote", endpoint=AWAY)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def settings(**environ: str) -> Settings:
        return Settings({"DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path), **environ})

    return settings


def test_a_nameless_builder_gets_a_name(make: Make) -> None:
    """A name of two words is found for it, and its node has that name with a number."""
    builder = create(Wish(endpoint=AWAY), make())

    assert builder.driver == "remote"
    assert builder.name.count("_") == 1
    assert names(make()) == [builder.name]
    assert builder.nodes[0].name == f"{builder.name}0"


def test_use_selects_it(make: Make) -> None:
    """`--use` chooses the builder for the current endpoint alone."""
    create(REMOTE, make(DOCKER_HOST="tcp://d:1"), use=True)

    assert selected(make(), "tcp://d:1") == "one"
    assert selected(make(), "tcp://d:2") is None


def test_buildkit_host_is_an_endpoint(make: Make) -> None:
    """BUILDKIT_HOST makes a remote builder where nothing else was said."""
    builder = create(Wish(name="one"), make(BUILDKIT_HOST="tcp://bk:1"))

    assert (builder.driver, builder.nodes[0].endpoint) == ("remote", "tcp://bk:1")


def test_a_node_is_changed_without_naming_its_endpoint(make: Make) -> None:
    """Only what is given is changed; platforms may come between commas."""
    create(REMOTE, make())
    create(Wish(name="one", node="one0", platforms=("linux/arm64,linux/arm", "linux/riscv64")), make())

    builder = read(make(), "one")
    assert builder
    (node,) = builder.nodes
    assert node.endpoint == AWAY
    assert [str(p) for p in node.platforms or ()] == ["linux/arm64", "linux/arm/v7", "linux/riscv64"]


def test_nodes_come_and_leave(make: Make) -> None:
    """`--append` adds one, `--leave` takes one away."""
    create(REMOTE, make())
    create(Wish(name="one", append=True, endpoint="tcp://bk:2"), make())
    leave("one", "one0", make())

    builder = read(make(), "one")
    assert builder
    assert [(node.name, node.endpoint) for node in builder.nodes] == [("one1", "tcp://bk:2")]


def test_nodes_that_come_at_once_all_stay(make: Make, tmp_path: Path) -> None:
    """Several processes add nodes to one builder at the same time: none is lost, and no two share a name."""
    create(REMOTE, make())
    environment = {"DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    program = "import sys; from bakepy.cli.main import main; main(['create', '--name', 'one', '--append', sys.argv[1]])"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, f"unix:///nonexistent/{i}"], env=environment, stdout=subprocess.DEVNULL
        )
        for i in range(4)
    ]
    assert [process.wait(60) for process in running] == [0] * 4

    builder = read(make(), "one")
    assert builder
    assert sorted(node.name for node in builder.nodes) == [f"one{i}" for i in range(5)]
    assert {node.endpoint for node in builder.nodes} == {AWAY, *(f"unix:///nonexistent/{i}" for i in range(4))}


def test_embedded_builders_have_nodes_of_their_own(make: Make) -> None:
    """A builder of the embedded driver is kept beside buildx's, and its nodes differ."""
    create(Wish(name="mine", driver="embedded"), make())
    create(Wish(name="mine", append=True), make())

    builder = read(make(), "mine")
    assert builder
    assert [node.endpoint for node in builder.nodes] == ["embedded://mine0", "embedded://mine1"]
    assert list((make().buildx_config / "instances").iterdir()) == []


@pytest.mark.parametrize(
    ("wish", "complaint"),
    [
        (Wish(name="default", driver="remote", endpoint=AWAY), "default is a reserved name"),
        (Wish(name="embedded", driver="embedded"), "embedded is a reserved name"),
        (Wish(name="ctx", driver="remote", endpoint=AWAY), 'instance name "ctx" already exists as context builder'),
        (Wish(append=True, endpoint=AWAY), "append requires a builder name"),
        (Wish(name="none", append=True, endpoint=AWAY), 'failed to find instance "none" for append'),
        (Wish(name="0bad", driver="remote", endpoint=AWAY), "invalid name 0bad"),
        (Wish(name="old", endpoint=AWAY), 'existing instance for "old" but no append mode'),
        (Wish(name="old", node="x", endpoint="tcp://x:1"), "node x not found, did you mean to append"),
        (Wish(name="old", append=True, driver="embedded"), 'has mismatched driver "remote"'),
        (Wish(name="new", driver="docker"), 'additional instances of driver "docker" cannot be created'),
        (Wish(name="new", driver="magic"), 'failed to find driver "magic"'),
        (Wish(name="new", driver="kubernetes"), 'driver "kubernetes" is not supported yet'),
        (Wish(name="new", driver="remote"), "no remote endpoint provided"),
        (Wish(name="new", driver="remote", endpoint="foo:12"), "unrecognized url scheme foo"),
        (Wish(name="new", driver="embedded", endpoint="x"), "embedded driver does not support endpoint"),
        (Wish(name="new", driver="embedded", driver_options={"a": "b"}), "invalid driver option a for embedded driver"),
        (Wish(name="new", driver="remote", endpoint=AWAY, platforms=("linux/a b",)), "invalid"),
        (
            Wish(name="new", driver="remote", endpoint=AWAY, driver_options={"a": "b"}),
            r"failed to initialize builder new \(new0\): invalid driver option a for remote driver",
        ),
        (
            Wish(name="new", driver="remote", endpoint=AWAY, daemon_flags="--debug"),
            "setting buildkit flags is not supported for remote driver",
        ),
        (Wish(name="new", driver="embedded", daemon_flags="--x 'y"), "failed to parse buildkit flags"),
        (
            Wish(name="new", driver="remote", endpoint=AWAY, daemon_config="/none"),
            "configuration file not found: /none",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_faulty_wish_changes_nothing(make: Make, tmp_path: Path, wish: Wish, complaint: str) -> None:
    """What cannot be is refused, and neither files nor choices are written."""
    meta = tmp_path / "contexts" / "meta" / "x"
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": "ctx", "Endpoints": {"docker": {"Host": "tcp://c:1"}}}))
    create(Wish(name="old", driver="remote", endpoint=AWAY), make())
    before = read(make(), "old")

    with pytest.raises(BakeError, match=complaint):
        create(wish, make(), use=True)

    assert names(make()) == ["old"]
    assert read(make(), "old") == before
    assert selected(make(), "unix:///var/run/docker.sock") is None


@pytest.mark.parametrize(
    ("name", "node", "complaint"),
    [
        ("", "x", "leave requires instance name"),
        ("one", "", "leave requires node name"),
        ("oen", "one0", 'failed to find instance "oen" for leave'),
        ("one", "one0", "can not leave last node"),
    ],
)
def test_who_cannot_leave(make: Make, name: str, node: str, complaint: str) -> None:
    """Leaving needs a builder, a node of it, and another one that stays."""
    create(REMOTE, make())
    with pytest.raises(StoreError, match=complaint):
        leave(name, node, make())


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("foo", "tcp://foo:2375"),
        ("tcp://foo:1/x", "tcp://foo:1/x"),
        (":2376", "tcp://localhost:2376"),
        ("tcp://[::1]", "tcp://[::1]:2375"),
        ("unix://", "unix:///var/run/docker.sock"),
        ("unix:///d", "unix:///d"),
        ("ssh://me@host", "ssh://me@host"),
    ],
)
def test_engine_addresses_are_completed(given: str, full: str) -> None:
    """Ports and hosts that are left out are Docker's usual ones."""
    assert docker_address(given) == full


@pytest.mark.parametrize(
    "given", ["ftp://x", "tcp://x:port", "tcp://a://b", "tcp:/x", "tcp:x", "x:65536", "x:99999999999", "x:²"]
)
def test_what_is_no_engine_address_is_refused(given: str) -> None:
    """The error names the address."""
    with pytest.raises(StoreError, match="invalid bind address format"):
        docker_address(given)


def test_a_context_that_is_misspelt_is_named(make: Make, tmp_path: Path) -> None:
    """What is neither a context nor a host that answers was probably meant for a context."""
    meta = tmp_path / "contexts" / "meta" / "x"
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": "farm", "Endpoints": {"docker": {"Host": "tcp://c:1"}}}))
    with pytest.raises(StoreError, match=r"no Docker context fram\.invalid; contexts: default, farm") as caught:
        create(Wish(name="new", endpoint="fram.invalid"), make())
    assert "fram.invalid" in caught.value.diagnostics[0].detail
    assert names(make()) == []


def test_certificates_travel_with_the_configuration(tmp_path: Path) -> None:
    """Certificates of registries are taken along, and the configuration names them where they will be."""
    for name in ("ca", "key", "cert"):
        (tmp_path / name).write_text(name)
    config = tmp_path / "bk.toml"
    config.write_text(
        f'[registry."a.b:5000"]\nca = ["{tmp_path}/ca"]\n[[registry."a.b:5000".keypair]]\n'
        f'key = "{tmp_path}/key"\ncert = "{tmp_path}/cert"\n'
    )

    found = files(parse(config))
    assert {name: data for name, data in found.items() if name.startswith("certs/")} == {
        f"certs/a.b_5000/{name}": name.encode() for name in ("ca", "key", "cert")
    }
    assert b"ca = ['/etc/buildkit/certs/a.b_5000/ca']" in found["buildkitd.toml"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a = ", "failed to parse buildkit configuration file"),
        ("registry = {a = 1}", 'invalid registry config for "a"'),
        ('[registry.a]\nca = "x"', 'invalid registry config for "a"'),
        ('[registry.a]\nkeypair = ["x"]', 'invalid registry config for "a"'),
        ('[registry.a]\nca = ["/none"]', "failed to read CA file: /none"),
    ],
)
def test_faulty_configurations_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    """What is wrong with a configuration is said before anything is started with it."""
    config = tmp_path / "bk.toml"
    config.write_text(text)
    with pytest.raises(StoreError, match=complaint):
        files(parse(config))
