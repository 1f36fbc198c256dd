"""Put together what came of solves that several nodes share: one index for each image, one end for each solve."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from bakepy.buildkit.requests import new_id
from bakepy.diagnostics import BakeError
from bakepy.executor.node import Solved
from bakepy.executor.work import Work
from bakepy.planner.place import Placement
from bakepy.planner.scheduler import State
from bakepy.planner.spec import Export, SolveSpec
from bakepy.progress import events as ev
from bakepy.records import Record
from bakepy.transport.threads import apart

GRACE = 3.0
"""Seconds that a request to a registry has to end when the run is over."""


class Ended(Record):
    """Hold how a solve ended."""

    __slots__ = ("state", "solved", "error")

    def __init__(self, state: State, solved: Solved | None = None, error: str = "") -> None:
        self.state: Final = state
        self.solved: Final[Solved] = Solved() if solved is None else solved
        self.error: Final = error


class Parts:
    """Watch the parts of solves end, and join images once all of theirs are in their registry or OCI layout.

    `wake` is called after each join; `words` says in a line what an error is.
    """

    def __init__(
        self, work: Work, placement: Placement, wake: Callable[[], None], words: Callable[[BakeError], str]
    ) -> None:
        self._work = work
        self._parts = placement.parts
        self._whole = {part: v for v, parts in placement.parts.items() for part in parts if len(parts) > 1}
        self._wake = wake
        self._words = words
        self._joins: dict[str, asyncio.Task[None]] = {}
        self._joined: dict[str, Ended] = {}

    @property
    def over(self) -> bool:
        """Tell whether no join is under way; raises what a join stumbled over by a fault of ours."""
        for task in self._joins.values():
            if task.done():
                task.result()
        return all(v in self._joined for v in self._joins)

    def is_part(self, vertex: str) -> bool:
        """Tell whether a vertex is but a part of a solve."""
        return vertex in self._whole

    def ended(self, vertex: str, ended: Mapping[str, Ended]) -> None:
        """Take note of the end of a vertex, given the ends of all so far."""
        whole = self._whole.get(vertex)
        if whole is None or whole in self._joins:
            return
        parts = [ended[part] for part in self._parts[whole] if part in ended]
        done = len(parts) == len(self._parts[whole]) and all(part.state is State.DONE for part in parts)
        export = joined(self._work.specs[whole])
        if done and export:
            self._joins[whole] = asyncio.create_task(self._join(whole, export, parts), name=f"index of {whole}")

    async def _join(self, whole: str, export: Export, parts: list[Ended]) -> None:
        from bakepy.buildkit.session.rpc import RpcError

        targets = self._work.graph.vertices[whole].targets
        solve = ev.Solve(new_id(), targets)
        started = time.time_ns()
        names = export.names or (export.dest,)
        name = f"merging manifest list {','.join(names)}"
        self._work.report(ev.SolveStarted(solve, started))
        self._work.report(ev.Step(solve.ref, name, started))
        try:
            answer = await self._answer(export, [part.solved.response for part in parts])
            ended = Ended(State.DONE, Solved(answer | _provenance(parts)))
        except (BakeError, RpcError) as error:
            fault = error if isinstance(error, BakeError) else BakeError.of(str(error))
            ended = Ended(State.FAILED, error=f"the index of {names[0]}: {self._words(fault)}")
        except Exception:
            self._wake()  # `over` raises it
            raise
        self._joined[whole] = ended
        now = time.time_ns()
        state = ev.State.DONE if ended.state is State.DONE else ev.State.FAILED
        digest = ended.solved.response.get("containerimage.digest", "")
        self._work.report(ev.Step(solve.ref, name, started, now, error=ended.error))
        self._work.report(ev.SolveFinished(solve, now, state, error=ended.error, digest=digest))
        self._wake()

    async def _answer(self, export: Export, responses: list[Mapping[str, str]]) -> dict[str, str]:
        """Join parts where they are, and return what an exporter would answer; raises BakeError and RpcError."""
        from bakepy.executor.index import join, join_in_layout

        if export.writes_layout:
            from bakepy.buildkit.session.fixed import hold

            hold(export.dest, self._work.real(export.dest))
            return join_in_layout(export, responses)
        from bakepy.builders.registries import access
        from bakepy.executor.registry import HUB, Reference

        domains = {Reference.parse(name).domain for name in export.names}
        known = self._work.credentials()
        credentials = {d: await known.get("registry-1.docker.io" if d == HUB else d) for d in domains}
        roads = {d: access(self._work.node_files, d) for d in domains}
        return await apart(lambda: join(export, responses, credentials, roads))

    def gathered(self, ended: Mapping[str, Ended]) -> dict[str, Ended]:
        """Return how each solve ended, from the ends of all parts."""
        return {
            whole: self._joined.get(whole) or _as_one([ended[part] for part in parts])
            for whole, parts in self._parts.items()
        }

    async def stop(self) -> None:
        """Wait a moment for the joins that are under way: each is a request or two."""
        if self._joins:
            await asyncio.wait(self._joins.values(), timeout=GRACE)
            for task in self._joins.values():
                task.cancel()
            await asyncio.wait(self._joins.values())


def _as_one(parts: list[Ended]) -> Ended:
    """Return how a solve ended of which nothing has to be joined: as its first part, unless another one did not."""
    for state in (State.FAILED, State.SKIPPED):
        if found := next((part for part in parts if part.state is state), None):
            return found
    first = parts[0]
    if len(parts) == 1:
        return first
    return Ended(first.state, Solved({**first.solved.response, **_provenance(parts)}, first.solved.answer))


def _provenance(parts: list[Ended]) -> dict[str, str]:
    """Return what the nodes attest of their parts: each names its platforms."""
    from bakepy.executor.provenance import KEY

    answers = (part.solved.response for part in parts)
    return {key: value for answer in answers for key, value in answer.items() if key.startswith(KEY)}


def joined(spec: SolveSpec) -> Export | None:
    """Return the output whose parts from several nodes are joined into one index: there is one at most."""
    return pushed(spec) or next((e for e in spec.exports if e.writes_layout), None)


def pushed(spec: SolveSpec) -> Export | None:
    """Return the image that a solve pushes; one that several nodes share has one at most."""
    return next((e for e in spec.exports if e.type == "image" and e.pushes), None)
