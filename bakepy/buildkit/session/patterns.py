"""Which files of a directory travel: include and exclude patterns with the semantics of Docker's ignore files.

A later pattern outweighs an earlier one, `!` makes an exception, `**` crosses directories, and what holds for a
directory holds for all in it. Paths are relative, with slashes; bytes that are not UTF-8 appear as surrogates.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from bakepy.records import Record

State = tuple[bool, ...]
"""What a directory's contents inherit: for each run of patterns whether it matched the directory or one above."""

_SPECIAL = frozenset("*[]?^\\")
MOST_STARS = 2
"""Wildcards up to which Python's expressions serve; with each more, what they try grows by the length of a name."""
_ESCAPED = frozenset(".+()$")
_RAW = frozenset("[]|{}")
"""Characters that the reference hands to its regular expressions as they are, `|{}` for a slip in its table."""


class PatternError(ValueError):
    """Say that a pattern is malformed."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f'syntax error in pattern "{pattern}"')
        self.pattern = pattern


class Pattern(Record):
    """Hold one pattern after cleaning, its `!` taken off."""

    __slots__ = ("text", "exception")

    def __init__(self, text: str, exception: bool) -> None:
        self.text: Final = text
        self.exception: Final = exception

    @property
    def fixed(self) -> str:
        """Return the text without a trailing `/**` or `/*`: all of it is literal unless `is_glob`."""
        return self.text.removesuffix("/**").removesuffix("/*")

    @property
    def is_glob(self) -> bool:
        """Tell whether more than the trailing part is a glob."""
        return not _SPECIAL.isdisjoint(self.fixed)


class Matcher:
    """Match paths against patterns, in order.

    Neighbours of the same sign form a run: within it only "does any match" counts, so that a run is a few set and
    string operations and one regular expression, however many patterns it has. Raises PatternError.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(_parse(patterns))
        runs = itertools.groupby(self.patterns, key=lambda pattern: pattern.exception)
        self._runs = tuple(_Run(exception, tuple(p.text for p in group)) for exception, group in runs)
        self.start: State = (False,) * len(self._runs)

    def match(self, path: str, inherited: State) -> tuple[bool, State]:
        """Tell whether a path matches, and what its contents inherit; `inherited` is its directory's."""
        matched = False
        state = []
        for run, above in zip(self._runs, inherited, strict=True):
            hit = above or (run.exception == matched and run.hits(path))
            state.append(hit)
            if hit:
                matched = not run.exception
        return matched, tuple(state)


class Filter:
    """Decide on each path of a walk; sharing rules with BuildKit's own walker. Raises PatternError."""

    def __init__(self, includes: Sequence[str] = (), excludes: Sequence[str] = ()) -> None:
        self._includes = Matcher(includes) if includes else None
        self._excludes = Matcher(excludes) if excludes else None
        included = [p for p in self._includes.patterns if not p.exception] if self._includes else []
        excepted = [p for p in self._excludes.patterns if p.exception] if self._excludes else []
        # Where all are literal, a directory that none of them lies in need not be walked.
        self._include_roots = None if any(p.is_glob for p in included) else tuple(p.fixed + "/" for p in included)
        self._except_roots = None if any(p.is_glob for p in excepted) else tuple(p.fixed + "/" for p in excepted)
        self.start = (
            self._includes.start if self._includes else (),
            self._excludes.start if self._excludes else (),
        )

    def keeps_all(self, inherited: tuple[State, State]) -> bool:
        """Tell whether all in a directory that hands this down is kept, so that nothing in it need be looked at."""
        return self._excludes is None and (self._includes is None or inherited[0] == (True,))

    def visit(self, path: str, inherited: tuple[State, State]) -> tuple[bool, bool, tuple[State, State]]:
        """Return whether a path is kept, whether a directory there may hold kept ones, and what these inherit."""
        keep = enter = True
        include_state, exclude_state = inherited
        if self._includes:
            keep, include_state = self._includes.match(path, include_state)
            if not keep and self._include_roots is not None:
                enter = _any_within(self._include_roots, path)
        if self._excludes and enter:
            excluded, exclude_state = self._excludes.match(path, exclude_state)
            if excluded:
                keep = False
                if self._except_roots is not None:
                    enter = _any_within(self._except_roots, path)
        return keep, enter, (include_state, exclude_state)


def _any_within(roots: tuple[str, ...], directory: str) -> bool:
    prefix = directory + "/"
    return any(root.startswith(prefix) for root in roots)


class _Run:
    """Match a path against several patterns at once."""

    def __init__(self, exception: bool, patterns: tuple[str, ...]) -> None:
        self.exception = exception
        exact, prefixes, suffixes, expressions = set(), [], [], []
        self._odd: list[Callable[[str], bool]] = []
        for pattern in patterns:
            kind, text = _translate(pattern)
            if kind == "exact":
                exact.add(pattern)
            elif kind == "prefix":
                prefixes.append(pattern[:-2])
            elif kind == "suffix":
                suffixes.append(pattern[2:])
                if pattern[2:3] == "/":
                    exact.add(pattern[3:])
            elif kind == "regexp":
                expressions.append(text)
            else:
                self._odd.append(_re2(pattern, text))
        self._exact, self._prefixes, self._suffixes = frozenset(exact), tuple(prefixes), tuple(suffixes)
        self._expression = re.compile("|".join(f"(?:{e})" for e in expressions)).fullmatch if expressions else None

    def hits(self, path: str) -> bool:
        """Tell whether any pattern of the run matches the path itself."""
        return (
            path in self._exact
            or path.startswith(self._prefixes)
            or path.endswith(self._suffixes)
            or (self._expression is not None and self._expression(path) is not None)
            or any(odd(path) for odd in self._odd)
        )


