"""The hidden `bakepy __complete WORD...`: print what may stand for the last word, one a line, and a directive.

The form is that of Docker's client and its plugins, so that one command serves them and our own scripts: a candidate,
after a tab what it means; the last line is `:0` where file names are wanted, too, and `:4` where they are not. It is
`:6` where the word goes on behind the candidate.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from importlib import import_module
from itertools import pairwise

from bakepy.cli.flags import Flag, Given
from bakepy.cli.main import ALIASES, COMMANDS
from bakepy.diagnostics import BakeError, one_line

FILES, NOTHING_MORE, GOES_ON = ":0", ":4", ":6"

TARGETS = {"build", "plan", "check"}
"""Commands whose arguments are targets."""

BUILDERS = {"use", "inspect", "stop"}
"""Commands whose arguments are builders."""

WORDS = {
    "completion": ("bash", "zsh", "fish"),
    "engine": ("install", "start", "stop", "status", "uninstall"),
}
"""Commands whose arguments are one of some words."""

VALUES = {
    "driver": ("docker-container", "embedded", "remote"),
    "progress": ("auto", "tty", "plain", "rawjson", "quiet", "none"),
    "call": ("build", "check", "outline", "targets"),
    "list": ("targets", "variables"),
    "format": ("table", "json"),
}
"""Flags whose values are one of some words."""

FORMATS = {
    "plan": ("table", "json", "dot", "mermaid"),
    "check": ("text", "json", "sarif"),
    "du": ("table", "pretty", "json"),
}
"""The formats of commands that have others."""

FILE_VALUES = {"FILE"}

Candidate = tuple[str, str]


def main(argv: Sequence[str]) -> int:
    """Print the candidates for the last word; it never fails, for a shell would show that in the middle of a line."""
    *before, word = argv or [""]
    found, directive = _candidates(before, word)
    for value, about in found:
        if value.startswith(word):
            print("\t".join(map(one_line, filter(None, (value, about)))))
    print(directive)
    return 0


def _candidates(before: list[str], word: str) -> tuple[Iterable[Candidate], str]:
    if not before:
        return COMMANDS.items(), NOTHING_MORE
    name = ALIASES.get(before[0], before[0])
    if name not in COMMANDS:
        return (), NOTHING_MORE
    known = _flags(name)
    flag, value = _open_flag(before, word, known)
    if flag:
        found, directive = _values(flag, name, before[1:], word if value is None else value)
        head = f"--{flag.name}=" if value is not None else ""
        return [(head + text, about) for text, about in found], directive
    if word.startswith("-"):
        return [(f"--{flag.name}", flag.doc) for flag in known if not flag.hidden], NOTHING_MORE
    if name in TARGETS:
        return _targets(before[1:]), NOTHING_MORE
    if name in BUILDERS:
        return _builders(), NOTHING_MORE
    if name == "rm":
        return _stored(), NOTHING_MORE
    if name == "functions":
        return _functions(), NOTHING_MORE
    return [(text, "") for text in WORDS.get(name, ())], FILES if name == "fmt" else NOTHING_MORE


def _flags(name: str) -> tuple[Flag, ...]:
    with contextlib.suppress(ImportError):
        found: tuple[Flag, ...] = getattr(import_module(f"bakepy.cli.{name.replace('-', '_')}"), "FLAGS", ())
        return found
    return ()


def _open_flag(before: Sequence[str], word: str, known: Sequence[Flag]) -> tuple[Flag | None, str | None]:
    """Return the flag whose value the last word is, and the value where both are one word."""
    names = {f"--{flag.name}": flag for flag in known} | {f"-{flag.short}": flag for flag in known if flag.short}
    head, equals, value = word.partition("=")
    if equals and head in names:
        return names[head], value
    last = names.get(before[-1])
    return (last, None) if last and last.value else (None, None)


def _values(flag: Flag, command: str, words: Sequence[str], word: str) -> tuple[Iterable[Candidate], str]:
    if flag.name == "builder":
        return _builders(), NOTHING_MORE
    if flag.name == "set":
        return _settings(words, word), GOES_ON
    if flag.name == "allow":
        from bakepy.planner.entitlements import KEYS

        return [(key, "") for key in KEYS], NOTHING_MORE
    if flag.name == "format" and command in FORMATS:
        return [(text, "") for text in FORMATS[command]], NOTHING_MORE
    if flag.name in VALUES:
        return [(text, "") for text in VALUES[flag.name]], NOTHING_MORE
    return (), FILES if flag.value in FILE_VALUES else NOTHING_MORE


def _targets(words: Sequence[str], *, groups: bool = True) -> list[Candidate]:
    """Return the targets and groups of the definition that the words before name; none where it has faults."""
    from bakepy.cli import selection
    from bakepy.settings import Settings

    given = Given()
    for flag, value in pairwise(words):
        name = {"-f": "--file"}.get(flag, flag)
        if name in {"--file", "--var"} and value:
            given.values.setdefault(name.removeprefix("--"), []).append(value)
    with contextlib.suppress(BakeError, OSError):
        found = selection.definition(given, Settings())
        about: dict[str, str | None] = {}
        if groups:
            about |= {name: group.description for name, group in found.groups.items()}
        about |= {name: target.description for name, target in found.targets.items()}
        return [(name, about[name] or "") for name in sorted(about) if not name.startswith("_")]
    return []


def _settings(words: Sequence[str], word: str) -> list[Candidate]:
    """Return what `--set` may begin with: a target's name, and behind its dot what can be set."""
    target, dot, _ = word.partition(".")
    if not dot:
        return [(f"{name}.", about) for name, about in [("*", "All targets"), *_targets(words, groups=False)]]
    from bakepy.model.attribute import Form
    from bakepy.model.target import OVERRIDES

    return [
        (f"{target}.{key}{'.' if override.form is Form.NAMED else '='}", "") for key, (_, override) in OVERRIDES.items()
    ]


def _functions() -> list[Candidate]:
    from bakepy.cli.selection import surroundings
    from bakepy.evaluator.functions.library import standard_library

    return [(name, function.doc) for name, function in standard_library(surroundings()).items()]


def _stored() -> list[Candidate]:
    """Return the builders that were made, which alone can be removed."""
    from bakepy.builders.store import names
    from bakepy.settings import Settings

    with contextlib.suppress(BakeError, OSError):
        return [(name, "") for name in names(Settings())]
    return []


def _builders() -> list[Candidate]:
    from bakepy.builders.choose import known_names
    from bakepy.settings import Settings

    with contextlib.suppress(BakeError, OSError):
        return [(name, "") for name in known_names(Settings())]
    return []
