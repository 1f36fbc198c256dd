"""Addresses of Git repositories mean what they mean to BuildKit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.planner.gitref import GitRefError, host_of, parse, with_folder
from bakepy.planner.location import is_remote

HTTPS = "https://example.test/a/b.git"


@pytest.mark.parametrize(
    ("text", "remote", "fields"),
    [
        (HTTPS, HTTPS, {"host": "example.test", "path": "/a/b.git"}),
        (f"{HTTPS}#main", HTTPS, {"ref": "main"}),
        (f"{HTTPS}#main:sub/deep", HTTPS, {"ref": "main", "subdir": "sub/deep"}),
        (f"{HTTPS}#:sub", HTTPS, {"ref": "", "subdir": "sub"}),
        (f"{HTTPS}#v1:../../out", HTTPS, {"subdir": "out"}),
        (f"{HTTPS}#baz/qux:./quux/", HTTPS, {"ref": "baz/qux", "subdir": "quux"}),
        (f"{HTTPS}?ref=main&subdir=s", HTTPS, {"ref": "main", "subdir": "s"}),
        (f"{HTTPS}?branch=dev", HTTPS, {"ref": "refs/heads/dev"}),
        (f"{HTTPS}?tag=v1", HTTPS, {"ref": "refs/tags/v1"}),
        (f"{HTTPS}?tag=refs/tags/v1", HTTPS, {"ref": "refs/tags/v1"}),
        (f"{HTTPS}?tag=v1#refs/tags/v1", HTTPS, {"ref": "refs/tags/v1"}),
        (f"{HTTPS}?checksum=abc", HTTPS, {"checksum": "abc"}),
        (f"{HTTPS}?commit=abc", HTTPS, {"checksum": "abc"}),
        (f"{HTTPS}?keep-git-dir", HTTPS, {"keep_git_dir": True}),
        (f"{HTTPS}?keep-git-dir=false", HTTPS, {"keep_git_dir": False}),
        (f"{HTTPS}?submodules=0", HTTPS, {"submodules": False}),
        (f"{HTTPS}?mtime=commit", HTTPS, {"mtime": "commit"}),
        (f"{HTTPS}?fetch-by-commit=1", HTTPS, {"fetch_by_commit": True}),
        ("HTTPS://example.test/a.git", "https://example.test/a.git", {"scheme": "https"}),
        ("http://example.test:8080/a.git", "http://example.test:8080/a.git", {"host": "example.test:8080"}),
        ("https://u:p@example.test/a.git", "https://u:p@example.test/a.git", {"host": "example.test"}),
        ("git://example.test/a", "git://example.test/a", {"scheme": "git"}),
        (
            "ssh://git@example.test:2222/a",
            "ssh://git@example.test:2222/a",
            {"scheme": "ssh", "host": "example.test:2222"},
        ),
        (
            "git@example.test:a/b.git#main",
            "git@example.test:a/b.git",
            {"scheme": "ssh", "path": "a/b.git", "ref": "main"},
        ),
        ("git@example.test:a?subdir=x#main", "git@example.test:a", {"ref": "main", "subdir": "x"}),
        ("github.com/a/b#main:sub", "https://github.com/a/b", {"ref": "main", "subdir": "sub"}),
    ],
)
def test_an_address_says_which_repository_commit_and_folder(text, remote, fields):
    """The part behind `#` and the query say the same things; git itself sees neither."""
    found = parse(text)
    assert found is not None
    assert found.remote == remote
    assert {name: getattr(found, name) for name in fields} == fields
    assert is_remote(text) or text.startswith("HTTPS")


@pytest.mark.parametrize(
    "text",
    [
        "https://example.test/a.tar.gz",
        "https://example.test/a.git/b",
        "https://example.test/",
        "./a.git",
        "../git@x:y",
        "a/b.git",
        "ftp://example.test/a.git",
        "https://example.test:port/a.git",
        "https://exa mple.test/a.git",
        "",
    ],
)
def test_what_is_no_repository_is_left_to_others(text):
    """Over HTTP only an address that ends in .git is a repository's."""
    assert parse(text) is None


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?ref=a&ref=b", 'query "ref" has multiple values'),
        ("?ref=", 'query "ref" has no value'),
        ("?ref=a#b", 'ref conflicts: "b" vs "a"'),
        ("?subdir=a#:b", 'subdir conflicts: "b" vs "a"'),
        ("?branch=a#b", 'ref conflicts: "b" vs "refs/heads/a"'),
        ("?tag=a&branch=b", "branch conflicts with tag"),
        ("?submodules=maybe", 'invalid submodules value: "maybe"'),
        ("?mtime=now", 'invalid mtime value: "now" (must be "checkout" or "commit")'),
        ("?depth=1", 'unexpected query "depth"'),
    ],
)
def test_a_wrong_query_is_a_fault(query, message):
    """What BuildKit would refuse is named before anything is fetched."""
    with pytest.raises(GitRefError) as caught:
        parse(HTTPS + query)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("url", "folder", "shown"),
    [
        (HTTPS, ".", HTTPS),
        (HTTPS, "sub", f"{HTTPS}#:sub"),
        (HTTPS, "./sub//deep/..", f"{HTTPS}#:sub"),
        (HTTPS, "../out", f"{HTTPS}#:../out"),
        (f"{HTTPS}#main", "sub", f"{HTTPS}#main:sub"),
        (f"{HTTPS}#main:a", "b", f"{HTTPS}#main:a/b"),
        (f"{HTTPS}#main:a", "../b", f"{HTTPS}#main:b"),
        (f"{HTTPS}?ref=main", "sub", f"{HTTPS}?ref=main#:sub"),
        (f"{HTTPS}?subdir=a&ref=main", "b", f"{HTTPS}?ref=main&subdir=a%2Fb"),
        (f"{HTTPS}?depth=1", "b", f"{HTTPS}?depth=1"),
        ("git@example.test:a.git#main", "sub", "git@example.test:a.git#main:sub"),
        ("https://example.test/a.tgz", "sub", "https://example.test/a.tgz"),
    ],
)
def test_a_folder_of_a_repository_has_an_address(url, folder, shown):
    """It is the repository's, with the folder put behind what folder was named there."""
    assert with_folder(url, folder) == shown


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://user@example.test:8443/a", "example.test:8443"),
        ("git@example.test:a.git", "example.test"),
        ("https://[::1]:80/a.git", "[::1]:80"),
        ("folder", ""),
    ],
)
def test_secrets_are_for_one_host(text, host):
    """The port belongs to it, the user does not."""
    assert host_of(text) == host


@given(st.text(max_size=60).map(lambda text: HTTPS + text) | st.text(max_size=60))
def test_any_text_has_an_answer(text):
    """No address crashes the parser; one that is a repository's keeps its folder when one is added."""
    try:
        found = parse(text)
    except GitRefError:
        return
    if found and "?" not in text:
        again = parse(with_folder(text, "inner"))
        assert again is not None
        assert (again.remote, again.ref) == (found.remote, found.ref)
        assert again.subdir.split("/")[-1] == "inner"
