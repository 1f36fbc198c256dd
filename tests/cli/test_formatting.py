"""Tables, templates, sizes and times as the reference prints them."""

import pytest

from bakepy.cli import listing, template
from bakepy.cli.filters import parse as parse_filter
from bakepy.cli.formatting import show
from bakepy.cli.tabular import align
from bakepy.cli.units import SECOND, ago, binary_size, decimal_size, duration, parse_duration, parse_size, timestamp
from bakepy.diagnostics import BakeError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tb\nccc\td\n", "a   b\nccc d\n"),
        ("a:\tb\nhead:\n\tx:\ty\n\tlonger:\ty\nz:\tw", "a: b\nhead:\n   x:      y\n   longer: y\nz: w"),
        ("a\tb\tc\n\t\td\nx", "a b c\n    d\nx"),
        ("", ""),
    ],
)
def test_columns_are_as_wide_as_their_widest_cell(text: str, expected: str) -> None:
    """Cells on successive lines share a column; a line without the cell ends it."""
    assert align(text) == expected


def test_columns_may_be_filled_with_tabs() -> None:
    """Widths are rounded up to tab stops."""
    assert align("Reclaimable:\t1B\nTotal:\t2B\n", least=1, tab=8) == "Reclaimable:\t1B\nTotal:\t\t2B\n"


ROW = {"Name": "one", "List": ["a", "b"], "None": [], "On": True, "Map": {"k": "<v>"}, "N": 3}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{.Name}}:{{.N}} {{.On}} {{.List}} {{.Map.k}}", "one:3 true [a b] <v>"),
        ("{{json .Map}} {{json .List}}", '{"k":"<v>"} ["a","b"]'),
        ('{{join .List ", "}} {{upper .Name}} {{title .Name}} {{truncate .Name 2}}', "a, b ONE One on"),
        ('{{.Name | upper | printf "%s!%q" "x"}}', 'x!"ONE"'),
        ("{{range .List}}<{{.}}>{{end}}{{range .None}}x{{else}}none{{end}}", "<a><b>none"),
        ('{{if eq .Name "one" "two"}}y{{else}}n{{end}}', "y"),
        ("{{if not .On}}a{{else if gt .N 2}}b{{else}}c{{end}}", "b"),
        ("{{with .Map}}{{.k}}{{$.Name}}{{end}}", "<v>one"),
        ("a \n {{- .N -}} \n b{{/* c */}}", "a3b"),
        ("{{index .List 1}}{{len .List}}{{(index .Map `k`) | len}}", "b23"),
        ('{{pad .Name 1 2}}|{{split "a,b" ","}}', " one  |[a b]"),
        ("{{$n := .Name}}{{with .Map}}{{$n}}{{end}}{{range $i, $e := .List}}{{$i}}{{$e}}{{end}}", "one0a1b"),
        ("{{range $k, $v := .Map}}{{$k}}={{$v}}{{end}}{{range $e := .List}}{{$e}}{{end}}", "k=<v>ab"),
        ('{{printf "%5.2f|%03d|%v|%t|%%" 1.5 .N .List .On}}{{slice .Name 1 2}}', " 1.50|003|[a b]|true|%n"),
        ('{{html "<&>"}} {{urlquery "a b&"}} {{js "it\'s"}}', "&lt;&amp;&gt; a+b%26 it\\'s"),
        ("{{.Map}} {{and .On .N}} {{or .None .Name}}", "map[k:<v>] 3 one"),
    ],
)
def test_templates_are_filled_in(text: str, expected: str) -> None:
    """Fields, pipelines, conditions, loops and Docker's functions work as in Go."""
    assert template.render(template.parse(text), ROW) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{{.Nmae}}", "can't evaluate field Nmae"),
        ("{{nope .Name}}", 'function "nope" not defined'),
        ("{{if .On}}x", "has no {{end}}"),
        ("{{end}}", "unexpected {{end}}"),
        ("{{.Name", "unclosed action"),
        ("{{}}", "missing value"),
        ("{{.Name | }}", "missing value"),
        ("{{range .N}}{{end}}", "can't iterate"),
        ("{{join .Name}}", "error calling join"),
        ("{{.Name .N}}", "can't give argument"),
        ("{{?}}", 'unexpected "?"'),
        ("{{$x}}", 'undefined variable "$x"'),
        ("{{if .On}}{{$x := 1}}{{end}}{{$x}}", 'undefined variable "$x"'),
        ('{{printf "%d"}}', "error calling printf"),
    ],
)
def test_faulty_templates_are_refused(text: str, complaint: str) -> None:
    """A fault in a template is the user's, and is named."""
    with pytest.raises(template.TemplateError) as caught:
        template.render(template.parse(text), ROW)
    assert complaint in str(caught.value)


