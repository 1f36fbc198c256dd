"""Targets merge, change and print by what their attributes declare."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.model.attest import Attest
from bakepy.model.cache import CacheEntry
from bakepy.model.export import Export
from bakepy.model.rules import Change, distinct, last_by_id
from bakepy.model.secret import Secret
from bakepy.model.ssh import Ssh
from bakepy.model.target import ATTRIBUTES, OVERRIDES, Target
from bakepy.model.text import EntryError


def merged(*targets: Target) -> dict:
    out = Target()
    for target in targets:
        out.merge(target)
    out.normalise()
    return out.json()


@pytest.mark.parametrize(
    ("parent", "child", "shown"),
    [
        ({"tags": ["a"]}, {"tags": ["b", "b", ""]}, {"tags": ["b"]}),
        ({"tags": ["a"]}, {"tags": []}, {}),
        ({"tags": ["a"]}, {}, {"tags": ["a"]}),
        ({"target": "x"}, {"target": ""}, {"target": ""}),
        ({"description": "x"}, {"description": ""}, {"description": "x"}),
        ({"args": {"a": "1", "b": "2"}}, {"args": {"b": "3", "a": None}}, {"args": {"a": "1", "b": "3"}}),
        ({"args": {"a": None}}, {}, {}),
        ({"contexts": {"a": "x", "b": "y"}}, {"contexts": {"a": ""}}, {"contexts": {"b": "y"}}),
        ({"annotations": ["a=1"]}, {"annotations": ["b=2", "a=1"]}, {"annotations": ["a=1", "b=2"]}),
        ({"platforms": ["a", "b"]}, {"platforms": ["c"]}, {"platforms": ["c"]}),
        (
            {"cache_from": [CacheEntry("a"), CacheEntry("b")]},
            {"cache_from": [CacheEntry("a")]},
            {"cache-from": [{"type": "a"}, {"type": "b"}]},
        ),
        ({"cache_to": [CacheEntry("a")]}, {"cache_to": [CacheEntry("b")]}, {"cache-to": [{"type": "b"}]}),
        (
            {"secret": [Secret("a", "f"), Secret("b", "g")]},
            {"secret": [Secret("a", "h")]},
            {"secret": [{"id": "a", "src": "h"}, {"id": "b", "src": "g"}]},
        ),
        ({"ssh": [Ssh("a")]}, {"ssh": [Ssh("a", ("k",))]}, {"ssh": [{"id": "a", "paths": ["k"]}]}),
        (
            {"attest": [Attest("sbom"), Attest("provenance")]},
            {"attest": [Attest("sbom", True)]},
            {"attest": [{"disabled": True, "type": "sbom"}, {"type": "provenance"}]},
        ),
        ({"network": "host"}, {}, {"network": "host", "entitlements": ["network.host"]}),
        ({"entitlements": ["a"]}, {"entitlements": ["b", "a"]}, {"entitlements": ["a", "b"]}),
        ({"no_cache": True}, {"no_cache": False}, {"no-cache": False}),
        ({"ulimits": ["a"]}, {"ulimits": ["b"]}, {"ulimits": ["a", "b"]}),
    ],
)
def test_what_a_target_inherits(parent, child, shown):
    """Each attribute merges by its own rule: replaced, appended, by key or by id."""
    assert merged(Target(**parent), Target(**child)) == shown


@pytest.mark.parametrize(
    ("before", "change", "shown"),
    [
        ({}, ("context", "", ["x"]), {"context": "x"}),
        ({"args": {"a": "1"}}, ("args", "b", ["2"]), {"args": {"a": "1", "b": "2"}}),
        ({"tags": ["a"]}, ("tags", "", ["b", "c"]), {"tags": ["b", "c"]}),
        ({"tags": ["a"]}, ("tags", "", ["b"], True), {"tags": ["a", "b"]}),
        ({"annotations": ["a=1"]}, ("annotations", "", ["b=2"]), {"annotations": ["a=1", "b=2"]}),
        ({"platforms": ["a"]}, ("platform", "", ["b"]), {"platforms": ["b"]}),
        ({}, ("output", "", ["type=docker", ""]), {"output": [{"type": "docker"}]}),
        ({"secret": [Secret("a", "f")]}, ("secret", "a", ["env=E"]), {"secret": [{"id": "a", "env": "E"}]}),
        (
            {"attest": [Attest("sbom")]},
            ("attest", "", ["type=provenance,mode=max"]),
            {"attest": [{"type": "sbom"}, {"mode": "max", "type": "provenance"}]},
        ),
        ({}, ("push", "", ["true"]), {"output": [{"push": "true", "type": "image"}]}),
        (
            {"output": [Export("docker")]},
            ("push", "", ["true"]),
            {"output": [{"type": "docker"}, {"push": "true", "type": "image"}]},
        ),
        ({"output": [Export("local", "x")]}, ("push", "", ["true"]), {"output": [{"dest": "x", "type": "local"}]}),
        (
            {"output": [Export("image", attrs={"name": "a"})]},
            ("push", "", ["true"]),
            {"output": [{"name": "a", "push": "true", "type": "image"}]},
        ),
        (
            {"output": [Export("registry"), Export("image"), Export("tar", "t")]},
            ("push", "", ["false"]),
            {"output": [{"dest": "t", "type": "tar"}, {"push": "false", "type": "image"}]},
        ),
        ({}, ("load", "", ["true"]), {"output": [{"type": "docker"}]}),
        ({"output": [Export("docker")]}, ("load", "", ["true"]), {"output": [{"type": "docker"}]}),
        ({"output": [Export("local", "x")]}, ("load", "", ["true"]), {"output": [{"dest": "x", "type": "local"}]}),
        (
            {"output": [Export("docker", "x.tar")]},
            ("load", "", ["true"]),
            {"output": [{"dest": "x.tar", "type": "docker"}, {"type": "docker"}]},
        ),
        ({}, ("resources", "memory", ["1g"]), {"resources": {"memory": "1g"}}),
    ],
)
def test_what_set_changes(before, change, shown):
    """Each key of --set changes its attribute by its own rule."""
    key, name, values, *append = change
    target = Target(**before)
    target.override(Change(key, name, tuple(values), *append))
    assert target.json() == shown


@pytest.mark.parametrize(
    ("key", "name", "value", "fault"),
    [
        ("pull", "", "x", "invalid value x for boolean key pull"),
        ("output", "", "type=", "invalid value for outputs: type is required for output"),
        ("secret", "a", "env=E", 'secret "a" must be declared before it can be overridden'),
        ("cache-to", "", "a=b", 'type required for "a=b"'),
        ("attest", "", "mode=max", "invalid value for attest: attestation type not specified"),
    ],
)
def test_a_value_that_cannot_be_set_is_named(key, name, value, fault):
    """The fault of an override is told in the reference's words."""
    with pytest.raises(EntryError) as caught:
        Target().override(Change(key, name, (value,)))
    assert str(caught.value) == fault


