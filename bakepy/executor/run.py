"""Run a solve graph: connect the nodes, do what the scheduler decides, gather what came of it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final

from bakepy.builders.builder import Builder, Node
from bakepy.buildkit.errors import ConnectionLost, SolveError
from bakepy.buildkit.redaction import RedactingReporter, Redactor
from bakepy.buildkit.requests import Result
from bakepy.diagnostics import BakeError
from bakepy.drivers.interface import Capability
from bakepy.executor.connect import connect
from bakepy.executor.dockerfiles import located
from bakepy.executor.environment import Environment
from bakepy.executor.folders import Folders
from bakepy.executor.lower import NO_DEFAULT_LOAD, skipped_caches
from bakepy.executor.node import NodeLost, NodeRun, Solved
from bakepy.executor.outcome import DIGEST, Outcome, outcomes
from bakepy.executor.parts import Ended, Parts, pushed
from bakepy.executor.work import Work, secret_values
from bakepy.planner.graph import SolveGraph, Vertex
from bakepy.planner.place import Placement, whole
from bakepy.planner.scheduler import Decision, Scheduler, State
from bakepy.planner.spec import DEFAULT_EXPORT, Dockerfile, InlineDockerfile, SolveSpec
from bakepy.progress import events as ev
from bakepy.records import Record, replace

AT_ONCE = 48
"""Solves that a node runs at once. BuildKit bounds the steps itself; this bounds streams and memory on both sides."""

AGAIN = (1.0, 4.0)
"""Seconds before each further try of a failed push, times the node's position: so nodes that collided part."""

ENDED = {State.DONE: ev.State.DONE, State.FAILED: ev.State.FAILED, State.SKIPPED: ev.State.SKIPPED}


async def run(
    graph: SolveGraph, builder: Builder, reporter: ev.Reporter, env: Environment, specs: Mapping[str, SolveSpec]
) -> dict[str, Outcome]:
    """Build a graph and return what came of each target by name; failed targets are outcomes, not exceptions.

    `specs` are the targets' solves before equal ones were merged. Raises BakeError where nothing could be started.
    Being cancelled, it returns only once no node runs anything of it.
    """
    pipes: dict[Path, bytes] = {}
    specs_of = [vertex.spec for vertex in graph.vertices.values()]
    secrets = [v for s in specs_of for v in (await secret_values(s, env.variables, pipes)).values()]
    redactor = Redactor(secrets)
    if secrets:
        reporter = RedactingReporter(reporter, redactor)
    reporter.plan(tuple(name for v in graph.vertices.values() for name in v.targets))
    with _scratch(graph) as scratch:
        several = len(builder.nodes) > 1
        work = Work(graph, env, reporter, Folders(scratch), builder.load_into, builder.name, several)
        work.pipes = pipes
        async with AsyncExitStack() as stack:
            nodes = await connect(builder, work, stack)
            _warn(work, [node for node, _ in nodes.values()], [run for _, run in nodes.values()])
            placement = _place(work, builder, nodes) if several else whole(graph)
            ended = await _Run(work, nodes, placement).run()
    # The command prints errors by itself where no display does.
    clean = {v: replace(end, error=redactor.text(end.error)) for v, end in ended.items()}
    return outcomes(graph, specs, clean)


@contextmanager
def _scratch(graph: SolveGraph) -> Iterator[Path]:
    """Make a folder for the Dockerfiles that exist only as text, where there are any."""
    if not any(isinstance(v.spec.dockerfile, InlineDockerfile) for v in graph.vertices.values()):
        yield Path(os.devnull)
        return
    import tempfile  # 3 ms

    with tempfile.TemporaryDirectory(prefix="bakepy-") as folder:
        yield Path(folder)


def _place(work: Work, builder: Builder, nodes: Mapping[str, tuple[Node, NodeRun]]) -> Placement:
    from bakepy.executor.placing import placed

    return placed(work, builder, nodes)


def _warn(work: Work, nodes: list[Node], runs: list[NodeRun]) -> None:
    """Warn of caches that are left out, and of results that go nowhere."""
    if warning := skipped_caches(work.specs.values(), work.env):
        work.reporter.report(ev.Message(warning, "warning"))
    for node, run in zip(nodes, runs, strict=True):
        loads = {Capability.LOADS_BY_ITSELF, Capability.LOADS_BY_DEFAULT} & run.facts.capabilities
        if not loads and not work.env.flag(NO_DEFAULT_LOAD):
            if warning := no_output(work.graph, node.driver.name):
                work.reporter.report(ev.Message(warning, "warning"))
            return


class _Built(Record):
    __slots__ = ("vertex", "node")

    def __init__(self, vertex: str, node: str) -> None:
        self.vertex: Final = vertex
        self.node: Final = node


class _Finished(Record):
    __slots__ = ("vertex", "node", "solved")

    def __init__(self, vertex: str, node: str, solved: Solved | BaseException) -> None:
        self.vertex: Final = vertex
        self.node: Final = node
        self.solved: Final = solved


