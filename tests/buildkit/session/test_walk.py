from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.buildkit.session import fsutil
from bakepy.buildkit.session.patterns import Filter
from bakepy.buildkit.session.walk import WalkError, follow, walk
from tests.privileges import folder_of_an_ordinary_user


def paths(root: Path, includes: list[str] | None = None, excludes: list[str] | None = None) -> list[str]:
    return [os.fsdecode(e.path) for e in walk(os.fsencode(root), Filter(includes or [], excludes or []))]


def make(root: Path, *files: str) -> None:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file)


def test_order_is_by_components_and_bytes(tmp_path: Path) -> None:
    """A directory's contents come before its next sibling, and names are ordered by their bytes."""
    make(tmp_path, "a/x", "a-b", "a.b/x", "B", "é", "z")
    assert paths(tmp_path) == ["B", "a", "a/x", "a-b", "a.b", "a.b/x", "z", "é"]


def test_filter_reveals_parents(tmp_path: Path) -> None:
    """A directory that only its contents keep is told once, before them."""
    make(tmp_path, "a/b/keep", "a/b/drop", "a/c/drop", "d/keep")
    assert paths(tmp_path, ["**/keep"]) == ["a", "a/b", "a/b/keep", "d", "d/keep"]
    assert paths(tmp_path, [], ["a", "!a/b/keep"]) == ["a", "a/b", "a/b/keep", "d", "d/keep"]


def test_excluded_directory_is_not_read() -> None:
    """An excluded directory that cannot be read is no fault; one that is wanted is."""
    with folder_of_an_ordinary_user() as folder:
        make(folder, "secret/x", "y")
        (folder / "secret").chmod(0)
        try:
            assert paths(folder, [], ["secret"]) == ["y"]
            assert paths(folder, [], ["secret", "!**/z"]) == ["y"]
            with pytest.raises(WalkError) as caught:
                paths(folder)
            assert caught.value.path == b"secret"
        finally:
            (folder / "secret").chmod(0o700)


def test_hard_links_name_the_first_kept_path(tmp_path: Path) -> None:
    """A later name of a file links to the first that the filter keeps, with the file's size."""
    make(tmp_path, "a")
    for name in ("b", "c"):
        os.link(tmp_path / "a", tmp_path / name)
    root = os.fsencode(tmp_path)
    assert [e.link for e in walk(root, Filter())] == [b"", b"a", b"a"]
    assert [(e.path, e.link, e.stat.st_size) for e in walk(root, Filter([], ["a"]))] == [
        (b"b", b"", 1),
        (b"c", b"b", 1),
    ]


def test_odd_files(tmp_path: Path) -> None:
    """Symlinks keep their text, fifos and sockets their Go mode, names their bytes."""
    os.symlink(b"any\xfftarget", os.fsencode(tmp_path) + b"/link\xff")
    os.mkfifo(tmp_path / "fifo", 0o600)
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(tmp_path, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/sock")
        os.close(here)
    found = {e.path: e for e in walk(os.fsencode(tmp_path), Filter())}
    assert found[b"link\xff"].link == b"any\xfftarget"
    modes = {name: fsutil.to_go_mode(entry.stat.st_mode) & fsutil.MODE_TYPE for name, entry in found.items()}
    assert modes == {b"link\xff": fsutil.MODE_SYMLINK, b"fifo": fsutil.MODE_FIFO, b"sock": 0}


def test_extended_attributes(tmp_path: Path) -> None:
    """Extended attributes travel; a file without has none."""
    make(tmp_path, "a", "b")
    try:
        os.setxattr(tmp_path / "a", "user.color", b"red\xff")
    except OSError:
        pytest.skip("this file system takes no extended attributes")
    found = [
        {k: v for k, v in e.xattrs.items() if k.startswith("user.")} for e in walk(os.fsencode(tmp_path), Filter())
    ]
    assert found == [{"user.color": b"red\xff"}, {}]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["file"], ["file"]),
        (["link"], ["dir/file", "link"]),
        (["abs"], ["abs", "dir"]),
        (["up/file"], ["dir/file", "up"]),
        (["loop"], ["loop"]),
        (["l*"], ["dir/file", "l*", "loop"]),
        (["absent/x"], ["absent/x"]),
        (["out"], ["etc", "out"]),
        (["../file"], ["../file"]),
        (["."], None),
        (["root"], None),
    ],
)
def test_follow(tmp_path: Path, wanted: list[str], found: list[str] | None) -> None:
    """Links lead to where they would with the directory as root, never out of it."""
    make(tmp_path, "dir/file", "file")
    links = {
        "link": "dir/file",
        "abs": "/dir",
        "up": "./dir/../dir",
        "loop": "loop",
        "out": "../../../etc",
        "root": "/",
    }
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    assert follow(os.fsencode(tmp_path), wanted) == found


KINDS = [stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK]


@given(st.sampled_from(KINDS), st.integers(0, 0o7777))
def test_modes_round_trip(kind: int, permissions: int) -> None:
    """Permissions survive the way to Go's FileMode and back, and the kind is told apart."""
    mode = fsutil.to_go_mode(kind | permissions)
    assert fsutil.permissions(mode) == permissions
    assert len({fsutil.to_go_mode(k) for k in KINDS}) == len(KINDS)
