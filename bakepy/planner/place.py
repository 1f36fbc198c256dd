"""Choose the nodes that build what: a pure function of the solve graph and of what the nodes run.

A target goes whole to one node where one is the best for all of its platforms. Where different nodes are, it is taken
apart: each builds its own platforms, together with the linked targets that those need, and the results are joined
into one index afterwards. Native platforms come before emulated ones, and those that a builder's user reserved for a
node before all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bakepy.diagnostics import BakeError
from bakepy.planner.graph import SolveGraph, Vertex
from bakepy.planner.spec import DEFAULT_EXPORT, Export, SolveSpec, pairs
from bakepy.platforms import Platform
from bakepy.records import Record, replace

RESERVED, NATIVE, LIKE_RESERVED, LIKE_NATIVE, EMULATED, UNKNOWN, FOREIGN = range(7)
"""How well a node builds a platform, the best first; a FOREIGN one can be copied to, but nothing of it runs there."""

IN_ONE_PIECE = frozenset({"docker", "oci", "tar"})
"""Exports that are one file, or one image that an Engine loads: parts from several nodes cannot be put together."""

Tiers = tuple[frozenset[str], ...]
"""Names of nodes, those that are to be preferred first."""


class Place(Record):
    """Name a node and the platforms that it builds.

    `reserved` are those that the builder's user gave it; `platforms` are those that its BuildKit names, the native one
    first; empty where they are not known.
    """

    __slots__ = ("name", "reserved", "platforms")

    def __init__(self, name: str, reserved: Sequence[Platform] = (), platforms: Sequence[Platform] = ()) -> None:
        self.name: Final = name
        self.reserved: Final = tuple(reserved)
        self.platforms: Final = tuple(platforms)

    def rank(self, platform: Platform) -> int:
        """Tell how well the node builds a platform: RESERVED to FOREIGN."""
        if _holds(self.reserved, platform):
            return RESERVED
        if not self.platforms:
            return LIKE_RESERVED if any(p.runs(platform) for p in self.reserved) else UNKNOWN
        native = self.platforms[0]
        if _holds((native,), platform):
            return NATIVE
        if any(p.runs(platform) for p in self.reserved):
            return LIKE_RESERVED
        if not _holds(self.platforms, platform):
            return FOREIGN
        own = platform.os == native.os and platform.architecture == native.architecture
        return LIKE_NATIVE if own or native.runs(platform) else EMULATED


def _holds(known: Sequence[Platform], platform: Platform) -> bool:
    """Return whether a node's platforms hold one: without a version, they stand for all versions."""
    return platform in known or platform.bare in known


class Placement(Record):
    """Hold what runs where.

    `graph` is the graph that runs; `tiers` gives each of its vertices the nodes that may build it, and `parts` each
    vertex of the graph before the vertices of this one that make it up, one alone where it was not taken apart.
    """

    __slots__ = ("graph", "tiers", "parts")

    def __init__(self, graph: SolveGraph, tiers: Mapping[str, Tiers], parts: Mapping[str, tuple[str, ...]]) -> None:
        self.graph: Final = graph
        self.tiers: Final = tiers
        self.parts: Final = parts


def whole(graph: SolveGraph) -> Placement:
    """Return the placement that leaves everything as it is, on any node."""
    return Placement(graph, {}, {v: (v,) for v in graph.vertices})


def place(graph: SolveGraph, nodes: Sequence[Place], default: str = DEFAULT_EXPORT) -> Placement:
    """Return where the vertices of a graph are built.

    `default` is the type of export that targets without an output get on these nodes. Raises BakeError for outputs
    that cannot be had from several nodes where no single one builds all platforms.
    """
    vertices: dict[str, Vertex] = {}
    parents: dict[str, tuple[str, ...]] = {}
    tiers: dict[str, Tiers] = {}
    parts: dict[str, list[str]] = {v: [] for v in graph.vertices}
    components: dict[str, list[str]] = {}
    for v in graph.vertices:
        components.setdefault(graph.component[v], []).append(v)
    for members in components.values():
        pieces = _pieces(graph, members, nodes, default)
        for number, piece in enumerate(pieces):
            ids = {v: v if len(pieces) == 1 else f"{v}+{number}" for v in piece.specs}
            for v, spec in piece.specs.items():
                vertices[ids[v]] = _vertex(ids[v], graph.vertices[v], spec)
                parents[ids[v]] = tuple(ids[p] for p in graph.parents[v])
                tiers[ids[v]] = piece.tiers
                if v not in piece.copies:
                    parts[v].append(ids[v])
    return Placement(SolveGraph(vertices, parents), tiers, {v: tuple(p) for v, p in parts.items()})


class _Piece(Record):
    """Hold solves that go to one node; `copies` are built only for the links to them."""

    __slots__ = ("specs", "tiers", "copies")

    def __init__(self, specs: Mapping[str, SolveSpec], tiers: Tiers, copies: frozenset[str] = frozenset()) -> None:
        self.specs: Final = specs
        self.tiers: Final = tiers
        self.copies: Final = copies


def _vertex(id: str, origin: Vertex, spec: SolveSpec) -> Vertex:
    outputs = origin.outputs if spec.exports else dict.fromkeys(origin.targets, ())
    return Vertex(id, spec, origin.targets, outputs)


