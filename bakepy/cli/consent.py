"""Ask for what a build needs beyond its own folder, before it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bakepy.diagnostics import BakeError
from bakepy.planner.config import Config
from bakepy.planner.entitlements import DELETE, Need, needs, parse
from bakepy.settings import Settings

REQUESTED = "additional privileges requested"


def ask(config: Config, allow: Sequence[str], progress: str, settings: Settings) -> None:
    """Return once all that the targets need is allowed, by flags or by the user at a terminal. Raises BakeError."""
    asked = needs(config, parse(allow, config))
    if progress == "rawjson":
        # A program reads this display: the reference asks it for nothing but leave to delete files.
        if any(need.flag == DELETE for need in asked):
            raise BakeError.of(f'{REQUESTED}: pass "--allow={DELETE}" to grant requested privileges')
        return
    if not asked:
        return
    terminal = sys.stdin.isatty()
    checked = settings.checks_files
    flags = " ".join(f"--allow={need.flag}" for need in asked)
    _explain(asked, flags, terminal=terminal, optional=checked is None)
    if checked is False and all(need.files for need in asked):
        return
    if not (terminal and _agreed()):
        raise BakeError.of(REQUESTED, hint=f"Pass {flags}")


def _explain(asked: Sequence[Need], flags: str, *, terminal: bool, optional: bool) -> None:
    lines = ["Your build is requesting privileges for following possibly insecure capabilities:", ""]
    lines += [f" - {need.words}" for need in asked]
    if terminal:
        lines += ["", f'In order to not see this message in the future pass "{flags}" to grant requested privileges.']
    else:
        lines += ["", f'Pass "{flags}" to grant requested privileges.']
    if optional and any(need.files for need in asked):
        lines += ["", "To disable filesystem entitlements checks, you can set BUILDX_BAKE_ENTITLEMENTS_FS=0 ."]
    print("\n".join(lines) + "\n", file=sys.stderr)


def _agreed() -> bool:
    print("Do you want to grant requested privileges and continue? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() == "y"
