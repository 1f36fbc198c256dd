"""What is wrong with a source, and where."""

from __future__ import annotations

import pytest

from bakepy.diagnostics import Diagnostic, Source
from bakepy.grammar import parse
from tests.grammar.trees import read

FAULTS = [
    ("file", "a", ["1,1-2 Argument or block definition required"]),
    ("file", "a b", ["1,4-4 Invalid block definition"]),
    ("file", "a: 1", ["1,1-2 Argument or block definition required"]),
    ("file", "a = ", ["1,5-5 Missing expression"]),
    ("file", "a =\nb = 1", ["1,4-2,1 Invalid expression"]),
    ("file", "a = 1 b", ["1,7-8 Missing newline after argument"]),
    ("file", "a = 1,\nb = 2,", ["1,6-7 Unexpected comma after argument"]),
    ("file", '"a" = 1', ["1,1-2 Invalid argument name"]),
    ("file", "= 1", ["1,1-2 Argument or block definition required"]),
    ("file", "}", ["1,1-2 Argument or block definition required"]),
    ("file", "a {", ["1,3-4 Unclosed configuration block"]),
    ("file", "a {\n b = 1", ["1,3-4 Unclosed configuration block"]),
    ("file", "a { b = 1", ["1,3-4 Unclosed configuration block"]),
    ("file", "a { b = 1\n}", ["1,10-2,1 Invalid single-argument block definition"]),
    ("file", "a { b = 1, c = 2 }", ["1,10-11 Invalid single-argument block definition"]),
    ("file", "a { b {} }", ["1,5-8 Argument definition required"]),
    ("file", "a { b: 1 }", ["1,5-6 Argument or block definition required"]),
    ("file", "a { 1 }", ["1,5-6 Argument or block definition required"]),
    ("file", "a { b = 1 c }", ["1,11-12 Invalid single-argument block definition"]),
    ("file", 'a "x" = 1', ["1,7-8 Invalid block definition"]),
    ("file", 'a "x"\n{\n}', ["1,6-2,1 Invalid block definition"]),
    ("file", 'a "x" 1 {}', ["1,7-8 Invalid block definition"]),
    ("file", "a {} b = 1", ["1,6-7 Missing newline after block definition"]),
    ("file", 'a "x${y}z" {}', ["1,5-7 Invalid string literal"]),
    ("file", 'a "x" "y', ["1,9-9 Unterminated string literal", "1,9-9 Invalid block definition"]),
    ("file", 'a "x\ny" {}', ["1,5-2,1 Invalid multi-line string", "1,5-2,1 Invalid string literal"]),
    ("file", "a = 1\na = 2", ["2,1-2 Attribute redefined"]),
    ("file", "a = 1\na = 2\na = 3", ["2,1-2 Attribute redefined", "3,1-2 Attribute redefined"]),
    ("file", "t {\n a = 1\n a = 2\n}", ["3,2-3 Attribute redefined"]),
    ("file", "a = (1", ["1,7-7 Unbalanced parentheses"]),
    ("file", "a = (1 + ", ["1,10-10 Missing expression"]),
    ("file", "a = (1 2)", ["1,8-9 Unbalanced parentheses"]),
    ("file", "a = [1 2]", ["1,8-9 Missing item separator"]),
    ("file", "a = [1, 2", ["1,5-6 Unterminated tuple constructor expression"]),
    ("file", "a = [1, }\nb = 2", ["1,9-10 Invalid expression"]),
    ("file", "a = {b 1}", ["1,8-9 Missing key/value separator"]),
    ("file", "a = {b}", ["1,7-8 Missing key/value separator"]),
    ("file", "a = {b = 1 c = 2}", ["1,12-13 Missing attribute separator"]),
    ("file", "a = {b = 1", ["1,5-6 Unterminated object constructor expression"]),
    ("file", "a = {b c}", ["1,8-9 Missing key/value separator"]),
    ("file", "a = {b,", ["1,7-8 Missing attribute value"]),
    ("file", 'a = {"x" 1}', ["1,10-11 Missing key/value separator"]),
    ("file", "a = f(1", ["1,5-7 Unterminated function call"]),
    ("file", "a = f(1 2)", ["1,9-10 Missing argument separator"]),
    ("file", "a = f(1, 2", ["1,5-7 Unterminated function call"]),
    ("file", "a = f(a... b)", ["1,8-11 Missing closing parenthesis"]),
    ("file", "a = f(,)", ["1,7-8 Invalid expression"]),
    ("file", "a = ns::1", ["1,9-10 Missing function name"]),
    ("file", "a = ns::f", ["1,10-10 Missing open parenthesis"]),
    ("file", "a = b.", ["1,7-7 Invalid attribute name"]),
    ("file", "a = b.[0]", ["1,7-8 Invalid attribute name"]),
    ("file", "a = b.0.1", ["1,7-10 Invalid legacy index syntax"]),
    ("file", "a = b.*.0.1", ["1,7-8 Invalid legacy index syntax"]),
    ("file", "a = b.*.*", ["1,9-10 Nested splat expression not allowed"]),
    ("file", "a = b.*.[0]", ["1,7-8 Invalid attribute name"]),
    ("file", "a = b[", ["1,7-7 Missing expression"]),
    ("file", "a = b[0", ["1,8-8 Missing close bracket on index"]),
    ("file", "a = b[* 1]", ["1,9-10 Missing close bracket on splat index"]),
    ("file", "a = b[\n*]", ["2,1-2 Invalid expression"]),
    ("file", "a = 1.2.3", ["1,5-10 Invalid number literal"]),
    ("file", "a = 1 ? 2", ["1,10-10 Missing false expression in conditional"]),
    ("file", "a = 1 ? 2\nb = 3", ["1,10-2,1 Missing false expression in conditional"]),
    ("file", "a = 1 +", ["1,8-8 Missing expression"]),
    ("file", "a = * 2", ["1,5-6 Invalid expression"]),
    ("file", "a = !", ["1,6-6 Missing expression"]),
    ("file", 'a = "x', ["1,7-7 Unterminated template string"]),
    ("file", 'a = "x\nb = 2', ["1,7-2,1 Invalid multi-line string", "1,7-2,1 Unterminated template string"]),
    (
        "file",
        'a = "${b"\nc = 1',
        ["1,10-2,1 Invalid multi-line string", "1,6-8 Unclosed template interpolation sequence"],
    ),
    ("file", 'a = "${b c}"', ["1,10-11 Extra characters after interpolation expression"]),
    ("file", 'a = "${b:c}"', ["1,9-10 Extra characters after interpolation expression"]),
    ("file", 'a = "${', ["1,8-8 Missing expression"]),
    ("file", 'a = "${}"', ["1,8-9 Invalid expression"]),
    ("file", 'a = "\\q"', ["1,6-8 Invalid escape sequence"]),
    ("file", 'a = "\\u12"', ["1,6-10 Invalid escape sequence"]),
    ("file", 'a = "\\U0011"', ["1,6-12 Invalid escape sequence"]),
    ("file", 'a = "\\ud800"', ["1,6-12 Invalid escape sequence"]),
    ("file", 'a = "%{ if b }c"', ["1,16-17 Unexpected end of template"]),
    ("file", 'a = "%{ endif }"', ["1,6-16 Unexpected endif directive"]),
    ("file", 'a = "%{ if b }%{ endfor }"', ["1,15-26 Unexpected endfor directive"]),
    (
        "file",
        'a = "%{ if b }%{ else }%{ else }%{ endif }"',
        ["1,24-33 Unexpected else directive", "1,33-43 Unexpected endif directive"],
    ),
    (
        "file",
        'a = "%{ for b in c }%{ else }%{ endfor }"',
        ["1,21-30 Unexpected else directive", "1,30-41 Unexpected endfor directive"],
    ),
    ("file", 'a = "%{ for b in c }"', ["1,21-22 Unexpected end of template"]),
    ("file", 'a = "%{ for b in c }%{ endif }"', ["1,21-31 Unexpected endif directive"]),
    ("file", 'a = "%{ fi b }"', ["1,9-11 Invalid template control keyword"]),
    ("file", 'a = "%{ whatever }"', ["1,9-17 Invalid template control keyword"]),
    ("file", 'a = "%{ 1 }"', ["1,9-10 Invalid template directive"]),
    ("file", 'a = "%{ if b c }%{ endif }"', ["1,14-15 Extra characters in if marker"]),
    ("file", 'a = "%{ for }"', ["1,13-14 Invalid 'for' directive"]),
    ("file", 'a = "%{ for a, }"', ["1,16-17 Invalid 'for' directive"]),
    ("file", 'a = "%{ for a b }"', ["1,15-16 Invalid 'for' directive"]),
    ("file", "a = <<E\nx", ["2,2-2 Unterminated template string"]),
    ("file", "a = <<E\nx\nE", ["3,2-2 Unterminated template string"]),
    (
        "file",
        "a = << E\nx\nE\n",
        [
            "1,5-6 Invalid expression",
            "2,1-2 Argument or block definition required",
            "3,1-2 Argument or block definition required",
        ],
    ),
    ("file", "a = [for]", ["1,9-10 Invalid 'for' expression"]),
    ("file", "a = [for a, in b: c]", ["1,16-17 Invalid 'for' expression"]),
    ("file", "a = [for a of b: c]", ["1,12-14 Invalid 'for' expression"]),
    ("file", "a = [for a in b c]", ["1,17-18 Invalid 'for' expression"]),
    ("file", "a = [for a in b: c d]", ["1,20-21 Invalid 'for' expression"]),
    ("file", "a = [for a in b: c => d]", ["1,18-19 Invalid 'for' expression"]),
    ("file", "a = [for a in b: c...]", ["1,19-22 Invalid 'for' expression"]),
    ("file", "a = {for a in b: c}", ["1,18-19 Invalid 'for' expression"]),
    ("file", "a = {for a in b: c => }", ["1,23-24 Invalid expression"]),
    ("file", "a = {for = 1}", ["1,10-11 Invalid 'for' expression"]),
    ("file", "a = 'x'", ["1,5-6 Invalid character", "1,5-6 Invalid expression"]),
    (
        "file",
        "a = 'x'\nb = 'y'\nc = 'z'",
        ["1,5-6 Invalid character", "2,5-6 Invalid character", "1,5-6 Invalid expression"],
    ),
    ("file", "a = `x`", ["1,5-6 Invalid character", "1,5-6 Invalid expression"]),
    ("file", "a = 1; b = 2; c = 3", ["1,6-7 Invalid character", "1,6-7 Missing newline after argument"]),
    (
        "file",
        "a = b & c | d ^ e",
        [
            "1,7-8 Unsupported operator",
            "1,11-12 Unsupported operator",
            "1,15-16 Unsupported operator",
            "1,7-8 Missing newline after argument",
        ],
    ),
    ("file", "a = ~b", ["1,5-6 Unsupported operator", "1,5-6 Invalid expression"]),
    ("file", "a = “x”", ["1,5-6 Invalid character", "1,7-8 Invalid character", "1,5-6 Invalid expression"]),
    ("file", "a = @b", ["1,5-6 Invalid character", "1,5-6 Invalid expression"]),
    ("file", 'a = "x" "y"', ["1,9-10 Missing newline after argument"]),
    ("file", "a = b c", ["1,7-8 Missing newline after argument"]),
    ("file", "t {\n a = = 1\n b = 2\n}\nu = = 3", ["2,6-7 Invalid expression"]),
    ("file", "a = 1\n}\nb = 2", ["2,1-2 Argument or block definition required"]),
    ("file", "a = (\n1\n2\n)\nb = [", ["3,1-2 Unbalanced parentheses"]),
    ("file", "/* never closed", ["1,1-2 Argument or block definition required"]),
    ("file", "a = 1 /* x\n */ b = 2", ["2,5-6 Missing newline after argument"]),
    ("expression", "", ["1,1-1 Missing expression"]),
    ("expression", "1 2", ["1,3-4 Extra characters after expression"]),
    ("expression", "a b", ["1,3-4 Extra characters after expression"]),
    ("expression", "(", ["1,2-2 Missing expression"]),
    ("expression", "a\n+\n1 1", ["3,3-4 Extra characters after expression"]),
    ("template", "${", ["1,3-3 Missing expression"]),
    ("template", "${a", ["1,1-3 Unclosed template interpolation sequence"]),
    ("template", "%{ if a }", ["1,10-10 Unexpected end of template"]),
    ("template", "${a b}", ["1,5-6 Extra characters after interpolation expression"]),
]