def _pieces(graph: SolveGraph, members: list[str], nodes: Sequence[Place], default: str) -> list[_Piece]:
    """Take a component apart along its platforms; one piece where it stays whole."""
    specs = {v: graph.vertices[v].spec for v in members}
    wanted = {v: _platforms(spec) for v, spec in specs.items()}
    every = list(dict.fromkeys(p for platforms in wanted.values() for p in platforms))
    groups = _groups(every, nodes)
    undivided = [_Piece(specs, _tiers(every, nodes))]
    if len(groups) < 2 or any(_crosses(graph, v, wanted, groups) for v in members):
        return undivided
    divided = [v for v in members if sum(not group.isdisjoint(wanted[v]) for group in groups) > 1]
    if fault := next((f for v in divided if (f := _fault(specs[v], default))), None):
        if any(max(node.rank(p) for p in every) < FOREIGN for node in nodes):
            return undivided
        raise fault
    return [_piece(graph, members, wanted, group, number, nodes) for number, group in enumerate(groups)]


def _piece(
    graph: SolveGraph,
    members: list[str],
    wanted: Mapping[str, list[Platform]],
    group: frozenset[Platform],
    number: int,
    nodes: Sequence[Place],
) -> _Piece:
    """Return what a group of platforms needs; what has no platform is exported from the first group's node."""
    own = [v for v in members if not group.isdisjoint(wanted[v]) or (number == 0 and not wanted[v])]
    needed = set(own)
    waiting = list(own)
    while waiting:
        fresh = set(graph.parents[waiting.pop()]) - needed
        needed |= fresh
        waiting += fresh
    specs = {}
    for v in members:
        if v not in needed:
            continue
        spec = graph.vertices[v].spec
        mine = tuple(text for text in spec.platforms if Platform.parse(text) in group)
        if v not in own:
            spec = replace(spec, exports=(), cache_to=())
        elif len(mine) < len(spec.platforms):
            exports = tuple(_of_part(e) for e in spec.exports)
            spec = replace(spec, platforms=mine, exports=exports, part=True)
        specs[v] = spec
    return _Piece(specs, _tiers(group, nodes), frozenset(needed.difference(own)))


def _platforms(spec: SolveSpec) -> list[Platform]:
    """Return the platforms that matter for where a solve runs; a question about a definition runs anywhere."""
    return [] if spec.call else [Platform.parse(text) for text in spec.platforms]


def _groups(platforms: Iterable[Platform], nodes: Sequence[Place]) -> list[frozenset[Platform]]:
    """Gather platforms that one node builds best; there are as few groups as possible, and usually one."""
    best: dict[Platform, tuple[int, frozenset[str]]] = {}
    for platform in platforms:
        ranks = {node.name: node.rank(platform) for node in nodes}
        least = min(ranks.values())
        best[platform] = least, frozenset(name for name, rank in ranks.items() if rank == least)
    groups: list[tuple[set[Platform], frozenset[str]]] = []
    # What no node runs goes along with something else.
    for platform in sorted(best, key=lambda p: best[p][0] == FOREIGN):
        able = best[platform][1]
        for number, (gathered, names) in enumerate(groups):
            if both := names & able:
                gathered.add(platform)
                groups[number] = gathered, both
                break
        else:
            groups.append(({platform}, able))
    return [frozenset(gathered) for gathered, _ in groups]


def _tiers(platforms: Iterable[Platform], nodes: Sequence[Place]) -> Tiers:
    """Return the nodes in the order in which they are to be preferred for platforms that stay together."""
    ranked: dict[tuple[int, int], set[str]] = {}
    wanted = list(platforms)
    for node in nodes:
        ranks = [node.rank(p) for p in wanted] or [UNKNOWN]
        ranked.setdefault((max(ranks), sum(ranks)), set()).add(node.name)
    return tuple(frozenset(ranked[key]) for key in sorted(ranked))


def _crosses(
    graph: SolveGraph, vertex: str, wanted: Mapping[str, list[Platform]], groups: list[frozenset[Platform]]
) -> bool:
    """Tell whether a vertex takes a result of platforms that only other nodes than its own would build."""
    for number, group in enumerate(groups):
        if not group.isdisjoint(wanted[vertex]) or (number == 0 and not wanted[vertex]):
            for parent in graph.parents[vertex]:
                if wanted[parent] and group.isdisjoint(wanted[parent]):
                    return True
    return False


def _fault(spec: SolveSpec, default: str) -> BakeError | None:
    """Return what is wrong with the outputs of a target that several nodes build."""
    images = [e for e in spec.exports if e.type == "image" or e.writes_layout]
    for export in spec.exports:
        kind = default if export.type == DEFAULT_EXPORT else export.type
        deletes = kind == "local" and export.attr("mode") == "delete"  # what the other nodes sent, too
        if (kind in IN_ONE_PIECE and not _is_joined(export)) or deletes:
            return BakeError.of(
                f"{kind}{' with mode=delete' if deletes else ''} for multi-node builds currently not supported",
                f"different nodes build {', '.join(spec.platforms)}",
                hint="push the image to a registry, choose one platform, or name a builder with one node",
            )
    if len(images) > 1 and any(e.pushes or _is_joined(e) for e in images):
        return BakeError.of(
            "several image outputs for multi-node builds are not supported",
            f"different nodes build {', '.join(spec.platforms)}",
            hint="leave one output that pushes, or give the others to a target of their own",
        )
    if any(e.pushes and not e.names for e in images):
        return BakeError.of("tag is needed when pushing to registry", hint="give the target tags, or the output a name")
    return None


def _is_joined(export: Export) -> bool:
    """Return whether nodes write the blobs of an image to one folder, in which their parts are joined."""
    return export.type == "oci" and export.writes_layout


def _of_part(export: Export) -> Export:
    """Return the export of a part: an image that is pushed goes without its tags, which the index is to get."""
    if export.type != "image" or not export.pushes:
        return export
    names = tuple(dict.fromkeys(repository(name) for name in export.names))
    return replace(export, names=names, attrs=pairs(dict(export.attrs) | {"push-by-digest": "true"}))


def repository(name: str) -> str:
    """Return an image's name without tag and digest."""
    bare = name.partition("@")[0]
    folder, slash, last = bare.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"
