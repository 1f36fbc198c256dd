"""What the environment means."""

import os
from pathlib import Path

import pytest

from bakepy.diagnostics import BakeError
from bakepy.settings import Settings


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_DATA_HOME": "/data"}, Path("/data")),
        ({"XDG_DATA_HOME": "relative"}, Path.home() / ".local" / "share"),
        ({"XDG_DATA_HOME": ""}, Path.home() / ".local" / "share"),
        ({}, Path.home() / ".local" / "share"),
    ],
)
def test_the_data_folder_follows_the_specification(environ: dict[str, str], expected: Path) -> None:
    """A relative XDG_DATA_HOME is ignored, as the specification says."""
    assert Settings(environ).data_home == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"BUILDX_CONFIG": "/b", "DOCKER_CONFIG": "/d"}, Path("/b")),
        ({"DOCKER_CONFIG": "/d"}, Path("/d/buildx")),
        ({}, Path.home() / ".docker" / "buildx"),
    ],
)
def test_builders_are_where_buildx_keeps_them(environ: dict[str, str], expected: Path) -> None:
    """BUILDX_CONFIG, else a folder of Docker's configuration."""
    assert Settings(environ).buildx_config == expected


def test_an_environment_is_copied_for_a_program() -> None:
    """Changes go to the program alone."""
    settings = Settings({"A": "1", "B": "2"})

    assert settings.environment(B="3", C="4") == {"A": "1", "B": "3", "C": "4"}
    assert settings.lookup("B") == "2"


@pytest.mark.parametrize(
    ("asked", "told"),
    [(None, "min"), ("", "min"), ("min", "min"), ("max", "max"), ("more", "min"), ("disabled", ""), ("false", "")],
)
def test_metadata_files_tell_provenance_unless_told_not_to(asked: str | None, told: str) -> None:
    """An unknown word means the default."""
    assert Settings({} if asked is None else {"BUILDX_METADATA_PROVENANCE": asked}).metadata_provenance == told


def test_a_home_that_is_not_known_is_a_fault_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without an entry in the system's list of users, as in some containers, has to set HOME."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 54321)

    with pytest.raises(BakeError, match="no user has the number 54321") as caught:
        _ = Settings({}).data_home
    assert "HOME" in caught.value.diagnostics[0].hint
