"""`bakepy rm`: remove builders, and what they run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from bakepy.cli import command
from bakepy.cli.flags import Flag
from bakepy.cli.standard import confirmed
from bakepy.diagnostics import BakeError, Diagnostic, Severity
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

    from bakepy.builders.choose import everything
    from bakepy.builders.store import StoreError
    from bakepy.settings import Settings

    settings = Settings()
    keep = Keep(bool(given.switch("keep-daemon")), bool(given.switch("keep-state")), command.seconds(given))
    if given.switch("all-inactive"):
        if given.arguments:
            raise BakeError.of("cannot specify builder name when --all-inactive is set")
        if not given.switch("force") and not confirmed(WARNING, sys.stdout):
            return 0
        faults: list[StoreError] = []
        made = [builder for builder in everything(settings, faults) if not builder.implicit]
        command.tell_faults(faults)
        return _report(asyncio.run(_remove_inactive(made, keep, settings)))
    ended: Ended = []
    builders = []
    for name in given.arguments or [given.text("builder")]:
        try:
            found, damaged = _named(name, settings)
            builders += found
            ended += [(name, None)] if damaged and not found else []
        except BakeError as error:
            ended.append((name, error))
    named = list({(builder.name, builder.driver): builder for builder in builders}.values())
    return _report(ended + asyncio.run(_remove_all(named, keep, settings)))


def _named(name: str, settings: Settings) -> tuple[list[StoredBuilder], bool]:
    """Return what a name means, and whether files of it were damaged: those are removed. Raises BakeError."""
    from bakepy.builders.choose import find
    from bakepy.builders.store import DamagedError, StoreError, Writer, namesakes

    faults: list[StoreError] = []
    name = name or settings.builder or ""
    found = namesakes(settings, name, faults)
    if any(isinstance(fault, DamagedError) for fault in faults):
        with Writer.open(settings) as store:
            if found:
                store.remove_damaged(name)
            else:
                store.remove(name)
        command.tell(f"WARNING: the file of {name} was damaged: if the builder ran something, that was not removed")
        return found, True
    if faults:
        raise faults[0]
    if found:
        return found, False
    chosen = find(name, settings)
    return ([chosen] if chosen.implicit else namesakes(settings, chosen.name)), False


def _report(ended: Ended) -> int:
    for name, error in ended:
        text = f"failed to remove {name}: {error}" if error else f"{name} removed"
        hints = [fault.hint for fault in error.diagnostics if fault.hint] if error else []
        command.tell(text, *(f"  hint: {hint}" for hint in hints))
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
        return _not_made(builder)
    if not keep.daemon:
        state = await load(builder, settings, ask=False)
        if state.error:
            return BakeError.of(
                state.error.diagnostics[0].summary,
                "it was left as it is",
                hint=f"remove it with the tool that made it: docker buildx rm {builder.name}",
            )
        failed = await _remove_nodes(state, keep)
        error = _failure(builder, failed, keep) if failed else None
        if error and builder.driver == EMBEDDED:
            return error
    else:
        error = None

    def forget() -> None:
        with Writer.open(settings) as store:
            store.remove(builder.name, builder.driver)

    await asyncio.to_thread(forget)
    return error


def _not_made(builder: StoredBuilder) -> BakeError:
    """Return why a builder that nobody made cannot be removed."""
    from bakepy.builders.choose import EMBEDDED

    if builder.name == EMBEDDED:
        return BakeError.of(
            "the embedded engine is no builder that someone made",
            "it is there wherever no other builder is selected",
            hint="name a builder: bakepy rm NAME; to remove the engine itself, run: bakepy engine uninstall",
        )
    if builder.driver == "docker":
        return BakeError.of(
            f"context builder cannot be removed, run `docker context rm {builder.name}` to remove this context"
        )
    return BakeError.of("an address is no builder that someone made", hint="name a builder: bakepy rm NAME")


async def _remove_nodes(state: BuilderState, keep: Keep) -> dict[str, BakeError]:
    """Stop and remove the nodes, all at once; return the errors by the names of the nodes."""
    import asyncio

    from bakepy.drivers.interface import DriverError

    async def remove(node: NodeState) -> BakeError | None:
        if node.driver is None:
            return node.error
        try:
            async with asyncio.timeout(keep.within):
                await node.driver.stop()
                await node.driver.remove(keep_state=keep.state)
        except TimeoutError:
            return DriverError.of(f"the node was not removed within {keep.within:g}s")
        except BakeError as error:
            return error
        return None

    ended = await asyncio.gather(*(remove(node) for node in state.nodes))
    return {node.stored.name: error for node, error in zip(state.nodes, ended, strict=True) if error}


def _failure(builder: StoredBuilder, failed: Mapping[str, BakeError], keep: Keep) -> BakeError:
    """Return the first node's error, and what became of the builder and of what its nodes ran."""
    from bakepy.builders.choose import EMBEDDED

    name, error = next(iter(failed.items()))
    first = error.diagnostics[0]
    where = f"node {name}: " if len(builder.nodes) > 1 else ""
    hint = f"the builder {builder.name} is forgotten"
    if builder.driver == EMBEDDED:
        hint = f"try again, or forget the builder alone: bakepy rm --keep-daemon {builder.name}"
    elif builder.driver == "docker-container":
        from bakepy.drivers.container_spec import volume
        from bakepy.drivers.docker_container import PREFIX

        names = [PREFIX + node for node in failed]
        volumes = "" if keep.state else " && docker volume rm " + " ".join(map(volume, names))
        what = "its containers were" if len(names) > 1 else f"its container {names[0]} was"
        hint += f", but {what} not removed; once the Engine answers: docker rm -f {' '.join(names)}{volumes}"
    return BakeError(
        [
            Diagnostic(f"{where}{first.summary}", first.detail, hint=first.hint),
            Diagnostic("", hint=hint, severity=Severity.WARNING),
        ]
    )
