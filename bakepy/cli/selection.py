"""The flags that say what is built, and the steps from them to a run's targets, for all commands that take targets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from bakepy.cli.flags import Flag, Given
from bakepy.cli.standard import read_input
from bakepy.diagnostics import BakeError, Diagnostic, render
from bakepy.model.attest import Attest
from bakepy.model.text import EntryError, parse_bool, quote, split_csv
from bakepy.planner import overrides
from bakepy.planner.arguments import Argument
from bakepy.planner.config import Config, Definition
from bakepy.planner.define import World, define
from bakepy.planner.load import LOCAL, File, read, require
from bakepy.planner.overrides import Setting
from bakepy.records import Record
from bakepy.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from bakepy.evaluator.functions.library import Surroundings
    from bakepy.planner.origin import Origin

FLAGS = (
    Flag("file", "Definition file; - is standard input", "FILE", short="f", repeats=True),
    Flag("set", "Override an attribute: pattern.key=value, key+=value appends", "OVERRIDE", repeats=True),
    Flag("var", "Set a variable: name=value", "VARIABLE", repeats=True),
    Flag("push", "Push images to their registries"),
    Flag("load", "Load images into the Docker Engine"),
    Flag("no-cache", "Build all steps anew"),
    Flag("pull", "Ask registries for newer images"),
    Flag("provenance", "Attest where images come from: true, false, mode=max", "VALUE"),
    Flag("sbom", "Attest what images hold: true, false, generator=…", "VALUE"),
    Flag("policy", "Build without policies: disabled=true; bakepy evaluates none", "VALUE", repeats=True),
    Flag("call", "What to do: build, check, outline or targets", "METHOD"),
    Flag("check", "Check the definition of builds, as --call=check"),
    Flag("progress", "Show progress as auto, tty, plain, rawjson, quiet or none", "MODE"),
    Flag("builder", "Build, and read definitions that lie elsewhere, on this builder", "NAME"),
)

CALL_FORMATS = ("", "text", "json")


def _set(words: str) -> str:
    return f"Write --set '*.{words}', where * may be a target's name, or set it in the definition."


FOREIGN = {
    "--add-host": _set("extra-hosts.NAME=IP"),
    "--annotation": _set("annotations=KEY=VALUE"),
    "--attest": _set("attest=type=…"),
    "--build-arg": _set("args.NAME=VALUE"),
    "--build-context": _set("contexts.NAME=PLACE"),
    "--cache-from": _set("cache-from=PLACE"),
    "--cache-to": _set("cache-to=PLACE"),
    "--iidfile": "Write --metadata-file FILE: it holds the digests of all images.",
    "--label": _set("labels.NAME=VALUE"),
    "--network": "Set network in the definition.",
    "--no-cache-filter": "Set no-cache-filter in the definition.",
    "--output": _set("output=type=…"),
    "-o": _set("output=type=…"),
    "--platform": _set("platform=linux/arm64"),
    "--quiet": "Write --progress=quiet.",
    "-q": "Write --progress=quiet.",
    "--secret": _set("secrets=id=NAME,src=FILE"),
    "--shm-size": _set("shm-size=SIZE"),
    "--ssh": _set("ssh=default"),
    "--tag": _set("tags=NAME"),
    "-t": _set("tags=NAME"),
    "--target": _set("target=STAGE") + " Targets of the definition go without a flag.",
    "--ulimit": "Set ulimits in the definition.",
}
"""Flags of `docker build`, and how a definition's targets are told the same."""


class Words(Record):
    """Hold what the arguments mean: an address of the definition, the context of the command, names of targets."""

    __slots__ = ("url", "context", "targets")

    def __init__(self, url: str, context: str, targets: list[str]) -> None:
        self.url: Final = url
        self.context: Final = context
        self.targets: Final = targets


def words(given: Given) -> Words:
    """Tell the arguments apart: addresses of a definition and of a context may come before the targets."""
    from bakepy.planner.location import is_remote

    found: list[str] = []
    rest = list(given.arguments)
    while rest and len(found) < 2 and is_remote(rest[0]):
        found.append(rest.pop(0))
    return Words(found[0] if found else "", found[1] if len(found) > 1 else LOCAL, rest)


