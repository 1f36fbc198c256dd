"""`bakepy check`: look for faults in a definition, as far as that needs no engine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from bakepy.cli import flags, selection
from bakepy.cli.flags import Flag, Given
from bakepy.cli.reports import FORMATS, in_order
from bakepy.cli.standard import read_input
from bakepy.diagnostics import BakeError, Diagnostic, Keeping, Severity, Span
from bakepy.records import replace
from bakepy.settings import Settings

if TYPE_CHECKING:
    from bakepy.planner.load import File
    from bakepy.planner.overrides import Setting
    from bakepy.planner.spec import SolveSpec
    from bakepy.planner.survey import Survey

FLAGS = (
    *(flag for flag in selection.FLAGS if flag.name in {"file", "set", "var"}),
    Flag("format", "Report as text, json or sarif", "FORMAT"),
    Flag("strict", "Exit with 1 for warnings too"),
    *flags.COMMON,
)
USAGE = """Usage: bakepy check [OPTIONS] [TARGET...]

Look for all that is wrong with a definition and needs no engine to tell: syntax, values, names, links, and files that
are not there. Without TARGET, all targets are looked at. Exits with 1 where there are errors.

Options:
"""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = flags.parse(FLAGS, argv)
    if given.switch("help"):
        print(USAGE + flags.usage(FLAGS), end="")
        return 0
    form = given.choice("format", FORMATS, "text")
    found = _found(given, Settings())
    sys.stdout.write(FORMATS[form](found))
    fatal = [d for d in found if d.severity is Severity.ERROR or given.switch("strict")]
    return int(bool(fatal))


def _found(given: Given, settings: Settings) -> list[Diagnostic]:
    """Return all that can be told, each once, errors first, in the order of the files."""
    from bakepy.planner.survey import survey

    found: list[Diagnostic] = []
    if url := selection.words(given).url:
        raise BakeError.of(f"cannot check a remote definition: {url}", hint="Clone it, and check the files.")
    changes: list[Setting] = []
    with Keeping(found):
        changes = list(selection.changes(given, settings))
    with Keeping(found):
        world = selection.world(given, settings)
        files, unread = _files(given, settings)
        seen = survey(files, world, given.arguments, changes, settings.lookup, unread)
        # The first of equal faults counts: this one knows the remedy.
        found += selection.files_for_targets(seen.config.definition, given.arguments)
        found += seen.found
        found += _missing_files(seen, settings)
    # Some faults are seen at several stages, in the same words.
    first: dict[tuple[str, str, Span | None], Diagnostic] = {}
    for one in found:
        if not one.implied:
            first.setdefault((one.summary, one.detail if one.subject else "", one.subject), one)
    return in_order(first.values())


def _files(given: Given, settings: Settings) -> tuple[list[File], list[Diagnostic]]:
    """Read the files that are named, and tell which cannot be; else read the default ones. Raises BakeError."""
    from bakepy.planner.load import read

    files: list[File] = []
    faults: list[Diagnostic] = []
    names = given.all("file") or settings.bake_files
    for name in names:
        with Keeping(faults):
            files += read([name], read_input)
    return files if names else read([], read_input), faults


def _missing_files(seen: Survey, settings: Settings) -> list[Diagnostic]:
    """Return what the built targets' contexts, Dockerfiles, secrets, outputs and policies keep from being built."""
    from bakepy.executor.check import check
    from bakepy.planner import policies
    from bakepy.planner.places import related
    from bakepy.planner.specify import specify

    faults: list[Diagnostic] = []
    specs: dict[str, SolveSpec] = {}
    locate = partial(related, seen.config.definition)
    for name in seen.built:
        found: list[Diagnostic] = []
        specs |= specify({name: seen.config.targets[name]}, faults=found)
        faults += (replace(fault, related=locate(name, "")) for fault in found)
    with Keeping(faults):
        policies.check(seen.config, specs, default=settings.default_policy, source=settings.source_policy)
    with Keeping(faults):
        check(specs, settings.environment(), locate, apart=True)
    return faults
