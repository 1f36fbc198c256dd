"""Ask for what a build needs beyond its own folder, before it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from bakepy.diagnostics import BakeError, printable
from bakepy.model.text import EntryError, parse_bool, quote
from bakepy.planner.entitlements import DELETE, Allowed, Need, needs
from bakepy.planner.spec import SolveSpec
from bakepy.settings import Settings

REQUESTED = "additional privileges requested"


def ask(
    specs: Iterable[SolveSpec],
    allowed: Allowed,
    settings: Settings,
    *,
    progress: str = "auto",
    words: Sequence[str] = (),
    remote: bool = False,
) -> None:
    """Return once all that the solves need is allowed, by flags or by the user at a terminal. Raises BakeError.

    `words` are the command line behind `bakepy build`; `remote` tells that the definition came from elsewhere.
    """
    asked = needs(specs, allowed)
    if progress == "rawjson":
        _refuse([need for need in asked if need.flag == DELETE or (remote and _is_checked(need, settings))])
        return
    if not asked:
        return
    terminal = sys.stdin.isatty()
    checked = checks_files(settings, remote=remote)
    _explain(asked, words, terminal=terminal)
    if not checked and all(need.files for need in asked):
        return
    if checked and settings.bake_checks_files is None and any(need.files for need in asked):
        _say("To disable filesystem entitlements checks, you can set BUILDX_BAKE_ENTITLEMENTS_FS=0 .\n")
    if not (terminal and _agreed()):
        raise BakeError.of(REQUESTED)


def checks_files(settings: Settings, *, remote: bool) -> bool:
    """Tell whether a run asks before it uses files elsewhere. Raises BakeError for a variable that is no boolean."""
    checked = True
    if remote and settings.bake_remote_files is not None:
        checked = not _boolean("BAKE_ALLOW_REMOTE_FS_ACCESS", settings.bake_remote_files)
    if settings.bake_checks_files is not None:
        checked = _boolean("BUILDX_BAKE_ENTITLEMENTS_FS", settings.bake_checks_files)
    return checked


def _is_checked(need: Need, settings: Settings) -> bool:
    """Tell whether a remote definition's need counts."""
    return not need.files or checks_files(settings, remote=True)


def _boolean(name: str, text: str) -> bool:
    try:
        return parse_bool(text)
    except EntryError as fault:
        raise BakeError.of(f"failed to parse {name} value {quote(text)}: {fault}") from None


def _refuse(asked: Sequence[Need]) -> None:
    """Fail where a program reads the display, which nobody can be asked on.

    The reference lets all but deletions pass there. What was written elsewhere must not come by that way.
    """
    if asked:
        raise BakeError.of(f"{REQUESTED}: pass {quote(_typed(asked))} to grant requested privileges")


def _explain(asked: Sequence[Need], words: Sequence[str], *, terminal: bool) -> None:
    import shlex

    flags = [f"--allow={need.flag}" for need in asked]
    passed = quote(_typed(asked))
    _say("Your build is requesting privileges for following possibly insecure capabilities:\n")
    for need in asked:
        _say(f" - {_line(need.words)}")
    if terminal:
        _say(f"\nIn order to not see this message in the future pass {passed} to grant requested privileges.")
    else:
        _say(f"\nPass {passed} to grant requested privileges.")
    command = shlex.join(["bakepy", "build", *flags, *words])
    _say(f"\nYour full command with requested privileges:\n\n{_line(command)}\n")


def _typed(asked: Sequence[Need]) -> str:
    """Return the flags as they can be typed: what a definition names must not become further ones."""
    import shlex

    return shlex.join(f"--allow={need.flag}" for need in asked)


def _line(text: str) -> str:
    """Return a text of the definition's so that it cannot pass for lines of ours."""
    return printable(text).replace("\n", "␊")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _agreed() -> bool:
    print("Do you want to grant requested privileges and continue? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() == "y"
