"""Run a build: check, plan, execute, report."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakepy.diagnostics import one_line, printable
from bakepy.executor.environment import Environment
from bakepy.model.text import quote
from bakepy.planner.config import Config
from bakepy.progress.choose import choose
from bakepy.progress.events import Message
from bakepy.progress.steady import Steady
from bakepy.settings import Settings

if TYPE_CHECKING:
    from bakepy.builders.builder import Builder
    from bakepy.cli.build import RunOptions
    from bakepy.executor.outcome import Json, Outcome
    from bakepy.planner.graph import SolveGraph
    from bakepy.planner.spec import Dockerfile, SolveSpec
    from bakepy.progress.events import Reporter

DESCRIPTORS = 8192
"""Files that may be open at once, where the system lets us: exports of a release hold many, and 1,024 is usual."""
UNTOLD = ("none", "rawjson")
"""Displays that leave it to others to say what failed."""


def run(config: Config, options: RunOptions) -> int:
    """Build the targets of a config and return the exit status.

    That is 0 where all were built, 1 where one failed, 130 when interrupted, 143 when terminated, and a check's own
    status. Raises BakeError for what is wrong before anything is built.
    """
    from bakepy.builders.choose import choose as choose_builder
    from bakepy.cli.consent import ask
    from bakepy.cli.selection import warn
    from bakepy.executor.check import check, mixed_secrets, uses_s3
    from bakepy.executor.proxies import proxies
    from bakepy.planner.entitlements import parse
    from bakepy.planner.graph import build_graph
    from bakepy.planner.places import related
    from bakepy.planner.policies import check as check_policies
    from bakepy.planner.specify import specify

    if options.metadata_file:
        from bakepy.executor.outcome import check_metadata

        check_metadata(Path(options.metadata_file))
    settings = Settings()
    specs = specify(config.targets, config.definition.origin, config.folders)
    check_policies(config, specs, default=settings.default_policy, source=settings.source_policy)
    ask(
        specs.values(),
        parse(options.allow).plus(config.granted),
        settings,
        progress=options.progress,
        words=options.words,
        remote=options.remote,
    )
    check(specs, settings.environment(), partial(related, config.definition))
    unsupported = settings.unsupported(s3=uses_s3(specs.values()))
    warn([*mixed_secrets(config, specs, settings.environment()), *unsupported])
    graph = build_graph(specs)
    reporter: Reporter = Steady(choose(options.progress, sys.stderr))
    builder = choose_builder(options.builder, settings)
    for warning in builder.warnings:
        reporter.report(Message(str(warning), "warning"))
    reporter.report(_building_with(builder))
    env = Environment(
        settings.environment(),
        settings.docker_config,
        proxies(settings.docker_config, builder.load_into.url),
        provenance=settings.metadata_provenance if options.metadata_file else "",
    )
    warnings: list[Json] = []
    if options.metadata_file and settings.metadata_warnings and not options.call:
        from bakepy.executor.warned import WarningsKeeper

        reporter = WarningsKeeper(reporter, warnings)
    outcomes = execute(graph, builder, reporter, env, specs)
    if isinstance(outcomes, int):
        return outcomes
    return finish(config, options, outcomes, {name: spec.dockerfile for name, spec in specs.items()}, warnings)


def _building_with(builder: Builder) -> Message:
    driver = builder.nodes[0].driver.name
    return Message(f"building with {quote(builder.name)} instance using {driver} driver", "builder")


def execute(
    graph: SolveGraph, builder: Builder, reporter: Reporter, env: Environment, specs: Mapping[str, SolveSpec]
) -> dict[str, Outcome] | int:
    """Run the graph; return the exit status where a signal interrupted it, once nothing of it runs any more.

    A second interrupt ends the process at once.
    """
    import asyncio
    import gc

    from bakepy.cli.signals import Signals
    from bakepy.executor.run import run as run_graph

    # What there is by now stays: only what the run itself makes is worth a look.
    gc.freeze()
    gc.enable()
    allow_descriptors()

    async def main() -> dict[str, Outcome] | int:
        task = asyncio.ensure_future(run_graph(graph, builder, reporter, env, specs))
        signals = Signals(task.cancel, reporter.close)
        signals.install(asyncio.get_running_loop())
        try:
            return await task
        except asyncio.CancelledError:
            if not signals.status:
                raise
            return signals.status

    try:
        return asyncio.run(main())
    finally:
        reporter.close()


def allow_descriptors() -> None:
    """Let the process open as many files as it may, within reason, as programs in Go do by themselves."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def finish(
    config: Config,
    options: RunOptions,
    outcomes: Mapping[str, Outcome],
    dockerfiles: Mapping[str, Dockerfile],
    warnings: Sequence[Json] = (),
) -> int:
    """Write the metadata file, print answers to calls, and return the exit status."""
    from bakepy.executor.outcome import INLINE_MESSAGE, write_metadata
    from bakepy.planner.scheduler import State

    failed = [o for o in outcomes.values() if o.state is not State.DONE]
    if options.metadata_file and len(failed) < len(outcomes):
        write_metadata(Path(options.metadata_file), outcomes, warnings)
    status = 0
    if answers := {n: o.answer for n, o in sorted(outcomes.items()) if o.answer}:
        from bakepy.cli.answers import show

        ignore_status = options.call_ignores_status
        status = show(config, answers, dockerfiles, options.call_format, ignore_status=ignore_status)
    for name, outcome in sorted(outcomes.items()):
        if message := outcome.response.get(INLINE_MESSAGE):
            print(printable(f"\n# {name}\n{message}"))
    if failed and options.progress in UNTOLD:
        print(f"ERROR: {one_line(summary(failed))}", file=sys.stderr)
    return 1 if failed else status


def summary(failed: list[Outcome]) -> str:
    """Return one line on what failed."""
    from bakepy.planner.scheduler import State

    first = next((o for o in failed if o.state is State.FAILED), failed[0])
    rest = len(failed) - 1
    others = f" ({rest} more target{'s' if rest > 1 else ''} failed or could not be built)" if rest else ""
    return f"target {first.target}: {first.error}{others}"