def definition(given: Given, settings: Settings) -> Definition:
    """Read and evaluate the definition files. Raises BakeError."""
    url = words(given).url
    names = given.all("file")
    if not names:
        names = settings.bake_files
        if not url:
            require(names)
    files, origin = _fetched(url, names, given, settings) if url else (read(names, read_input), None)
    found = _confined(files, given, settings) if url else define(files, world(given, settings))
    found.origin = origin
    return found


def _confined(files: list[File], given: Given, settings: Settings) -> Definition:
    """Evaluate definition files that come from elsewhere: what they name of this machine may need leave to be read."""
    from bakepy.planner.entitlements import parse
    from bakepy.planner.load import Confined

    roots = parse(given.all("allow")).paths["read"] if settings.checks_files(remote=True) else ["/"]
    with Confined(roots):
        return define(files, world(given, settings))


def _fetched(url: str, names: list[str], given: Given, settings: Settings) -> tuple[list[File], Origin | None]:
    """Read what an address holds, and the files of this machine that are named beside it."""
    from bakepy.cli.remote import fetch

    local = [name for name in names if name.startswith(LOCAL)]
    files, origin = fetch(url, [name for name in names if name not in local], given, settings)
    return files + (read(local, read_input) if local else []), origin


def config(given: Given, settings: Settings) -> Config:
    """Return the targets that a command line means, whole and checked. Raises BakeError."""
    from bakepy.planner.checks import check, complete
    from bakepy.planner.select import select

    wanted = list(changes(given, settings))
    found = definition(given, settings)
    # Before anything can fail: what is warned of, such as a misspelt block, is often why.
    warn(found.warnings)
    if mistaken := list(files_for_targets(found, words(given).targets)):
        raise BakeError(mistaken[:1])
    chosen = select(found, words(given).targets or ["default"], wanted)
    if _policy_is_disabled(given):
        from bakepy.model.policy import Policy

        for target in chosen.targets.values():
            target.policy = [Policy(disabled=True)]
    complete(chosen, settings.lookup)
    warn(chosen.warnings)
    if any(target.platforms for target in chosen.targets.values()):
        from bakepy.planner.survey import odd_platforms

        warn(odd_platforms(chosen, chosen.targets))
    if any(t.output or t.cache_from or t.cache_to or t.attest or t.secret or t.call for t in chosen.targets.values()):
        from bakepy.planner.options import ineffective

        warn(ineffective(chosen, chosen.targets))
    if given.switch("push"):
        from bakepy.planner.survey import unpushed

        warn(unpushed(chosen))
    check(chosen, settings.lookup)
    return chosen


def files_for_targets(found: Definition, names: Sequence[str]) -> Iterator[Diagnostic]:
    """Yield a fault for each name of a target that is none, but that of a definition file that exists or a folder."""
    from bakepy.planner.load import DEFINITIONS

    for name in names:
        target = name.replace(".", "_")
        if name.endswith(DEFINITIONS) and target not in {*found.targets, *found.groups} and os.path.isfile(name):
            hint = f"{name} is a file: write -f {name} to read the definition in it."
            yield Diagnostic(f"failed to find target {target}", hint=hint)
        elif name in {".", ".."} and target not in {*found.targets, *found.groups}:
            shown = (
                ", ".join([n for n in (*found.groups, *found.targets) if not n.startswith("_")][:3]) or "none so far"
            )
            hint = (
                f"Name targets, not folders; there are {shown}. The definition is that of the folder you are in, and "
                f"says which folder each target is built from; --set '*.context={name}' changes that."
            )
            yield Diagnostic(f"failed to find target {target}", hint=hint)


def warn(warnings: list[Diagnostic]) -> None:
    """Print warnings on standard error."""
    if warnings:
        color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        print(render(warnings, color=color), file=sys.stderr)


def surroundings() -> Surroundings:
    """Return what functions may know of the world: the clock and the user's home directory."""
    from bakepy.evaluator.functions.library import Surroundings

    return Surroundings(now=_now, home=lambda: os.path.expanduser("~"))


def world(given: Given, settings: Settings) -> World:
    """Return what a definition may see besides its files. Raises BakeError."""
    from bakepy.platforms import local

    return World(
        surroundings(),
        dict(_variables(given.all("var"))),
        settings.bake_environment,
        {"BAKE_CMD_CONTEXT": words(given).context, "BAKE_LOCAL_PLATFORM": str(local())},
        relative=_relative(settings.bake_relative_paths),
    )


