"""Laws that hold for every expression and every definition."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bakepy.diagnostics import BakeError, render
from bakepy.values.types import STRING
from bakepy.values.value import NULL, Value, list_, map_, object_, set_, string, tuple_
from tests.evaluator.evaluating import module_of, value_of

NAMES = {
    "s": string("text"),
    "n": value_of("3")[0],
    "b": value_of("true")[0],
    "z": NULL,
    "t": tuple_([string("a"), value_of("1")[0], NULL]),
    "o": object_({"a": string("x"), "n": value_of("2")[0], "o": object_({"a": NULL})}),
    "l": list_([string("p"), string("q")], STRING),
    "e": list_([], STRING),
    "m": map_({"a": string("v"), "b": string("w")}, STRING),
    "u": set_([string("k"), string("j")], STRING),
    "zl": Value(list_([], STRING).type, None),
}
ATOMS = st.sampled_from(
    [*NAMES, "nope", "x", "k", "null", "true", "0", "1", "-2", "1.5", "1e30", '""', '"a"', "[]", "{}"]
)


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one, two, three = inner, st.tuples(inner, inner), st.tuples(inner, inner, inner)
    operator = st.sampled_from(["||", "&&", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"])
    return st.one_of(
        st.builds("({0} {1} {2})".format, inner, operator, inner),
        st.builds("({0}{1})".format, st.sampled_from("-!"), inner),
        three.map(lambda p: f"({p[0]} ? {p[1]} : {p[2]})"),
        two.map(lambda p: f"[{p[0]}, {p[1]}]"),
        two.map(lambda p: f"{{a = {p[0]}, ({p[1]}) = 1}}"),
        two.map(lambda p: f"({p[0]})[{p[1]}]"),
        st.builds("({0}).{1}".format, inner, st.sampled_from(["a", "o", "n", "0", "1"])),
        st.builds("({0}){1}".format, inner, st.sampled_from(["[*]", "[*].a", ".*.a", "[*].o.a", "[*][0]"])),
        two.map(lambda p: f'"<${{{p[0]}}}-${{{p[1]}}}>"'),
        one.map(lambda p: f'"${{{p}}}"'),
        three.map(lambda p: f'"%{{if {p[0]}}}${{{p[1]}}}%{{else}}${{{p[2]}}}%{{endif}}"'),
        two.map(lambda p: f'"%{{for k, x in {p[0]}}}${{{p[1]}}}%{{endfor}}"'),
        three.map(lambda p: f"[for k, x in {p[0]}: {p[1]} if {p[2]}]"),
        three.map(lambda p: f"{{for k, x in {p[0]}: {p[1]} => {p[2]}}}"),
        three.map(lambda p: f"{{for x in {p[0]}: {p[1]} => {p[2]}...}}"),
        two.map(lambda p: f"try({p[0]}, {p[1]})"),
        one.map(lambda p: f"can({p})"),
        one.map(lambda p: f"jsonencode({p})"),
        two.map(lambda p: f"concat({p[0]}, {p[1]}...)"),
        st.builds("convert({0}, {1})".format, inner, st.sampled_from(["string", "list(string)", "map(any)", "nope"])),
    )


EXPRESSIONS = st.recursive(ATOMS, compound, max_leaves=12)


@settings(max_examples=100)
@given(EXPRESSIONS)
def test_a_value_is_known_or_a_fault_says_why(text: str) -> None:
    """Nothing raises; what has no value has a fault; each fault can be shown and points into the text."""
    value, faults = value_of(text, NAMES)
    assert faults or value.wholly_known
    for fault in faults:
        assert fault.subject is not None
        assert 0 <= fault.subject.start <= fault.subject.end <= len(text)
        assert "error:" in render([fault])


@settings(max_examples=100)
@given(EXPRESSIONS)
def test_evaluating_twice_gives_the_same(text: str) -> None:
    """Evaluation changes neither tree nor scope."""
    (first, faults), (second, again) = value_of(text, NAMES), value_of(text, NAMES)
    assert first == second
    assert [str(f) for f in faults] == [str(f) for f in again]


BLOCKS = st.sampled_from(
    [
        'variable "a" { default = %s }\n',
        'variable "b" {\n type = list(string)\n default = %s\n}\n',
        "c = %s\n",
        'target "a" { args = %s }\n',
        'target "b" { tags = %s }\n',
        'target "c" {\n matrix = { x = %s }\n name = "c-${x}"\n}\n',
        'target "d" {\n matrix = %s\n name = a\n context = a\n}\n',
        'group "default" { targets = %s }\n',
        'function "f" {\n params = [x]\n result = %s\n}\n',
        'variable "d" {\n validation {\n condition = %s\n error_message = a\n }\n}\n',
    ]
)
REFERENCES = st.sampled_from(
    ["a", "b", "c", "f(a)", "target.a.args", "target.b.tags[0]", "target.c", "group.default.x"]
)
DEFINITIONS = st.lists(
    st.tuples(BLOCKS, st.recursive(st.one_of(ATOMS, REFERENCES), compound, max_leaves=4)),
    max_size=6,
    unique_by=lambda part: part[0],
)


@settings(max_examples=100)
@given(DEFINITIONS)
def test_every_definition_resolves_or_has_faults(parts: list[tuple[str, str]]) -> None:
    """No definition ends in anything but rows or faults, and all rows of a name that are kept have decoded values."""
    text = "".join(block % expr for block, expr in parts)
    try:
        module = module_of(text)
        faults, values = [], [value for row in module.rows for value in row.attributes.values()]
    except BakeError as error:
        faults, values = list(error.diagnostics), []
    assert all(fault.subject for fault in faults)
    assert all(value.wholly_known for value in values)