@pytest.mark.parametrize(("what", "text", "expected"), FAULTS)
def test_fault(what: str, text: str, expected: list[str]) -> None:
    """A fault is found where HCL finds it, and what follows from it is not reported again."""
    _, faults = read(text, what)
    assert [f"{str(fault.subject)[2:]} {fault.summary}" for fault in faults] == expected


DETAILS = [
    ('a = "\\q"', 'The symbol "q" is not a valid escape sequence selector.'),
    ('a = "\\ud800"', "Cannot encode character U+d800 in UTF-8."),
    ("a = b.1.2", "like [1][2]."),
    ("a = b.*.1.2", "full splat expression [*] instead, like [1][2]."),
    ("a = 1\na = 2", 'The argument "a" was already set at f:1,1-2. Each argument may be set only once.'),
    ('a = "%{ fi b }"', '"fi" is not a valid template control keyword. Did you mean "if"?'),
    ('a = "%{ if b }"', "The if directive at f:1,6-15 is missing its corresponding endif directive."),
    (
        'a = "%{ for b in c }%{ endif }"',
        "Expecting an endfor directive corresponding to the for directive at f:1,6-21.",
    ),
    ('a "$ ${b}" {}', 'To include a literal "$", double it (as "$$") to escape it.'),
    ("a { b {} }", 'If you meant to define argument "b", use an equals sign'),
    ("a = ~b", 'Did you mean boolean NOT ("!")?'),
]


