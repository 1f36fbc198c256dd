"""Values become the data of targets, and what other blocks see of them."""

import pytest

from bakepy.model.cache import CacheEntry
from bakepy.model.decoding import decoder, load
from bakepy.model.export import Export
from bakepy.model.resources import Resources
from bakepy.model.secret import Secret
from bakepy.model.ssh import Ssh
from bakepy.model.target import ATTRIBUTES
from bakepy.values.errors import ConversionError
from bakepy.values.types import STRING
from bakepy.values.value import Value, boolean, list_, null, number, object_, string, tuple_

BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES}


def decode(name: str, value: Value) -> Value:
    return decoder(BY_NAME[name].shape, BY_NAME[name].entry)(value)


@pytest.mark.parametrize(
    ("name", "value", "data"),
    [
        ("target", number(5), "5"),
        ("target", null(), None),
        ("pull", string("true"), True),
        ("tags", tuple_([string("a"), number(1)]), ["a", "1"]),
        ("tags", null(), None),
        ("args", object_({"a": number(1), "b": null()}), {"a": "1", "b": None}),
        ("contexts", object_({"a": string("x")}), {"a": "x"}),
        ("cache-from", tuple_([string("a,b"), string("")]), [CacheEntry("registry", {"ref": r}) for r in "ab"]),
        ("cache-to", tuple_([object_({"type": string("gha"), "n": number(1)})]), [CacheEntry("gha", {"n": "1"})]),
        ("output", list_([string("x"), string("-")]), [Export("local", "x"), Export("tar", "-")]),
        ("output", list_([], STRING), []),
        ("secret", tuple_([object_({"id": string("a"), "more": string("b")})]), [Secret("a")]),
        ("ssh", tuple_([object_({"id": string("a"), "paths": tuple_([string("p")])})]), [Ssh("a", ("p",))]),
        ("resources", object_({"memory": number(5), "cpu-shares": string("7")}), Resources(memory="5", cpu_shares=7)),
    ],
)
def test_values_become_data(name, value, data):
    """What an expression gives is converted to the attribute's type."""
    assert load(BY_NAME[name], decode(name, value)) == data


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tags", string("a"), "list of string required, but have string"),
        ("tags", tuple_([null()]), "null value is not allowed"),
        ("contexts", object_({"a": null()}), "null value is not allowed"),
        ("output", string("type=docker"), "list of map of string required, but have string"),
        ("output", tuple_([object_({"dest": string("x")})]), "type is required for output"),
        ("cache-to", tuple_([object_({"a": string("<")})]), 'type required for "{\\"a\\":\\"<\\"}"'),
        ("cache-to", tuple_([object_({"type": null()})]), "null value is not allowed"),
        ("pull", string("x"), "a bool is required"),
        ("resources", object_({"cpu-quota": string("1.5")}), "value must be a whole number"),
    ],
)
def test_values_that_do_not_fit_are_named(name, value, message):
    """A conversion's fault is told in the reference's words."""
    with pytest.raises(ConversionError) as caught:
        decode(name, value)
    assert caught.value.message.startswith(message)


def test_other_blocks_see_entries_as_objects():
    """A reference to another target's entries gives maps, or objects with all attributes."""
    assert decode("output", tuple_([string("out")])).elements[0].mapping.keys() == {"type", "dest"}
    assert decode("secret", tuple_([string("id=a")])).elements[0].mapping["src"].text == ""


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda a: a.name)
def test_what_is_not_set_has_the_type_of_the_attribute(attribute):
    """Other blocks see a null, or an empty list of entries, of the right type."""
    made = decoder(attribute.shape, attribute.entry)
    assert made(made.unset) == made.unset
    assert not load(attribute, made.unset)


def test_a_bool_is_no_text_list():
    """Only lists and tuples hold entries."""
    with pytest.raises(ConversionError):
        decode("ssh", boolean(True))