def _relative(text: str) -> bool:
    try:
        return bool(text) and parse_bool(text)
    except EntryError as fault:
        message = f"failed to parse BUILDX_BAKE_FILE_RELATIVE_PATHS value {quote(text)}: {fault}"
        raise BakeError.of(message) from None


def _now() -> datetime:
    from datetime import datetime

    return datetime.now().astimezone()


def _variables(texts: list[str]) -> Iterator[tuple[str, str]]:
    for text in filter(None, texts):
        name, equals, value = text.partition("=")
        if not equals:
            message = f"invalid variable {quote(text)}, expected key=value"
            raise Argument("--var", text).error(message, f"Write --var {text}=VALUE.")
        if not name:
            message = f"invalid variable {quote(text)}, key is empty"
            raise Argument("--var", text).error(message, "Write --var NAME=VALUE.", "=")
        yield name, value


def changes(given: Given, settings: Settings) -> Iterator[Setting]:
    """Give what the flags change in targets, in the reference's order: --set first."""
    environment = settings.bake_environment
    for text in given.all("set"):
        yield overrides.parse(text, environment.get)
    if given.switch("push"):
        yield Setting.flag("push", "true")
    if given.switch("load"):
        yield Setting.flag("load", "true")
    if name := call_name(given):
        yield Setting.flag("call", name)
    for switch in ("no-cache", "pull"):
        if (value := given.switch(switch)) is not None:
            yield Setting.flag(switch, str(value).lower())
    for kind in ("sbom", "provenance"):
        if text := given.text(kind):
            yield _attest(kind, text)
    if not _policy_is_disabled(given):
        for text in given.all("policy"):
            yield Setting.flag("policy", text, append=True)


def _attest(kind: str, text: str) -> Setting:
    try:
        (attest,) = Attest.shorthand(kind, text)
    except EntryError as fault:
        hint = f"Write --{kind}=true, --{kind}=false or --{kind}=KEY=VALUE."
        raise BakeError.of(f"invalid value for attest: {fault}", hint=hint) from None
    return Setting.flag("attest", str(attest))


def _policy_is_disabled(given: Given) -> bool:
    from bakepy.model.policy import Policy

    try:
        policies = [policy for text in given.all("policy") for policy in Policy.parse(text)]
    except EntryError as fault:
        hint = "Write --policy KEY=VALUE, such as --policy disabled=true."
        raise BakeError.of(f"invalid value for policy: {fault}", hint=hint) from None
    for policy in policies:
        for what, found in (("filename", policy.files), ("reset", policy.reset)):
            if found:
                place = "files" if what == "filename" else "composition"
                raise BakeError.of(f"--policy does not accept {what}; define policy {place} in the bake definition")
    disabled = [policy for policy in policies if policy.disabled]
    if disabled and (len(policies) > 1 or disabled[0].strict is not None or disabled[0].log_level):
        raise BakeError.of("disabled policy cannot be combined with other policy flags")
    return bool(disabled)


def call_name(given: Given) -> str:
    """Return what `--call` asks for in place of a build: lint, outline or targets; empty for a build."""
    return call_fields(given).get("name", "")


def call_fields(given: Given) -> dict[str, str]:
    """Return the parts of `--call`: its name, and `format` and `ignorestatus` where they are given."""
    order = list(given.values)
    # Both say the same thing, and the later one counts.
    late = "call" in order and "check" in order and order.index("call") > order.index("check")
    text = "check" if given.switch("check") and not late else given.text("call", "build")
    out: dict[str, str] = {}
    try:
        items = split_csv(text) if text else []
    except EntryError as fault:
        raise BakeError.of(str(fault)) from None
    for item in items:
        key, equals, value = item.partition("=")
        if equals and key not in {"format", "ignorestatus"}:
            raise BakeError.of(f"invalid print field: {item}")
        if not equals and "name" in out:
            raise BakeError.of(f"invalid print value: {text}")
        out[key if equals else "name"] = value if equals else item
    if out.get("format", "") not in CALL_FORMATS:
        raise BakeError.of(f"invalid call format {quote(out['format'])}", hint="It is text or json.")
    try:
        parse_bool(out.get("ignorestatus", "false"))
    except EntryError as fault:
        message = f"invalid ignorestatus print value: {out['ignorestatus']}: {fault}"
        raise BakeError.of(message, hint="Write ignorestatus=true or ignorestatus=false.") from None
    if out.get("name") == "check":
        out["name"] = "lint"
    return {} if out.get("name") == "build" else out
