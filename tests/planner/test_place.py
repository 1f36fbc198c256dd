"""Where targets are built, given what the nodes of a builder run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.diagnostics import BakeError
from bakepy.planner.graph import SolveGraph, build_graph
from bakepy.planner.place import Place, Placement, place, repository
from bakepy.planner.spec import (
    DEFAULT_EXPORT,
    Export,
    LinkContext,
    LocalContext,
    LocalDockerfile,
    SolveSpec,
    pairs,
)
from bakepy.platforms import parse_all
from bakepy.records import replace

AMD = "linux/amd64,linux/amd64/v2,linux/386"
ARM = "linux/arm64,linux/arm/v7"
EMULATING = f"{AMD},{ARM},linux/riscv64"
PUSH = (Export("image", pairs({"push": "true"}), names=("host:1/app:a", "host:1/app:b", "other/app")),)


def node(name: str, platforms: str = "", reserved: str = "") -> Place:
    return Place(name, parse_all([reserved] if reserved else []), parse_all([platforms] if platforms else []))


def graph_of(**targets: tuple[str, tuple[Export, ...], tuple[str, ...]]) -> SolveGraph:
    """Return the graph of targets given as platforms, exports and links."""
    return build_graph(
        {
            name: SolveSpec(
                LocalContext("."),
                LocalDockerfile("Dockerfile"),
                stage=name,
                platforms=tuple(filter(None, platforms.split(","))),
                exports=exports,
                contexts=tuple((link, LinkContext(link)) for link in links),
            )
            for name, (platforms, exports, links) in targets.items()
        }
    )


def shown(placement: Placement) -> dict[tuple[str, str], list[str]]:
    """Return the best nodes by target and platforms."""
    return {
        (v.name, ",".join(v.spec.platforms)): sorted(placement.tiers[v.id][0])
        for v in placement.graph.vertices.values()
    }


def where(platforms: str, *nodes: Place) -> dict[str, str]:
    """Return the names of the best nodes for a target's parts by their platforms."""
    found = shown(place(graph_of(t=(platforms, PUSH, ())), nodes))
    return {part: " ".join(names) for (_, part), names in found.items()}


@pytest.mark.parametrize(
    ("platforms", "nodes", "expected"),
    [
        pytest.param("", [node("a", AMD), node("b", ARM)], {"": "a b"}, id="no platform goes anywhere"),
        pytest.param(
            "linux/amd64,linux/arm64",
            [node("a", AMD), node("b", ARM)],
            {"linux/amd64": "a", "linux/arm64": "b"},
            id="each its own",
        ),
        pytest.param(
            "linux/amd64,linux/arm64",
            [node("a", EMULATING), node("b", ARM)],
            {"linux/amd64": "a", "linux/arm64": "b"},
            id="native before emulated",
        ),
        pytest.param(
            "linux/amd64,linux/arm64",
            [node("a", EMULATING), node("b", AMD)],
            {"linux/amd64,linux/arm64": "a"},
            id="in one piece where one node is best for all",
        ),
        pytest.param("linux/386", [node("a", AMD), node("b", "linux/386")], {"linux/386": "b"}, id="exact before able"),
        pytest.param(
            "linux/arm64,linux/arm/v7",
            [node("a", ARM), node("b", ARM), node("c", EMULATING)],
            {"linux/arm64,linux/arm/v7": "a b"},
            id="equal nodes share",
        ),
        pytest.param(
            "linux/arm64",
            [node("a", ARM), node("b", EMULATING, reserved="linux/arm64")],
            {"linux/arm64": "b"},
            id="reserved before native",
        ),
        pytest.param(
            "linux/amd64,linux/s390x",
            [node("a", AMD), node("b", ARM)],
            {"linux/amd64,linux/s390x": "a"},
            id="what nobody runs goes along",
        ),
        pytest.param("linux/s390x", [node("a", AMD), node("b", ARM)], {"linux/s390x": "a b"}, id="foreign to all"),
        pytest.param("linux/arm64", [node("a", AMD), node("b")], {"linux/arm64": "b"}, id="unknown before foreign"),
        pytest.param(
            "linux/arm64/v8,linux/x86_64",
            [node("a", AMD), node("b", ARM)],
            {"linux/arm64/v8": "b", "linux/x86_64": "a"},
            id="other names of platforms",
        ),
        pytest.param(
            "windows(10.0.17763)/amd64,windows(10.0.20348+win32k)/amd64",
            [node("a", AMD), node("b", "windows/amd64")],
            {"windows(10.0.17763)/amd64,windows(10.0.20348+win32k)/amd64": "b"},
            id="versions",
        ),
        pytest.param("linux/amd64/v2", [node("a", EMULATING), node("b", ARM)], {"linux/amd64/v2": "a"}, id="variants"),
    ],
)
def test_nodes_for_platforms(platforms: str, nodes: list[Place], expected: dict[str, str]) -> None:
    """A target goes to the nodes that suit its platforms best."""
    assert where(platforms, *nodes) == expected


