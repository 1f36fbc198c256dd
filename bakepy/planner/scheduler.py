"""Decide what runs where and when: events in, decisions out. No I/O, no clock, no tasks.

The executor drives it:

    scheduler = Scheduler(graph)
    for decision in scheduler.take({"node0": 16}):   # places and hands out what may start now
        scheduler.start(decision.vertex)             # the node has it
        scheduler.built(decision.vertex)             # its result exists: dependants may start, its place is free
        scheduler.finish(decision.vertex, Outcome)   # its exports are written too, or it failed
    scheduler.lose("node0")                          # the node died: its work is placed again
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Mapping, Sequence
from typing import Final

from bakepy.planner.graph import SolveGraph
from bakepy.records import Record


class State(enum.Enum):
    """Tell where a vertex stands; only `Scheduler._set` changes it."""

    WANT = "want"
    """Waits for parents: at least one of them is not built."""
    READY = "ready"
    """All parents are built on the node that its component has, if it has one; no node has it yet."""
    QUEUED = "queued"
    """Was handed out by `take` for one node; counts against that node's places."""
    RUNNING = "running"
    """The node has it. Until it is built it counts against the node's places."""
    DONE = "done"
    """Was built, and its exports are written."""
    FAILED = "failed"
    """Ended with an error."""
    SKIPPED = "skipped"
    """Never started: a parent failed or was skipped, or no node is left."""


AFFINITY = 2
"""How many solves more a node may have to do before one is better that lacks the inputs."""

ENDED = frozenset({State.DONE, State.FAILED, State.SKIPPED})

_ALLOWED: dict[State, frozenset[State]] = {
    State.WANT: frozenset({State.READY, State.SKIPPED}),
    # Back to WANT: the node died on which the parents were built.
    State.READY: frozenset({State.QUEUED, State.SKIPPED, State.WANT}),
    # Straight to FAILED: the node refused it.
    State.QUEUED: frozenset({State.RUNNING, State.FAILED, State.WANT}),
    State.RUNNING: frozenset({State.DONE, State.FAILED, State.WANT}),
    # Dependants that have not ended need the result again, on another node.
    State.DONE: frozenset({State.WANT}),
    State.FAILED: frozenset(),
    State.SKIPPED: frozenset(),
}


class Decision(Record):
    """Say that a vertex starts on a node now."""

    __slots__ = ("vertex", "node")

    def __init__(self, vertex: str, node: str) -> None:
        self.vertex: Final = vertex
        self.node: Final = node


