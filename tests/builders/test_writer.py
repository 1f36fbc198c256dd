"""Changing the store: atomically, under the lock that buildx takes, each builder where it belongs."""

import fcntl
import json
import os
import pwd
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bakepy.builders.store import (
    StoredBuilder,
    StoredNode,
    StoreError,
    Writer,
    last_activity,
    names,
    read,
    selected,
    touch,
)
from bakepy.settings import Settings
from tests.waiting import is_waited_for, wait_for

ONE = StoredBuilder("One", "remote", (StoredNode("one0", "unix:///x"),))
OWN = StoredBuilder("own", "embedded", (StoredNode("own0", "embedded://own0"),))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings({"BUILDX_CONFIG": str(tmp_path / "a" / "buildx")})


def test_a_builder_is_kept_for_its_user_alone(settings: Settings) -> None:
    """Folders and files are open to nobody else, and no half-written file is left."""
    with Writer.open(settings) as store:
        store.save(ONE)

    root = settings.buildx_config
    modes = {
        str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode)
        for path in [root / ".lock", *root.glob("*"), *root.glob("*/*")]
    }
    folders = dict.fromkeys(["instances", "defaults", "activity"], 0o700)
    assert modes == {**folders, **dict.fromkeys([".lock", "instances/one", "activity/One"], 0o600)}
    assert read(settings, "one") == ONE
    activity = last_activity(settings, ONE)
    assert activity
    assert abs(datetime.now(UTC) - activity) < timedelta(minutes=1)


def test_builders_of_other_drivers_lie_where_buildx_does_not_look(settings: Settings) -> None:
    """An embedded builder is found, listed, selected and removed, and is not in buildx's folder."""
    with Writer.open(settings) as store:
        store.save(ONE)
        store.save(OWN)
        store.select("here", "own")

    assert os.listdir(settings.buildx_config / "instances") == ["one"]
    assert names(settings) == ["one", "own"]
    assert read(settings, "own") == OWN
    assert selected(settings, "here") == "own"
    assert last_activity(settings, OWN)
    with Writer.open(settings) as store:
        store.remove("own")
    assert names(settings) == ["one"]
    assert selected(settings, "here") is None


def test_removing_takes_everything_that_is_kept_of_a_builder(settings: Settings) -> None:
    """Its file, its activity, and buildx's records of its builds go; what is not there is no fault."""
    with Writer.open(settings) as store:
        store.save(ONE)
        builds = settings.buildx_config / "refs" / "one" / "one0"
        builds.mkdir(parents=True)
        (builds / "abc").write_text("{}")
        store.remove("ONE")
        store.remove("none")

    left = [path.name for path in settings.buildx_config.rglob("*") if path.is_file()]
    assert left == [".lock"]
    assert read(settings, "one") is None


def test_a_choice_is_written_as_buildx_writes_it(settings: Settings) -> None:
    """`current` holds the choice; a default has a file of its own, which another choice takes away."""
    with Writer.open(settings) as store:
        store.save(ONE)
        store.select("unix:///d", "One", default=True)
        current = (settings.buildx_config / "current").read_text()
        assert current == '{"Key":"unix:///d","Name":"One","Global":false}'
        (default,) = (settings.buildx_config / "defaults").iterdir()
        assert default.read_text() == "One"
        store.select("unix:///d", "One", everywhere=True)
        assert not default.exists()
        assert selected(settings, "elsewhere") == "One"
        store.select("unix:///d", "")
    assert selected(settings, "unix:///d") is None


def test_a_writer_waits_for_the_lock(settings: Settings) -> None:
    """While another process holds buildx's lock, nothing is changed."""
    with Writer.open(settings) as store:
        store.save(ONE)
    with open(settings.buildx_config / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        begun, done = threading.Event(), threading.Event()

        def remove() -> None:
            begun.set()
            with Writer.open(settings) as store:
                store.remove("one")
            done.set()

        thread = threading.Thread(target=remove)
        thread.start()
        begun.wait()
        wait_for(lambda: is_waited_for(settings.buildx_config / ".lock"))
        assert not done.is_set()
        assert read(settings, "one")
        fcntl.flock(lock, fcntl.LOCK_UN)
        thread.join()
    assert read(settings, "one") is None


def test_use_is_noted_where_that_can_be(settings: Settings, tmp_path: Path) -> None:
    """A builder's last use is written down; a store that cannot be written stops nobody."""
    touch(settings, ONE)
    assert last_activity(settings, ONE)

    (tmp_path / "file").write_text("")
    touch(Settings({"BUILDX_CONFIG": str(tmp_path / "file")}), ONE)


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error names the folder and the reason."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match=r"file cannot be changed; .*/file/instances: Not a directory$") as caught,
        Writer.open(Settings({"BUILDX_CONFIG": str(tmp_path / "file")})),
    ):
        pass
    assert "BUILDX_CONFIG" in caught.value.diagnostics[0].hint


def test_nothing_is_rewritten_that_did_not_change(settings: Settings) -> None:
    """Saving a builder as it was read leaves its bytes as they were."""
    text = '{"Name":"x","Driver":"remote","Nodes":[{"Name":"x0","Endpoint":"u","Platforms":[],"DriverOpts":{"a":"b"},'
    text += '"Flags":null,"Files":{}}],"Dynamic":false}'
    with Writer.open(settings) as store:
        file = settings.buildx_config / "instances" / "x"
        file.write_text(text)
        builder = read(settings, "x")
        assert builder
        store.save(builder)
    assert file.read_text() == text
    assert json.loads(text)["Name"] == builder.name


def test_what_sudo_makes_is_the_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under sudo, with the user's own home, files belong to that user; elsewhere they are root's."""
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    user = pwd.getpwnam("nobody")
    monkeypatch.setattr("pwd.getpwuid", lambda _uid: pwd.struct_passwd((*user[:5], str(tmp_path / "home"), user[6])))
    sudo = {"SUDO_COMMAND": "x", "SUDO_UID": str(user.pw_uid), "SUDO_GID": str(user.pw_gid)}
    owners = {}
    for name, home in (("inside", tmp_path / "home"), ("outside", tmp_path / "other")):
        settings = Settings({**sudo, "HOME": str(tmp_path / "home"), "BUILDX_CONFIG": str(home / "buildx")})
        with Writer.open(settings) as store:
            store.save(ONE)
            store.select("here", "one", default=True)
        owners[name] = {path.stat().st_uid for path in (home / "buildx").rglob("*")}

    assert owners == {"inside": {user.pw_uid}, "outside": {0}}