@pytest.mark.parametrize(("text", "words"), DETAILS)
def test_detail(text: str, words: str) -> None:
    """The detail names what is at fault."""
    _, faults = read(text, "file")
    assert words in faults[0].detail


HINTS = [
    ("a: 1", "Write `a = …`."),
    ("a = 1,", "Remove the comma."),
    ('"a" = 1', "Write the name without quotes. (A file in JSON form needs a name that ends in .json.)"),
    ("t {", "Add the missing “}”."),
    ("a = [1", "Add the missing “]”."),
    ("a = 1\n}", "There is one “}” too many."),
    ("a = 1.2.3", "Write versions in quotes."),
    ("a = <<EOT\nx\nEOT", "End it with a line that holds nothing but EOT and has a line break after it."),
    ('a = "\\d"', "Double the backslash to have a backslash."),
    ("a = \nb = 1", "There is no value after the equals sign."),
]


@pytest.mark.parametrize(("text", "hint"), HINTS)
def test_hint(text: str, hint: str) -> None:
    """A fault with a likely cause says what to do."""
    _, faults = read(text, "file")
    assert faults[0].hint == hint


RELATED = [
    ('a = "x', "1,5-6"),
    ('a = "x\n"', "1,5-6"),
    ("a = (1", "1,5-6"),
    ("a = b[0", "1,6-7"),
    ("a = 1\na = 2", "1,1-2"),
    ('a "x', "1,3-4"),
    ('a = "%{ if b }"', "1,6-15"),
]


@pytest.mark.parametrize(("text", "where"), RELATED)
def test_an_unclosed_construct_shows_where_it_opened(text: str, where: str) -> None:
    """A fault at an end names the beginning it belongs to."""
    _, faults = read(text, "file")
    assert [str(span)[2:] for _, span in faults[0].related] == [where]


def test_faults_of_several_items_are_told_together() -> None:
    """Characters that HCL lacks are all reported in one run, before what is wrong with the structure."""
    faults: list[Diagnostic] = []
    parse(Source("f", "a = 'x'\nb = `y`\nc = 1;\n"), faults)
    assert [fault.summary for fault in faults[:3]] == ["Invalid character"] * 3
