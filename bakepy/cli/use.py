"""`bakepy use`: choose the builder of what follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bakepy.cli import command
from bakepy.cli.flags import Flag
from bakepy.diagnostics import BakeError, nearest

if TYPE_CHECKING:
    from bakepy.settings import Settings

FLAGS = (
    Flag("default", "Make it the default of the current Docker context"),
    Flag("global", "Keep the choice when the Docker context changes"),
    command.BUILDER,
    *command.COMMON,
)
USAGE = """Usage: bakepy use [OPTIONS] NAME

Choose the builder that is used where none is named."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = command.begin(USAGE, FLAGS, argv, at_most=1)
    if given is None:
        return 0
    from bakepy.builders.choose import known_names
    from bakepy.builders.store import Writer
    from bakepy.drivers.docker_host import current_endpoint
    from bakepy.settings import Settings

    settings = Settings()
    name = given.arguments[0] if given.arguments else given.text("builder") or settings.builder or ""
    if not name:
        known = ", ".join(known_names(settings))
        raise BakeError.of("no builder is named", f"builders: {known}", hint="name one: bakepy use NAME")
    own = _selectable(name, settings)
    with Writer.open(settings) as store:
        everywhere, default = bool(given.switch("global")), bool(given.switch("default"))
        store.select(
            current_endpoint(settings), name if own else "", everywhere=own and everywhere, default=own and default
        )
    return 0


def _selectable(name: str, settings: Settings) -> bool:
    """Tell whether a builder is chosen by its name; the current context's own is what is there without a choice."""
    from bakepy.builders.choose import EMBEDDED, known_names
    from bakepy.builders.store import read
    from bakepy.drivers.docker_host import context_names, current_context

    if found := read(settings, name):
        command.tell_clash(found, settings)
        return True
    if name == EMBEDDED:
        return True
    if name == current_context(settings):
        return False
    if name in context_names(settings):
        raise BakeError.of(
            f'the builder "{name}" belongs to a Docker context that is not the current one',
            hint=f"run: docker context use {name}",
        )
    known = known_names(settings)
    near = nearest(name, known)
    hint = f'did you mean "{near}"?' if near else ""
    raise BakeError.of(f'failed to find instance "{name}"', f"builders: {', '.join(known)}", hint=hint)