class Scheduler:
    """Order the vertices of a graph over nodes.

    First comes what has the longest chain behind it, then the definition's order. It goes to the node with the least to
    do, where one that has had the same context and Dockerfile may have a little more. A component (vertices tied by
    links) stays on one node, since a result is known only to the node that holds it. One failure ends nothing but what
    depends on it.
    `tiers` gives the nodes that may build a vertex, those to be preferred first; the first tier that has a live node is
    used. Where it is silent, all nodes may.
    """

    def __init__(self, graph: SolveGraph, tiers: Mapping[str, Sequence[frozenset[str]]] | None = None) -> None:
        self.graph = graph
        self.tiers: Mapping[str, Sequence[frozenset[str]]] = {} if tiers is None else tiers
        self.state = dict.fromkeys(self.graph.vertices, State.WANT)
        self.node: dict[str, str] = {}
        self._built: set[str] = set()
        self._active: dict[str, int] = {}
        self._dead: set[str] = set()
        self._home: dict[str, str] = {}
        self._seen: dict[str, set[object]] = {}
        self._rank = {v: i for i, v in enumerate(self.graph.vertices)}
        self._ready: list[tuple[int, int, str]] = []
        self._left = len(self.state)
        for v in self.graph.vertices:
            self._wake(v)

    @property
    def over(self) -> bool:
        """Tell whether every vertex has ended."""
        return self._left == 0

    def take(self, capacity: Mapping[str, int]) -> list[Decision]:
        """Hand out what may start now, given how many solves each live node runs at once."""
        decisions: list[Decision] = []
        passed: list[tuple[int, int, str]] = []
        free = {n: c - self._active.get(n, 0) for n, c in capacity.items() if n not in self._dead}
        while self._ready and any(f > 0 for f in free.values()):
            entry = heapq.heappop(self._ready)
            vertex = entry[2]
            if self.state[vertex] is not State.READY:
                continue
            if not self._candidates(vertex, free):
                self._skip(vertex)
            elif node := self._choose(vertex, free, capacity):
                free[node] -= 1
                self._place(vertex, node)
                decisions.append(Decision(vertex, node))
            else:
                passed.append(entry)
        for entry in passed:
            heapq.heappush(self._ready, entry)
        if not free:
            self._abandon()
        return decisions

    def start(self, vertex: str) -> None:
        """Note that the node has the vertex."""
        self._set(vertex, State.RUNNING)

    def built(self, vertex: str) -> None:
        """Note that the vertex has a result that others may use; it may still be exporting."""
        if self.state[vertex] is not State.RUNNING:
            raise ValueError(f"built while {self.state[vertex].value}")
        if vertex in self._built:
            return
        self._built.add(vertex)
        self._active[self.node[vertex]] -= 1
        for child in self.graph.children[vertex]:
            self._wake(child)

    def finish(self, vertex: str, outcome: State) -> None:
        """Note that the vertex is DONE or FAILED; a failure before it was built skips all that depends on it.

        Dependants of a vertex that was built and then failed to export go on: they have what they need.
        """
        if outcome is State.DONE and vertex not in self._built:
            self.built(vertex)
        usable = vertex in self._built
        if not usable:
            self._active[self.node[vertex]] -= 1
        self._set(vertex, outcome)
        if not usable:
            self._skip(*self.graph.children[vertex])

    def lose(self, node: str) -> list[str]:
        """Note that a node died; return the vertices whose work on it is void, which will be handed out again.

        That is what ran there, and what was done but whose result a vertex that has not ended still needs.
        """
        self._dead.add(node)
        self._active.pop(node, None)
        homeless = {c for c, n in self._home.items() if n == node}
        for component in homeless:
            del self._home[component]
        # Children come first, so that a parent knows whether one of them needs it again.
        void = [v for v in reversed(self.graph.order) if self.node.get(v) == node and self._void(v)]
        waiting = [
            v
            for v in self.graph.vertices
            if self.state[v] is State.READY and self.graph.parents[v] and self.graph.component[v] in homeless
        ]
        for v in waiting:
            self._set(v, State.WANT)
        for v in self._built & {v for v, n in self.node.items() if n == node}:
            if self.state[v] is State.FAILED:
                # Its result went with the node, and what has failed is not built again.
                self._built.discard(v)
                self._skip(*self.graph.children[v])
        for v in (*void, *waiting):
            self._wake(v)
        return [v for v in self.graph.order if v in set(void)]

    def _void(self, vertex: str) -> bool:
        """Take back a lost vertex unless it is done and needed no more; tell whether it was."""
        state = self.state[vertex]
        if state in {State.FAILED, State.SKIPPED, State.WANT, State.READY}:
            return False
        if state is State.DONE and all(self.state[c] in ENDED for c in self.graph.children[vertex]):
            return False
        self._built.discard(vertex)
        del self.node[vertex]
        self._set(vertex, State.WANT)
        return True

    def _wake(self, vertex: str) -> None:
        """Make a vertex READY once all parents are built."""
        if self.state[vertex] is State.WANT and all(p in self._built for p in self.graph.parents[vertex]):
            self._set(vertex, State.READY)
            heapq.heappush(self._ready, (-self.graph.weight[vertex], self._rank[vertex], vertex))

    def _candidates(self, vertex: str, nodes: Mapping[str, int]) -> list[str]:
        home = self._home.get(self.graph.component[vertex])
        tiers = self.tiers.get(vertex)
        able = nodes if tiers is None else next((t for t in tiers if not t.isdisjoint(nodes)), frozenset())
        return [n for n in nodes if n in able and (home is None or n == home)]

    def _choose(self, vertex: str, free: Mapping[str, int], capacity: Mapping[str, int]) -> str | None:
        """Return the best node with a free place."""
        candidates = [n for n in self._candidates(vertex, free) if free[n] > 0]
        if not candidates:
            return None
        inputs = self._inputs(vertex)

        def cost(node: str) -> tuple[int, bool]:
            foreign = inputs not in self._seen.get(node, ())
            return capacity[node] - free[node] + AFFINITY * foreign, foreign

        return min(candidates, key=cost)

    def _inputs(self, vertex: str) -> object:
        spec = self.graph.vertices[vertex].spec
        return spec.context, spec.dockerfile

    def _place(self, vertex: str, node: str) -> None:
        self._set(vertex, State.QUEUED)
        self.node[vertex] = node
        self._home.setdefault(self.graph.component[vertex], node)
        self._active[node] = self._active.get(node, 0) + 1
        self._seen.setdefault(node, set()).add(self._inputs(vertex))

    def _skip(self, *vertices: str) -> None:
        """Skip vertices that wait, and all that depends on them."""
        stack = list(vertices)
        while stack:
            vertex = stack.pop()
            if self.state[vertex] in {State.WANT, State.READY}:
                self._set(vertex, State.SKIPPED)
                stack += self.graph.children[vertex]

    def _abandon(self) -> None:
        """Skip all that waits: no node is left."""
        for vertex, state in self.state.items():
            if state in {State.WANT, State.READY}:
                self._set(vertex, State.SKIPPED)

    def _set(self, vertex: str, state: State) -> None:
        """Change a state; the only place that does."""
        old = self.state[vertex]
        if state not in _ALLOWED[old]:
            raise ValueError(f"{old.value} does not lead to {state.value}")
        self._left += (old in ENDED) - (state in ENDED)
        self.state[vertex] = state
