"""Spans, and how faults are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy import diagnostics
from bakepy.diagnostics import (
    MAX_LINE,
    MOST_RENDERED,
    BakeError,
    Diagnostic,
    Severity,
    Source,
    Span,
    nearest,
    render,
)
from tests.planner.definitions import selected

SOURCE = Source("docker-bake.hcl", 'target "app" {\n  tags = [nmae]\n}\n')


def fault(start: int, end: int, source: Source = SOURCE, hint: str = "") -> Diagnostic:
    return Diagnostic("Unknown variable", "There is no such name.", Span(source, start, end), hint=hint)


def test_a_fault_shows_place_line_caret_and_remedy() -> None:
    """The user sees where, what and what to do."""
    text = render([fault(25, 29, hint='did you mean "name"?')])

    assert text.splitlines() == [
        "error: Unknown variable",
        "  --> docker-bake.hcl:2:11",
        "  2 |   tags = [nmae]",
        "    |           ^^^^",
        "  There is no such name.",
        '  hint: did you mean "name"?',
    ]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 6, "f:1,1-7"), (7, 20, "f:1,8-2,6"), (14, 14, "f:1,15-15"), (15, 15, "f:2,1-1")],
)
def test_spans_print_as_hcl_prints_them(start: int, end: int, expected: str) -> None:
    """One line needs its number once, several lines both."""
    assert str(Span(Source("f", SOURCE.text), start, end)) == expected


@pytest.mark.parametrize(
    ("before", "column"),
    [("e\u0301", 2), ("\U0001f469\u200d\U0001f467", 2), ("日本", 3), ("\U0001f1e9\U0001f1ea\U0001f1eb", 3), ("\t", 2)],
)
def test_columns_are_told_in_characters_as_people_count_them(before: str, column: int) -> None:
    """HCL counts grapheme clusters, while the caret stands under the code point."""
    span = Span(Source("f", f"{before}x"), len(before), len(before) + 1)
    assert str(span) == f"f:1,{column}-{column + 1}"
    assert f"f:1:{column}\n" in render([Diagnostic("Fault", "", span)])


def test_tabs_keep_the_caret_under_its_word() -> None:
    """The caret's line repeats the tabs of the source's."""
    source = Source("f", "\t\tx = y\n")

    assert render([fault(6, 7, source)]).splitlines()[3] == "    | \t\t    ^"


@pytest.mark.parametrize("control", ["\x1b", "\x07", "\x7f", "\x9b", "\u202e"])
def test_nothing_in_a_fault_commands_the_terminal(control: str) -> None:
    """Escapes in a source, a name or a message come out as signs; the caret stays under its word."""
    source = Source(f"{control}.hcl", f"a = {control}[31m nmae\n")
    text = render([Diagnostic(f"No {control}", f"what {control}", Span(source, 10, 14), hint=f"try {control}")])

    assert control not in text
    _, _, line, caret, *_ = text.splitlines()
    assert caret.index("^") == line.index("nmae")


def test_long_lines_are_clipped_around_the_fault() -> None:
    """A minified file does not flood the terminal, and the caret still points at the fault."""
    source = Source("f", "a" * 5000 + "FAULT" + "b" * 5000)
    lines = render([fault(5000, 5005, source)]).splitlines()

    assert len(lines[2]) <= MAX_LINE + 8
    at = lines[3].index("^")
    assert lines[2][at : at + 5] == "FAULT"
    assert lines[3].count("^") == 5


@pytest.mark.parametrize(
    "definition",
    [
        'target "t" {\n  name = "t-${i}"\n  matrix = { i = [for n in range(300) : "${n}${nope}"] }\n}\n',
        'variable "V" { default = [for n in range(300) : "${n}${nope}"] }\ntarget "t" { tags = V }\n',
    ],
    ids=["matrix", "variable"],
)
def test_equal_faults_are_shown_once_with_their_number(definition: str) -> None:
    """A fault in a loop of 300 rows is one fault, 300 times."""
    with pytest.raises(BakeError) as caught:
        selected(definition, "t")
    text = render(caught.value.diagnostics)

    assert text.startswith("error: Unknown variable (300 times)\n")
    assert len(text.splitlines()) == 6


def test_of_many_faults_the_first_are_shown_and_the_rest_counted() -> None:
    """The report ends, however many faults there are."""
    source = Source("f", "a" * 100_000)
    text = render([fault(at, at + 1, source) for at in range(MOST_RENDERED + 1000)])

    assert text.count("Unknown variable") == MOST_RENDERED
    assert text.endswith("\n… and 1000 more that are not shown\n")


def test_a_long_line_is_clipped_before_it_is_made_printable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a fault costs does not depend on how long its line is."""
    made: list[int] = []

    def counting(text: str) -> str:
        made.append(len(text))
        return text

    monkeypatch.setattr(diagnostics, "printable", counting)
    render([fault(50_000, 50_001, Source("f", "é" * 100_000))])
    assert max(made) <= MAX_LINE


@given(st.text(max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_any_span_of_any_text_renders(text: str, a: int, b: int) -> None:
    """No source and no span within it makes rendering fail."""
    start, end = sorted((min(a, len(text)), min(b, len(text))))

    assert "^" in render([fault(start, end, Source("f", text))])


def test_an_error_counts_what_it_does_not_show() -> None:
    """One line names the first fault and the number of others; warnings do not count."""
    warning = Diagnostic("w", severity=Severity.WARNING)
    error = BakeError([warning, fault(25, 29), fault(0, 6)])

    expected = "docker-bake.hcl:2,11-15: Unknown variable; There is no such name., and 1 other diagnostic(s)"
    assert str(error) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("taget", "target"), ("TARGET", "target"), ("platform", "platforms"), ("tga", "tag"), ("zzz", None)],
)
def test_misspelt_names_find_their_neighbour(word: str, expected: str | None) -> None:
    """Near names are suggested, far ones are not."""
    assert nearest(word, ["target", "platforms", "tag"]) == expected
