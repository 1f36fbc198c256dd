"""HCL's JSON form."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.diagnostics import Diagnostic, Source
from bakepy.grammar import nodes, parse_json
from tests.grammar.test_parser import sketch
from tests.grammar.trees import outline


def read(text: str) -> tuple[nodes.Body, list[Diagnostic]]:
    faults: list[Diagnostic] = []
    return parse_json(Source("f", text), faults), faults


BODIES = [
    ("{}", "[] []"),
    ('{"a": 1, "b": {"c": 2}}', "[a b] []"),
    ('{"//": "comment", "a": 1}', "[a] []"),
    ('{"target": {"x": {"tags": []}, "y": {}}}', "[] [target(x) [tags] [] target(y) [] []]"),
    ('{"target": [{"x": {}}, {"y": {}}]}', "[] [target(x) [] [] target(y) [] []]"),
    ('{"target": {"x": [{"a": 1}, {"b": 2}]}}', "[] [target(x) [a] [] target(x) [b] []]"),
    ('{"target": {"x": {"a": 1}}, "target": {"x": {"b": 2}}}', "[] [target(x) [a] [] target(x) [b] []]"),
    ('{"target": {"x": null}}', "[] []"),
    ('{"group": {"g": {"targets": ["x"]}}}', "[] [group(g) [targets] []]"),
    ('{"function": {"f": {"params": ["a"], "result": "${a}"}}}', "[] [function(f) [params result] []]"),
    (
        '{"variable": {"v": {"default": "x", "validation": [{"condition": "${v}"}, {}]}}}',
        "[] [variable(v) [default] [validation() [condition] [] validation() [] []]]",
    ),
    ('{"target": {"x": {"//": "c", "target": {"y": 1}}}}', "[] [target(x) [target] []]"),
    ('\ufeff {"a": 1}\n', "[a] []"),
]


@pytest.mark.parametrize(("text", "expected"), BODIES)
def test_body(text: str, expected: str) -> None:
    """Properties are blocks where definition files have blocks, else attributes."""
    body, faults = read(text)
    assert not faults
    assert sketch(body) == expected
    assert body.json
    assert all(block.body.json for block in body.blocks)


EXPRESSIONS = [
    ('"a"', "'a'"),
    ('"a\\n\\u00e9\\ud83d\\ude00\\/"', "'a\\né😀/'"),
    ('"\\ud800"', "'\ufffd'"),
    ("1.50", "1.50"),
    ("-1e3", "(Unary - 1e3)"),
    ("true", "True"),
    ("null", "None"),
    ('[1, "a", []]', "(Tuple [1 'a' (Tuple [])])"),
    ('{"a": 1, "b": {"//": 2}}', "(Object ['a'=1 'b'=(Object ['//'=2] yes)] yes)"),
    ('"${a.b[0]}"', "(TemplateWrap a.b[0])"),
    ('"x-${a}"', "(Template ['x-' a])"),
    ('"$${a}"', "'${a}'"),
    ('"%{ if a }b%{ endif }"', "(Template [(Conditional a 'b' '')])"),
    ('"${f(\\"x\\")}"', "(TemplateWrap (Call f ['x']))"),
    ('{"${a}": 1}', "(Object [(TemplateWrap a)=1] yes)"),
]


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS)
def test_expression(text: str, expected: str) -> None:
    """A JSON value is the expression that it looks like, and a string a template."""
    body, faults = read(f'{{"x": {text}}}')
    assert not faults
    assert outline(body.attributes["x"].value) == expected


def test_spans_of_a_template_count_its_escapes() -> None:
    """What stands behind an escape in a string has its place in the file, not in the string's value."""
    text = '{"x": "a\\n\\u00e9 ${f(b)} \\ud83d\\ude00${c}"}'
    body, _ = read(text)
    template = body.attributes["x"].value
    assert isinstance(template, nodes.Template)
    assert [text[p.span.start : p.span.end] for p in template.parts[1::2]] == ["f(b)", "c"]
    assert text[template.span.start : template.span.end] == text[6:-1]


LATER = [
    ('"${"', "Missing expression"),
    ('"${a b}"', "Extra characters after interpolation expression"),
]


@pytest.mark.parametrize(("text", "summary"), LATER)
def test_a_fault_of_a_value_waits_until_it_is_used(text: str, summary: str) -> None:
    """A string that is no valid template is a fault only where it is evaluated, for JSON has strings for names too."""
    body, faults = read(f'{{"x": {text}}}')
    value = body.attributes["x"].value
    assert not faults
    assert isinstance(value, nodes.Invalid)
    assert [fault.summary for fault in value.faults] == [summary]


