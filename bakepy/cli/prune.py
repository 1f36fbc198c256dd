"""`bakepy prune`: remove what nobody needs from the build cache."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bakepy.cli import command
from bakepy.cli.flags import Flag, Given
from bakepy.cli.standard import confirmed
from bakepy.diagnostics import BakeError

if TYPE_CHECKING:
    from bakepy.builders.state import NodeState
    from bakepy.builders.store import StoredBuilder
    from bakepy.buildkit.client import Client
    from bakepy.buildkit.requests import CacheRecord, PruneRequest
    from bakepy.settings import Settings

FLAGS = (
    Flag("all", "Remove internal and frontend images, too", short="a"),
    Flag("filter", "Remove records for which this holds, such as until=24h, type=regular", "FILTER", repeats=True),
    Flag("force", "Do not ask", short="f"),
    Flag("max-used-space", "Space that the cache may take, such as 20gb", "BYTES"),
    Flag("min-free-space", "Space that shall be free on the disk afterwards", "BYTES"),
    Flag("reserved-space", "Space that the cache may always keep", "BYTES"),
    Flag("keep-storage", "The old name of --reserved-space", "BYTES", hidden=True),
    Flag("verbose", "Show each record in full"),
    command.BUILDER,
    command.TIMEOUT,
    *command.COMMON,
)
USAGE = """Usage: bakepy prune [OPTIONS]

Remove build cache."""

ALL_WARNING = "WARNING! This will remove all build cache. Are you sure you want to continue?"
WARNING = "WARNING! This will remove all dangling build cache. Are you sure you want to continue?"

COLUMNS = "{:<40} {:<13} {:<12} {}"

LIMITS_SINCE = (0, 17)
"""The version of BuildKit that first knew limits by space."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = command.begin(USAGE, FLAGS, argv)
    if given is None:
        return 0
    if given.text("keep-storage"):
        command.tell("Flag --keep-storage has been deprecated, keep-storage flag has been changed to reserved-space")
    from bakepy.settings import Settings

    settings = Settings()
    request = _request(given, settings)
    if not given.switch("force") and not confirmed(ALL_WARNING if request.all else WARNING, sys.stdout):
        return 0
    import asyncio

    from bakepy.cli.usage import sizes

    printer = _Printer(verbose=bool(given.switch("verbose")))
    builder = command.builder(given.text("builder"), settings)
    asyncio.run(_prune(builder, settings, request, printer, command.seconds(given)))
    print(sizes([("Total", printer.total)]), end="")
    return 0


def _request(given: Given, settings: Settings) -> PruneRequest:
    from bakepy.buildkit.requests import PruneRequest
    from bakepy.cli.filters import parse, usual
    from bakepy.cli.units import parse_size

    reserved = "keep-storage" if "keep-storage" in given.values else "reserved-space"
    wanted = parse([*given.all("filter"), *usual(settings)])
    return PruneRequest(
        filters=wanted.conditions,
        all=bool(given.switch("all")),
        keep_duration=wanted.keep_duration,
        reserved_space=command.argument(given, reserved, parse_size, "0"),
        max_used_space=command.argument(given, "max-used-space", parse_size, "0"),
        min_free_space=command.argument(given, "min-free-space", parse_size, "0"),
    )


class _Printer:
    """Print records as they go, and add their sizes up."""

    def __init__(self, *, verbose: bool) -> None:
        self.total = 0
        self._verbose = verbose
        self._first = True

    def show(self, record: CacheRecord) -> None:
        from bakepy.cli.template import parse, render, show
        from bakepy.cli.usage import PRETTY, row

        self.total += record.size
        if self._verbose:
            print(render(parse(PRETTY), row(record, table=False)), flush=True)
            return
        if self._first:
            print(COLUMNS.format("ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED"))
            self._first = False
        found = row(record, table=True)
        cells = (show(found[name]) for name in ("ID", "Reclaimable", "Size", "LastUsedAt"))
        print(COLUMNS.format(*cells), flush=True)


async def _prune(
    builder: StoredBuilder, settings: Settings, request: PruneRequest, printer: _Printer, within: float
) -> None:
    """Prune all nodes at once."""

    async def prune(node: NodeState) -> None:
        async with command.connected(node, within) as client:
            if request.max_used_space or request.min_free_space:
                await _check_limits(client)
            async for record in client.prune(request):
                printer.show(record)

    await command.on_nodes(await command.made(builder, settings), prune)


async def _check_limits(client: Client) -> None:
    """Raise where the daemon would take limits that it does not know for none at all."""
    version = (await client.info()).version
    found = re.match(r"v?(\d+)\.(\d+)", version)
    # A build of one's own may have no version: it is taken for new.
    if not version or (found and (0, 0) < (int(found[1]), int(found[2])) < LIMITS_SINCE):
        raise BakeError.of(
            "buildkit v0.17.0+ is required for max-used-space and min-free-space filters",
            f"the builder has {version or 'an older one'}",
            hint="use --reserved-space",
        )
