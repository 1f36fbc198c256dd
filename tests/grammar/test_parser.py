"""The native syntax, read into trees."""

from __future__ import annotations

import pytest

from bakepy.diagnostics import Source
from bakepy.grammar import decode, nodes, parse
from tests.grammar.trees import outline, read, tree

EXPRESSIONS = [
    # literals
    ("true", "True"),
    ("null", "None"),
    ("0", "0"),
    ("1.50", "1.50"),
    ("1e3", "1e3"),
    ("2.5E-3", "2.5E-3"),
    ('"abc"', "'abc'"),
    ('""', "''"),
    ('"é 👍"', "'é 👍'"),
    ("truex", "truex"),
    ("if", "if"),
    ("for-each", "for-each"),
    ("_a", "_a"),
    ("ünï", "ünï"),
    ("a-b", "a-b"),
    # escapes
    ('"\\n\\r\\t\\"\\\\"', "'\\n\\r\\t\"\\\\'"),
    ('"\\u00e9\\U0001F600"', "'é😀'"),
    ('"$${a} %%{b}"', "'${a} %{b}'"),
    ('"$$${a}"', "'$${a}'"),
    ('"a$b%c$"', "'a$b%c$'"),
    ('"$"', "'$'"),
    ('"100%"', "'100%'"),
    ('"\\u0024{a}"', "'${a}'"),
    # operators
    ("1 + 2 * 3", "(Binary + 1 (Binary * 2 3))"),
    ("(1 + 2) * 3", "(Binary * (Parens (Binary + 1 2)) 3)"),
    ("1 - 2 - 3", "(Binary - (Binary - 1 2) 3)"),
    ("a || b && c", "(Binary || a (Binary && b c))"),
    ("a == b != c", "(Binary != (Binary == a b) c)"),
    ("a < b == c > d", "(Binary == (Binary < a b) (Binary > c d))"),
    ("a <= 1 && b >= 2", "(Binary && (Binary <= a 1) (Binary >= b 2))"),
    ("-a.b + !c[0]", "(Binary + (Unary - a.b) (Unary ! c[0]))"),
    ("- - 1", "(Unary - (Unary - 1))"),
    ("!!a", "(Unary ! (Unary ! a))"),
    ("-1 + 2", "(Binary + (Unary - 1) 2)"),
    ("a % b / c * d", "(Binary * (Binary / (Binary % a b) c) d)"),
    ("a ? b : c", "(Conditional a b c)"),
    ("a ? b : c ? d : e", "(Conditional a b (Conditional c d e))"),
    ("a ? b ? c : d : e", "(Conditional a (Conditional b c d) e)"),
    ("a || b ? c + 1 : d", "(Conditional (Binary || a b) (Binary + c 1) d)"),
    ('a == b ? "x" : null', "(Conditional (Binary == a b) 'x' None)"),
    # steps
    ("a.b.c", "a.b.c"),
    ('a.b[0]["c"].d', "a.b[0]['c'].d"),
    ("a.0.b", "a.0.b"),
    ("a.*.b.0.c", "(Splat a (Traverse @ [.b .0 .c]))"),
    ("a.*", "(Splat a @)"),
    ("a[*]", "(Splat a @ yes)"),
    ("a[*].b[0].c", "(Splat a (Traverse @ [.b [0] .c]) yes)"),
    ("a[*].b[*].c", "(Splat a (Splat (Traverse @ [.b]) (Traverse @ [.c]) yes) yes)"),
    ("a.*.b[0].c", "(Traverse (Splat a (Traverse @ [.b])) [[0] .c])"),
    ("a.*.b[*].c", "(Splat (Splat a (Traverse @ [.b])) (Traverse @ [.c]) yes)"),
    ("a[b]", "(Index a b)"),
    ("a[b].c[d]", "(Index (Traverse (Index a b) [.c]) d)"),
    ('a["x${b}"]', "(Index a (Template ['x' b]))"),
    ("a[-1]", "(Index a (Unary - 1))"),
    ("f(x).a[0]", "(Traverse (Call f [x]) [.a [0]])"),
    ("(a).b", "(Traverse (Parens a) [.b])"),
    ("[1, 2][0]", "(Traverse (Tuple [1 2]) [[0]])"),
    ("{a = 1}.a", "(Traverse (Object [a=1]) [.a])"),
    ('"x".y', "(Traverse 'x' [.y])"),
    ("a.if", "a.if"),
    ("a[ * ]", "(Splat a @ yes)"),
    ("a[\n0\n]", "a[0]"),
    ("null.a", "(Traverse None [.a])"),
    ('a["b"]["c"]', "a['b']['c']"),
    ("(\na[\n*\n]\n)", "(Parens (Splat a @ yes))"),
    ("a[*][b].c", "(Splat a (Traverse (Index @ b) [.c]) yes)"),
    ("a[true]", "a[True]"),
    # calls
    ("f()", "(Call f [])"),
    ("f(1)", "(Call f [1])"),
    ('f(1, "a", b)', "(Call f [1 'a' b])"),
    ("f(1,)", "(Call f [1])"),
    ("f(a...)", "(Call f [a] yes)"),
    ("f(a, b...)", "(Call f [a b] yes)"),
    ("ns::f(1)", "(Call ns::f [1])"),
    ("a::b::c()", "(Call a::b::c [])"),
    ("f(\n1\n,\n2\n)", "(Call f [1 2])"),
    ("f(g(h()))", "(Call f [(Call g [(Call h [])])])"),
    ("if(1)", "(Call if [1])"),
    ("f (1)", "(Call f [1])"),
    ("for(a)", "(Call for [a])"),
    ("true(1)", "(Call true [1])"),
    # tuples and objects
    ("[]", "(Tuple [])"),
    ("[1]", "(Tuple [1])"),
    ("[1, 2,]", "(Tuple [1 2])"),
    ("[\n1,\n# x\n2\n]", "(Tuple [1 2])"),
    ("{}", "(Object [])"),
    ("{\n}", "(Object [])"),
    ("{a = 1}", "(Object [a=1])"),
    ("{a: 1, b = 2}", "(Object [a=1 b=2])"),
    ("{a = 1\nb = 2\n}", "(Object [a=1 b=2])"),
    ("{\n\na = 1,\n\nb = 2,\n}", "(Object [a=1 b=2])"),
    ('{"a" = 1}', "(Object ['a'=1])"),
    ('{"a${b}" = 1}', "(Object [(Template ['a' b])=1])"),
    ("{(a) = 1}", "(Object [(Parens a)=1])"),
    ("{a.b = 1}", "(Object [a.b=1])"),
    ("{f(x) = 1}", "(Object [(Call f [x])=1])"),
    ("{1 = 2}", "(Object [1=2])"),
    ("{true = 1, null = 2}", "(Object [true=1 null=2])"),
    ("{a = {b = {}}}", "(Object [a=(Object [b=(Object [])])])"),
    ("{if = 1}", "(Object [if=1])"),
    ("{a = 1, for = 2}", "(Object [a=1 for=2])"),
    ("[{a = 1}, [2]]", "(Tuple [(Object [a=1]) (Tuple [2])])"),
    ("{a = (\n1\n)\n}", "(Object [a=(Parens 1)])"),
    ("{a = 1 /* x\ny */, b = 2}", "(Object [a=1 b=2])"),
    ("{a-b = 1}", "(Object [a-b=1])"),
    # for
    ("[for a in b: a]", "(ForTuple a b a)"),
    ('[for k, v in b: "${k}=${v}"]', "(ForTuple k v b (Template [k '=' v]))"),
    ('[for a in b: a if a != ""]', "(ForTuple a b a (Binary != a ''))"),
    ("{for k, v in b: k => v}", "(ForObject k v b k v)"),
    ("{for v in b: v.x => v...}", "(ForObject v b v.x v yes)"),
    ("{for v in b: v.x => v... if v.y}", "(ForObject v b v.x v yes v.y)"),
    ("[\nfor a in b :\n a\n if c\n]", "(ForTuple a b a c)"),
    ("[for if in in: if if if]", "(ForTuple if in if if)"),
    ("[for a in [for b in c: b if d]: a if e]", "(ForTuple a (ForTuple b c b d) a e)"),
    ("{\nfor k, v in m: k => {\nx = v\n}\n}", "(ForObject k v m k (Object [x=v]))"),
    ("[for a in b: (a) if (c)]", "(ForTuple a b (Parens a) (Parens c))"),
    ("[for /*x*/ a, # y\n b in c: a]", "(ForTuple a b c a)"),
    ("[for a in b: a.if if c]", "(ForTuple a b a.if c)"),
    ("[for a in b: if.x]", "(ForTuple a b if.x)"),
    ("[for a in b: [if]]", "(ForTuple a b (Tuple [if]))"),
    ("[fore, 1]", "(Tuple [fore 1])"),
    # templates
    ('"${a}"', "(TemplateWrap a)"),
    ('"x${a}"', "(Template ['x' a])"),
    ('"${a}${b}"', "(Template [a b])"),
    ('"${"${a}"}"', "(TemplateWrap (TemplateWrap a))"),
    ('"${{a = 1}.a}"', "(TemplateWrap (Traverse (Object [a=1]) [.a]))"),
    ('"a ${~ b ~} c"', "(Template ['a' b 'c'])"),
    ('"  ${~ b}"', "(Template ['' b])"),
    ('"${b ~}  "', "(Template [b ''])"),
    ('"%{ if a }b%{ endif }"', "(Template [(Conditional a 'b' '')])"),
    ('"%{ if a }b%{ else }${c}%{ endif }"', "(Template [(Conditional a 'b' (Template [c]))])"),
    ('"%{ for a in b }${a}, %{ endfor }"', "(Template [(TemplateJoin (ForTuple a b (Template [a ', '])))])"),
    (
        '"x%{ for k, v in b ~}\\n ${k} %{~ endfor }"',
        "(Template ['x' (TemplateJoin (ForTuple k v b (Template ['' k ''])))])",
    ),
    ('"%{if a}%{if b}c%{endif}%{else}%{endif}"', "(Template [(Conditional a (Template [(Conditional b 'c' '')]) '')])"),
    (
        '"%{ for a in b }%{ if a }${a}%{ endif }%{ endfor }"',
        "(Template [(TemplateJoin (ForTuple a b (Template [(Conditional a (Template [a]) '')])))])",
    ),
    ('"a%{ if b ~} c %{~ else ~} d %{~ endif ~} e"', "(Template ['a' (Conditional b 'c' 'd') 'e'])"),
    ('"${\na\n}"', "(TemplateWrap a)"),
    ('"${a /* } */}"', "(TemplateWrap a)"),
    ('"$${a}${b}"', "(Template ['${a}' b])"),
    ('"%${a}"', "(Template ['%' a])"),
    ('"${ f("}") }"', "(TemplateWrap (Call f ['}']))"),
    ('"\\n ${~ a}"', "(Template ['' a])"),
    # heredocs
    ("<<E\nE\n", "''"),
    ("<<E\na\nb\nE\n", "'a\\nb\\n'"),
    ("<<E\n  a\n  E\n", "'  a\\n'"),
    ("<<E\na ${b} c\nE\n", "(Template ['a ' b ' c\\n'])"),
    ("<<-E\n    a\n      b\n\n    c\n  E\n", "'a\\n  b\\n\\nc\\n'"),
    ("<<-E\n    ${a}\n      b\n    E\n", "(Template ['' a '\\n  b\\n'])"),
    ("<<-E\n\ta\n\t\tb\n\tE\n", "'a\\n\\tb\\n'"),
    ("<<-E\n  a\n ${b} c\n   d\n  E\n", "(Template [' a\\n' b ' c\\n  d\\n'])"),
    ('<<E\n$${a} %%{b} \\n "q"\nE\n', "'${a} %{b} \\\\n \"q\"\\n'"),
    (
        "<<E\n%{ for a in b ~}\n${a}\n%{ endfor ~}\nE\n",
        "(Template [(TemplateJoin (ForTuple a b (Template ['' a '\\n']))) ''])",
    ),
    ("<<E\nx\n  ${~ a ~}\n  y\nE\n", "(Template ['x\\n' a '  y\\n'])"),
    ("<<E\r\na\r\nE\r\n", "'a\\r\\n'"),
    ("<<-E\n   \n    a\n  E\n", "'   \\na\\n'"),
    ("f(<<E\na\nE\n, 1)", "(Call f ['a\\n' 1])"),
    ("[<<A\n1\nA\n, <<B\n2\nB\n]", "(Tuple ['1\\n' '2\\n'])"),
    ("<<E\n${<<F\nx\nF\n}\nE\n", "(Template ['x\\n' '\\n'])"),
    ("<<É\nx\nÉ\n", "'x\\n'"),
    ("<<E\nEE\n E x\nE\n", "'EE\\n E x\\n'"),
    # comments
    ("1 # x", "1"),
    ("1 // x", "1"),
    ("/* a */ 1", "1"),
    ("1 +\n# x\n2", "(Binary + 1 2)"),
    ("(1 # x\n)", "(Parens 1)"),
    ("1 /* unbroken * / */ + 2", "(Binary + 1 2)"),
    ("[1, // x\n2]", "(Tuple [1 2])"),
]


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS)
def test_expression(text: str, expected: str) -> None:
    """An expression is read into the tree that HCL's specification gives it."""
    assert outline(tree(text)) == expected