def test_the_next_best_node_comes_next() -> None:
    """Native nodes come before those that emulate, and those before nodes that can only copy."""
    placement = place(graph_of(t=("linux/arm64", (), ())), [node("a", AMD), node("e", EMULATING), node("n", ARM)])
    (tiers,) = placement.tiers.values()
    assert tiers == (frozenset("n"), frozenset("e"), frozenset("a"))


def test_a_part_is_pushed_without_tags() -> None:
    """Each part's image goes by its digest to every repository; the target is made up of both."""
    graph = graph_of(t=("linux/amd64,linux/arm64", PUSH, ()))
    placement = place(graph, [node("a", AMD), node("b", ARM)])
    (parts,) = placement.parts.values()
    specs = [placement.graph.vertices[part].spec for part in parts]
    assert [spec.platforms for spec in specs] == [("linux/amd64",), ("linux/arm64",)]
    for spec in specs:
        (export,) = spec.exports
        assert spec.part
        assert export.names == ("host:1/app", "other/app")
        assert dict(export.attrs) == {"push": "true", "push-by-digest": "true"}


def test_links_go_with_those_that_need_them() -> None:
    """A linked target is built on each node for the platforms wanted there; without a platform, wherever it is used."""
    both = "linux/amd64,linux/arm64"
    graph = graph_of(app=(both, PUSH, ("base", "assets")), base=(both, (), ()), assets=("", PUSH, ()))
    placement = place(graph, [node("a", AMD), node("b", ARM)])
    assert shown(placement) == {
        (name, platform if name != "assets" else ""): [at]
        for name in ("app", "base")
        for platform, at in (("linux/amd64", "a"), ("linux/arm64", "b"))
    } | {("assets", ""): ["b"]}
    built = [v for v in placement.graph.vertices.values() if v.name == "assets"]
    assert sorted(len(v.spec.exports) for v in built) == [0, 1]
    assert placement.parts[graph.of_target["assets"].id] == tuple(v.id for v in built if v.spec.exports)
    for v in placement.graph.vertices.values():
        assert {placement.tiers[p] for p in placement.graph.parents[v.id]} <= {placement.tiers[v.id]}


def test_links_across_platforms_keep_targets_together() -> None:
    """Where a target takes another platform's result, one node builds all."""
    graph = graph_of(app=("linux/amd64,linux/arm64", PUSH, ("tool",)), tool=("linux/amd64", (), ()))
    placement = place(graph, [node("a", AMD), node("b", ARM)])
    assert placement.graph.vertices.keys() == graph.vertices.keys()
    assert len(set(placement.tiers.values())) == 1


@pytest.mark.parametrize(
    ("export", "default", "name"),
    [
        (Export("oci", dest="x"), DEFAULT_EXPORT, "oci"),
        (Export("tar", dest="-"), DEFAULT_EXPORT, "tar"),
        (Export("docker"), DEFAULT_EXPORT, "docker"),
        (Export(DEFAULT_EXPORT), "docker", "docker"),
        (Export("local", pairs({"mode": "delete"}), "out"), DEFAULT_EXPORT, "local with mode=delete"),
    ],
)
def test_what_cannot_be_joined(export: Export, default: str, name: str) -> None:
    """One file goes to one node that can make it whole; where there is none, that is a fault."""
    graph = graph_of(t=("linux/amd64,linux/arm64", (export,), ()))
    assert list(shown(place(graph, [node("a", EMULATING), node("b", ARM)], default)).values()) == [["a"]]
    with pytest.raises(BakeError, match=f"^{name} for multi-node builds currently not supported"):
        place(graph, [node("a", AMD), node("b", ARM)], default)


