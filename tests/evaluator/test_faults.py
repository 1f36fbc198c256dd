"""Faults: how many are reported, what they hint at, where they point."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.diagnostics import BakeError, Diagnostic, Severity, render
from bakepy.evaluator import limits
from bakepy.evaluator.scope import suggestion
from tests.evaluator.evaluating import module_of, value_of
from tests.planner.definitions import defined


def faults_of(*texts: str) -> list[Diagnostic]:
    with pytest.raises(BakeError) as caught:
        module_of(*texts)
    return list(caught.value.diagnostics)


def test_one_run_reports_the_faults_of_all_variables() -> None:
    """The reference stops at the first; ours go on, and the last line still counts as the reference does."""
    faults = faults_of('variable "a" {\n type = number\n default = "x"\n}\nvariable "b" { default = nope }\n')
    assert [f.summary for f in faults] == ["Invalid value", "Unknown variable"]
    assert [f.further for f in faults] == [False, True]
    assert "other diagnostic" not in str(BakeError(faults))


def test_one_run_reports_the_faults_of_all_targets() -> None:
    """Each target's attributes are looked at, whatever is wrong with others."""
    faults = faults_of('target "a" { tags = 1 }\ntarget "b" { context = [] }\ntarget "c" { args = { x = nope } }\n')
    assert [str(f.subject) for f in faults if not f.implied] == ["f0.hcl:1,21-22", "f0.hcl:2,24-25", "f0.hcl:3,27-31"]


def test_invalid_names_are_all_reported() -> None:
    """Two targets with names that are none give two faults, though the reference names one."""
    faults = faults_of('target "a b" {}\ntarget "c d" {}\n')
    assert [f.summary for f in faults] == ["Invalid name"] * 2
    assert str(BakeError(faults)).endswith("are allowed")


def test_what_follows_from_a_fault_is_counted_and_not_shown() -> None:
    """An unknown name makes its attribute unsuitable, which the reference reports too, and a reader need not see."""
    faults = faults_of('target "a" { tags = [nope] }\n')
    assert [f.implied for f in faults] == [False, True]
    assert str(BakeError(faults)).endswith("and 1 other diagnostic(s)")
    assert "Unsuitable" not in render(faults)


def test_a_failed_name_is_reported_once() -> None:
    """Variables that need one that has no value are not reported on top of it."""
    faults = faults_of('variable "a" { default = upper([]) }\nvariable "b" { default = a }\nc = "${a}${b}"\n')
    assert [f.summary for f in faults] == ["Invalid function argument"]


HINTS = [
    ('variable "a" { default = b }\nvariable "b" { default = c }\nc = a\n', "a -> b -> c -> a"),
    ('target "a" { args = { x = target.b.args.y } }\ntarget "b" { args = { y = target.a.args.x } }\n', "target.a.args"),
    ('function "f" {\n params = [x]\n result = f(x)\n}\n', "f() -> f()"),
    ('target "a" { tags = "x" }\n', "[ … ]"),
    ('target "a" {\n matrix = { x = ["1", "2"] }\n}\n', "add name = …"),
    ('target "a" {\n matrix = { x = "1" }\n}\n', "put the value of x in brackets"),
    ('target "a" { args = nope }\n', 'variable "nope" {}'),
    ('variable "a" { type = strin }\n', '"string"'),
    ('variable "a" { type = list }\n', "list(string)"),
    ("variable {\n}\n", 'variable "name"'),
    ('target "a" { args = { x = uppercase("a") } }\n', '"upper"'),
    ('o = { alpha = 1 }\ntarget "a" { args = { x = o.alhpa } }\n', '"alpha"'),
    ('o = [1, 2]\ntarget "a" { args = { x = o[2] } }\n', "0 to 1"),
    ('target "a" { args = { x = group } }\ngroup "g" { targets = [] }\n', "group.name.attribute"),
]


@pytest.mark.parametrize(("text", "hint"), HINTS)
def test_hints_say_what_to_do(text: str, hint: str) -> None:
    """A fault that has a remedy, or a way that led to it, names it."""
    assert hint in faults_of(text)[0].hint


