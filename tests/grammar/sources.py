"""Hypothesis strategies that make sources: valid ones, and ones with anything in them."""

from __future__ import annotations

from hypothesis import strategies as st

names = st.sampled_from(["a", "b", "if", "in", "for_", "x-y", "true", "ü"])
texts = st.text(st.sampled_from('a$%{}\n\t"\\ ~é'), max_size=5)


def quoted(text: str) -> str:
    for character, escape in {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}.items():
        text = text.replace(character, escape)
    return text.replace("${", "$${").replace("%{", "%%{").rstrip("$%")


def plausible(steps: str) -> str:
    """Leave out what HCL refuses: a second `.*`, and `.0.0`, which scans as a number."""
    before, splat, after = steps.replace(".0.0", ".0.a").partition(".*")
    return before + splat + after.replace(".*", "")


def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Make bigger expressions of smaller ones."""
    part = st.one_of(
        texts.map(quoted),
        inner.map("${{{}}}".format),
        inner.map("${{~ {} ~}}".format),
        st.builds("%{{ if {} }}{}%{{ else ~}} {}%{{ endif }}".format, inner, texts.map(quoted), texts.map(quoted)),
        st.builds("%{{ for {} in {} ~}} ${{{}}}%{{~ endfor }}".format, names, inner, inner),
    )
    template = st.lists(part, max_size=4).map("".join)
    several = st.lists(inner, min_size=1, max_size=3)
    term = inner.map("({})".format)
    step = st.one_of(
        names.map(".{}".format), st.sampled_from([".0", ".*", "[*]", "[0]", '["k"]']), inner.map("[{}]".format)
    )
    steps = st.lists(step, max_size=3).map("".join).map(plausible)
    pairs = st.lists(st.builds("{} = {}".format, st.one_of(st.just("k"), term, st.just('"q"')), inner), max_size=3)
    return st.one_of(
        template.map('"{}"'.format),
        st.builds("(<<-EOT\n  {}${{{}}}\n   x\nEOT\n)".format, st.sampled_from(["", " a ", "\n", '"']), inner),
        term,
        st.builds("{}{}".format, st.one_of(names, term), steps),
        st.builds("{}({})".format, st.sampled_from(["f", "ns::g"]), several.map(", ".join)),
        several.map(lambda items: f"f({', '.join(items)}...)"),
        several.map(lambda items: f"[{', '.join(items)}]"),
        pairs.map(lambda items: f"{{{', '.join(items)}}}"),
        st.builds("{}{}".format, st.sampled_from("-!"), term),
        st.builds(
            "{} {} {}".format, inner, st.sampled_from(["||", "&&", "==", "<", ">=", "+", "-", "*", "/", "%"]), inner
        ),
        st.builds("{} ? {} : {}".format, inner, inner, inner),
        st.builds("[for {} in {}: {} if {}]".format, names, inner, inner, inner),
        st.builds("{{for a, {} in {}: {} => {}...}}".format, names, inner, inner, inner),
    )


expressions = st.recursive(
    st.one_of(names, st.sampled_from(["1", "2.5", "null", '"s"', "1e3"]), texts.map(quoted).map('"{}"'.format)),
    extend,
    max_leaves=8,
)

FRAGMENTS = """
" { } [ ] ( ) ${ %{ ~} , . .. ... = : :: ? * - ! => == < <= & && | ^ ' ` ; \\ $ % # // /* */ @ ~ $${ a r 1 1.2.3 .5
for if in else endif endfor true <<E <<-E E "b" é “ \\u12
"""
LINES = [" ", "\n", "\r\n", "\r", "\t", "a = ", "t {\n", "}\n", '"${', '}"', "<<E\n", "\nE\n", "x = [1]\n"]
DIRECTIVES = ["%{ if a }", "%{ else }", "%{ endif }", "%{ for a in b }", "%{ endfor }"]
fragments = st.sampled_from([*FRAGMENTS.split(), *LINES, *DIRECTIVES])
messy = st.lists(st.one_of(fragments, st.text(max_size=2)), max_size=25).map("".join)
