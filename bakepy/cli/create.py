"""`bakepy create`: make a builder, add a node to one, or change one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bakepy.cli import command, flags
from bakepy.cli.flags import Flag, Given
from bakepy.diagnostics import BakeError, Diagnostic

if TYPE_CHECKING:
    from bakepy.builders.store import StoredBuilder
    from bakepy.settings import Settings

FLAGS = (
    Flag("name", "Name of the builder", "NAME"),
    Flag("driver", "Driver to use: docker-container, embedded or remote", "DRIVER"),
    Flag("driver-opt", "Option of the driver", "KEY=VALUE", repeats=True),
    Flag("node", "Create or change the node of this name", "NAME"),
    Flag("platform", "Platforms that the node shall build", "PLATFORM", repeats=True),
    Flag("append", "Add a node to a builder instead of changing it"),
    Flag("leave", "Take a node away from a builder instead of changing it"),
    Flag("buildkitd-config", "Configuration file of the BuildKit daemon", "FILE"),
    Flag("config", "The same as --buildkitd-config", "FILE", hidden=True),
    Flag("buildkitd-flags", "Flags of the BuildKit daemon", "FLAGS"),
    Flag("bootstrap", "Start the builder at once"),
    Flag("use", "Choose the builder for what follows"),
    command.TIMEOUT,
    flags.BUILDER,
    *command.COMMON,
)
USAGE = """Usage: bakepy create [OPTIONS] [CONTEXT|ENDPOINT]

Make a builder: at a Docker context, or at the address of a Docker Engine or a BuildKit.

Without --driver, an address with one of these schemes is that of a BuildKit that runs already (driver remote):
  unix:///PATH/OF/SOCKET   tcp://HOST[:1234]   ssh://[USER@]HOST   docker-container://NAME   kube-pod://POD
With any other, or none, BuildKit is started in a container of that Docker Engine (driver docker-container).

Options of the driver (--driver-opt):
  docker-container   image, network, memory, memory-swap, cpu-quota, cpu-period, cpu-shares, cpuset-cpus, cpuset-mems,
                     cgroup-parent, restart-policy, default-load, env.NAME, provenance-add-gha, allow-untrusted-image
  remote             cacert, cert, key, servername, default-load
  embedded           none"""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = command.begin(USAGE, FLAGS, argv, at_most=1)
    if given is None:
        return 0
    from bakepy.builders.create import Wish, create, leave
    from bakepy.settings import Settings

    settings = Settings()
    if given.switch("leave"):
        leave(given.text("name"), given.text("node"), settings)
        return 0
    wish = Wish(
        name=given.text("name"),
        driver=given.text("driver"),
        node=given.text("node"),
        endpoint=given.arguments[0] if given.arguments else "",
        platforms=tuple(given.all("platform")),
        driver_options=_options(given),
        daemon_flags=given.text("buildkitd-flags"),
        daemon_config=given.text("buildkitd-config") or given.text("config"),
        append=bool(given.switch("append")),
    )
    builder = create(wish, settings, use=bool(given.switch("use")), timeout=command.seconds(given))
    if given.switch("bootstrap"):
        _bootstrap(builder, settings, command.seconds(given))
    print(builder.name)
    return 0


def _options(given: Given) -> dict[str, str] | None:
    """Return the driver's options, of which one flag may hold several between commas. Raises BakeError."""
    from bakepy.model.text import EntryError, split_csv

    found: dict[str, str] = {}
    for text in given.all("driver-opt"):
        try:
            items = split_csv(text)
        except EntryError as fault:
            raise BakeError.of(str(fault)) from None
        for item in items:
            key, equals, value = item.partition("=")
            if not equals:
                raise BakeError.of(f'invalid value "{item}", expecting k=v', hint=_quoting(items))
            found[key] = value
    return found or None


def _quoting(items: Sequence[str]) -> str:
    """Return how to write options of which values have commas, which the comma between options takes apart."""
    import shlex

    whole: list[str] = []
    for item in items:
        if "=" in item or not whole:
            whole.append(item)
        else:
            whole[-1] += f",{item}"
    if "=" not in whole[0]:
        return "Write --driver-opt KEY=VALUE."
    quoted = ('"' + item.replace('"', '""') + '"' if "," in item else item for item in whole)
    return f"Write --driver-opt {shlex.quote(','.join(quoted))} for a value with commas."


def _bootstrap(builder: StoredBuilder, settings: Settings, within: float) -> None:
    import asyncio

    from bakepy.builders.state import boot, load

    async def run() -> None:
        with command.telling() as sayer:
            await boot(await load(builder, settings, within=within), sayer)

    try:
        asyncio.run(run())
    except BakeError as error:
        first, *others = error.diagnostics
        name = builder.name
        kept = f"the builder {name} stays; start it again: bakepy inspect --bootstrap {name}, or bakepy rm {name}"
        hint = f"{first.hint}; {kept}" if first.hint else kept
        raise BakeError([Diagnostic(first.summary, first.detail, hint=hint), *others]) from error
