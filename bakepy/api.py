"""Load definitions, plan them and build them from Python.

    config = bakepy.load(targets=["app"], overrides=["app.tags=example/app:1"])
    outcomes = asyncio.run(bakepy.build(bakepy.plan(config)))

Paths are relative to the working directory, as on the command line. What the user can mend raises BakeError.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from bakepy.diagnostics import BakeError
from bakepy.executor.outcome import Outcome
from bakepy.planner.config import Config
from bakepy.planner.graph import SolveGraph
from bakepy.planner.spec import SolveSpec
from bakepy.progress.events import Event, Message, Reporter
from bakepy.records import Record
from bakepy.settings import Settings


class Plan(Record):
    """Hold what a build runs: the solve of each target by its name, and the graph in which equal ones are merged."""

    __slots__ = ("config", "specs", "graph")

    def __init__(self, config: Config, specs: Mapping[str, SolveSpec], graph: SolveGraph) -> None:
        self.config: Final = config
        self.specs: Final = specs
        self.graph: Final = graph


class _Told(Reporter):
    def __init__(self, report: Callable[[Event], None]) -> None:
        self._report = report

    def report(self, event: Event) -> None:
        self._report(event)


def load(
    files: Iterable[str | os.PathLike[str]] = (),
    targets: Iterable[str] = ("default",),
    *,
    overrides: Iterable[str] = (),
    variables: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Return the targets that names, groups and wildcards select, whole and checked; raises BakeError.

    Without `files`, the usual ones of the working directory are read. `overrides` are `pattern.attribute=value`, as
    `--set` takes them; `variables` go before those of `environment`, which is the process's own where it is None.
    """
    from bakepy.evaluator.functions.library import Surroundings
    from bakepy.planner import overrides as changes
    from bakepy.planner.checks import check, complete
    from bakepy.planner.define import World, define
    from bakepy.planner.load import read
    from bakepy.planner.options import ineffective
    from bakepy.planner.select import select
    from bakepy.platforms import local

    settings = Settings(environment)
    known = settings.bake_environment
    wanted = [changes.parse(text, known.get) for text in overrides]
    world = World(
        Surroundings(now=lambda: datetime.now().astimezone(), home=lambda: os.path.expanduser("~")),
        dict(variables or {}),
        known,
        {"BAKE_CMD_CONTEXT": "cwd://", "BAKE_LOCAL_PLATFORM": str(local())},
    )
    found = define(read([os.fspath(file) for file in files], _no_stdin), world)
    config = select(found, list(targets), wanted)
    config.warnings += found.warnings
    complete(config, settings.lookup)
    config.warnings += ineffective(config, config.targets)
    check(config, settings.lookup)
    return config


def plan(config: Config) -> Plan:
    """Return what building the targets takes, without asking any engine; raises BakeError."""
    from bakepy.planner.graph import build_graph
    from bakepy.planner.specify import specify

    specs = specify(config.targets, config.definition.origin, config.folders)
    return Plan(config, specs, build_graph(specs))


async def build(
    plan: Plan,
    *,
    builder: str = "",
    allow: Iterable[str] = (),
    report: Callable[[Event], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Outcome]:
    """Build a plan and return what came of each target by its name: a target that fails is an outcome, not an error.

    `allow` is what targets may use beyond the working directory, as `--allow` takes it. `report` is called with each
    event. Being cancelled, it returns once nothing runs any more. Raises BakeError where nothing could be started.
    """
    from bakepy.builders.choose import choose
    from bakepy.executor.check import check, mixed_secrets, uses_s3
    from bakepy.executor.environment import Environment
    from bakepy.executor.proxies import proxies
    from bakepy.executor.run import run
    from bakepy.planner.places import related
    from bakepy.planner.policies import check as check_policies

    settings = Settings(environment)
    check_policies(plan.config, plan.specs, default=settings.default_policy, source=settings.source_policy)
    _require_grants(plan, allow, settings)
    variables = settings.environment()
    check(plan.specs, variables, partial(related, plan.config.definition))
    chosen = choose(builder or settings.builder, settings)
    env = Environment(variables, settings.docker_config, proxies(settings.docker_config, chosen.load_into.url))
    reporter = _Told(report) if report else Reporter()
    unsupported = settings.unsupported(s3=uses_s3(plan.specs.values()))
    for warning in (*chosen.warnings, *mixed_secrets(plan.config, plan.specs, variables), *unsupported):
        reporter.report(Message(str(warning), "warning"))
    return await run(plan.graph, chosen, reporter, env, plan.specs)


def _require_grants(plan: Plan, allow: Iterable[str], settings: Settings) -> None:
    """Raise BakeError where targets use more than is allowed, as the command does where it cannot ask."""
    from bakepy.planner.entitlements import needs, parse, refused

    asked = needs(plan.specs.values(), parse(allow).plus(plan.config.granted))
    files = settings.checks_files(remote=plan.config.definition.origin is not None)
    if stopping := refused(asked, files=files):
        flags = json.dumps([need.flag for need in stopping], ensure_ascii=False)
        words = "; ".join(need.words for need in stopping)
        raise BakeError.of("additional privileges requested", words, hint=f"Pass allow={flags} to grant them.")


def _no_stdin() -> bytes:
    raise BakeError.of("standard input is not a definition here", hint="name a file")
