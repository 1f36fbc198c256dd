"""`bakepy inspect`: show a builder, its nodes, and what their BuildKit says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bakepy.cli import command, listing
from bakepy.cli.flags import Flag
from bakepy.cli.tabular import align
from bakepy.cli.units import binary_size, duration
from bakepy.diagnostics import one_line

if TYPE_CHECKING:
    from bakepy.builders.state import BuilderState, NodeState
    from bakepy.builders.store import StoredBuilder
    from bakepy.buildkit.requests import Device, GcRule
    from bakepy.drivers.interface import Driver
    from bakepy.settings import Settings

FLAGS = (
    Flag("bootstrap", "Start the builder before it is shown"),
    command.BUILDER,
    command.TIMEOUT,
    *command.COMMON,
)
USAGE = """Usage: bakepy inspect [OPTIONS] [NAME]

Show a builder: the named one, else the one that is used where none is named."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = command.begin(USAGE, FLAGS, argv, at_most=1)
    if given is None:
        return 0
    import asyncio

    from bakepy.settings import Settings

    settings = Settings()
    builder = command.builder(given.arguments[0] if given.arguments else given.text("builder"), settings)
    debug = bool(given.switch("debug"))
    bootstrap = bool(given.switch("bootstrap"))
    state, features = asyncio.run(_load(builder, settings, command.seconds(given), bootstrap=bootstrap, debug=debug))
    print(align("\n".join(map(one_line, _lines(state, features))) + "\n"), end="")
    return 0


async def _load(
    builder: StoredBuilder, settings: Settings, within: float, *, bootstrap: bool, debug: bool
) -> tuple[BuilderState, dict[str, dict[str, bool]]]:
    """Return the state, and where that is wanted what each node can do, by the node's name."""
    from bakepy.builders.state import boot, load

    state = await load(builder, settings, within=within)
    if bootstrap:
        with command.telling() as sayer:
            booted = await boot(state, sayer)
        if booted:
            state = await load(builder, settings, within=within)
    able = [node for node in state.nodes if debug and node.driver and not node.error]
    return state, {node.stored.name: await _features(node.driver) for node in able if node.driver}


async def _features(driver: Driver) -> dict[str, bool]:
    """Return what a node can do, in the reference's words and order."""
    from bakepy.drivers.interface import Capability

    able = await driver.capabilities()
    # An Engine's own BuildKit, without a store for images of several platforms, cannot push them itself, either.
    exports = Capability.OCI_EXPORTER in able
    found = {
        "Automatically load images to the Docker Engine image store": bool(
            able & {Capability.LOADS_BY_ITSELF, Capability.LOADS_BY_DEFAULT}
        ),
        "Cache export": Capability.CACHE_EXPORT in able,
        "Direct push": exports,
        "Docker exporter": Capability.DOCKER_EXPORTER in able,
        "Multi-platform build": Capability.MULTI_PLATFORM in able,
        "OCI exporter": exports,
    }
    return found | ({"Prefer image digest": exports} if Capability.LOADS_BY_ITSELF in able else {})


def _lines(state: BuilderState, features: dict[str, dict[str, bool]]) -> Iterator[str]:
    """Yield lines whose columns are divided by tabs."""
    yield f"Name:\t{state.stored.name}"
    yield f"Driver:\t{listing.driver_name(state)}"
    if state.last_activity:
        yield f"Last Activity:\t{state.last_activity:%Y-%m-%d %H:%M:%S +0000 UTC}"
    if state.error:
        yield f"Error:\t{state.error}"
        return
    yield ""
    yield "Nodes:"
    for number, node in enumerate(state.nodes):
        if number:
            yield ""
        yield from _node(node, features.get(node.stored.name, {}))


def _node(node: NodeState, features: dict[str, bool]) -> Iterator[str]:
    stored, info = node.stored, node.info
    yield f"Name:\t{stored.name}"
    yield f"Endpoint:\t{stored.endpoint}"
    if stored.driver_options:
        options = (f'{key}="{value}"' for key, value in sorted(stored.driver_options.items()))
        yield f"Driver Options:\t{' '.join(options)}"
    if node.error:
        yield f"Error:\t{node.error}"
        return
    yield f"Status:\t{listing.status(node)}"
    if stored.flags:
        yield f"BuildKit daemon flags:\t{' '.join(stored.flags)}"
    if info and info.version:
        yield f"BuildKit version:\t{info.version}"
    if names := listing.platforms(node):
        yield f"Platforms:\t{', '.join(names)}"
    if features:
        yield "Features:"
        yield from (f"\t{name}:\t{str(able).lower()}" for name, able in features.items())
    if info and info.labels:
        yield "Labels:"
        yield from (f"\t{name}:\t{value}" for name, value in sorted(info.labels.items()))
    workers = info.workers if info else ()
    if workers:
        yield from _devices(workers[-1].devices)
        for number, rule in enumerate(workers[0].gc_rules):
            yield f"GC Policy rule#{number}:"
            yield from _rule(rule)
    for name, data in sorted((stored.files or {}).items()):
        yield f"File#{name}:"
        shown = f"({len(data)} bytes of a private key)" if b"PRIVATE KEY" in data else data.decode("utf-8", "replace")
        yield from (f"\t> {line}" for line in shown.split("\n"))


def _devices(devices: Sequence[Device]) -> Iterator[str]:
    if devices:
        yield "Devices:"
    for device in devices:
        yield f"\tName:\t{device.name}"
        if device.on_demand:
            yield "\tOn-Demand:\ttrue"
        else:
            yield f"\tAutomatically allowed:\t{str(device.auto_allow).lower()}"
        if device.annotations:
            yield "\tAnnotations:"
            yield from (f"\t\t{name}:\t{value}" for name, value in sorted(device.annotations.items()))


def _rule(rule: GcRule) -> Iterator[str]:
    yield f"\tAll:\t{str(rule.all).lower()}"
    if rule.filters:
        yield f"\tFilters:\t{' '.join(rule.filters)}"
    if rule.keep_duration > 0:
        yield f"\tKeep Duration:\t{duration(rule.keep_duration)}"
    for name, size in (
        ("Reserved Space", rule.reserved_space),
        ("Max Used Space", rule.max_used_space),
        ("Min Free Space", rule.min_free_space),
    ):
        if size > 0:
            yield f"\t{name}:\t{binary_size(size)}"
