"""Addresses of Git repositories, with the commit and folder that they name, as BuildKit reads them.

`https://host/a.git#ref:folder`, `https://host/a.git?branch=b&subdir=folder`, `git@host:a.git#ref`, `ssh://…`, `git://…`.
"""

from __future__ import annotations

import posixpath
import re

from bakepy.booleans import FALSE, TRUE
from bakepy.planner.location import clean
from bakepy.records import Record

_SCHEME = re.compile(r"([a-zA-Z0-9]+)://")
_SCP = re.compile(
    r"(?P<user>[a-zA-Z0-9_-]+)@(?P<host>[a-zA-Z0-9.-]+):(?P<path>.*?)(?:\?(?P<query>.*?))?(?:#(?P<part>.*))?"
)
_PORT = re.compile(r".*:(?:[0-9]*)|[^:]*|.*\]")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
SSH = "ssh"


class GitRefError(Exception):
    """Say what is wrong with the part of an address behind the question mark."""


class GitRef(Record):
    """Hold what an address means; `remote` is what git is told, without the query and the part behind `#`.

    `host` has its port; `path` is decoded. `ref` is a branch, tag or commit, empty for the default branch.
    """

    __slots__ = (
        "scheme",
        "host",
        "path",
        "remote",
        "ref",
        "subdir",
        "checksum",
        "keep_git_dir",
        "submodules",
        "mtime",
        "fetch_by_commit",
    )

    def __init__(
        self,
        scheme: str,
        host: str,
        path: str,
        remote: str,
        ref: str = "",
        subdir: str = "",
        checksum: str = "",
        keep_git_dir: bool = False,
        submodules: bool = True,
        mtime: str = "",
        fetch_by_commit: bool = False,
    ) -> None:
        self.scheme = scheme
        self.host = host
        self.path = path
        self.remote = remote
        self.ref = ref
        self.subdir = subdir
        self.checksum = checksum
        self.keep_git_dir = keep_git_dir
        self.submodules = submodules
        self.mtime = mtime
        self.fetch_by_commit = fetch_by_commit


def parse(text: str) -> GitRef | None:
    """Return what an address means, or None for what is no Git repository's. Raises GitRefError for a wrong query."""
    if text.startswith(("./", "../")):
        return None
    short = text.startswith("github.com/")
    found = _split("https://" + text if short else text)
    if found is None:
        return None
    ref, query = found
    if ref.scheme in {"http", "https"} and not short and not ref.path.endswith(".git"):
        return None
    _read_query(ref, query)
    return ref


def host_of(text: str) -> str:
    """Return the host and port of an address that git or HTTP could reach; empty for anything else."""
    found = _split(text)
    return found[0].host if found else ""


def with_folder(url: str, folder: str) -> str:
    """Return the address of a folder within what an address names; only Git repositories have such addresses."""
    folder = clean(folder)
    try:
        found = parse(url)
    except GitRefError:
        found = None
    if found is None or folder == ".":
        return url
    if found.subdir:
        folder = posixpath.normpath(posixpath.join(found.subdir, folder.lstrip("/")))
    if "#" not in url and "?" in url:
        from urllib.parse import parse_qs, urlencode

        base, _, text = url.partition("?")
        query = parse_qs(text, keep_blank_values=True)
        if "subdir" in query:
            return f"{base}?{urlencode(sorted({**query, 'subdir': [folder]}.items()), doseq=True)}"
    base, _, part = url.partition("#")
    return f"{base}#{part.partition(':')[0]}:{folder}"


def _split(text: str) -> tuple[GitRef, str] | None:
    """Return an address in parts, with its query still to be read."""
    scheme = _SCHEME.match(text)
    if scheme is None:
        found = _SCP.fullmatch(text)
        if found is None:
            return None
        remote = f"{found['user']}@{found['host']}:{found['path']}"
        ref, folder = _fragment(found["part"] or "")
        return GitRef(SSH, found["host"], found["path"], remote, ref, folder), found["query"] or ""
    kind = scheme[1].lower()
    if kind not in {"http", "https", "ssh", "git"} or _CONTROL.search(text):
        return None
    from urllib.parse import unquote

    rest, _, part = text[scheme.end() :].partition("#")
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if not _PORT.fullmatch(host):
        return None
    ref, folder = _fragment(unquote(part))
    return GitRef(kind, host, unquote(slash + path), f"{kind}://{user}{at}{host}{slash}{path}", ref, folder), query


def _fragment(text: str) -> tuple[str, str]:
    ref, _, folder = text.partition(":")
    return ref, posixpath.normpath("/" + folder).lstrip("/")


def _read_query(ref: GitRef, text: str) -> None:
    if not text:
        return
    from urllib.parse import parse_qs

    names = {"tag": "", "branch": ""}
    for key, values in parse_qs(text, keep_blank_values=True).items():
        if len(values) > 1:
            raise GitRefError(f'query "{key}" has multiple values')
        value = values[0]
        if not value and key not in _FLAGS:
            raise GitRefError(f'query "{key}" has no value')
        if key in names:
            names[key] = value
        elif key in _FLAGS:
            setattr(ref, _FLAGS[key], _flag(key, value))
        elif key in {"ref", "subdir"}:
            _agree(ref, key, value)
        elif key in {"checksum", "commit"}:
            ref.checksum = value
        elif key == "mtime":
            if value not in {"checkout", "commit"}:
                raise GitRefError(f'invalid mtime value: "{value}" (must be "checkout" or "commit")')
            ref.mtime = value
        else:
            raise GitRefError(f'unexpected query "{key}"')
    if names["tag"] and names["branch"]:
        raise GitRefError("branch conflicts with tag")
    for key, prefix in (("tag", "refs/tags/"), ("branch", "refs/heads/")):
        if names[key]:
            _agree(ref, "ref", prefix + names[key].removeprefix(prefix))


_FLAGS = {"keep-git-dir": "keep_git_dir", "submodules": "submodules", "fetch-by-commit": "fetch_by_commit"}


def _flag(key: str, value: str) -> bool:
    if value and value not in TRUE | FALSE:
        raise GitRefError(f'invalid {key} value: "{value}"')
    return value not in FALSE


def _agree(ref: GitRef, key: str, value: str) -> None:
    """Set what the part behind `#` may have set before, to the same."""
    old = getattr(ref, key)
    if old and old != value:
        raise GitRefError(f'{key} conflicts: "{old}" vs "{value}"')
    setattr(ref, key, value)
