"""Dockerfiles are named by where the user finds them."""

from pathlib import Path

import pytest

from bakepy.buildkit.requests import HTTP_FILE
from bakepy.executor.dockerfiles import located
from bakepy.planner.spec import ContextDockerfile, Dockerfile, InlineDockerfile, LocalDockerfile, RemoteDockerfile

URL = "https://h.test/Dockerfile"


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "low").mkdir()
    (tmp_path / "sub" / "Dockerfile").write_text("here")
    (tmp_path / "low" / "dockerfile").write_text("here")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("dockerfile", "filename", "data", "shown"),
    [
        (LocalDockerfile("sub/Dockerfile"), "Dockerfile", b"here", "sub/Dockerfile"),
        (LocalDockerfile("low/Dockerfile"), "dockerfile", b"here", "low/dockerfile"),
        (LocalDockerfile("sub/Dockerfile"), "Dockerfile", b"another", "Dockerfile"),
        (LocalDockerfile("sub/Dockerfile"), "include", b"here", "include"),
        (LocalDockerfile("gone/Dockerfile"), "Dockerfile", b"here", "Dockerfile"),
        (InlineDockerfile("text"), "Dockerfile", b"text", "dockerfile-inline"),
        (InlineDockerfile("text"), "Dockerfile", b"another", "Dockerfile"),
        (ContextDockerfile("sub/Dockerfile"), "sub/Dockerfile", b"remote", "sub/Dockerfile"),
        (RemoteDockerfile(URL), HTTP_FILE, b"remote", URL),
    ],
)
def test_a_dockerfile_is_named_by_where_it_is(dockerfile: Dockerfile, filename: str, data: bytes, shown: str) -> None:
    """Files by their path from here, inline text by its attribute, remote ones by their address."""
    assert located(dockerfile, filename, data) == shown


@pytest.mark.parametrize(("names", "found"), [(["Dockerfile", "dockerfile"], None), (["dockerfile"], "dockerfile")])
def test_a_lower_case_dockerfile_serves_where_no_other_is(names: list[str], found: str | None, tmp_path: Path) -> None:
    """Where both are there, the usual name counts."""
    from bakepy.executor.check import lower_case

    for name in names:
        (tmp_path / name).write_text("")
    assert lower_case(tmp_path / "Dockerfile") == (tmp_path / found if found else None)
