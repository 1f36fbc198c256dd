"""Flags of a command, read as the reference's command line reads them: anywhere, `--name value` or `--name=value`.

`argparse` guesses at abbreviations, knows no `--flag=false`, and takes a third of the time that `--print` may take.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
from typing import Final

from bakepy.booleans import FALSE, TRUE
from bakepy.diagnostics import BakeError, nearest
from bakepy.records import Record


class Flag(Record):
    """Describe a flag; without `value`, the word for its value in help, it is a switch."""

    __slots__ = ("name", "doc", "value", "short", "repeats", "hidden")

    def __init__(
        self, name: str, doc: str, value: str = "", short: str = "", repeats: bool = False, hidden: bool = False
    ) -> None:
        self.name: Final = name
        self.doc: Final = doc
        self.value: Final = value
        self.short: Final = short
        self.repeats: Final = repeats
        self.hidden: Final = hidden


class Given(Record):
    """Hold what a command line gave: each flag's values in order, and the arguments that are no flags."""

    __slots__ = ("values", "arguments")

    def __init__(self, values: dict[str, list[str]] | None = None, arguments: list[str] | None = None) -> None:
        self.values: dict[str, list[str]] = {} if values is None else values
        self.arguments: list[str] = [] if arguments is None else arguments

    def all(self, name: str) -> list[str]:
        """Return all values of a flag."""
        return self.values.get(name, [])

    def text(self, name: str, default: str = "") -> str:
        """Return the last value of a flag."""
        return self.values[name][-1] if name in self.values else default

    def choice(self, name: str, options: Collection[str], default: str) -> str:
        """Return the last value of a flag, which is one of several; raises BakeError for another."""
        value = self.text(name, default)
        if value not in options:
            near = nearest(value, options)
            hint = f"Did you mean {near}?" if near else f"It is one of {', '.join(options)}."
            raise BakeError.of(f"invalid {name} {value}", hint=hint)
        return value

    def switch(self, name: str) -> bool | None:
        """Return whether a switch is on, or None where it was not given."""
        return self.text(name) in TRUE if name in self.values else None


BUILDER = Flag("builder", "", "NAME", hidden=True)
"""For commands that use no builder: the reference takes the flag everywhere."""
COMMON = (Flag("debug", "Enable debug output", short="D"), Flag("help", "Show this help", short="h"))
"""Flags of every command."""


debugging: ContextVar[bool] = ContextVar("debugging", default=False)
"""Whether the last command line that was read has --debug."""


def parse(flags: Sequence[Flag], argv: Sequence[str], foreign: Mapping[str, str] | None = None) -> Given:
    """Read a command line; raise BakeError for what it does not know.

    `foreign` are flags of commands that people may know better, `--x` or `-x`, each with what to write instead.
    """
    known = {f"--{flag.name}": flag for flag in flags} | {f"-{flag.short}": flag for flag in flags if flag.short}
    given = Given()
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            given.arguments += words
            break
        if not word.startswith("-") or word == "-":
            given.arguments.append(word)
            continue
        flag, value, rest = _split(word, known, foreign or {})
        words[:0] = rest
        if value is None:
            value = _next(flag, word, words)
        if not flag.value and value not in TRUE | FALSE:
            raise BakeError.of(
                f'invalid argument "{value}" for "--{flag.name}" flag:'
                f' strconv.ParseBool: parsing "{value}": invalid syntax',
                hint=f"Write --{flag.name}, or --{flag.name}=true or --{flag.name}=false.",
            )
        given.values.setdefault(flag.name, []).append(value)
    debugging.set(bool(given.switch("debug")))
    return given


def _split(word: str, known: dict[str, Flag], foreign: Mapping[str, str]) -> tuple[Flag, str | None, list[str]]:
    """Return a word's flag, the value that is part of the word, if any, and the word without a first letter's switch.

    Switches of one letter may stand together, as in `-af`; what follows the letter of another flag is its value.
    """
    name, equals, value = word.partition("=")
    if not word.startswith("--") and len(word) > 2:
        name = word[:2]
        if (flag := known.get(name)) and not flag.value and word[2] != "=":
            return flag, "true", [f"-{word[2:]}"]
        equals, value = "=", word[2:].removeprefix("=")
    if name not in known:
        near = nearest(name, known)
        hint = foreign.get(name) or (f"Did you mean {near}?" if near else "")
        what = f"unknown flag: {name}" if name.startswith("--") else f"unknown shorthand flag: '{name[1:]}' in {word}"
        raise BakeError.of(what, hint=hint)
    return known[name], value if equals else None, []


def _next(flag: Flag, word: str, words: list[str]) -> str:
    if not flag.value:
        return "true"
    if not words:
        raise BakeError.of(f"flag needs an argument: {word}")
    return words.pop(0)


def usage(flags: Sequence[Flag]) -> str:
    """Return the list of flags for a command's help."""
    shown = [flag for flag in flags if not flag.hidden]
    heads = [f"  {f'-{f.short},' if f.short else '   '} --{f.name} {f.value}".rstrip() for f in shown]
    width = max(map(len, heads)) + 2
    return "\n".join(f"{head:{width}}{flag.doc}" for head, flag in zip(heads, shown, strict=True)) + "\n"