def test_two_images_at_once_are_refused() -> None:
    """Which of two images a node tells of cannot be known, so they are not joined."""
    graph = graph_of(t=("linux/amd64,linux/arm64", (*PUSH, Export("image", pairs({"compression": "zstd"}))), ()))
    with pytest.raises(BakeError, match="several image outputs"):
        place(graph, [node("a", AMD), node("b", ARM)])


def test_a_layout_is_joined_like_a_pushed_image() -> None:
    """Nodes write their parts to one folder; with another image beside it, that is refused."""
    layout = Export("oci", pairs({"tar": "false"}), "lay", ("a:1",))
    nodes = [node("a", AMD), node("b", ARM)]
    placement = place(graph_of(t=("linux/amd64,linux/arm64", (layout,), ())), nodes)
    assert [(v.spec.platforms, v.spec.exports) for v in placement.graph.vertices.values()] == [
        (("linux/amd64",), (layout,)),
        (("linux/arm64",), (layout,)),
    ]
    for other in (*PUSH, replace(layout, type="docker")):
        with pytest.raises(BakeError, match="multi-node builds"):
            place(graph_of(t=("linux/amd64,linux/arm64", (layout, other), ())), nodes)


def test_questions_are_asked_once() -> None:
    """A call is not taken apart: it builds nothing."""
    spec = SolveSpec(LocalContext("."), LocalDockerfile("D"), platforms=("linux/amd64", "linux/arm64"), call="lint")
    placement = place(build_graph({"t": spec}), [node("a", AMD), node("b", ARM)])
    assert shown(placement) == {("t", "linux/amd64,linux/arm64"): ["a", "b"]}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a", "a"), ("a:1", "a"), ("h:5/a/b:1", "h:5/a/b"), ("h:5/a", "h:5/a"), ("a:1@sha256:00", "a")],
)
def test_repositories(name: str, expected: str) -> None:
    """Tags and digests go, ports stay."""
    assert repository(name) == expected


PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/riscv64"]
NODES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(PLATFORMS), unique=True, max_size=4),
        st.lists(st.sampled_from(PLATFORMS), unique=True, max_size=1),
    ),
    min_size=1,
    max_size=4,
)
TARGETS = st.lists(st.lists(st.sampled_from(PLATFORMS), unique=True, max_size=5), min_size=1, max_size=4)


@given(NODES, TARGETS, st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=4))
def test_laws(nodes: list[tuple[list[str], list[str]]], targets: list[list[str]], links: set[tuple[int, int]]) -> None:
    """Every platform of every target is built once; every node is at hand; links stay among equals."""
    places = [node(f"n{i}", ",".join(has), ",".join(own)) for i, (has, own) in enumerate(nodes)]
    graph = graph_of(
        **{
            f"t{i}": (
                ",".join(platforms),
                PUSH,
                tuple(f"t{b}" for a, b in sorted(links) if a == i and i < b < len(targets)),
            )
            for i, platforms in enumerate(targets)
        }
    )
    placement = place(graph, places)
    assert placement.parts.keys() == graph.vertices.keys()
    for whole, parts in placement.parts.items():
        built = [p for part in parts for p in placement.graph.vertices[part].spec.platforms]
        assert sorted(built) == sorted(graph.vertices[whole].spec.platforms)
        assert parts
    for id, vertex in placement.graph.vertices.items():
        assert frozenset().union(*placement.tiers[id]) == {p.name for p in places}
        taken = {t for parent in placement.graph.parents[id] for t in placement.graph.vertices[parent].targets}
        assert set(vertex.spec.links) <= taken
        assert all(placement.tiers[p] == placement.tiers[id] for p in placement.graph.parents[id])
