"""Ask for what a build needs beyond its own folder, before it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from bakepy.cli.standard import confirmed, is_terminal
from bakepy.diagnostics import BakeError, one_line
from bakepy.model.text import quote
from bakepy.planner.entitlements import Allowed, Need, needs, refused
from bakepy.planner.spec import SolveSpec
from bakepy.settings import Settings

REQUESTED = "additional privileges requested"
QUESTION = "Do you want to grant requested privileges and continue?"


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
    checked = settings.checks_files(remote=remote)
    stopping = refused(asked, files=checked)
    if progress == "rawjson":
        _refuse(stopping, words)
        return
    if not asked:
        return
    terminal = is_terminal()
    _explain(asked, words, terminal=terminal)
    if not stopping:
        return
    if checked and settings.bake_checks_files is None and any(need.files for need in asked):
        _say("To disable filesystem entitlements checks, you can set BUILDX_BAKE_ENTITLEMENTS_FS=0 .\n")
    if not (terminal and confirmed(QUESTION, sys.stderr)):
        raise BakeError.of(REQUESTED)


def _refuse(stopping: Sequence[Need], words: Sequence[str]) -> None:
    """Raise BakeError for missing grants where a program reads the display, so that no question can be asked."""
    if stopping:
        message = f"{REQUESTED}: pass {quote(_typed(stopping))} to grant requested privileges"
        raise BakeError.of(message, hint=f"Run {_command(stopping, words)} to grant them.")


def _explain(asked: Sequence[Need], words: Sequence[str], *, terminal: bool) -> None:
    passed = quote(_typed(asked))
    _say("Your build is requesting privileges for following possibly insecure capabilities:\n")
    for need in asked:
        _say(f" - {one_line(need.words)}")
    if terminal:
        _say(f"\nIn order to not see this message in the future pass {passed} to grant requested privileges.")
    else:
        _say(f"\nPass {passed} to grant requested privileges.")
    _say(f"\nYour full command with requested privileges:\n\n{one_line(_command(asked, words))}\n")


def _command(asked: Sequence[Need], words: Sequence[str]) -> str:
    """Return the whole command line with the missing grants."""
    import shlex

    return shlex.join(["bakepy", "build", *(f"--allow={need.flag}" for need in asked), *words])


def _typed(asked: Sequence[Need]) -> str:
    """Return the flags as they can be typed: what a definition names must not become further ones."""
    import shlex

    return shlex.join(f"--allow={need.flag}" for need in asked)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