def no_output(graph: SolveGraph, driver: str) -> str:
    """Return the warning for targets whose results stay in the cache because no output is chosen; empty for none."""
    names = sorted(
        name
        for vertex in graph.vertices.values()
        for name in vertex.targets
        if any(vertex.spec.exports[i].type == DEFAULT_EXPORT for i in vertex.outputs[name])
    )
    if not names:
        return ""
    whom = f"with {driver} driver" if names == ["default"] else f"for {', '.join(names)} target(s) with {driver} driver"
    return (
        f"No output specified {whom}. Build result will only remain in the build cache. To push result image into "
        "registry use --push or to load image into docker use --load"
    )


class _Run:
    """Drive the scheduler; it is the `Steps` of all solves."""

    def __init__(self, work: Work, nodes: Mapping[str, tuple[Node, NodeRun]], placement: Placement) -> None:
        self._work = work
        self._graph = work.running = placement.graph
        self._nodes = {name: run for name, (_, run) in nodes.items()}
        self._positions = {name: position for position, name in enumerate(nodes, 1)}
        self._several = len(nodes) > 1
        self._scheduler = Scheduler(placement.graph, placement.tiers)
        self._parts = Parts(work, placement, lambda: self._events.put_nowait(None), _words)
        self._results: dict[str, Result] = {}
        self._released: dict[str, asyncio.Event] = {v: asyncio.Event() for v in placement.graph.vertices}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._events: asyncio.Queue[_Built | _Finished | None] = asyncio.Queue()
        self._ended: dict[str, Ended] = {}

    async def run(self) -> dict[str, Ended]:
        """Run all there is and return how each vertex ended."""
        try:
            while True:
                for decision in self._scheduler.take(dict.fromkeys(self._nodes, AT_ONCE)):
                    self._start(decision)
                self._note_skipped()
                if self._scheduler.over and self._parts.over:
                    return self._parts.gathered(self._ended)
                if event := await self._events.get():
                    self._handle(event)
        finally:
            await self._stop()

    def built(self, vertex: str, result: Result) -> None:
        """Take a result that others may use."""
        self._results[vertex] = result
        self._events.put_nowait(_Built(vertex, self._scheduler.node[vertex]))

    async def released(self, vertex: str) -> None:
        """Wait until all that depend on a vertex have ended, or hold what they need by themselves."""
        await self._released[vertex].wait()

    def _start(self, decision: Decision) -> None:
        vertex = self._graph.vertices[decision.vertex]
        self._scheduler.start(vertex.id)
        node = self._nodes[decision.node]
        self._work.report(ev.SolveStarted(self._solve_of(vertex, decision.node), time.time_ns()))
        self._tasks[vertex.id] = asyncio.create_task(self._solve(vertex, node), name=f"solve {vertex.name}")

    async def _solve(self, vertex: Vertex, node: NodeRun) -> None:
        linked = self._graph.parents[vertex.id]
        parents = {t: self._results[p] for p in linked for t in self._graph.vertices[p].targets}
        try:
            solved = await self._solve_and_push(vertex, node, parents)
            self._events.put_nowait(_Finished(vertex.id, node.name, solved))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._events.put_nowait(_Finished(vertex.id, node.name, error))

    async def _solve_and_push(self, vertex: Vertex, node: NodeRun, parents: Mapping[str, Result]) -> Solved:
        """Solve a vertex; try again where only the push of a part failed. Raises SolveError."""
        for pause in AGAIN:
            try:
                return await node.solve(vertex, parents, self)
            except SolveError as error:
                if not self._may_push_again(vertex, error):
                    raise
                await self._wait_to_push_again(vertex, node, error, pause * self._positions[node.name])
        return await node.solve(vertex, parents, self)

    def _may_push_again(self, vertex: Vertex, error: SolveError) -> bool:
        """Tell whether another push of a part may succeed: all steps did.

        Registries refuse a blob, or lose it, where two nodes push the same one at once.
        """
        pushes = pushed(vertex.spec) is not None and self._parts.is_part(vertex.id)
        return pushes and not error.vertex and not self._work.is_linked(vertex.id)

    async def _wait_to_push_again(self, vertex: Vertex, node: NodeRun, error: SolveError, seconds: float) -> None:
        said = f"node {node.name} could not push its part of {vertex.name}, and tries again: {error}"
        self._work.reporter.report(ev.Message(said, "warning"))
        self._work.report(ev.SolveFinished(self._solve_of(vertex, node.name), time.time_ns(), ev.State.CANCELLED))
        await asyncio.sleep(seconds)
        self._work.renew(vertex.id)
        self._work.report(ev.SolveStarted(self._solve_of(vertex, node.name), time.time_ns()))

    def _handle(self, event: _Built | _Finished) -> None:
        if event.vertex not in self._tasks or event.node != self._scheduler.node.get(event.vertex):
            # It is about an earlier try, on a node that is lost.
            return
        if isinstance(event, _Built):
            self._scheduler.built(event.vertex)
            self._release(event.vertex)
            return
        match event.solved:
            case Solved():
                self._finish(event.vertex, Ended(State.DONE, event.solved))
            case ConnectionLost() | NodeLost() if len(self._nodes) > 1:
                self._lose(self._scheduler.node[event.vertex], event.solved)
            case BakeError():
                error = self._on_node(event.vertex, event.node) + _words(event.solved)
                self._finish(event.vertex, Ended(State.FAILED, error=error), event.solved)
            case _:
                raise event.solved

    def _finish(self, vertex: str, ended: Ended, error: BakeError | None = None) -> None:
        del self._tasks[vertex]
        node = self._scheduler.node[vertex]
        self._scheduler.finish(vertex, ended.state)
        self._tell(vertex, ended, node, error)
        self._release(vertex)

    def _tell(self, vertex: str, ended: Ended, node: str = "", error: BakeError | None = None) -> None:
        self._ended[vertex] = ended
        sources = error.sources if isinstance(error, SolveError) else ()
        dockerfile = self._graph.vertices[vertex].spec.dockerfile
        # What one node pushed of an image is not what the target's names stand for.
        digest = "" if self._parts.is_part(vertex) else ended.solved.response.get(DIGEST, "")
        self._work.report(
            ev.SolveFinished(
                self._solve_of(self._graph.vertices[vertex], node),
                time.time_ns(),
                ENDED[ended.state],
                error=ended.error,
                sources=tuple(_named(source, dockerfile) for source in sources),
                digest=digest,
            )
        )
        self._parts.ended(vertex, self._ended)

    def _note_skipped(self) -> None:
        for vertex, state in self._scheduler.state.items():
            if state is State.SKIPPED and vertex not in self._ended:
                self._tell(vertex, Ended(State.SKIPPED, error=self._why_skipped(vertex)))
                self._release(vertex)

    def _why_skipped(self, vertex: str) -> str:
        for parent in self._graph.parents[vertex]:
            if self._scheduler.state[parent] in {State.FAILED, State.SKIPPED}:
                return f"not built, because {self._graph.vertices[parent].name} failed"
        return "not built, because no node is left that could build it"

    def _release(self, vertex: str) -> None:
        """Let go of what nothing needs any more, upwards: a parent stays while a dependant of a dependant builds."""
        stack = [vertex]
        while stack:
            at = stack.pop()
            free = at in self._ended or all(self._released[c].is_set() for c in self._graph.children[at])
            if free and not self._released[at].is_set() and (at in self._ended or at in self._results):
                self._released[at].set()
                stack += self._graph.parents[at]

    def _lose(self, node: str, error: BakeError) -> None:
        """Leave a node out, and let the scheduler place its work again."""
        del self._nodes[node]
        self._work.reporter.report(ev.Message(f"node {node} is lost, its work goes to others: {error}", "warning"))
        for vertex in self._scheduler.lose(node):
            if vertex in self._tasks:
                solve = self._solve_of(self._graph.vertices[vertex], node)
                self._work.report(ev.SolveFinished(solve, time.time_ns(), ev.State.CANCELLED))
            self._results.pop(vertex, None)
            self._ended.pop(vertex, None)
            self._released[vertex] = asyncio.Event()
            self._work.renew(vertex)
            if task := self._tasks.pop(vertex, None):
                task.cancel()

    async def _stop(self) -> None:
        """Cancel what still runs and wait until its node has confirmed that it does not."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await self._parts.stop()
        if tasks:
            await asyncio.wait(tasks)
        for vertex in self._tasks:
            node = self._scheduler.node[vertex]
            solve = self._solve_of(self._graph.vertices[vertex], node)
            self._work.report(ev.SolveFinished(solve, time.time_ns(), ev.State.CANCELLED))

    def _solve_of(self, vertex: Vertex, node: str) -> ev.Solve:
        return ev.Solve(self._work.ref(vertex.id), vertex.targets, node if self._several else "")

    def _on_node(self, vertex: str, node: str) -> str:
        """Return what stands before an error of one node, where there are several."""
        if not self._several:
            return ""
        platforms = ", ".join(self._graph.vertices[vertex].spec.platforms)
        return f"on node {node} ({platforms}): " if platforms else f"on node {node}: "


def _named(source: ev.SourceRange, dockerfile: Dockerfile) -> ev.SourceRange:
    return replace(source, filename=located(dockerfile, source.filename, source.data))


def _words(error: BakeError) -> str:
    hint = next((d.hint for d in error.diagnostics if d.hint), "")
    text = f"failed to solve: {error}" if isinstance(error, SolveError) else str(error)
    return f"{text} ({hint})" if hint else text
