"""A directory's entries in the order of BuildKit's file transfer, filtered.

Pre-order; names sorted by bytes within a directory; a directory before its contents, also one that only its contents
keep. Paths are bytes, relative, with slashes: names need not be UTF-8.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import NamedTuple

from bakepy.buildkit.session.patterns import Filter, State, clean, fits

_NAME = attrgetter("name")
_NO_XATTRS: Mapping[str, bytes] = {}
_GONE = (errno.ENOENT, errno.ENOTDIR)


class Entry(NamedTuple):
    """Describe one file; `link` is a symlink's target, or the path of an earlier entry that is the same file."""

    path: bytes
    stat: os.stat_result
    link: bytes
    xattrs: Mapping[str, bytes]


class WalkError(Exception):
    """Say that a path could not be looked at."""

    def __init__(self, path: bytes, error: OSError) -> None:
        super().__init__(error.strerror)
        self.path, self.error = path, error


class _Level:
    """Be a directory under way; `told` once its own entry was given out, `whole` where all in it is kept."""

    __slots__ = ("entries", "path", "inherited", "told", "whole")

    def __init__(
        self,
        entries: Iterator[os.DirEntry[bytes]],
        path: bytes,
        inherited: tuple[State, State],
        told: bool,
        whole: bool,
    ) -> None:
        self.entries = entries
        self.path = path
        self.inherited = inherited
        self.told = told
        self.whole = whole


def walk(root: bytes, keep: Filter) -> Iterator[Entry]:
    """Give out the entries below `root` (not itself) that a filter keeps.

    What vanishes meanwhile is left out. Raises WalkError where a directory that may hold kept files cannot be read.
    """
    describe = _Describer(root)
    base = root if root.endswith(b"/") else root + b"/"
    levels = [_Level(_list(root, b""), b"", keep.start, True, keep.keeps_all(keep.start))]
    while levels:
        level = levels[-1]
        entry = next(level.entries, None)
        if entry is None:
            levels.pop()
            continue
        path = level.path + entry.name
        is_directory = entry.is_dir(follow_symlinks=False)
        kept, enter, inherited = True, True, level.inherited
        if not level.whole:
            kept, enter, inherited = keep.visit(path.decode(errors="surrogateescape"), inherited)
        if kept:
            if not level.told:
                yield from _untold(levels, describe)
            if (told := describe(path, entry)) is None:
                continue
            yield told
        if is_directory and enter:
            try:
                whole = level.whole or keep.keeps_all(inherited)
                levels.append(_Level(_list(base + path, path), path + b"/", inherited, kept, whole))
            except WalkError as error:
                if not (isinstance(error.error, PermissionError) and not kept):
                    raise


def _untold(levels: list[_Level], describe: _Describer) -> Iterator[Entry]:
    """Give out the directories above a kept entry that were not kept for their own sake."""
    for level in levels:
        if not level.told:
            level.told = True
            if (told := describe(level.path[:-1], None)) is not None:
                yield told


def _list(full: bytes, path: bytes) -> Iterator[os.DirEntry[bytes]]:
    try:
        with os.scandir(full) as entries:
            return iter(sorted(entries, key=_NAME))
    except OSError as error:
        if error.errno in _GONE:
            return iter(())
        raise WalkError(path, error) from error


class _Describer:
    """Look at files, remembering the first path of each that has several names."""

    def __init__(self, root: bytes) -> None:
        self._base = root if root.endswith(b"/") else root + b"/"
        self._first: dict[tuple[int, int], bytes] = {}
        self._no_xattrs: set[int] = set()
        self._listxattr = getattr(os, "listxattr", None)  # Linux alone

    def __call__(self, path: bytes, entry: os.DirEntry[bytes] | None) -> Entry | None:
        """Describe the file at `path`; None where it is gone."""
        full = self._base + path
        try:
            found = entry.stat(follow_symlinks=False) if entry else os.lstat(full)
            link = b""
            if stat.S_ISLNK(found.st_mode):
                link = os.readlink(full)
            elif found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
                first = self._first.setdefault((found.st_dev, found.st_ino), path)
                link = b"" if first == path else first
            xattrs = _NO_XATTRS if found.st_dev in self._no_xattrs else self._xattrs(full, found.st_dev)
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise WalkError(path, error) from error
        return Entry(path, found, link, xattrs)

    def _xattrs(self, full: bytes, device: int) -> Mapping[str, bytes]:
        try:
            names = self._listxattr(full, follow_symlinks=False) if self._listxattr else ()
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
            self._no_xattrs.add(device)
            return _NO_XATTRS
        if not names:
            return _NO_XATTRS
        found: dict[str, bytes] = {}
        for name in names:
            if name.startswith("com.apple.") or not name.isascii():
                continue
            try:
                found[name] = os.getxattr(full, name, follow_symlinks=False)
            except OSError:  # not readable for us: the reference leaves it out too
                continue
        return found


def follow(root: bytes, paths: Iterable[str]) -> list[str] | None:
    """Resolve symlinks in paths (globs allowed) within `root`: return what to include for them, sorted.

    None means the root itself, so everything.
    """
    resolved: set[str] = set()
    for path in paths:
        _follow(root, path, resolved)
    return without_nested(sorted(resolved))


def without_nested(paths: Iterable[str]) -> list[str] | None:
    """Leave out paths that directly follow one that they lie in; None where one is the root."""
    out: list[str] = []
    last = ""
    for path in paths:
        if path == ".":
            return None
        if not path.startswith(last + "/"):
            out.append(path)
            last = path
    return out


def _follow(root: bytes, path: str, resolved: set[str]) -> None:
    todo = [path]
    while todo:
        path = todo.pop()
        # An absolute path is one from the root, above which `..` does not lead.
        rest = (clean(path)[1:] or ".") if path.startswith("/") else clean(path)
        if rest == ".." or rest.startswith("../"):
            resolved.add(rest)  # selects nothing
            continue
        current = "."
        while True:
            name, _, rest = rest.partition("/")
            current = clean(f"{current}/{name}")
            targets = _targets(root, current)
            if targets is None and rest:
                continue
            if current not in resolved:
                resolved.add(current)
                todo += [f"{target}/{rest}" for target in reversed(targets or ())]
            break


def _targets(root: bytes, path: str) -> list[str] | None:
    """Return where the symlinks at a path (a glob in its last part allowed) lead; None where nothing is to follow."""
    parent, _, base = path.rpartition("/")
    if _has_glob(base):
        directory = os.path.join(root, parent.encode(errors="surrogateescape"))
        try:
            names = [name.decode(errors="surrogateescape") for name in sorted(os.listdir(directory))]
        except OSError:
            return None
        matches = fits(base)
        links = [_link(root, parent, name) for name in names if matches(name)]
        return [link for link in links if link is not None] or None
    link = _link(root, parent, base)
    return None if link is None else [link]


def _link(root: bytes, parent: str, name: str) -> str | None:
    full = os.path.join(root, f"{parent}/{name}".lstrip("/").encode(errors="surrogateescape"))
    try:
        target = os.readlink(full).decode(errors="surrogateescape")
    except OSError:  # not a symlink, or not there
        return None
    return clean(target if target.startswith("/") else f"/{parent}/{target}")


def _has_glob(name: str) -> bool:
    escaped = False
    for character in name:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character in "*?[":
            return True
    return False
