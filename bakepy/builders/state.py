"""Ask the nodes of builders how they are, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from bakepy.builders.choose import driver
from bakepy.builders.store import StoredBuilder, StoredNode, last_activity
from bakepy.diagnostics import BakeError
from bakepy.drivers.interface import Amount, Driver, DriverError, NodeInfo, Status
from bakepy.records import Record
from bakepy.settings import Settings

TIMEOUT = 20.0
"""Seconds that a node has to answer."""


class NodeState(Record):
    """Hold a node, the driver that reaches it, and what it says of itself, or why it cannot be asked."""

    __slots__ = ("stored", "driver", "info", "error")

    def __init__(
        self,
        stored: StoredNode,
        driver: Driver | None = None,
        info: NodeInfo | None = None,
        error: BakeError | None = None,
    ) -> None:
        self.stored: Final = stored
        self.driver: Final = driver
        self.info: Final = info
        self.error: Final = error

    @property
    def runs(self) -> bool:
        """Tell whether the node's BuildKit is running."""
        return self.info is not None and self.info.status is Status.RUNNING


class BuilderState(Record):
    """Hold a builder and the states of its nodes; the error is what concerns all of them."""

    __slots__ = ("stored", "nodes", "last_activity", "error")

    def __init__(
        self,
        stored: StoredBuilder,
        nodes: tuple[NodeState, ...],
        last_activity: datetime | None = None,
        error: BakeError | None = None,
    ) -> None:
        self.stored: Final = stored
        self.nodes: Final = nodes
        self.last_activity: Final = last_activity
        self.error: Final = error


async def load(
    builder: StoredBuilder, settings: Settings, *, within: float = TIMEOUT, ask: bool = True
) -> BuilderState:
    """Return a builder's state after at most `within` seconds; without `ask`, its drivers are made and no more."""
    activity = last_activity(settings, builder)
    try:
        made = [_made(builder, node, settings) for node in builder.nodes]
    except BakeError as error:
        return BuilderState(builder, tuple(map(NodeState, builder.nodes)), activity, error)
    nodes = tuple(await asyncio.gather(*(_asked(node, within) for node in made))) if ask else tuple(made)
    # What comes with a Docker context is known only once its Engine answers.
    unknown = nodes[0].error if builder.implicit and nodes else None
    return BuilderState(builder, nodes, activity, unknown)


async def load_all(
    builders: Iterable[StoredBuilder], settings: Settings, *, within: float = TIMEOUT
) -> list[BuilderState]:
    """Return the states of several builders, asked at the same time."""
    return list(await asyncio.gather(*(load(builder, settings, within=within) for builder in builders)))


async def boot(state: BuilderState, sayer: Callable[[str], Callable[[str | Amount], None]]) -> bool:
    """Start the nodes that can be started and do not run, all at once; returns whether there were any.

    `sayer` returns what takes the words of a node, given what shall be put before them. Raises the first node's error
    once all have ended.
    """
    waiting = [node for node in state.nodes if node.driver and node.info and not node.error and not node.runs]

    async def start(node: NodeState, driver: Driver) -> None:
        prefix = f"[{node.stored.name}] " if len(waiting) > 1 else ""
        await driver.boot(sayer(prefix))

    ended = await asyncio.gather(*(start(node, node.driver) for node in waiting if node.driver), return_exceptions=True)
    for error in ended:
        if error:
            raise error
    return bool(waiting)


def _made(builder: StoredBuilder, node: StoredNode, settings: Settings) -> NodeState:
    try:
        return NodeState(node, driver(builder, node, settings))
    except DriverError as error:
        return NodeState(node, error=error)


async def _asked(node: NodeState, within: float) -> NodeState:
    if node.driver is None:
        return node
    try:
        async with asyncio.timeout(within):
            info = await node.driver.inspect()
    except TimeoutError:
        return NodeState(
            node.stored,
            node.driver,
            error=DriverError.of(f"the node did not answer within {within:g}s", hint="give it more with --timeout"),
        )
    except BakeError as error:
        return NodeState(node.stored, node.driver, error=error)
    except (OSError, ValueError) as error:
        # What one builder's files hold keeps nobody from seeing the others.
        fault = DriverError.of("the node cannot be asked", str(error))
        return NodeState(node.stored, node.driver, error=fault)
    return NodeState(node.stored, node.driver, info)