def test_a_value_that_does_not_fit_is_found_within_its_attribute() -> None:
    """The fault of a whole map points, beside the place the reference names, at the element that is wrong."""
    fault = faults_of('target "a" {\n args = {\n  x = "fine"\n  y = []\n }\n}\n')[0]
    assert [(words, str(span)) for words, span in fault.related] == [("it is this value", "f0.hcl:4,7-9")]


def test_a_fault_in_a_function_is_shown_where_it_is() -> None:
    """The fault of a call points at the call, and at the place in the function's result."""
    text = 'function "f" {\n params = [a]\n result = a.b\n}\ntarget "t" { args = { x = f({}) } }\n'
    fault = faults_of(text)[0]
    assert str(fault.subject) == "f0.hcl:5,27-29"
    assert [str(span) for _, span in fault.related] == ["f0.hcl:3,12-14"]


WARNINGS = [
    ('target "a" { tgas = ["x"] }\n', 'did you mean "tags"?'),
    ('target "a" {\n args {\n  x = 1\n }\n}\n', "write args = { … }"),
    ('tagret "a" {}\n', 'did you mean "target"?'),
    ('variable "a" { defualt = 1 }\n', 'did you mean "default"?'),
    ('group "g" {\n targets = []\n zzz = 1\n}\n', "no effect"),
]


@pytest.mark.parametrize(("text", "hint"), WARNINGS)
def test_what_nothing_reads_is_a_warning(text: str, hint: str) -> None:
    """Names that the reference passes over in silence are tolerated, and shown."""
    (warning,) = module_of(text).warnings
    assert warning.severity is Severity.WARNING
    assert hint in warning.hint


def test_nothing_is_warned_of_in_a_sound_file() -> None:
    """Every attribute that means something is known."""
    text = 'target "a" {\n name = "a-${x}"\n matrix = { x = ["1"] }\n no-cache = true\n description = "d"\n}\n'
    assert module_of(text).warnings == []


def test_each_fault_of_an_expression_is_reported() -> None:
    """Evaluation goes on with an unknown value after a fault."""
    _, faults = value_of("[nope, upper([]), 1 + true, {}.x]")
    assert [f.summary for f in faults] == [
        "Unknown variable",
        "Invalid function argument",
        "Invalid operand",
        "Unsupported attribute",
    ]


@pytest.mark.parametrize(
    ("given", "names", "expected"),
    [
        ("tga", ["TAG", "tag"], "tag"),
        ("abc", ["abd", "abcd", "ab"], "abd"),
        ("abc", ["xyz", "a"], "a"),
        ("abc", ["xyz"], None),
        ("abcdef", ["abc"], None),
        ("a", ["*"], None),
    ],
)
def test_suggestions_are_less_than_three_edits_away(given: str, names: list[str], expected: str | None) -> None:
    """The nearest name within HCL's distance is suggested, the first of several."""
    assert suggestion(given, names) == expected


@pytest.mark.parametrize(
    "call",
    [
        'indent(pow(2, 62), "a\\nb")',
        'format("%1000000000s", "a")',
        'format("%-1000000000v", 1)',
        'format("%9223372036854775807q", "a")',
        'format("%d", 1e500000000)',
        "jsonencode(1e500000000)",
        'join(format("%10000s", ""), split("", format("%10000s", "")))',
        'replace(format("%100000s", ""), " ", format("%100000s", ""))',
        'regex_replace(format("%100000s", ""), " ", format("%100000s", ""))',
        'formatlist("%1000000s", split("", format("%100s", "")))',
        "setproduct(range(1000), range(1000), range(1000))",
        "setproduct([for i in range(40): [0, 1]]...)",
    ],
)
def test_results_that_no_machine_can_hold_are_faults(call: str) -> None:
    """A mistyped count is the definition's fault, with its place, and no fault of the program's."""
    (fault, *_) = faults_of(f"a = {call}\n")
    assert fault.summary == "Error in function call"
    assert "too large" in fault.detail or "ten million digits" in fault.detail
    assert str(fault.subject).startswith("f0.hcl:1,5-")


def chain(first: str, step: str) -> str:
    """Return names of which each uses the one before it twice."""
    return f"v0 = {first}\n" + "".join(f"v{i} = {step.format(i - 1)}\n" for i in range(1, 60))


