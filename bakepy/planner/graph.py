"""The solve graph: what is built, and what needs whose result.

Plain dictionaries hold it; networkx orders it, and is loaded only where there is a link: most builds have none, and
its import takes longer than a cached build.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from bakepy.diagnostics import BakeError
from bakepy.planner.spec import DEFAULT_EXPORT, Export, SolveSpec
from bakepy.records import Record, replace

if TYPE_CHECKING:
    import networkx as nx


class Vertex(Record):
    """Hold one solve and the names of the targets that it serves.

    `outputs` tells for each target which of `spec.exports` are its own, by position.
    """

    __slots__ = ("id", "spec", "targets", "outputs", "__dict__")

    def __init__(
        self, id: str, spec: SolveSpec, targets: tuple[str, ...], outputs: Mapping[str, tuple[int, ...]]
    ) -> None:
        self.id: Final = id
        self.spec: Final = spec
        self.targets: Final = targets
        self.outputs: Final = outputs

    @property
    def name(self) -> str:
        """Return the first target's name, which stands for all."""
        return self.targets[0]


class SolveGraph(Record):
    """Hold vertices by id, and for each the ids of those whose results it takes (`parents`)."""

    __slots__ = ("vertices", "parents", "__dict__")

    def __init__(self, vertices: Mapping[str, Vertex], parents: Mapping[str, tuple[str, ...]]) -> None:
        self.vertices: Final = vertices
        self.parents: Final = parents

    @cached_property
    def children(self) -> dict[str, tuple[str, ...]]:
        """Return for each vertex those that take its result."""
        found: dict[str, list[str]] = {v: [] for v in self.vertices}
        for child, parents in self.parents.items():
            for parent in parents:
                found[parent].append(child)
        return {v: tuple(c) for v, c in found.items()}

    @cached_property
    def of_target(self) -> dict[str, Vertex]:
        """Return each target's vertex by the target's name."""
        return {name: v for v in self.vertices.values() for name in v.targets}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Return all ids, parents before children, else in the order of the definition."""
        if not any(self.parents.values()):
            return tuple(self.vertices)
        import networkx as nx

        rank = {v: i for i, v in enumerate(self.vertices)}
        return tuple(nx.lexicographical_topological_sort(self.networkx(), key=rank.__getitem__))

    @cached_property
    def weight(self) -> dict[str, int]:
        """Return how many solves, itself included, the longest chain that starts at each vertex has."""
        found: dict[str, int] = {}
        for v in reversed(self.order):
            found[v] = 1 + max((found[c] for c in self.children[v]), default=0)
        return found

    @cached_property
    def component(self) -> dict[str, str]:
        """Return for each vertex an id shared by all that links tie together, which must run on one node."""
        if not any(self.parents.values()):
            return {v: v for v in self.vertices}
        import networkx as nx

        groups: Iterable[set[str]] = nx.weakly_connected_components(self.networkx())
        return {v: min(group) for group in groups for v in group}

    def networkx(self) -> nx.DiGraph[str]:
        """Return the graph as networkx knows it; edges run from parent to child."""
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(self.vertices)
        graph.add_edges_from((p, c) for c, parents in self.parents.items() for p in parents)
        return graph

    def critical_path(self) -> tuple[str, ...]:
        """Return the ids of one longest chain, first to last."""
        path: list[str] = []
        step: Iterable[str] = self.vertices
        while step := tuple(step):
            path.append(max(step, key=self.weight.__getitem__))
            step = self.children[path[-1]]
        return tuple(path)


def build_graph(specs: Mapping[str, SolveSpec]) -> SolveGraph:
    """Return the graph of the targets' solves; equal ones become one vertex.

    Every linked target must be among `specs` (`planner.link` sees to that). Raises BakeError for a cycle.
    """
    ids: dict[str, str] = {}
    for name in _ordered(specs):
        ids[name] = specs[name].digest_with(ids)
    names: dict[str, list[str]] = {}
    for name in specs:
        names.setdefault(ids[name], []).append(name)
    vertices = {v: _merge(v, {n: specs[n] for n in members}) for v, members in names.items()}
    parents = {v: tuple(dict.fromkeys(ids[t] for t in vertex.spec.links)) for v, vertex in vertices.items()}
    return SolveGraph(vertices, parents)


def _ordered(specs: Mapping[str, SolveSpec]) -> Iterator[str]:
    """Yield names, linked targets before those that take them."""
    if not any(spec.links for spec in specs.values()):
        yield from specs
        return
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(specs)
    graph.add_edges_from((name, target) for name, spec in specs.items() for target in spec.links)
    if not nx.is_directed_acyclic_graph(graph):
        edges = nx.find_cycle(graph)
        raise cycle([a for a, _ in edges])
    yield from reversed(list(nx.topological_sort(graph)))


def cycle(path: list[str]) -> BakeError:
    """Return the fault of targets that need each other: `path` names each once, in the order of the links."""
    if len(path) == 1:
        return BakeError.of(f"target {path[0]} cannot link to itself", hint="a target's own result does not exist yet")
    return BakeError.of(
        f"infinite loop from {path[-1]} to {path[0]}",
        " -> ".join([*path, path[0]]),
        hint='each arrow is a context "target:…"; take one of them out',
    )


def _merge(vertex: str, specs: Mapping[str, SolveSpec]) -> Vertex:
    """Join targets whose solves are equal: their exports are the union, equal ones joined under all their tags."""
    exports: list[Export] = []
    outputs: dict[str, tuple[int, ...]] = {}
    for name, spec in specs.items():
        mine: list[int] = []
        for export in spec.exports:
            at = next((i for i, e in enumerate(exports) if _same(e, export)), None)
            if at is None:
                at = len(exports)
                exports.append(export)
            else:
                joined = dict.fromkeys((*exports[at].names, *export.names))
                exports[at] = replace(exports[at], names=tuple(joined))
            mine.append(at)
        outputs[name] = tuple(mine)
    first = next(iter(specs.values()))
    real = [e for e in exports if e.type != "cacheonly"]
    if real and len(real) < len(exports):
        # Of two equal solves one may stay in the cache while the other goes somewhere.
        outputs = {n: tuple(real.index(exports[i]) for i in o if exports[i] in real) for n, o in outputs.items()}
        exports = real
    return Vertex(vertex, replace(first, exports=tuple(exports)), tuple(specs), outputs)


def _same(one: Export, other: Export) -> bool:
    """Tell whether two exports differ in nothing but an image's names."""
    named = one.type in {"image", "docker", DEFAULT_EXPORT} and not one.dest
    return (one.type, one.attrs, one.dest) == (other.type, other.attrs, other.dest) and (
        named or one.names == other.names
    )
