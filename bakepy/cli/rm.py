"""`bakepy rm`: remove builders, and what they run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bakepy.cli import command
from bakepy.cli.flags import Flag
from bakepy.diagnostics import BakeError
from bakepy.records import Record

if TYPE_CHECKING:
    from bakepy.builders.state import BuilderState, NodeState
    from bakepy.builders.store import StoredBuilder
    from bakepy.settings import Settings

FLAGS = (
    Flag("all-inactive", "Remove all builders that do not run"),
    Flag("force", "Do not ask", short="f"),
    Flag("keep-daemon", "Leave the BuildKit daemon running"),
    Flag("keep-state", "Keep the build cache for a builder of the same name"),
    command.BUILDER,
    command.TIMEOUT,
    *command.COMMON,
)
USAGE = """Usage: bakepy rm [OPTIONS] [NAME...]

Remove builders."""
WARNING = "WARNING! This will remove all builders that are not in running state. Are you sure you want to continue?"


Ended = list[tuple[str, "BakeError | None"]]
"""What was to be removed, each with its error or None."""


class Keep(Record):
    """Say what of a builder stays."""

    __slots__ = ("daemon", "state", "within")

    def __init__(self, daemon: bool, state: bool, within: float) -> None:
        self.daemon: Final = daemon
        self.state: Final = state
        self.within: Final = within


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = command.begin(USAGE, FLAGS, argv, at_most=None)
    if given is None:
        return 0
    import asyncio

    from bakepy.builders.choose import everything, find
    from bakepy.builders.store import namesakes
    from bakepy.settings import Settings

    settings = Settings()
    keep = Keep(bool(given.switch("keep-daemon")), bool(given.switch("keep-state")), command.seconds(given))
    if given.switch("all-inactive"):
        if given.arguments:
            raise BakeError.of("cannot specify builder name when --all-inactive is set")
        if not given.switch("force") and not command.confirmed(WARNING):
            return 0
        made = [builder for builder in everything(settings) if not builder.implicit]
        return _report(asyncio.run(_remove_inactive(made, keep, settings)))
    ended: Ended = []
    builders = []
    for name in given.arguments or [given.text("builder")]:
        try:
            found = find(name, settings)
            builders += [found] if found.implicit else namesakes(settings, found.name)
        except BakeError as error:
            ended.append((name, error))
    named = list({(builder.name, builder.driver): builder for builder in builders}.values())
    return _report(ended + asyncio.run(_remove_all(named, keep, settings)))


def _report(ended: Ended) -> int:
    for name, error in ended:
        text = f"failed to remove {name}: {error}" if error else f"{name} removed"
        print(text, file=sys.stderr)
        for hint in (fault.hint for fault in error.diagnostics if fault.hint) if error else ():
            print(f"  hint: {hint}", file=sys.stderr)
    if any(error for _name, error in ended):
        raise BakeError.of("failed to remove one or more builders")
    return 0


async def _remove_inactive(builders: Sequence[StoredBuilder], keep: Keep, settings: Settings) -> Ended:
    from bakepy.builders.state import load_all

    states = await load_all(builders, settings, within=keep.within)
    # What cannot be asked may well run: it is left, and said.
    unknown: Ended = [(state.stored.name, state.error) for state in states if state.error]
    asked = [state for state in states if not state.error]
    idle = [state.stored for state in asked if not state.stored.dynamic and not any(n.runs for n in state.nodes)]
    return unknown + await _remove_all(idle, keep, settings)


async def _remove_all(builders: Sequence[StoredBuilder], keep: Keep, settings: Settings) -> Ended:
    """Remove builders at once; return the error of each, or None."""
    import asyncio

    errors = await asyncio.gather(*(_remove(builder, keep, settings) for builder in builders))
    names = [builder.name for builder in builders]
    # Of two that share a name, each is told by its driver.
    shown = [b.name if names.count(b.name) == 1 else f"{b.name} ({b.driver})" for b in builders]
    return list(zip(shown, errors, strict=True))


async def _remove(builder: StoredBuilder, keep: Keep, settings: Settings) -> BakeError | None:
    import asyncio

    from bakepy.builders.choose import EMBEDDED
    from bakepy.builders.state import load
    from bakepy.builders.store import Writer

    if builder.implicit:
        way = "bakepy engine uninstall" if builder.name == EMBEDDED else f"docker context rm {builder.name}"
        what = "the embedded engine" if builder.name == EMBEDDED else "this context"
        return BakeError.of(f"context builder cannot be removed, run `{way}` to remove {what}")
    error = None
    if not keep.daemon:
        state = await load(builder, settings, ask=False)
        error = await _remove_nodes(state, keep)

    def forget() -> None:
        with Writer.open(settings) as store:
            store.remove(builder.name, builder.driver)

    await asyncio.to_thread(forget)
    return error


async def _remove_nodes(state: BuilderState, keep: Keep) -> BakeError | None:
    """Stop and remove the nodes; return what went wrong: the builder goes all the same."""
    import asyncio

    from bakepy.drivers.interface import DriverError

    async def remove(node: NodeState) -> None:
        if node.error:
            raise node.error
        if node.driver:
            try:
                async with asyncio.timeout(keep.within):
                    await node.driver.stop()
                    await node.driver.remove(keep_state=keep.state)
            except TimeoutError:
                raise DriverError.of(
                    f"the node was not removed within {keep.within:g}s",
                    hint="it may still be there: remove what runs by hand",
                ) from None

    if state.error:
        return state.error
    try:
        await command.on_nodes(state, remove)
    except BakeError as error:
        return error
    return None