ROOT = "1,1-2 Root value must be object"
FAULTS = [
    ("", ["1,1-1 Missing value", "1,1-1 Root value must be object"]),
    ("1", ["1,1-2 Root value must be object"]),
    ("{} 1", ["1,4-5 Extraneous data after value"]),
    ("[]", ["1,1-2 Incorrect JSON value type"]),
    ('{"a": tru}', ["1,7-10 Invalid JSON keyword"]),
    ('{"a": NaN}', ["1,7-10 Invalid JSON keyword"]),
    ('{"a": 01}', ["1,7-9 Invalid JSON number"]),
    ('{"a": "\\q"}', ["1,10-11 Invalid JSON string"]),
    ('{"a": }', ["1,7-8 Missing JSON value"]),
    ('{"a": ]}', ["1,7-8 Missing array element value", "1,8-9 Mismatched braces", ROOT]),
    ('{"a" 1}', ["1,6-7 Missing property value colon", ROOT]),
    ('{"a" = 1}', ["1,6-7 Missing property value colon", ROOT]),
    ('{"a"}', ["1,5-6 Missing object value", ROOT]),
    ('{"a": 1,}', ["1,8-9 Trailing comma in object", ROOT]),
    ('{"a": [1,]}', ["1,9-10 Trailing comma in array", "1,11-12 Mismatched braces", ROOT]),
    ('{"a": [1}', ["1,10-10 Mismatched brackets", "1,1-2 Unclosed object", ROOT]),
    ('{"a": [1 2]}', ["1,12-13 Missing attribute seperator comma"]),
    ('{"a": [1: 2]}', ["1,13-14 Invalid array value"]),
    ('{"a": 1', ["1,1-2 Unclosed object", ROOT]),
    ('{"a": [1', ["1,7-8 Unclosed object", "1,1-2 Unclosed object", ROOT]),
    ('{"a": 1 "b": 2}', ["1,16-16 Missing attribute seperator comma", ROOT]),
    ("{1: 2}", ["1,2-3 Invalid object property name", ROOT]),
    ("# x\n{}", ["1,1-2 Invalid start of value", ROOT]),
    ('{"a": 1, "a": 2}', ["1,10-13 Duplicate attribute definition"]),
    ('{"target": {"x": {"a": 1, "a": 2}}}', ["1,27-30 Duplicate argument"]),
    ('{"target": 1}', ["1,12-13 Incorrect JSON value type", "1,12-13 Missing block label"]),
    ('{"target": {}}', ["1,12-13 Missing block label"]),
    ('{"target": {"x": 1}}', ["1,18-19 Incorrect JSON value type"]),
    ('{"target": {"x": [1]}}', ["1,19-20 Incorrect JSON value type"]),
    ('{"target": [1, {"x": {}}]}', ["1,13-14 Incorrect JSON value type"]),
]


@pytest.mark.parametrize(("text", "expected"), FAULTS)
def test_fault(text: str, expected: list[str]) -> None:
    """A fault is found where HCL finds it."""
    _, faults = read(text)
    assert [f"{str(fault.subject)[2:]} {fault.summary}" for fault in faults] == expected


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(values, st.sampled_from([None, 2]))
def test_everything_that_is_json_is_read(value: object, indent: int | None) -> None:
    """A file that Python's own encoder wrote has no syntax faults, whatever it says."""
    _, faults = read(json.dumps({"x": value}, indent=indent))
    assert not faults


@given(st.text(st.sampled_from('{}[],:="\\u12 ntrfae-+.\n#/é'), max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """What Python's own decoder refuses has faults in it, and every fault lies in the source."""
    _, faults = read(text)
    try:
        valid = isinstance(json.loads(text), dict)
    except ValueError:
        valid = False
    assert valid or faults
    for fault in faults:
        assert fault.subject is not None
        assert 0 <= fault.subject.start <= fault.subject.end <= len(text)


@pytest.mark.parametrize("opener", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("depth", [200, 50_000])
def test_nesting_too_deep_is_one_fault(opener: str, depth: int) -> None:
    """A value that nests without end is refused once, where it becomes too deep."""
    _, faults = read('{"x": ' + opener * depth)
    assert [fault.summary for fault in faults] == ["Nesting too deep"]