BODIES = [
    ("", "[] []"),
    ("a = 1", "[a] []"),
    ("a = 1\nb = 2\n", "[a b] []"),
    ("\n\n# x\na = 1 # y\n// z\n", "[a] []"),
    ("/* x\ny */ a = 1\n", "[a] []"),
    ("a = 1\r\nb = 2\r\n", "[a b] []"),
    ("\ufeffa = 1\n", "[a] []"),
    ("for = 1\nif = 2\ntrue = 3\n", "[for if true] []"),
    ("t {}\n", "[] [t() [] []]"),
    ("t {\n}\n", "[] [t() [] []]"),
    ('t "l" {}', "[] [t(l) [] []]"),
    ('t l "m" n {}', "[] [t(l,m,n) [] []]"),
    ('t "a\\u0041$${b}" {}', "[] [t(aA${b}) [] []]"),
    ('t "" {}', "[] [t() [] []]"),
    ("t { a = 1 }\n", "[] [t() [a] []]"),
    ("t { a = { b = 1 } }\n", "[] [t() [a] []]"),
    ("t { a = {\nb = 1\n} }\n", "[] [t() [a] []]"),
    ("t {\n a = 1\n u {\n b = 2\n }\n c = 3\n}\n", "[] [t() [a c] [u() [b] []]]"),
    ("t {} # x\nu {}\n", "[] [t() [] [] u() [] []]"),
    ("t # x\n", None),
    ("a = [for x in y: x]\nt {\n for = 1\n}\n", "[a] [t() [for] []]"),
    ("a = <<E\nx\nE\nb = 1\n", "[a b] []"),
]


