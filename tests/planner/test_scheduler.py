"""The scheduler: order, places, failures and lost nodes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakepy.planner.graph import SolveGraph, build_graph
from bakepy.planner.scheduler import ENDED, Scheduler, State
from bakepy.planner.spec import LinkContext, LocalContext, LocalDockerfile, SolveSpec
from bakepy.records import replace


def graph_of(links: dict[str, list[str]], contexts: dict[str, str] | None = None) -> SolveGraph:
    return build_graph(
        {
            name: SolveSpec(
                LocalContext((contexts or {}).get(name, ".")),
                LocalDockerfile("Dockerfile"),
                stage=name,
                contexts=tuple((p, LinkContext(p)) for p in parents),
            )
            for name, parents in links.items()
        }
    )


class Run:
    """Drive a scheduler by target names."""

    def __init__(self, links: dict[str, list[str]], capacity: dict[str, int], **kw: dict[str, str]) -> None:
        self.graph = graph_of(links, **kw)
        self.scheduler = Scheduler(self.graph)
        self.capacity = capacity

    def take(self) -> list[tuple[str, str]]:
        decisions = self.scheduler.take(self.capacity)
        for d in decisions:
            self.scheduler.start(d.vertex)
        return [(self.graph.vertices[d.vertex].name, d.node) for d in decisions]

    def id(self, name: str) -> str:
        return self.graph.of_target[name].id

    def end(self, name: str, outcome: State = State.DONE) -> None:
        self.scheduler.finish(self.id(name), outcome)

    def state(self, name: str) -> State:
        return self.scheduler.state[self.id(name)]


def test_the_longest_chain_goes_first() -> None:
    """With one place, a target that others wait for precedes one that stands alone."""
    run = Run({"alone": [], "leaf": ["mid"], "mid": ["base"], "base": []}, {"n": 1})
    order = []
    while not run.scheduler.over:
        ((name, _),) = run.take()
        order.append(name)
        run.end(name)
    assert order == ["base", "mid", "alone", "leaf"]


def test_a_built_parent_frees_its_place_before_its_exports_are_written() -> None:
    """A dependant starts once its parent is built, even with a single place."""
    run = Run({"child": ["base"], "base": []}, {"n": 1})
    assert run.take() == [("base", "n")]
    assert run.take() == []
    run.scheduler.built(run.id("base"))
    assert run.take() == [("child", "n")]
    assert run.state("base") is State.RUNNING


def test_a_failure_skips_only_what_depends_on_it() -> None:
    """Unrelated targets go on; dependants, however far, are skipped."""
    run = Run({"a": [], "b": ["a"], "c": ["b"], "other": []}, {"n": 4})
    run.take()
    run.end("a", State.FAILED)
    assert [run.state(n) for n in ("a", "b", "c", "other")] == [
        State.FAILED,
        State.SKIPPED,
        State.SKIPPED,
        State.RUNNING,
    ]
    assert not run.scheduler.over
    run.end("other")
    assert run.scheduler.over


def test_a_failed_export_leaves_dependants_alone() -> None:
    """What was built serves its dependants although its own export failed."""
    run = Run({"a": [], "b": ["a"]}, {"n": 2})
    run.take()
    run.scheduler.built(run.id("a"))
    run.end("a", State.FAILED)
    assert run.take() == [("b", "n")]


def test_a_component_stays_on_one_node() -> None:
    """Linked targets go to the node that holds their parent's result, though another is idle."""
    run = Run({"a": [], "b": ["a"], "c": ["a"]}, {"n1": 1, "n2": 8})
    ((_, home),) = run.take()
    run.end("a")
    assert {node for _, node in run.take()} == {home}


def test_load_spreads_and_affinity_gathers() -> None:
    """Unlike work goes to the least loaded node; like work to the node that has had its inputs."""
    contexts = {"x1": "x", "y1": "y", "x2": "x", "y2": "y"}
    run = Run({n: [] for n in contexts}, {"n1": 2, "n2": 2}, contexts=contexts)
    placed = dict(run.take())
    assert placed["x1"] == placed["x2"] != placed["y1"] == placed["y2"]


def test_a_vertex_goes_only_where_it_fits() -> None:
    """A node that may not build a vertex never gets it; one that no node may build is skipped."""
    graph = graph_of({"arm": [], "none": []})
    arm, none = graph.of_target["arm"].id, graph.of_target["none"].id
    scheduler = Scheduler(graph, tiers={arm: [frozenset({"n2"})], none: []})
    (decision,) = scheduler.take({"n1": 9, "n2": 1})
    assert (decision.vertex, decision.node) == (arm, "n2")
    assert scheduler.state[none] is State.SKIPPED


def test_the_next_tier_serves_where_the_first_is_gone() -> None:
    """Nodes of a later tier get nothing while one of the first lives, and all once none does."""
    graph = graph_of({"a": [], "b": []})
    scheduler = Scheduler(graph, {v: [frozenset({"n1"}), frozenset({"n2", "n3"})] for v in graph.vertices})
    (first,) = scheduler.take({"n1": 1, "n2": 9, "n3": 9})
    assert first.node == "n1"
    scheduler.start(first.vertex)
    assert scheduler.lose("n1") == [first.vertex]
    again = scheduler.take({"n2": 9, "n3": 9})
    assert {d.vertex for d in again} == set(graph.vertices)
    assert {d.node for d in again} <= {"n2", "n3"}


