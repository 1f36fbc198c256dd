"""The solve graph: merging, digests, order and cycles."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.diagnostics import BakeError
from bakepy.planner.graph import build_graph
from bakepy.planner.spec import Export, InlineDockerfile, LinkContext, LocalContext, LocalDockerfile, SolveSpec
from bakepy.records import replace

SPEC = SolveSpec(LocalContext("."), LocalDockerfile("Dockerfile"))


def linked(*targets: str, **changes: object) -> SolveSpec:
    contexts = tuple((t, LinkContext(t)) for t in targets)
    return replace(SPEC, contexts=contexts, **changes)


def image(*names: str) -> Export:
    return Export("image", (("push", "true"),), names=names)


@pytest.mark.parametrize(
    "change",
    [
        {"context": LocalContext("other")},
        {"dockerfile": InlineDockerfile("FROM scratch")},
        {"contexts": (("x", LocalContext("x")),)},
        {"stage": "prod"},
        {"args": (("A", "1"),)},
        {"labels": (("A", "1"),)},
        {"platforms": ("linux/arm64",)},
        {"no_cache": True},
        {"attests": (("sbom", None),)},
        {"call": "lint"},
    ],
)
def test_digest_covers_what_changes_the_result(change: dict[str, object]) -> None:
    """A field that changes the result changes the digest."""
    assert replace(SPEC, **change).digest != SPEC.digest


def test_digest_leaves_outputs_out() -> None:
    """Exports and tags are no part of the digest."""
    assert replace(SPEC, exports=(image("a"),), tags=("a",)).digest == SPEC.digest


def test_digest_tells_kinds_of_context_apart() -> None:
    """A folder and a target of the same name differ."""
    assert replace(SPEC, contexts=(("x", LocalContext("x")),)).digest != linked("x").digest


def test_equal_solves_become_one_vertex() -> None:
    """Targets that differ only in tags and outputs share a vertex with the union of both."""
    graph = build_graph(
        {
            "a": replace(SPEC, exports=(image("a:1"),)),
            "b": replace(SPEC, exports=(image("b:1"), Export("oci", dest="b.tar", names=("b:1",)))),
            "c": replace(SPEC, stage="c"),
        }
    )
    assert [v.targets for v in graph.vertices.values()] == [("a", "b"), ("c",)]
    vertex = graph.of_target["b"]
    assert vertex.spec.exports == (image("a:1", "b:1"), Export("oci", dest="b.tar", names=("b:1",)))
    assert vertex.outputs == {"a": (0,), "b": (0, 1)}


def test_files_keep_their_own_names() -> None:
    """Archives for different files are different exports, each with its own target's names."""
    one, two = Export("oci", dest="1.tar", names=("a",)), Export("oci", dest="2.tar", names=("b",))
    graph = build_graph({"a": replace(SPEC, exports=(one,)), "b": replace(SPEC, exports=(two,))})
    assert graph.of_target["a"].spec.exports == (one, two)


def test_cache_only_yields_to_a_real_output() -> None:
    """Where one of two equal solves goes somewhere, the vertex goes there."""
    graph = build_graph({"a": replace(SPEC, exports=(Export("cacheonly"),)), "b": replace(SPEC, exports=(image("b"),))})
    assert graph.of_target["a"].spec.exports == (image("b"),)
    assert graph.of_target["a"].outputs == {"a": (), "b": (0,)}


def test_equal_parents_make_equal_children() -> None:
    """A link counts by what it links to, not by its name."""
    graph = build_graph(
        {
            "p1": SPEC,
            "p2": SPEC,
            "c1": replace(SPEC, contexts=(("base", LinkContext("p1")),)),
            "c2": replace(SPEC, contexts=(("base", LinkContext("p2")),)),
        }
    )
    assert [v.targets for v in graph.vertices.values()] == [("p1", "p2"), ("c1", "c2")]


@pytest.mark.parametrize(
    ("links", "summary", "detail"),
    [
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, "infinite loop from", "a -> b -> c -> a"),
        ({"a": ["a"]}, "target a cannot link to itself", ""),
        ({"x": ["a"], "a": ["b"], "b": ["a"]}, "infinite loop from b to a", "a -> b -> a"),
    ],
)
def test_cycles_are_reported_as_a_path(links: dict[str, list[str]], summary: str, detail: str) -> None:
    """A cycle is a fault that names each target on it, in order."""
    with pytest.raises(BakeError) as caught:
        build_graph({n: linked(*t) for n, t in links.items()})
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.summary.startswith(summary)
    assert diagnostic.detail == detail


def test_order_weight_and_components() -> None:
    """Parents come first; weight is the longest chain; links tie components."""
    graph = build_graph({"c": linked("b"), "b": linked("a", stage="b"), "a": SPEC, "z": replace(SPEC, stage="z")})
    name = {v: vertex.name for v, vertex in graph.vertices.items()}
    assert [name[v] for v in graph.order] == ["a", "b", "c", "z"]
    assert {name[v]: w for v, w in graph.weight.items()} == {"a": 3, "b": 2, "c": 1, "z": 1}
    assert [name[v] for v in graph.critical_path()] == ["a", "b", "c"]
    assert len(set(graph.component.values())) == 2


def test_no_links_load_no_networkx() -> None:
    """A graph without links is ordered without networkx."""
    code = (
        "import sys; from bakepy.planner.graph import build_graph; from bakepy.planner.spec import *;"
        "g = build_graph({'a': SolveSpec(LocalContext('.'), LocalDockerfile('Dockerfile'))});"
        "g.order, g.component, g.weight; assert 'networkx' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_any_acyclic_definition_makes_a_graph(edges: list[tuple[int, int]]) -> None:
    """Every target has a vertex, and every link an edge from an earlier to a later one."""
    links: dict[int, set[int]] = {n: set() for n in range(8)}
    for a, b in edges:
        if a != b:
            links[max(a, b)].add(min(a, b))
    graph = build_graph({f"t{n}": linked(*(f"t{m}" for m in sorted(ms))) for n, ms in links.items()})
    assert set(graph.of_target) == {f"t{n}" for n in range(8)}
    position = {v: i for i, v in enumerate(graph.order)}
    for n, ms in links.items():
        for m in ms:
            assert position[graph.of_target[f"t{m}"].id] < position[graph.of_target[f"t{n}"].id]


@pytest.mark.parametrize(("change", "vertices"), [({}, 1), ({"dest": "other"}, 2), ({"names": ("b:1",)}, 2)])
def test_a_solve_writes_to_one_layout(change: dict[str, object], vertices: int) -> None:
    """Equal solves are one, unless their images go to different layouts or names."""
    one = Export("oci", (("tar", "false"),), "lay", ("a:1",))
    specs = {"x": replace(SPEC, exports=(one,)), "y": replace(SPEC, exports=(replace(one, **change),))}
    assert len(build_graph(specs).vertices) == vertices