def test_rows_are_shown_as_table_json_or_template() -> None:
    """A table has headings and columns ten wide at least; JSON is one object a line."""
    rows = [{"A": "1", "B": "long long long"}, {"A": "2", "B": ""}]

    assert show("table {{.A}}\\t{{.B}}", rows, {"A": "FIRST", "B": "SECOND"}) == (
        "FIRST     SECOND\n1         long long long\n2         \n"
    )
    assert show("json", rows, {}) == '{"A":"1","B":"long long long"}\n{"A":"2","B":""}\n'
    assert show("{{.A}}", rows, {}) == "1\n2\n"


@pytest.mark.parametrize(
    ("size", "decimal", "binary"),
    [
        (0, "0B", "0B"),
        (999, "999B", "999B"),
        (1000, "1kB", "1000B"),
        (4096, "4.096kB", "4KiB"),
        (1653123456, "1.653GB", "1.54GiB"),
        (10**18, "1EB", "888.2PiB"),
    ],
)
def test_sizes_have_four_digits(size: int, decimal: str, binary: str) -> None:
    """Sizes are shown in powers of 1000 or of 1024."""
    assert (decimal_size(size), binary_size(size)) == (decimal, binary)


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("512", 512), ("1k", 1024), ("1.5 MB", 1572864), ("2GiB", 2 << 30), (".5kb", 512)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    """Units are powers of 1024, whatever their case."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "nanoseconds", "printed"),
    [
        ("48h", 48 * 3600 * SECOND, "48h0m0s"),
        ("1h30m", 5400 * SECOND, "1h30m0s"),
        ("90s", 90 * SECOND, "1m30s"),
        ("1.5s", 3 * SECOND // 2, "1.5s"),
        ("0", 0, "0s"),
    ],
)
def test_durations_are_read_and_printed(text: str, nanoseconds: int, printed: str) -> None:
    """Durations are Go's."""
    assert parse_duration(text) == nanoseconds
    assert duration(nanoseconds) == printed


@pytest.mark.parametrize("text", ["", "x", "1", "1d", "h", "1h 2m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A number needs its unit."""
    with pytest.raises(BakeError, match="invalid duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "x", "1x", "-1", "1kbb", "1 2"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """The error names the text."""
    with pytest.raises(BakeError, match="invalid size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (7200, "2 hours"),
        (86400 * 2, "2 days"),
        (86400 * 20, "2 weeks"),
        (86400 * 90, "3 months"),
        (86400 * 800, "2 years"),
    ],
)
def test_ages_are_words(seconds: int, words: str) -> None:
    """How long ago something was is told roughly."""
    assert ago(seconds * SECOND) == words


def test_times_are_go_s() -> None:
    """Fractions have no trailing zeros."""
    assert timestamp(1749743042715795560) == "2025-06-12 15:44:02.71579556 +0000 UTC"
    assert timestamp(1749743042 * SECOND) == "2025-06-12 15:44:02 +0000 UTC"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ""),
        (["linux/amd64", "linux/amd64/v2", "linux/386"], "linux/amd64 (+2), linux/386"),
        (["linux/arm64*", "linux/amd64", "linux/amd64/v2"], "linux/amd64 (+2), linux/arm64*"),
        (
            ["linux/riscv64", "linux/386", "linux/amd64", "linux/arm64", "linux/s390x", "linux/ppc64le"],
            "linux/amd64, linux/arm64, linux/ppc64le, linux/s390x, (2 more)",
        ),
    ],
)
def test_platforms_are_shown_in_short(names: list[str], expected: str) -> None:
    """Variants become a number, the usual platforms come first, the rest is counted."""
    assert listing.short(names) == expected


@pytest.mark.parametrize(
    ("texts", "condition", "seconds"),
    [
        ([], "", 0),
        (["type=regular"], "type==regular", 0),
        (["type!=regular", "description~=go"], "type!=regular,description~=go", 0),
        (["id=abc"], "id~=abc", 0),
        (["until=24h", "Type = x"], "type==x", 86400),
        (["unused-for=1s"], "", 1),
    ],
)
def test_filters_become_conditions(texts: list[str], condition: str, seconds: int) -> None:
    """Filters are BuildKit's conditions between commas; a time is kept apart."""
    found = parse_filter(texts)
    assert (found.conditions, found.keep_duration) == ((condition,), seconds * SECOND)


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (["type"], "bad format of filter"),
        (["type=a", "type=b"], '"type" filter expects only one value'),
        (["until=1h", "unused-for=1h"], "conflicting filters"),
        (["until=x"], '"until" filter expects a duration'),
    ],
)
def test_faulty_filters_are_refused(texts: list[str], complaint: str) -> None:
    """A filter has a name and one value."""
    with pytest.raises(BakeError, match=complaint):
        parse_filter(texts)
