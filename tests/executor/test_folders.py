"""Folders of a run: what the session serves under which name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakepy.executor.folders import Folders, shared_key, unkeyed
from bakepy.planner.spec import InlineDockerfile, LocalContext, LocalDockerfile, RemoteContext, SolveSpec
from bakepy.records import replace


def spec(root: Path, context: str, dockerfile: str = "Dockerfile", **contexts: str) -> SolveSpec:
    return SolveSpec(
        LocalContext(str(root / context)),
        LocalDockerfile(str(root / context / dockerfile)),
        tuple((k, LocalContext(str(root / v))) for k, v in contexts.items()),
    )


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "scratch")


def test_one_folder_needs_no_key(folders: Folders, tmp_path: Path) -> None:
    """Where all targets share a context, its name is the frontend's own and no attribute is needed."""
    one, two = spec(tmp_path, "a"), spec(tmp_path, "a", "other/Dockerfile")
    for s in (one, two):
        folders.add(s)
    served = folders.served([one, two])
    assert served["context"].path == tmp_path / "a"
    assert folders.attrs(one, "S", "S").get("local-sessionid:context") is None
    assert folders.attrs(one, "S", "own")["local-sessionid:context"] == "S"


def test_folders_of_one_name_get_keys(folders: Folders, tmp_path: Path) -> None:
    """Each solve's attribute leads to its own folder, with the key once or more in front."""
    specs = [spec(tmp_path, "a", more="m"), spec(tmp_path, "b", more="m")]
    for s in specs:
        folders.add(s)
    served = folders.served(specs)
    for s, name in zip(specs, "ab", strict=True):
        key, _, session = folders.attrs(s, "S", "S")["local-sessionid:context"].partition(":")
        assert session == "S"
        assert served[f"{key}-context"].path == served[f"{key}-{key}-context"].path == tmp_path / name
    assert served["more"].path == tmp_path / "m"
    assert "context" not in served
    assert "nothing" not in served
    assert len(served) == len(list(served)) == 5


@pytest.mark.parametrize(
    ("dockerfile", "only"),
    [
        ("here/d/D", None),
        ("context/d/D", None),
        ("named/D", None),
        ("far/D", {b"D", b"D.dockerignore", b"d"}),
        ("far/link", {b"link", b"link.dockerignore", b"deep", b"deep/D"}),
        ("far/Dockerfile", {b"Dockerfile", b"Dockerfile.dockerignore", b"dockerfile"}),
    ],
)
def test_a_dockerfile_elsewhere_is_served_without_what_is_beside_it(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dockerfile: str, only: set[bytes] | None
) -> None:
    """Nobody granted more; what may be read as a context, or lies below the working directory, is served whole."""
    (tmp_path / "here").mkdir()
    (tmp_path / "far/deep").mkdir(parents=True)
    (tmp_path / "far/link").symlink_to("deep/D")
    monkeypatch.chdir(tmp_path / "here")
    one = replace(spec(tmp_path, "context", named="named"), dockerfile=LocalDockerfile(f"../{dockerfile}"))
    folders.add(one)
    assert folders.served([one])["dockerfile"].only == only


def test_dockerfiles_of_one_folder_elsewhere_are_served_together(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each target finds its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    specs = [replace(spec(tmp_path, "a"), dockerfile=LocalDockerfile(f"../far/{name}")) for name in "xy"]
    for s in specs:
        folders.add(s)
    assert folders.served(specs)["dockerfile"].only == {b"x", b"y", b"x.dockerignore", b"y.dockerignore"}


def test_inline_dockerfiles_are_written_once(folders: Folders) -> None:
    """Equal texts share a folder, others have their own; line ends stay as they are."""
    a, b = (SolveSpec(RemoteContext("u"), InlineDockerfile(t)) for t in ("FROM a\r\n", "FROM b\n"))
    one, again, other = (folders.of(s)["dockerfile"] for s in (a, replace(a, stage="x"), b))
    assert one == again != other
    assert (one / "Dockerfile").read_bytes() == b"FROM a\r\n"


def test_names_that_clash_with_the_frontends_own(folders: Folders, tmp_path: Path) -> None:
    """A named context called `context` is not the context."""
    named = (("context", LocalContext(str(tmp_path / "c"))),)
    found = folders.of(replace(spec(tmp_path, "a"), contexts=named))
    assert found["context"] == tmp_path / "a"
    assert found["_context"] == tmp_path / "c"


def test_shared_keys_differ_by_folder(tmp_path: Path) -> None:
    """BuildKit tells files by size and time alone, so two folders must not share a key."""
    a, b = spec(tmp_path, "a"), spec(tmp_path, "b")
    assert shared_key([a]) == shared_key([a, replace(a, stage="x")])
    assert len({shared_key([a]), shared_key([b]), shared_key([a, b])}) == 3


def test_keys_are_not_shown() -> None:
    """What BuildKit says of a folder is shown without its key."""
    key = "0123456789abcdef"
    assert unkeyed(f"transferring {key}-{key}-context:") == "transferring context:"
    assert unkeyed("transferring context:") == "transferring context:"


def test_folders_stay_where_they_were(folders: Folders, tmp_path: Path) -> None:
    """A link that takes a folder's place after the run began changes neither its path nor its key."""
    for name in ("a", "b", "elsewhere"):
        (tmp_path / name).mkdir()
    specs = [spec(tmp_path, "a"), spec(tmp_path, "b")]
    for s in specs:
        folders.add(s)
    before = folders.attrs(specs[0], "S", "S")
    (tmp_path / "a").rmdir()
    (tmp_path / "a").symlink_to("elsewhere")
    assert folders.attrs(specs[0], "S", "S") == before
    assert {d.real for d in folders.served(specs).values()} == {str(tmp_path / "a"), str(tmp_path / "b")}
