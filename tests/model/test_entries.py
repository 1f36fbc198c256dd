"""Entries are read from text and objects, and printed back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.model.attest import Attest
from bakepy.model.cache import CacheEntry
from bakepy.model.export import Export
from bakepy.model.policy import Policy
from bakepy.model.resources import Resources
from bakepy.model.secret import Secret
from bakepy.model.ssh import Ssh
from bakepy.model.text import EntryError, join_csv, parse_bool, quote, split_csv


@pytest.mark.parametrize(
    ("kind", "text", "json"),
    [
        (CacheEntry, "user/app:cache", [{"ref": "user/app:cache", "type": "registry"}]),
        (CacheEntry, "a,b", [{"ref": "a", "type": "registry"}, {"ref": "b", "type": "registry"}]),
        (CacheEntry, "Type=gha,Scope=x", [{"scope": "x", "type": "gha"}]),
        (CacheEntry, 'type=local,"src=a,b"', [{"src": "a,b", "type": "local"}]),
        (Export, "-", [{"dest": "-", "type": "tar"}]),
        (Export, "out/folder", [{"dest": "out/folder", "type": "local"}]),
        (Export, "type=image,name=a,push=true", [{"name": "a", "push": "true", "type": "image"}]),
        (Export, "type=oci,dest=x.tar", [{"dest": "x.tar", "type": "oci"}]),
        (Secret, "id=a,src=f", [{"id": "a", "src": "f"}]),
        (Secret, "ID=a,source=f", [{"id": "a", "src": "f"}]),
        (Secret, "id=a,type=env,src=V", [{"id": "a", "env": "V"}]),
        (Secret, "id=a,type=env,env=V,src=f", [{"id": "a", "src": "f", "env": "V"}]),
        (Ssh, "default", [{"id": "default"}]),
        (Ssh, "k=a,b", [{"id": "k", "paths": ["a", "b"]}]),
        (Attest, "type=sbom", [{"type": "sbom"}]),
        (Attest, "type=provenance,mode=max,disabled=f", [{"mode": "max", "type": "provenance"}]),
        (Attest, "type=sbom,disabled=true", [{"disabled": True, "type": "sbom"}]),
        (
            Policy,
            "filename=a.rego,strict=1,log-level=warn",
            [
                {
                    "Files": [{"Filename": "a.rego", "Data": None}],
                    "Reset": False,
                    "Disabled": False,
                    "Strict": True,
                    "LogLevel": "warning",
                }
            ],
        ),
    ],
)
def test_text_is_read_into_what_print_shows(kind, text, json):
    """An entry's text gives the JSON that the reference prints for it."""
    assert [entry.json() for entry in kind.parse(text)] == json


@pytest.mark.parametrize(
    ("kind", "text", "fault"),
    [
        (CacheEntry, "", "EOF"),
        (CacheEntry, "scope=x", 'type required for "scope=x"'),
        (CacheEntry, "type=gha,scope", "invalid value scope"),
        (Export, "name=a,push=true", "type is required for output"),
        (Export, "type=image,push", "invalid value push"),
        (Secret, "id", "invalid field 'id' must be a key=value pair"),
        (Secret, "id=a,type=x", 'unsupported secret type "x"'),
        (Secret, "id=a,x=y", "unexpected key 'x' in 'x=y'"),
        (Secret, 'id="a', 'failed to parse csv secret: parse error on line 1, column 4: bare " in non-quoted field'),
        (Attest, "mode=max", "attestation type not specified"),
        (Attest, "type=a,disabled=x", 'invalid value disabled=x: strconv.ParseBool: parsing "x": invalid syntax'),
        (Policy, "filename=", "invalid value filename="),
        (Policy, "strict=x", 'invalid value strict=x: strconv.ParseBool: parsing "x": invalid syntax'),
    ],
)
def test_what_cannot_be_read_is_named(kind, text, fault):
    """A broken entry is told in the words that users of the reference know."""
    with pytest.raises(EntryError) as caught:
        kind.parse(text)
    assert str(caught.value) == fault


@pytest.mark.parametrize(
    "entry",
    [
        CacheEntry("registry", {"ref": "a"}),
        CacheEntry("gha", {"scope": 'a,"b"'}),
        Export("image", "", {"name": "x", "push": "true"}),
        Export("local", "out"),
        Secret("a", "f", "E"),
        Ssh("default"),
        Ssh("k", ("a",)),
        Attest("sbom", True, {"generator": "x"}),
    ],
    ids=str,
)
def test_printing_and_reading_gives_the_entry_back(entry):
    """The text of an entry means that entry."""
    assert type(entry).parse(str(entry)) == [entry]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), min_size=1))
def test_csv_gives_back_the_fields_it_was_made_of(fields):
    """Reading what was joined gives the pairs, whatever commas and quotes they hold."""
    pairs = [("k", field) for field in fields]
    assert split_csv(join_csv(pairs)) == [f"k={field}" for field in fields]


def fields_or_fault(text: str) -> list[str]:
    try:
        return split_csv(text)
    except EntryError as fault:
        return [f"fault: {fault}"]


@given(st.text(st.sampled_from('a,"=\n')))
def test_no_text_breaks_the_csv_reader(text):
    """Every text has fields or a fault that can be told."""
    assert fields_or_fault(text)


@pytest.mark.parametrize(("word", "value"), [("1", True), ("T", True), ("False", False), ("f", False)])
def test_words_for_true_and_false_are_those_of_go(word, value):
    """Flags take Go's words."""
    assert parse_bool(word) is value


def test_quoting_is_that_of_go():
    """Errors quote names as the reference does."""
    assert quote('a"\\\n\x01é\u200b') == '"a\\"\\\\\\n\\x01é\\u200b"'


def test_limits_merge_one_by_one_and_are_read_from_text():
    """A nearer limit replaces the same inherited one and leaves the others."""
    merged = Resources(memory="1g", cpu_shares=5).merged(Resources(memory="2g")).set("cpu-quota", "-1")
    assert merged.json() == {"memory": "2g", "cpu-shares": 5, "cpu-quota": -1}


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("cpus", "1", "unknown resources key cpus"),
        ("cpu-shares", "x", "invalid value x for int64 key resources.cpu-shares"),
        ("cpu-shares", "9223372036854775808", "invalid value 9223372036854775808 for int64 key resources.cpu-shares"),
    ],
)
def test_limits_that_cannot_be_read_are_named(name, text, fault):
    """A limit's fault names its key."""
    with pytest.raises(EntryError, match=fault):
        Resources().set(name, text)
