"""Tell the planner what a builder's nodes are, and place a graph on those that answer."""

from __future__ import annotations

from collections.abc import Mapping

from bakepy.builders.builder import Builder, Node
from bakepy.diagnostics import BakeError
from bakepy.executor.foreign import remedy
from bakepy.executor.lower import default_export
from bakepy.executor.node import NodeRun
from bakepy.executor.work import Work
from bakepy.planner.place import EMULATED, FOREIGN, Place, Placement, place
from bakepy.platforms import Platform
from bakepy.progress import events as ev


def placed(work: Work, builder: Builder, nodes: Mapping[str, tuple[Node, NodeRun]]) -> Placement:
    """Return where the solves of a run go; `nodes` are the builder's nodes that answer.

    Raises BakeError for platforms whose own node does not answer and that no other runs, and for what `place` refuses.
    """
    work.node_files = builder.nodes[0].files
    places = _places(nodes)
    _refuse_missing(work, [node for node in builder.nodes if node.name not in nodes], places)
    defaults = {default_export(run.facts, work.env) for _, run in nodes.values()}
    placement = place(work.graph, places, next(iter(defaults)))
    for vertex, parts in placement.parts.items():
        spec = work.specs[vertex]
        kinds = sorted({c.type for c in spec.cache_to if c.type != "inline"})
        if len(parts) > 1 and kinds:
            name = work.graph.vertices[vertex].name
            where = f"{len(parts)} nodes build {name} and export its cache ({', '.join(kinds)}) to one place"
            text = f"{where}: only the last one's stays"
            work.reporter.report(ev.Message(text, "warning"))
    return placement


def run_natively(work: Work, nodes: Mapping[str, tuple[Node, NodeRun]]) -> bool:
    """Tell whether nodes that answered run all platforms of a run, none of them by emulation."""
    places = _places(nodes)
    wanted = {Platform.parse(p) for spec in work.specs.values() if not spec.call for p in spec.platforms}
    return bool(places) and all(any(place.rank(p) < EMULATED for place in places) for p in wanted)


def _places(nodes: Mapping[str, tuple[Node, NodeRun]]) -> list[Place]:
    return [Place(name, _reserved(node), run.platforms) for name, (node, run) in nodes.items()]


def _reserved(node: Node) -> tuple[Platform, ...]:
    return tuple(Platform.parse(text) for text in node.platforms)


def _refuse_missing(work: Work, left_out: list[Node], places: list[Place]) -> None:
    for spec in work.specs.values():
        for platform in () if spec.call else map(Platform.parse, spec.platforms):
            if min(p.rank(platform) for p in places) < FOREIGN:
                continue
            if missing := next((n for n in left_out if any(r.runs(platform) for r in _reserved(n))), None):
                raise BakeError.of(
                    f"{platform} cannot be built: node {missing.name} cannot be reached, and no other has it",
                    hint=f"start the node, or let another run it: {remedy(platform.architecture)}",
                )