def sketch(body: nodes.Body) -> str:
    blocks = [f"{b.type}({','.join(b.labels)}) {sketch(b.body)}" for b in body.blocks]
    return f"[{' '.join(body.attributes)}] [{' '.join(blocks)}]"


@pytest.mark.parametrize(("text", "expected"), BODIES)
def test_body(text: str, expected: str | None) -> None:
    """A file is read into its attributes and blocks, in order."""
    body, faults = read(text, "file")
    assert isinstance(body, nodes.Body)
    assert (None if faults else sketch(body)) == expected


TEMPLATES = [
    ("", "''"),
    ("a b", "'a b'"),
    ('"quoted"', "'\"quoted\"'"),
    ("${a}", "(TemplateWrap a)"),
    ("x ${a}\n%{ if b }c%{ endif }", "(Template ['x ' a '\\n' (Conditional b 'c' '')])"),
    ("$${a}", "'${a}'"),
    ("100%", "'100%'"),
    ("a\r${b}", "'a\\r${b}'"),
]


@pytest.mark.parametrize(("text", "expected"), TEMPLATES)
def test_bare_template(text: str, expected: str) -> None:
    """A bare template needs no quotes and has no backslash escapes."""
    assert outline(tree(text, "template")) == expected


def test_spans_point_into_the_source() -> None:
    """Each node's span covers its own text."""
    source = Source("f", 't "l" {\n  a = f(b.c[0], "x${d}") ? [1] : e[*].g\n}\n')
    body = parse(source, [])
    block = body.blocks[0]
    value = block.body.attributes["a"].value

    def text(node: nodes.Expr | nodes.Block | nodes.Attribute) -> str:
        return source.text[node.span.start : node.span.end]

    assert text(block) == source.text.strip()
    assert isinstance(value, nodes.Conditional)
    assert isinstance(value.condition, nodes.Call)
    assert isinstance(value.no, nodes.Splat)
    assert [text(e) for e in value.condition.args] == ["b.c[0]", '"x${d}"']
    assert (text(value.yes), text(value.no), text(value.no.each)) == ("[1]", "e[*].g", "[*].g")
    assert str(block.header) == "f:1,1-6"


def test_a_file_that_is_not_utf8_is_a_fault() -> None:
    """Bytes that are not UTF-8 are reported where they are; a byte order mark is not part of the text."""
    faults = []
    assert decode("f", b"\xef\xbb\xbfa = 1", faults).text == "a = 1"
    assert not faults
    decode("f", b'a = 1\nb = "\xff"', faults)
    assert [str(fault.subject) for fault in faults] == ["f:2,6-7"]


def test_what_stands_before_a_fault_is_kept() -> None:
    """The tree of a file with a fault holds the items that were complete before it."""
    body, faults = read("a = 1\nt {}\nb = = 2\nc = 3\n", "file")
    assert isinstance(body, nodes.Body)
    assert len(faults) == 1
    assert sketch(body) == "[a] [t() [] []]"