def test_many_targets_of_one_context_are_shared() -> None:
    """A node that has had a context gets a little more of it, and not all."""
    run = Run({f"t{i}": [] for i in range(10)}, {"n1": 48, "n2": 48})
    nodes = [node for _, node in run.take()]
    assert sorted((nodes.count("n1"), nodes.count("n2"))) in ([4, 6], [5, 5])


def test_a_lost_nodes_work_is_placed_again() -> None:
    """What ran on a dead node, and what its dependants still need, goes to another."""
    run = Run({"a": [], "b": ["a"], "d": []}, {"n1": 2, "n2": 2})
    placed = dict(run.take())
    home = placed["a"]
    run.end("a")
    run.take()
    lost = run.scheduler.lose(home)
    assert [run.graph.vertices[v].name for v in lost if run.graph.vertices[v].name != "d"] == ["a", "b"]
    again = run.take()
    assert again[0][0] == "a"
    assert again[0][1] != home
    run.end("a")
    assert ("b", again[0][1]) in run.take()


def test_done_work_survives_its_node() -> None:
    """What ended with nobody waiting for its result stays done when the node dies."""
    run = Run({"a": []}, {"n1": 1})
    run.take()
    run.end("a")
    assert run.scheduler.lose("n1") == []
    assert run.scheduler.over


def test_no_node_left_skips_the_rest() -> None:
    """With the last node gone, what waits is skipped and the run is over."""
    run = Run({"a": [], "b": ["a"]}, {"n1": 1})
    run.take()
    run.scheduler.lose("n1")
    assert run.take() == []
    assert run.scheduler.over
    assert run.state("a") is State.SKIPPED


@pytest.mark.parametrize("wrong", ["start", "built", "finish"])
def test_events_out_of_order_are_refused(wrong: str) -> None:
    """An event that the state does not allow is a bug, told at once."""
    graph = graph_of({"a": []})
    scheduler = Scheduler(graph)
    vertex = graph.of_target["a"].id
    with pytest.raises((ValueError, KeyError)):
        scheduler.finish(vertex, State.DONE) if wrong == "finish" else getattr(scheduler, wrong)(vertex)


def test_a_long_chain_fails_without_recursion() -> None:
    """Thousands of links are skipped as well as two."""
    run = Run({f"t{i}": [f"t{i - 1}"] if i else [] for i in range(3000)}, {"n": 1})
    run.take()
    run.end("t0", State.FAILED)
    assert run.scheduler.over


@st.composite
def runs(draw: st.DrawFn) -> tuple[dict[str, list[str]], dict[str, int], list[int]]:
    count = draw(st.integers(1, 9))
    links = {
        f"t{i}": [f"t{j}" for j in sorted(draw(st.sets(st.integers(0, i - 1), max_size=3)))] if i else []
        for i in range(count)
    }
    capacity = {f"n{i}": draw(st.integers(1, 3)) for i in range(draw(st.integers(1, 3)))}
    return links, capacity, draw(st.lists(st.integers(0, 10**6), max_size=80))


@settings(max_examples=300)
@given(runs())
def test_invariants(case: tuple[dict[str, list[str]], dict[str, int], list[int]]) -> None:
    """Whatever happens in whatever order: no place is overbooked, no vertex starts before its parents' results are on
    its node, and the run ends with every vertex in an end state."""
    links, capacity, choices = case
    graph = graph_of(links)
    scheduler = Scheduler(graph)
    built: dict[str, str] = {}
    running: dict[str, str] = {}
    dead: set[str] = set()
    steps = iter([*choices, *([1] * 400)])
    for step in steps:
        for d in scheduler.take(capacity):
            assert d.node not in dead
            assert all(built.get(p) == d.node for p in graph.parents[d.vertex])
            scheduler.start(d.vertex)
            running[d.vertex] = d.node
        for node, places in capacity.items():
            assert sum(n == node and v not in built for v, n in running.items()) <= places
        if scheduler.over:
            break
        assert running, "something waits, nothing runs: a deadlock"
        vertex = sorted(running)[step % len(running)]
        match step // 16 % 8:
            case 0:
                scheduler.finish(vertex, State.FAILED)
                del running[vertex]
            case 1:
                node = running[vertex]
                dead.add(node)
                for v in scheduler.lose(node):
                    running.pop(v, None)
                    built.pop(v, None)
                assert node not in running.values()
            case 2 | 3 | 4:
                scheduler.built(vertex)
                built[vertex] = running[vertex]
            case _:
                scheduler.finish(vertex, State.DONE)
                built[vertex] = running.pop(vertex)
    assert scheduler.over
    assert set(scheduler.state.values()) <= ENDED
    for v, parents in graph.parents.items():
        # A node may die after a dependant is done and before the parent's own exports are.
        if scheduler.state[v] is State.DONE and not dead:
            assert all(scheduler.state[p] in {State.DONE, State.FAILED} for p in parents)


def test_specs_without_links_keep_their_order() -> None:
    """Equal weights start in the definition's order."""
    graph = build_graph({n: replace(SPEC, stage=n) for n in "zab"})
    names = [graph.vertices[d.vertex].name for d in Scheduler(graph).take({"n": 3})]
    assert names == ["z", "a", "b"]


SPEC = SolveSpec(LocalContext("."), LocalDockerfile("Dockerfile"))