def test_a_secret_keeps_its_id_when_overridden():
    """An override may say where a secret comes from, not what it is called."""
    with pytest.raises(EntryError, match='secret override id "b" does not match declared secret "a"'):
        Target(secret=[Secret("a")]).override(Change("secret", "a", ("id=b",)))


def test_templates_are_escaped_where_the_reference_escapes_them():
    """Printed text that holds the opening of a template reads back as that text."""
    target = Target(args={"a": "${x}"}, labels={"b": "%{y}"}, tags=["${z}"], annotations=["c=${x}"])
    assert target.json() == {
        "annotations": ["c=$${x}"],
        "args": {"a": "$${x}"},
        "labels": {"b": "%%{y}"},
        "tags": ["${z}"],
    }


def test_every_field_declares_one_attribute_with_a_doc():
    """No field of a target is without its rules, name and doc."""
    fields = set(Target.__annotations__)
    assert {attribute.field for attribute in ATTRIBUTES} == fields
    assert all(attribute.doc.endswith(".") for attribute in ATTRIBUTES)
    assert len(OVERRIDES) == sum(len(attribute.overrides) for attribute in ATTRIBUTES)


NAMES = st.lists(st.sampled_from("abc"), max_size=6)


@given(NAMES)
def test_distinct_keeps_each_item_once(items):
    """No item is lost, none is there twice, and doing it again changes nothing."""
    once = distinct(items) or []
    assert sorted(once) == sorted(set(items))
    assert (distinct(once) or []) == once


TARGETS = st.builds(
    Target,
    tags=st.none() | NAMES,
    annotations=st.none() | NAMES,
    args=st.none() | st.dictionaries(st.sampled_from("ab"), st.none() | st.text(max_size=1), max_size=2),
    target=st.none() | st.sampled_from("xy"),
    secret=st.none() | st.lists(st.builds(Secret, st.sampled_from("ab"), st.sampled_from("fg")), max_size=3),
)


@given(TARGETS, TARGETS, TARGETS)
def test_merging_is_associative(a, b, c):
    """It does not matter whether grandparents merge first or last."""
    left, right = Target(), Target()
    ab, bc = Target(), Target()
    for target in (a, b):
        ab.merge(target)
    for target in (b, c):
        bc.merge(target)
    for target in (ab, c):
        left.merge(target)
    for target in (a, bc):
        right.merge(target)
    left.normalise()
    right.normalise()
    assert left == right


def test_last_of_an_id_takes_the_place_of_the_first():
    """Entries keep the order in which their ids first came."""
    assert last_by_id([Secret("a", "1"), Secret("b"), Secret("a", "2")]) == [Secret("a", "2"), Secret("b")]