@pytest.mark.parametrize(
    "text",
    [
        chain('"x"', '"${{v{0}}}${{v{0}}}"'),
        chain('"x"', 'join(",", [v{0}, v{0}])'),
        chain('["x"]', "concat(v{0}, v{0})"),
        chain('["x"]', "[v{0}, v{0}]"),
        chain('"x"', "{{ a = v{0}, b = v{0} }}"),
        chain('"x"', "[for a in [0, 1]: v{0}]"),
        chain('"x"', "{{ for a in [0, 1]: a => v{0} }}") + "w = jsonencode(v59)\n",
        "v = [for a in range(1000): [for b in range(1000): [for c in range(1000): 1]]]\n",
        'v = "%{for a in range(1000)}%{for b in range(1000)}%{for c in range(1000)}x%{endfor}%{endfor}%{endfor}"\n',
        "v = [for a in range(1000): [for b in range(1000): nope]]\n",
        "f = [for a in range(1000): [for b in range(1000): range(1000)]]\n",
    ],
)
def test_what_multiplies_without_end_is_a_fault(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Growth is stopped where it starts to take memory and time, with the place of the expression that went too far."""
    monkeypatch.setattr(limits, "MAX_TEXTS", limits.MAX_TEXTS >> 6)
    monkeypatch.setattr(limits, "MAX_TEXT", limits.MAX_TEXT >> 6)
    monkeypatch.setattr(limits, "MAX_STEPS", limits.MAX_STEPS >> 6)
    monkeypatch.setattr(limits, "MAX_VALUES", limits.MAX_VALUES >> 6)
    fault, *others = faults_of(text)
    assert fault.summary in ("Too much to evaluate", "Error in function call", "Unknown variable")
    assert fault.subject is not None
    assert len(others) < 4000


def test_functions_that_call_each_other_twice_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand million calls are not waited for."""
    monkeypatch.setattr(limits, "MAX_STEPS", 10_000)
    text = 'function "f0" {\n params = [x]\n result = x\n}\n'
    text += "".join(f'function "f{i}" {{\n params = [x]\n result = f{i - 1}(f{i - 1}(x))\n}}\n' for i in range(1, 31))
    fault, *_ = faults_of(text + "v = f30(1)\n")
    assert "steps" in fault.detail


def test_a_matrix_of_any_size_is_refused_before_it_is_made() -> None:
    """The fault names the sizes of the axes."""
    axes = ", ".join(f"a{i} = [1, 2]" for i in range(30))
    fault, *_ = faults_of(f'target "t" {{\n name = "x"\n matrix = {{ {axes} }}\n}}\n')
    assert "1073741824 rows" in fault.detail
    assert fault.hint.startswith("the axes have 2 x 2 x")


def test_a_matrix_with_an_empty_axis_has_no_rows() -> None:
    """However large its other axes are."""
    axes = "a = range(1000), b = range(1000), c = range(1000), d = []"
    assert module_of(f'target "t" {{\n name = "x"\n matrix = {{ {axes} }}\n}}\n').rows == []


def levenshtein(a: str, b: str) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(levenshtein(a[1:], b) + 1, levenshtein(a, b[1:]) + 1, levenshtein(a[1:], b[1:]) + (a[0] != b[0]))


@given(st.text("ab", max_size=5), st.text("ab", max_size=5))
def test_near_names_are_found_as_all_distances_would_find_them(a: str, b: str) -> None:
    """Looking near the diagonal only finds the same name."""
    assert suggestion(a, [b]) == (b if levenshtein(a, b) < 3 else None)


def test_names_of_any_length_are_compared() -> None:
    """The suggestion for a long name does not take the square of its length."""
    name = "a" * 50_000
    assert suggestion(f"{name}c", [f"{name}b"]) == f"{name}b"


def test_a_hash_that_takes_minutes_is_refused() -> None:
    """A cost is a power of two."""
    assert "takes minutes" in faults_of('a = bcrypt("x", 30)\n')[0].detail


def test_null_of_an_earlier_file_says_where_to_set_it() -> None:
    """Expressions see the block of the last file alone."""
    with pytest.raises(BakeError) as caught:
        defined(
            'target "a" { tags = ["x"] }\ntarget "b" { args = { T = target.a.tags[0] } }\n',
            'target "a" { context = "x" }\n',
        )
    assert "the last file that defines the block" in caught.value.diagnostics[0].hint
