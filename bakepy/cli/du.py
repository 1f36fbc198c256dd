"""`bakepy du`: show what the build cache takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bakepy.cli import command, formatting
from bakepy.cli.flags import Flag
from bakepy.diagnostics import BakeError

if TYPE_CHECKING:
    from bakepy.builders.state import NodeState
    from bakepy.builders.store import StoredBuilder
    from bakepy.buildkit.requests import CacheRecord
    from bakepy.settings import Settings

FLAGS = (
    Flag("filter", "Show records for which this holds: key=value, key!=value, key~=regexp", "FILTER", repeats=True),
    Flag("format", "table, pretty, json, or a Go template, such as '{{.ID}}: {{.Size}}'", "FORMAT"),
    Flag("verbose", "The same as --format=pretty"),
    command.BUILDER,
    command.TIMEOUT,
    *command.COMMON,
)
USAGE = """Usage: bakepy du [OPTIONS]

Show the build cache. A template's fields are .ID, .Parents, .CreatedAt, .Mutable, .Reclaimable, .Shared, .Size,
.Description, .UsageCount, .LastUsedAt and .Type."""

TABLE = "table {{.ID}}\t{{.Reclaimable}}\t{{.Size}}\t{{.LastUsedAt}}"
HEADINGS = {
    "ID": "ID",
    "Parents": "PARENTS",
    "CreatedAt": "CREATED AT",
    "Mutable": "MUTABLE",
    "Reclaimable": "RECLAIMABLE",
    "Shared": "SHARED",
    "Size": "SIZE",
    "Description": "DESCRIPTION",
    "UsageCount": "USAGE COUNT",
    "LastUsedAt": "LAST ACCESSED",
    "Type": "TYPE",
}


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = command.begin(USAGE, FLAGS, argv)
    if given is None:
        return 0
    if given.switch("verbose") and given.text("format"):
        raise BakeError.of("--format and --verbose cannot be used together")
    import asyncio

    from bakepy.cli.filters import parse
    from bakepy.cli.usage import PRETTY, row, summary
    from bakepy.settings import Settings

    settings = Settings()
    form = "pretty" if given.switch("verbose") else given.text("format") or "table"
    known = {"pretty": PRETTY, "table": TABLE}
    conditions = parse(given.all("filter")).conditions
    builder = command.builder(given.text("builder"), settings)
    records = asyncio.run(_records(builder, settings, conditions, command.seconds(given)))
    table = formatting.is_table(form)
    print(
        formatting.show(known.get(form, form), [row(record, table=table) for record in records], HEADINGS),
        end="",
    )
    if form in known and not given.all("filter"):
        print(summary(records), end="")
    return 0


async def _records(
    builder: StoredBuilder, settings: Settings, conditions: Sequence[str], within: float
) -> list[CacheRecord]:
    """Return the records of all nodes, asked at the same time."""

    async def ask(node: NodeState) -> tuple[CacheRecord, ...]:
        async with command.connected(node, within) as client:
            return await client.disk_usage(conditions)

    found = await command.on_nodes(await command.made(builder, settings), ask)
    return [record for records in found for record in records]
