"""`bakepy stop`: stop the nodes of a builder, their build caches kept."""

from __future__ import annotations

from collections.abc import Sequence

from bakepy.cli import command
from bakepy.diagnostics import BakeError

FLAGS = (command.BUILDER, command.TIMEOUT, *command.COMMON)
USAGE = """Usage: bakepy stop [OPTIONS] [NAME]

Stop a builder; the next build starts it again, with its build cache."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = command.begin(USAGE, FLAGS, argv, at_most=1)
    if given is None:
        return 0
    import asyncio

    from bakepy.builders.state import NodeState
    from bakepy.settings import Settings

    settings = Settings()
    within = command.seconds(given)
    builder = command.builder(given.arguments[0] if given.arguments else given.text("builder"), settings)

    async def stop(node: NodeState) -> None:
        if node.driver:
            try:
                async with asyncio.timeout(within):
                    await node.driver.stop()
            except TimeoutError:
                raise BakeError.of(
                    f"the node did not stop within {within:g}s", hint="give it more with --timeout"
                ) from None

    async def run() -> None:
        await command.on_nodes(await command.made(builder, settings), stop)

    asyncio.run(run())
    return 0
