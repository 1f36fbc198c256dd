"""The builders that buildx keeps on disk, as buildx 0.37 writes them."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from bakepy.builders.store import StoreError, Writer, last_activity, names, read, selected
from bakepy.settings import Settings

REMOTE = (
    '{"Name":"Rem","Driver":"remote","Nodes":[{"Name":"rem0","Endpoint":"tcp://bk:1234","Platforms":['
    '{"architecture":"arm64","os":"linux"},{"architecture":"arm","os":"linux","variant":"v7"}],"DriverOpts":'
    '{"cacert":"/c/ca.pem","servername":"bk"},"Flags":null,"Files":{"buildkitd.toml":"aGVsbG8="}}],"Dynamic":false}'
)
PLAIN = (
    '{"Name":"loc","Driver":"remote","Nodes":[{"Name":"loc0","Endpoint":"unix:///bk.sock","Platforms":null,'
    '"DriverOpts":null,"Flags":["--debug"],"Files":null}],"Dynamic":false}'
)
HERE = "unix:///var/run/docker.sock"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for folder in ("instances", "defaults", "activity"):
        (tmp_path / folder).mkdir()
    (tmp_path / "instances" / "rem").write_text(REMOTE)
    (tmp_path / "instances" / "loc").write_text(PLAIN)
    return Settings({"BUILDX_CONFIG": str(tmp_path)})


def test_a_builder_is_read_whole(settings: Settings) -> None:
    """Nodes with platforms, options, flags and files; nulls are empty; a name's case does not matter."""
    builder = read(settings, "REM")
    assert builder
    (node,) = builder.nodes
    assert (builder.name, builder.driver, node.name, node.endpoint) == ("Rem", "remote", "rem0", "tcp://bk:1234")
    assert tuple(map(str, node.platforms or ())) == ("linux/arm64", "linux/arm/v7")
    assert node.driver_options == {"cacert": "/c/ca.pem", "servername": "bk"}
    assert node.files == {"buildkitd.toml": b"hello"}

    plain = read(settings, "loc")
    assert plain
    assert plain.nodes[0].platforms is None
    assert plain.nodes[0].flags == ("--debug",)
    assert names(settings) == ["loc", "rem"]


@pytest.mark.parametrize("name", ["none", "../current", "a/b", "", ".", "-x", "unix:///x"])
def test_what_is_no_builder_is_none(settings: Settings, name: str) -> None:
    """Names that buildx refuses never become paths."""
    assert read(settings, name) is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"Name":"x","Nodes":[{}]}', '{"Name":"x","Nodes":[1]}'])
def test_a_damaged_file_is_named(settings: Settings, text: str) -> None:
    """A file that is not what buildx writes is the user's to remove."""
    file = settings.buildx_config / "instances" / "bad"
    file.write_text(text)

    with pytest.raises(StoreError) as caught:
        read(settings, "bad")
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("current", "default", "expected"),
    [
        (None, None, None),
        ({"Key": HERE, "Name": "loc", "Global": False}, None, "loc"),
        ({"Key": "elsewhere", "Name": "loc", "Global": False}, None, None),
        ({"Key": "elsewhere", "Name": "loc", "Global": True}, None, "loc"),
        ({"Key": "elsewhere", "Name": "gone", "Global": True}, None, None),
        ({"Key": HERE, "Name": "gone", "Global": False}, "rem", None),
        ({"Key": HERE, "Name": "", "Global": False}, "rem", "rem"),
        ({"Key": "elsewhere", "Name": "loc", "Global": False}, "rem", "rem"),
        (None, "rem", "rem"),
    ],
)
def test_the_selected_builder_is_buildx_s(
    settings: Settings, current: dict[str, object] | None, default: str | None, expected: str | None
) -> None:
    """`use` holds for one endpoint, `use --global` for all, `use --default` where nothing else was chosen there."""
    if current is not None:
        (settings.buildx_config / "current").write_text(json.dumps(current))
    if default is not None:
        (settings.buildx_config / "defaults" / hashlib.sha256(HERE.encode()).hexdigest()[:20]).write_text(default)

    assert selected(settings, HERE) == expected


def test_without_a_store_there_is_nothing(tmp_path: Path) -> None:
    """A user who never made a builder has none, and no folder is made."""
    settings = Settings({"DOCKER_CONFIG": str(tmp_path / "none")})

    assert names(settings) == []
    assert read(settings, "x") is None
    assert selected(settings, HERE) is None
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["../../victim", "a\\u001b[2J", "a\\ud800", "", "a/b"])
@pytest.mark.parametrize("old", ['"Rem"', '"rem0"'])
def test_names_in_files_are_checked(settings: Settings, old: str, name: str) -> None:
    """What is no name of a builder or a node is none in a file, either, and the file is named."""
    file = settings.buildx_config / "instances" / "rem"
    file.write_text(REMOTE.replace(old, f'"{name}"'))
    with pytest.raises(StoreError, match="invalid name") as caught:
        read(settings, "rem")
    assert str(file) in caught.value.diagnostics[0].detail


@pytest.mark.parametrize("name", ["instances/rem", "current"])
@pytest.mark.parametrize("kind", ["pipe", "deep", "huge"])
def test_odd_files_are_named(settings: Settings, kind: str, name: str) -> None:
    """A pipe is not waited for, nesting without end is not followed, and a file of any size is not read whole."""
    file = settings.buildx_config / name
    file.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.write_text("[" * 200_000 if kind == "deep" else "")
    if kind == "huge":
        os.truncate(file, 6 << 30)
    with pytest.raises(StoreError) as caught:
        read(settings, "rem") if name != "current" else selected(settings, HERE)
    assert str(file) in str(caught.value)


def test_odd_notes_are_none(settings: Settings) -> None:
    """Times and defaults that are no regular files, or no text, are not there."""
    builder = read(settings, "loc")
    assert builder
    os.mkfifo(settings.buildx_config / "activity" / "loc")
    (settings.buildx_config / "defaults" / hashlib.sha256(HERE.encode()).hexdigest()[:20]).write_bytes(b"\xff")
    assert last_activity(settings, builder) is None
    assert selected(settings, HERE) is None


def test_halves_of_characters_are_replaced(settings: Settings) -> None:
    """What no terminal and no file can hold is replaced as Go replaces it."""
    file = settings.buildx_config / "instances" / "rem"
    file.write_text(REMOTE.replace("tcp://bk:1234", "unix:///\\ud800\\ud83d\\ude00"))
    builder = read(settings, "rem")
    assert builder
    assert builder.nodes[0].endpoint == "unix:///\ufffd😀"


def test_a_node_s_builds_are_forgotten_within_the_store(settings: Settings) -> None:
    """No name of a node leads out of the folder of its builder."""
    with Writer.open(settings) as store, pytest.raises(StoreError, match="invalid name"):
        store.forget_builds("rem", "../../instances")
    assert names(settings) == ["loc", "rem"]
