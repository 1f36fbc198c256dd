"""Builders as data: their files, and what create makes of them."""

import json
import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.builders.record import (
    NodeChange,
    StoredBuilder,
    StoredNode,
    StoreError,
    checked_name,
    decode,
    encode,
    with_node,
    without_node,
)
from bakepy.builders.toml import dumps
from bakepy.platforms import Platform
from bakepy.records import replace

NAMES = st.from_regex(r"[a-z][a-z0-9._-]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLATFORMS = st.builds(
    Platform,
    st.sampled_from(["linux", "windows"]),
    st.sampled_from(["amd64", "arm64", "arm"]),
    st.sampled_from(["", "v7"]),
    st.sampled_from(["", "10.0.1"]),
    st.sampled_from([(), ("win32k",)]),
)
NODES = st.builds(
    StoredNode,
    NAMES,
    TEXTS,
    st.none() | st.lists(PLATFORMS, max_size=3).map(tuple),
    st.none() | st.dictionaries(TEXTS, TEXTS, max_size=3),
    st.none() | st.lists(TEXTS, max_size=3).map(tuple),
    st.none() | st.dictionaries(TEXTS, st.binary(max_size=12), max_size=3),
)
BUILDERS = st.builds(StoredBuilder, NAMES, NAMES, st.lists(NODES, max_size=3).map(tuple), st.booleans())


@given(BUILDERS)
def test_a_builder_survives_its_file(builder: StoredBuilder) -> None:
    """Reading what was written gives the same builder, and writing that the same bytes."""
    data = encode(builder)

    assert decode(json.loads(data)) == builder
    assert encode(decode(json.loads(data))) == data


def test_the_file_is_go_s() -> None:
    """Markup is escaped, other text is not; what was never set is null, what is empty is not."""
    node = StoredNode("n", "a<b>&é\u2028", (), None, ("--x=1",), {})

    assert encode(StoredBuilder("b", "remote", (node,))).decode() == (
        '{"Name":"b","Driver":"remote","Nodes":[{"Name":"n","Endpoint":"a\\u003cb\\u003e\\u0026é\\u2028",'
        '"Platforms":[],"DriverOpts":null,"Flags":["--x=1"],"Files":{}}],"Dynamic":false}'
    )


@pytest.mark.parametrize("name", ["", "0a", "-a", "a b", "a/b", "ä", "a\n"])
def test_odd_names_are_refused(name: str) -> None:
    """A name starts with a letter and holds letters, digits, dots, dashes and underscores."""
    with pytest.raises(StoreError, match="invalid name"):
        checked_name(name)


ARM, AMD = Platform("linux", "arm64"), Platform("linux", "amd64")


def built(*changes: NodeChange, name: str = "Two") -> StoredBuilder:
    builder = StoredBuilder(name, "remote")
    for change in changes:
        builder = with_node(builder, "", change, append=True)
    return builder


def test_nodes_are_numbered_in_lower_case() -> None:
    """Nodes without a name get the builder's with the first free number."""
    builder = built(NodeChange("a"), NodeChange("b"), NodeChange("c"))
    assert [node.name for node in builder.nodes] == ["two0", "two1", "two2"]

    freed = without_node(builder, "two1")
    assert [n.name for n in with_node(freed, "", NodeChange("d"), append=True).nodes] == ["two0", "two2", "two1"]


def test_a_platform_belongs_to_the_node_that_got_it_last() -> None:
    """Reserving a platform takes it from the other nodes, whose list then is empty, not null."""
    builder = built(NodeChange("a", platforms=(ARM, AMD)), NodeChange("b", platforms=(ARM,)), NodeChange("c"))

    assert [node.platforms for node in builder.nodes] == [(AMD,), (ARM,), None]


def test_a_change_keeps_what_it_does_not_name() -> None:
    """Options, flags and platforms stay unless they are given anew; files are added."""
    before = StoredNode("two0", "a", (ARM,), {"k": "v"}, ("--f",), {"old": b"1"})
    builder = replace(built(NodeChange("a")), nodes=(before,))

    assert with_node(builder, "two0", NodeChange("z"), append=False).nodes == (before,)
    changed = with_node(builder, "two0", NodeChange("z", True, (AMD,), {}, (), {"new": b"2"}), append=False)
    assert changed.nodes == (StoredNode("two0", "z", (AMD,), {}, (), {"old": b"1", "new": b"2"}),)


@pytest.mark.parametrize(
    ("names", "node", "endpoint", "append", "complaint"),
    [
        (["a"], "x", "z", False, "node x not found, did you mean to append"),
        (["a"], "", "z", False, "node  not found, did you mean to append"),
        (["a"], "", "a", True, "invalid duplicate endpoint a"),
        (["a", "b"], "two1", "a", False, "invalid duplicate endpoint a"),
        ([], "9", "a", True, "invalid name 9"),
    ],
)
def test_impossible_changes_are_refused(
    names: Sequence[str], node: str, endpoint: str, append: bool, complaint: str
) -> None:
    """No two nodes share an endpoint, and a node is added only where that was asked for."""
    with pytest.raises(StoreError, match=complaint):
        with_node(built(*map(NodeChange, names)), node, NodeChange(endpoint, True), append=append)


def test_the_last_node_cannot_leave() -> None:
    """A builder has a node at least; one that is not there cannot leave."""
    builder = built(NodeChange("a"))
    with pytest.raises(StoreError, match="can not leave last node"):
        without_node(builder, "two0")
    with pytest.raises(StoreError, match='node "x" not found for Two'):
        without_node(builder, "x")


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.datetimes(timezones=st.just(UTC)).map(lambda d: d.replace(microsecond=0))
    | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_toml_reads_back(table: dict[str, object]) -> None:
    """What is written as TOML is read as the same table by Python's own reader."""
    assert tomllib.loads(dumps(table)) == table


def test_toml_has_the_reference_s_form() -> None:
    """Values come before tables, keys are sorted, strings literal where they can be."""
    when = datetime(2020, 1, 1, tzinfo=UTC)
    table = {"b": {"x": [{"q": 1.0}, {"p": "it's"}], "a": [[1], []]}, "a": when, "d": date(2020, 1, 1), "c d": "x\ty"}

    assert dumps(table) == (
        "a = 2020-01-01T00:00:00Z\n'c d' = \"x\\ty\"\nd = 2020-01-01\n\n[b]\na = [[1], []]\n\n"
        '[[b.x]]\nq = 1.0\n\n[[b.x]]\np = "it\'s"\n'
    )
