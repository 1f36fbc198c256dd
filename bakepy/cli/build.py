"""`bakepy build`: build targets of a definition, or print what would be built."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Final

from bakepy.booleans import TRUE
from bakepy.cli import flags, selection
from bakepy.cli.flags import Flag, Given
from bakepy.diagnostics import BakeError
from bakepy.model.text import EntryError, quote, split_csv
from bakepy.records import Record, replace
from bakepy.settings import Settings

FLAGS = (
    *selection.FLAGS,
    Flag("print", "Print the targets without building"),
    Flag("list", "List targets or variables: [type=]targets|variables[,format=table|json]", "WHAT"),
    Flag("list-targets", "List targets", hidden=True),
    Flag("list-variables", "List variables", hidden=True),
    Flag("metadata-file", "Write what was built to a file, as JSON", "FILE"),
    Flag("allow", "Let builds use a privilege or path: network.host, fs.read=…", "PRIVILEGE", repeats=True),
    *flags.COMMON,
)
USAGE = """Usage: bakepy build [OPTIONS] [URL [CONTEXT]] [TARGET...]

Build targets of a definition. 'bakepy bake' and 'bakepy b' are the same.

Options:
"""


class RunOptions(Record):
    """Hold the flags of a build that say how it runs, not what it is.

    `call`, `call_format` and `call_ignores_status` are the parts of `--call`; `call` is empty for a build. `words` are
    the command line, `remote` tells that the definition was read from elsewhere.
    """

    __slots__ = (
        "progress",
        "builder",
        "metadata_file",
        "call",
        "call_format",
        "call_ignores_status",
        "allow",
        "words",
        "remote",
    )

    def __init__(
        self,
        progress: str = "auto",
        builder: str | None = None,
        metadata_file: str = "",
        call: str = "",
        call_format: str = "",
        call_ignores_status: bool = False,
        allow: tuple[str, ...] = (),
        words: tuple[str, ...] = (),
        remote: bool = False,
    ) -> None:
        self.progress: Final = progress
        self.builder: Final = builder
        self.metadata_file: Final = metadata_file
        self.call: Final = call
        self.call_format: Final = call_format
        self.call_ignores_status: Final = call_ignores_status
        self.allow: Final = allow
        self.words: Final = words
        self.remote: Final = remote


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = flags.parse(FLAGS, argv, selection.FOREIGN)
    if given.switch("help"):
        print(USAGE + flags.usage(FLAGS), end="")
        return 0
    settings = Settings()
    options = _options(given, settings)
    listed = given.text("list") or _old_list(given)
    if given.switch("print") and listed:
        raise BakeError.of("--print and --list are mutually exclusive")
    if options.progress != "auto":
        from bakepy.progress.choose import check

        check(options.progress)
    if options.allow:
        from bakepy.planner.entitlements import parse

        parse(options.allow)
    # All that reading makes stays alive until the end: looking for garbage in it takes a third of the time. A build
    # looks for some once it runs (cli.run).
    gc.disable()
    if listed:
        return _list(listed, given, settings)
    config = selection.config(given, settings)
    if given.switch("print"):
        from bakepy.planner.printing import show

        sys.stdout.write(show(config))
        return 0
    from bakepy.cli.run import run

    return run(config, replace(options, words=tuple(argv), remote=bool(selection.words(given).url)))


def _options(given: Given, settings: Settings) -> RunOptions:
    call = selection.call_fields(given)
    progress = given.text("progress", "auto")
    return RunOptions(
        progress=settings.progress or progress if progress == "auto" else progress,
        builder=given.text("builder") or settings.builder,
        metadata_file=given.text("metadata-file"),
        call=call.get("name", ""),
        call_format=call.get("format", ""),
        call_ignores_status=call.get("ignorestatus", "") in TRUE,
        allow=tuple(given.all("allow")),
    )


def _old_list(given: Given) -> str:
    for name in ("targets", "variables"):
        if given.switch(f"list-{name}"):
            print(f"Flag --list-{name} is deprecated, use --list={name} instead", file=sys.stderr)
            return name
    return ""


def _list(text: str, given: Given, settings: Settings) -> int:
    from bakepy.planner.printing import list_targets, list_variables

    what, form = _list_fields(text)
    found = selection.definition(given, settings)
    selection.warn(found.warnings)
    sys.stdout.write(list_targets(found, form) if what == "targets" else list_variables(found, form))
    return 0


def _list_fields(text: str) -> tuple[str, str]:
    """Return what to list, and in which form. Raises BakeError."""
    try:
        items = split_csv(text)
    except EntryError as fault:
        raise BakeError.of(str(fault)) from None
    found = {"type": "", "format": "table"}
    if items == [text] and not text.startswith("type="):
        found["type"], items = text, []
    for item in items:
        key, equals, value = item.partition("=")
        key = key.lower().strip()
        if not equals:
            raise BakeError.of(f"invalid value {item}")
        if key not in found:
            raise BakeError.of(f"unexpected key '{key}' in '{item}'")
        found[key] = value
    for key, known in (("type", ("targets", "variables")), ("format", ("table", "json"))):
        if found[key] not in known:
            hint = f"It is one of {' and '.join(known)}."
            raise BakeError.of(f"invalid list {key} {quote(found[key])}", hint=hint)
    return found["type"], found["format"]
