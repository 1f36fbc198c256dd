"""`bakepy plan`: show the solve graph of a build without running it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

from bakepy.cli import flags, selection
from bakepy.cli.flags import Flag
from bakepy.diagnostics import one_line, printable
from bakepy.planner.gitref import with_folder
from bakepy.planner.graph import SolveGraph, Vertex
from bakepy.planner.spec import (
    DEFAULT_EXPORT,
    Context,
    Export,
    ImageContext,
    LayoutContext,
    LinkContext,
    LocalContext,
    RemoteContext,
    SourceContext,
)
from bakepy.settings import Settings

FLAGS = (
    *selection.FLAGS,
    Flag("format", "Show the graph as table, json, dot or mermaid", "FORMAT"),
    *flags.COMMON,
)
USAGE = """Usage: bakepy plan [OPTIONS] [URL [CONTEXT]] [TARGET...]

Show what a build would run: each solve once, however many targets it serves, and whose results it waits for.

Options:
"""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = flags.parse(FLAGS, argv, selection.FOREIGN)
    if given.switch("help"):
        print(USAGE + flags.usage(FLAGS), end="")
        return 0
    name = given.choice("format", FORMATS, "table")
    if mode := given.text("progress"):
        from bakepy.progress.choose import check

        check(mode)
    from bakepy.planner.graph import build_graph
    from bakepy.planner.specify import specify

    config = selection.config(given, Settings())
    graph = build_graph(specify(config.targets, config.definition.origin, config.folders))
    sys.stdout.write(printable(FORMATS[name](graph)))
    return 0


def table(graph: SolveGraph) -> str:
    """Return a table, in the order in which solves may start."""
    rows: list[tuple[str, ...]] = [("SOLVE", "TARGETS", "AFTER", "PLATFORMS", "CONTEXT", "OUTPUT")]
    for number, v in enumerate(graph.order, 1):
        vertex = graph.vertices[v]
        cells = (
            str(number),
            ", ".join(vertex.targets),
            ", ".join(_parents(graph, v)) or "-",
            ", ".join(vertex.spec.platforms) or "-",
            _place(vertex.spec.context),
            ", ".join(map(_output, vertex.spec.exports)) or "-",
        )
        rows.append(tuple(map(one_line, cells)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    targets = sum(len(v.targets) for v in graph.vertices.values())
    path = [graph.vertices[v].name for v in graph.critical_path()]
    end = f"{targets} targets in {len(graph.vertices)} solves"
    if len(path) > 1:
        end += f"; the longest chain is {' -> '.join(path)}"
    return "\n".join([*lines, "", end]) + "\n"


def as_json(graph: SolveGraph) -> str:
    """Return the graph as JSON: solves in the order in which they may start, each with the ids of its parents."""
    solves = [
        {
            "id": v,
            "targets": list(vertex.targets),
            "parents": list(graph.parents[v]),
            "context": _place(vertex.spec.context),
            "platforms": list(vertex.spec.platforms),
            "outputs": [_output(e) for e in vertex.spec.exports],
            "tags": sorted({n for e in vertex.spec.exports for n in e.names} | set(vertex.spec.tags)),
            "weight": graph.weight[v],
        }
        for v, vertex in ((v, graph.vertices[v]) for v in graph.order)
    ]
    return json.dumps({"solves": solves, "criticalPath": list(graph.critical_path())}, indent=2) + "\n"


def dot(graph: SolveGraph) -> str:
    """Return the graph in Graphviz' language."""
    numbers = {v: f"s{i}" for i, v in enumerate(graph.order)}
    nodes = [f"  {numbers[v]} [label={_quoted(_label(graph.vertices[v]))}];" for v in graph.order]
    edges = [f"  {numbers[p]} -> {numbers[v]};" for v in graph.order for p in graph.parents[v]]
    return "\n".join(["digraph plan {", "  rankdir=LR;", "  node [shape=box];", *nodes, *edges, "}"]) + "\n"


def mermaid(graph: SolveGraph) -> str:
    """Return the graph as a Mermaid flowchart."""
    numbers = {v: f"s{i}" for i, v in enumerate(graph.order)}
    nodes = [f'  {numbers[v]}["{_label(graph.vertices[v])}"]' for v in graph.order]
    edges = [f"  {numbers[p]} --> {numbers[v]}" for v in graph.order for p in graph.parents[v]]
    return "\n".join(["flowchart LR", *nodes, *edges]) + "\n"


FORMATS: dict[str, Callable[[SolveGraph], str]] = {"table": table, "json": as_json, "dot": dot, "mermaid": mermaid}


def _parents(graph: SolveGraph, vertex: str) -> list[str]:
    return [graph.vertices[p].name for p in graph.parents[vertex]]


def _label(vertex: Vertex) -> str:
    return ", ".join(vertex.targets)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _output(export: Export) -> str:
    if export.type == DEFAULT_EXPORT:
        return "-"
    kind = f"{export.type} (push)" if export.pushes else export.type
    return f"{kind} {export.dest}" if export.dest else kind


def _place(context: Context) -> str:
    match context:
        case LocalContext(path):
            return path
        case RemoteContext(url):
            return url
        case SourceContext(url, path, archive):
            return f"{url} {path}".removesuffix(" .") if archive else with_folder(url, path)
        case ImageContext(ref):
            return ref
        case LayoutContext(path):
            return path
        case LinkContext(target):
            return target
