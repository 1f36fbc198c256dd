"""`bakepy fmt`: lay out definition files the way HCL's own formatter does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bakepy.cli import flags
from bakepy.cli.flags import Flag
from bakepy.cli.standard import read_input
from bakepy.diagnostics import BakeError, Diagnostic
from bakepy.files import read_file

DEFAULT_FILES = ("docker-bake.hcl", "docker-bake.override.hcl")
FLAGS = (
    Flag("check", "Change nothing; exit with 1 where a file is not laid out so"),
    Flag("diff", "Show what would change, and change nothing"),
    Flag("write", "Write files; --write=false only names those that would change"),
    *flags.COMMON,
)
USAGE = """Usage: bakepy fmt [OPTIONS] [FILE...]

Lay out definition files in HCL's native syntax: indent, align, space. Values and comments stay as they are. Without
FILE, docker-bake.hcl and docker-bake.override.hcl as far as they are there; `-` reads standard input and writes the
result to standard output. The names of files that change are printed.

Options:
"""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = flags.parse(FLAGS, argv)
    if given.switch("help"):
        print(USAGE + flags.usage(FLAGS), end="")
        return 0
    names = given.arguments or [name for name in DEFAULT_FILES if Path(name).is_file()]
    if not names:
        raise BakeError.of("no definition file found", hint=f"name a file, or add {DEFAULT_FILES[0]}")
    only_show = bool(given.switch("check") or given.switch("diff") or given.switch("write") is False)
    faults: list[Diagnostic] = []
    changes = sum([_format(name, only_show, bool(given.switch("diff")), faults) for name in names])
    if faults:
        raise BakeError(faults)
    return int(bool(changes and given.switch("check")))


def _format(name: str, only_show: bool, diff: bool, faults: list[Diagnostic]) -> bool:
    """Format one file and tell whether that changes it; a file with faults is left as it is."""
    from bakepy.grammar import decode
    from bakepy.grammar.formatter import format_source

    if name.endswith(".json"):
        faults.append(
            Diagnostic("Not in the native syntax", f"{name} is in JSON, which this command does not lay out.")
        )
        return False
    found = len(faults)
    source = decode("<stdin>" if name == "-" else name, _read(name), faults)
    text = source.text if len(faults) > found else format_source(source, faults)
    changed = len(faults) == found and text != source.text
    if diff and changed:
        from difflib import unified_diff

        lines = unified_diff(source.text.splitlines(True), text.splitlines(True), f"a/{name}", f"b/{name}")
        sys.stdout.writelines(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        )
    elif name == "-" and not only_show and len(faults) == found:
        sys.stdout.write(text)
    elif changed:
        print(name)
        if not only_show:
            _replace(Path(name), text)
    return changed


def _read(name: str) -> bytes:
    try:
        return read_input() if name == "-" else read_file(name)
    except OSError as error:
        raise BakeError.of(f"cannot read {name}: {error.strerror}") from None


def _replace(path: Path, text: str) -> None:
    """Write the file in one step, so that nobody meets half of it, with its mode, through a link that it may be."""
    import os
    import tempfile

    path = path.resolve()
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(text.encode())
        os.chmod(temporary, path.stat().st_mode & 0o7777)
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True) if temporary else None
        raise BakeError.of(f"cannot write {path.name}: {error.strerror}") from None