def _re2(pattern: str, text: str) -> Callable[[str], bool]:
    """Compile what only Go's own syntax of regular expressions defines (classes, escapes), and what has many stars."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(f"^{text}$".encode(errors="replace"), options)
    except re2.error as error:
        raise PatternError(pattern) from error
    return lambda path: compiled.search(path.encode(errors="replace")) is not None


def _parse(patterns: Iterable[str]) -> Iterable[Pattern]:
    for given in patterns:
        text = given.strip()
        if not text:
            continue
        text = clean(text)
        exception = text.startswith("!")
        if exception:
            text = text[1:]
            if not text:
                raise PatternError("!")
        _check(text)
        yield Pattern(text, exception)


def clean(path: str) -> str:
    """Return the shortest equivalent path, as Go's `path.Clean` does."""
    text = posixpath.normpath(path) if path else "."
    return text[1:] if text.startswith("//") else text


def _translate(pattern: str) -> tuple[str, str]:
    """Return how a pattern is matched (exact, prefix, suffix, regexp, re2) and its regular expression."""
    kind, out, at, first = "exact", [], 0, True
    odd = False
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*" and pattern[at : at + 1] == "*":
            at += 1
            at += pattern[at : at + 1] == "/"  # `**/` is `**`
            if at < len(pattern):
                out.append("(.*/)?")
                kind = "regexp"
            elif kind == "exact":
                kind = "prefix"
            else:
                out.append(".*")
                kind = "regexp"
            if first:
                kind = "suffix"
        elif character in "*?":
            out.append("[^/]*" if character == "*" else "[^/]")
            kind = "regexp"
        elif character in _ESCAPED:
            out.append("\\" + character)
        elif character == "\\":
            out.append("\\" + pattern[at : at + 1])
            odd = True
            if at < len(pattern):
                kind = "regexp"
            at += 1
        else:
            out.append(character)
            odd |= character in _RAW
            if character in "[]":
                kind = "regexp"
        first = False
    slow = pattern.replace("**", "*").count("*") > MOST_STARS
    return ("re2" if (odd or slow) and kind == "regexp" else kind), "".join(out)


_CLASS = r"\[\^?(?:(?:\\.|[^\\\]\-])(?:-(?:\\.|[^\\\]\-]))?)+\]"
_WELL_FORMED = re.compile(rf"(?:{_CLASS}|\\.|[^\\\[])*", re.DOTALL)


_CHUNK = re.compile(rf"(\**)((?:{_CLASS}|\\.|[^\\*]|\\$)*)", re.DOTALL)


def _check(pattern: str) -> None:
    """Raise PatternError where Go's `filepath.Match(pattern, ".")` does.

    That is the reference's only check. It looks at a pattern from star to star, and no further than they match.
    """
    name, at = ".", 0
    while at < len(pattern):
        found = _CHUNK.match(pattern, at)
        assert found  # noqa: S101 - every character is in a chunk
        star, chunk, at = bool(found[1]), found[2], found.end()
        if star and not chunk:
            return
        if not _WELL_FORMED.fullmatch(chunk):
            raise PatternError(pattern)
        for skipped in range(len(name) + 1 if star else 1):
            start = glob(chunk).match(name, skipped)
            if start and (start.end() == len(name) or at < len(pattern)):
                name = name[start.end() :]
                break
        else:
            return


def fits(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a whole name matches a pattern, as Go's `path.Match` reads it."""
    if pattern.count("*") > MOST_STARS:
        import re2

        options = re2.Options()
        options.log_errors = False
        try:
            # Names that are no UTF-8 are told from others by their surrogates alone, which RE2 does not take.
            compiled = re2.compile(f"(?s){glob(pattern).pattern}".encode(errors="replace"), options)
            return lambda name: compiled.fullmatch(name.encode(errors="replace")) is not None
        except re2.error:
            pass  # a class that nothing is in
    return lambda name: glob(pattern).fullmatch(name) is not None


@lru_cache(maxsize=64)
def glob(pattern: str) -> re.Pattern[str]:
    """Compile the pattern of one name, as Go's `path.Match` reads it; a malformed one matches nothing."""
    if not _WELL_FORMED.fullmatch(pattern):
        return re.compile(r"(?!)")
    parts = re.findall(rf"{_CLASS}|\\.|.", pattern, re.DOTALL)
    return re.compile("".join(map(_glob_part, parts)), re.DOTALL)


def _glob_part(part: str) -> str:
    if part == "*":
        return "[^/]*"
    if part == "?":
        return "[^/]"
    if part[0] == "\\":
        return re.escape(part[1])
    if part[0] != "[" or len(part) == 1:
        return re.escape(part)
    negated = part[1] == "^"
    ranges = re.findall(r"(\\.|[^\\])(?:-(\\.|[^\\]))?", part[1 + negated : -1], re.DOTALL)
    bounds = [(low[-1], high[-1:] or low[-1]) for low, high in ranges]
    # Go lets a reversed range match nothing where Python refuses it.
    body = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in bounds if low <= high)
    if not body:
        return "." if negated else "(?!)"
    return f"[^{body}]" if negated else f"[{body}]"
