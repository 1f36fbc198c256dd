"""`bakepy ls`: list the builders and how their nodes are."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from bakepy.cli import command, flags, formatting, listing
from bakepy.cli.flags import Flag
from bakepy.cli.template import Object
from bakepy.diagnostics import BakeError, one_line, printable_json

if TYPE_CHECKING:
    from bakepy.builders.state import BuilderState
    from bakepy.settings import Settings

FLAGS = (
    Flag("format", "table, json, or a Go template, such as '{{.Name}}: {{.Status}}'", "FORMAT"),
    Flag("no-trunc", "Show all platforms"),
    command.TIMEOUT,
    flags.BUILDER,
    *command.COMMON,
)
USAGE = """Usage: bakepy ls [OPTIONS]

List builders. A template's fields are .Name, .DriverEndpoint, .LastActivity, .Status, .Buildkit, .Platforms, .Error
and .Builder, the whole builder, such as {{.Builder.Driver}} or {{json .Builder}}."""

TABLE = "table {{.Name}}\t{{.DriverEndpoint}}\t{{.Status}}\t{{.Buildkit}}\t{{.Platforms}}"
HEADINGS = {
    "Name": "NAME/NODE",
    "DriverEndpoint": "DRIVER/ENDPOINT",
    "LastActivity": "LAST ACTIVITY",
    "Status": "STATUS",
    "Buildkit": "BUILDKIT",
    "Platforms": "PLATFORMS",
    "Error": None,
    "Builder": None,
}


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = command.begin(USAGE, FLAGS, argv)
    if given is None:
        return 0
    import asyncio

    from bakepy.builders.choose import current, everything
    from bakepy.builders.state import load_all
    from bakepy.builders.store import StoreError
    from bakepy.settings import Settings

    settings = Settings()
    form = given.text("format", "table")
    faults: list[StoreError] = []
    states = asyncio.run(load_all(everything(settings, faults), settings, within=command.seconds(given)))
    # What cannot be reached comes last.
    states.sort(key=lambda state: state.error is not None)
    chosen = ("", "")
    try:
        selected = current(settings)
        chosen = (selected.name, selected.driver)
    except StoreError as error:
        faults.append(error)
    command.tell_faults(faults)
    told = {state.stored.name: state.stored for state in reversed(states)}
    for name in sorted(told):
        command.tell_clash(told[name], settings)
    proxies = _proxies(settings)

    def whole_as_json(state: BuilderState) -> str:
        return _json(fields(state))

    def fields(state: BuilderState) -> Mapping[str, object]:
        return listing.record(state, current=_is(state, chosen), proxies=proxies)

    if formatting.is_json(form):
        for state in states:
            print(whole_as_json(state))
        return 0
    table, whole = formatting.is_table(form), bool(given.switch("no-trunc"))
    rows = [
        # In a template, too, the JSON of a row is all that is known of its builder.
        Object({**row, "Builder": Object(fields(state), partial(whole_as_json, state))}, partial(whole_as_json, state))
        for state in states
        for row in listing.rows(state, current=_is(state, chosen), table=table, whole=whole)
    ]
    print(formatting.show(TABLE if form == "table" else form, rows, HEADINGS), end="")
    if table:
        sys.stdout.flush()
        _explain(states)
    return 0


def _is(state: BuilderState, chosen: tuple[str, str]) -> bool:
    # A name alone may be that of two.
    return (state.stored.name, state.stored.driver) == chosen


def _json(record: Mapping[str, object]) -> str:
    from bakepy.builders.record import go_json

    return printable_json(go_json(json.loads(json.dumps(record, sort_keys=True))))


def _proxies(settings: Settings) -> dict[str, str]:
    from bakepy.drivers.docker_host import current_context, docker_host
    from bakepy.executor.proxies import proxies

    found = proxies(settings.docker_config, docker_host(settings, current_context(settings)).url)
    return {name: value for name, value in found.items() if name.isupper() and name != "ALL_PROXY"}


def _explain(states: Sequence[BuilderState]) -> None:
    """Say on standard error why builders and nodes could not be asked."""
    lines = []
    for state in states:
        if state.error:
            lines += _lines(f"Cannot load builder {state.stored.name}", state.error)
            continue
        for node in state.nodes:
            if node.error:
                lines += _lines(f"Failed to get status for {state.stored.name} ({node.stored.name})", node.error)
    if lines:
        print("", *map(one_line, lines), sep="\n", file=sys.stderr)


def _lines(what: str, error: BakeError) -> list[str]:
    hints = [f"  hint: {fault.hint}" for fault in error.diagnostics if fault.hint]
    return [f"{what}: {error}", *hints]
