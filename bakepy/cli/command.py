"""What the commands on builders share: flags, asking back, and doing something on all nodes at once."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeVar

from bakepy.cli import flags
from bakepy.cli.flags import Flag, Given
from bakepy.diagnostics import BakeError, one_line

if TYPE_CHECKING:
    from bakepy.builders.state import BuilderState, NodeState
    from bakepy.builders.store import StoredBuilder
    from bakepy.buildkit.client import Client
    from bakepy.drivers.interface import Amount
    from bakepy.progress.events import Reporter
    from bakepy.settings import Settings

T = TypeVar("T")

BUILDER = Flag("builder", "Use this builder", "NAME")
TIMEOUT = Flag("timeout", "How long a node has to answer (20s)", "DURATION")
COMMON = flags.COMMON


def begin(usage: str, known: Sequence[Flag], argv: Sequence[str], *, at_most: int | None = 0) -> Given | None:
    """Read a command line; return None once help was printed. Raises BakeError, also for too many arguments."""
    given = flags.parse(known, argv)
    if given.switch("help"):
        print(f"{usage}\n\nOptions:\n{flags.usage(known)}", end="")
        return None
    if flags.BUILDER in known and given.text("builder"):
        tell(f"WARNING: --builder has no effect on {_name(usage)}")
    if at_most is not None and len(given.arguments) > at_most:
        allowed = f"at most {at_most} argument{'s' if at_most > 1 else ''}" if at_most else "no arguments"
        raise BakeError.of(
            f'"{_name(usage)}" accepts {allowed}', f"it was given {' '.join(given.arguments)}", hint=_synopsis(usage)
        )
    return given


def _synopsis(usage: str) -> str:
    return usage.partition("\n")[0].removeprefix("Usage: ")


def _name(usage: str) -> str:
    return " ".join(_synopsis(usage).split()[:2])


def builder(name: str, settings: Settings) -> StoredBuilder:
    """Return the builder that a name means, or none does; a clash of names is told. Raises BakeError."""
    from bakepy.builders.choose import find

    found = find(name, settings)
    tell_clash(found, settings)
    return found


def tell_clash(found: StoredBuilder, settings: Settings) -> None:
    """Warn on standard error where another builder has this one's name, too."""
    from bakepy.builders.choose import clash

    for warning in clash(found, settings):
        tell(f"WARNING: {warning}", f"  hint: {warning.hint}")


def tell_faults(faults: Sequence[BakeError]) -> None:
    """Warn on standard error of what was left out, each once."""
    for fault in {str(fault): fault for fault in faults}.values():
        tell(f"WARNING: {fault}", *(f"  hint: {d.hint}" for d in fault.diagnostics if d.hint))


def seconds(given: Given) -> float:
    """Return `--timeout`; 0 and less mean to wait as long as it takes, if that is less than a day. Raises BakeError."""
    from bakepy.cli.units import SECOND, parse_duration

    wanted = argument(given, "timeout", parse_duration, "20s") / SECOND
    return wanted if wanted > 0 else 86400.0


def argument(given: Given, name: str, read: Callable[[str], T], default: str = "") -> T:
    """Return the value of a flag as `read` understands it; its BakeError is told as one of the flag."""
    text = given.text(name, default)
    try:
        return read(text)
    except BakeError as error:
        first = error.diagnostics[0]
        raise BakeError.of(
            f'invalid argument "{text}" for "--{name}" flag: {first.summary}', first.detail, hint=first.hint
        ) from None


def tell(*lines: str) -> None:
    """Show lines on standard error; what they name cannot add further ones."""
    print(*map(one_line, lines), sep="\n", file=sys.stderr, flush=True)


@contextmanager
def telling(mode: str = "auto") -> Iterator[Callable[[str], Callable[[str | Amount], None]]]:
    """Show on standard error what nodes say that are started; yields what `bakepy.builders.state.boot` takes."""
    from bakepy.progress.choose import check

    check(mode)
    shown: list[Reporter] = []

    def sayer(prefix: str) -> Callable[[str | Amount], None]:
        from bakepy.executor.telling import Teller
        from bakepy.progress.choose import choose

        # A display appears once there is something to start.
        shown.extend([] if shown else [choose(mode, sys.stderr)])
        return Teller(shown[0].report, prefix)

    try:
        yield sayer
    finally:
        for reporter in shown:
            reporter.close()


async def made(builder: StoredBuilder, settings: Settings) -> BuilderState:
    """Return a builder with its drivers. Raises what they cannot use."""
    from bakepy.builders.state import load

    state = await load(builder, settings, ask=False)
    for error in (state.error, *(node.error for node in state.nodes)):
        if error:
            raise error
    return state


@asynccontextmanager
async def connected(node: NodeState, within: float) -> AsyncIterator[Client]:
    """Dial a node and talk to its BuildKit while the context lasts. Raises DriverError or TransportError."""
    from bakepy.buildkit.client import Client
    from bakepy.drivers.interface import DriverError

    if node.driver is None:
        raise BakeError.of(f"the node {node.stored.name} has no driver")
    async with AsyncExitStack() as stack:
        try:
            endpoint = await stack.enter_async_context(node.driver.dial())
        except DriverError as error:
            raise await _not_running(node, error) from error
        yield await stack.enter_async_context(Client.connect(endpoint, within=within))


async def _not_running(node: NodeState, error: BakeError) -> BakeError:
    """Return what to tell of a node that could not be dialled. Raises DriverError where it cannot be asked at all."""
    from bakepy.drivers.interface import Status

    if node.driver is None or (await node.driver.inspect()).status is Status.RUNNING:
        return error
    return BakeError.of(
        f"the node {node.stored.name} is not running", str(error), hint="start it: bakepy inspect --bootstrap NAME"
    )


async def on_nodes(state: BuilderState, act: Callable[[NodeState], Awaitable[T]]) -> list[T]:
    """Do something on all nodes at once; raises the first error once all have ended, which names its node."""
    import asyncio

    ended = await asyncio.gather(*(act(node) for node in state.nodes), return_exceptions=True)
    good: list[T] = []
    for node, result in zip(state.nodes, ended, strict=True):
        if isinstance(result, BakeError) and len(state.nodes) > 1:
            first = result.diagnostics[0]
            raise BakeError.of(f"node {node.stored.name}: {first.summary}", first.detail, hint=first.hint) from result
        if isinstance(result, BaseException):
            raise result
        good.append(result)
    return good
