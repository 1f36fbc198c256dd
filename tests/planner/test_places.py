"""Faults of Compose files and of flags point at what is written there."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bakepy.diagnostics import BakeError, Diagnostic
from bakepy.planner.arguments import Argument
from bakepy.planner.checks import check
from bakepy.planner.compose.document import roots, source_of
from bakepy.planner.compose.places import descend
from bakepy.planner.define import define
from bakepy.planner.entitlements import parse as allow
from bakepy.planner.load import File
from bakepy.planner.overrides import parse
from bakepy.planner.select import select
from tests.planner.definitions import world


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def faults(*texts: str, sets: tuple[str, ...] = (), **variables: str) -> list[Diagnostic]:
    """Return what is wrong with files `0.yml`, `1.yml`, … and with what is set in them."""
    files = [File(f"{i}.yml", text.encode()) for i, text in enumerate(texts)]
    with pytest.raises(BakeError) as caught:
        check(select(define(files, world(**variables)), ["*"], [parse(text, {}.get) for text in sets]), {}.get)
    return list(caught.value.diagnostics)


def pointed(fault: Diagnostic) -> tuple[str, str]:
    """Return where a fault points, as `file:line`, and the text there."""
    _, span = fault.related[0]
    return f"{span.source.name}:{span.source.position(span.start)[0]}", span.source.text[span.start : span.end]


BASE = "services:\n  base:\n    build:\n      context: x\n"
APP = "services:\n  app:\n    build:\n"


@pytest.mark.parametrize(
    ("texts", "place", "text"),
    [
        ((f"{APP}      contxt: .",), "0.yml:4", "contxt"),
        ((f"{APP}      tags:\n        - a\n        - 1",), "0.yml:6", "1"),
        ((f"{APP}      tags: {{a: b}}",), "0.yml:4", "tags"),
        ((f"{APP}      args: {{A: [1]}}",), "0.yml:4", "A"),
        ((f"{APP}      args: [A=1, 'B=${{X:?no}}']",), "0.yml:4", "${X:?no}"),
        ((f"{APP}      args: {{A: '${{A-${{X:?no}}}}'}}",), "0.yml:4", "${X:?no}"),
        ((f"{APP}      secrets:\n        - source: s\n          target: [x]",), "0.yml:6", "target"),
        ((f"{APP}      secrets: [s, t]\nsecrets: {{s: {{file: f}}}}",), "0.yml:4", "t"),
        ((f"{APP}      extra_hosts: [a=1.2.3.4, b]",), "0.yml:4", "b"),
        ((f"{APP}      shm_size: 3q",), "0.yml:4", "3q"),
        ((f"{APP}      ssh: [default, key]",), "0.yml:4", "key"),
        ((f"{APP}      additional_contexts: [a=b, c]",), "0.yml:4", "c"),
        ((f"{APP}      additional_contexts: ['a=service:b']",), "0.yml:4", "'a=service:b'"),
        ((f"{APP}      cache_from: [a, 'type=local,x']",), "0.yml:4", "'type=local,x'"),
        ((f"{APP}      x-bake:\n        secret: [type=x]",), "0.yml:5", "type=x"),
        (("services: {a: {build: 1}}",), "0.yml:1", "1"),
        (("services: {a: 1}",), "0.yml:1", "1"),
        (("services: {a: }",), "0.yml:1", "a"),
        (("services: {'ä': {image: x}}",), "0.yml:1", "'ä'"),
        (("services: {a..: {image: x, build: .}, '\U0001f600': {}}",), "0.yml:1", "'\U0001f600'"),
        (("services: [a]",), "0.yml:1", "services"),
        (("[1]",), "0.yml:1", "[1]"),
        (("services: {a: {image: x}}\nsecrets: {s: {}}",), "0.yml:2", "s"),
        (("x: &a {image: 1}\nservices:\n  a: *a",), "0.yml:1", "1"),
        (("x: &a {image: 1}\nservices:\n  a:\n    <<: *a\n    build: .",), "0.yml:1", "1"),
        (("\ufeffservices:\n  a:\n    build: {contxt: x}",), "0.yml:3", "contxt"),
        # In later files and documents, those that say it last; in earlier ones, where later ones say nothing.
        ((f"{APP}      target: x", f"{APP}      target: [y]"), "1.yml:4", "target"),
        ((f"{APP}      contxt: x", f"{APP}      target: y"), "0.yml:4", "contxt"),
        ((f"{APP}      tags: [a]", f"{APP}      tags: b"), "1.yml:4", "b"),
        ((f"{APP}      cache_from: [a]", f"{APP}      cache_from: [b, 'type=local,x']"), "1.yml:4", "'type=local,x'"),
        ((f"{APP}      contxt: x\n---\n{APP}      target: y",), "0.yml:4", "contxt"),
        ((f"{APP}      target: y\n---\n{APP}      contxt: x",), "0.yml:9", "contxt"),
        # In what services extend.
        ((f"{BASE}      shm_size: 3q\n  app: {{extends: base}}",), "0.yml:5", "3q"),
        (("services:\n  app: {extends: {service: base, file: sub/c.yml}}",), "sub/c.yml:1", "3q"),
        (("services:\n  app: {extends: {service: none, file: sub/c.yml}}",), "0.yml:2", "none"),
        (("services:\n  app: {extends: {service: deep, file: sub/c.yml}}",), "sub/c.yml:2", "nowhere.yml"),
        (("services:\n  app: {extends: {file: sub/c.yml}}",), "0.yml:2", "extends"),
        (("services:\n  app: {extends: {service: base, file: sub/none.yml}}",), "0.yml:2", "sub/none.yml"),
        (("services:\n  a: {extends: b}\n  b: {extends: a}",), "0.yml:2", "b"),
        # In what files include.
        (("include:\n  - sub/none.yml",), "0.yml:2", "sub/none.yml"),
        (("include:\n  - sub/d.yml",), "sub/d.yml:1", "contxt"),
        (("include: 1",), "0.yml:1", "1"),
        (("include:\n  - path: sub/d.yml\n    env_file: none",), "0.yml:2", "path: sub/d.yml"),
        # In files of variables.
        (("services:\n  a:\n    image: x\n    env_file: [sub/ok.env, sub/none.env]",), "0.yml:4", "sub/none.env"),
        (("services: {a: {image: x, env_file: [sub/bad.env]}}",), "sub/bad.env:2", "B C"),
    ],
)
def test_a_fault_points_at_what_is_wrong(folder, texts, place, text):
    """Each fault of a Compose file shows the key or the value that it is about, in the file that says it."""
    (folder / "sub").mkdir()
    (folder / "sub/c.yml").write_text(
        "services: {base: {build: {context: ., shm_size: 3q}},\n  deep: {extends: {service: a, file: nowhere.yml}}}"
    )
    (folder / "sub/d.yml").write_text("services: {inner: {build: {contxt: x}}}")
    (folder / "sub/ok.env").write_text("A=1\n")
    (folder / "sub/bad.env").write_text("A=1\nB C=2\n")
    assert pointed(faults(*texts)[0]) == (place, text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("services: {a: {build: {contxt: .}}}", "Did you mean 'context'?"),
        ("services: {a: {build: {output: x}}}", "Write it under x-bake, as in x-bake: {output: …}."),
        ("services: {a: {build: {tags: x}}}", "Write a list, as in tags: [x]."),
        ("services: {a: {build: {args: x}}}", "Write a mapping, as in args: {KEY: value}."),
        ("services: {a: {build: {target: 1}}}", 'Put it in quotes: "1".'),
        ("services: {a: {build: {target: true}}}", 'Put it in quotes: "true".'),
        ("services: {a: {build: {pull: 1}}}", "Write true or false, as in pull: true."),
        ("services: {a: {image: '${X?}'}}", "Set X in the environment or in .env, or give it a default: ${X:-value}."),
        ("services: {a: {extends: bb}, bbb: {build: .}}", "Did you mean 'bbb'?"),
        ("services: {a: {build: {additional_contexts: {x: service:weeb}}}, web: {build: .}}", "Did you mean 'web'?"),
        ("services:\n\ta: 1", "Indent with spaces: YAML does not allow tabs there."),
        ("servces: {a: {build: .}}", "Did you mean 'services'?"),
        ("1: 2", 'Put it in quotes: "1".'),
        ("a: &one 1\nb: *on", "Did you mean '*one'?"),
    ],
)
def test_a_fault_says_what_to_do(text, hint):
    """Each fault of a Compose file has its remedy."""
    assert faults(text)[0].hint == hint


@pytest.mark.parametrize(
    ("text", "place", "pointed_at"),
    [
        (f"{APP}      platforms: [linux/amd64, linux/b/c/d/e]", "0.yml:4", "linux/b/c/d/e"),
        (f"{APP}      x-bake:\n        platforms: linux/amd64 linux/b/c/d/e", "0.yml:5", "linux/b/c/d/e"),
        (f"{APP}      platforms: ['linux/${{V}}/c/d/e']", "0.yml:4", "'linux/${V}/c/d/e'"),
        (f"{APP}      x-bake:\n        output: [type=docker, type=local]", "0.yml:5", "type=local"),
        (f"{APP}      secrets: [s]\nsecrets: {{s: {{file: none}}}}", "0.yml:4", "secrets"),
        (f"{BASE}      platforms: [linux/b/c/d/e]\n  app: {{extends: base}}", "0.yml:5", "linux/b/c/d/e"),
        (f"{APP}      context: '-'", "0.yml:4", "'-'"),
        ("services:\n  app:\n    build: '-'", "0.yml:3", "'-'"),
    ],
)
def test_a_fault_that_shows_late_points_into_the_service(text, place, pointed_at):
    """What is wrong with a target that is a service is shown where the service says it."""
    assert pointed(faults(text, V="b")[0]) == (place, pointed_at)


def test_later_files_are_searched_first_for_what_is_wrong_with_a_target():
    """An element is shown in the file that has it, whichever that is."""
    one, two = f"{APP}      platforms: [linux/b/c/d/e]", f"{APP}      platforms: [linux/amd64]"
    assert [pointed(faults(*texts)[0])[0] for texts in ((one, two), (two, one))] == ["0.yml:4", "1.yml:4"]


@pytest.mark.parametrize(
    ("argument", "pointed_at", "shown"),
    [
        ("ap.tags=x", "ap", "ap.tags=…"),
        ("ap.args.TOKEN=secret", "ap", "ap.args.TOKEN=…"),
        ("[.tags=x", "[", "[.tags=…"),
        ("app", "app", "app"),
        ("app.tags", "app.tags", "app.tags"),
        ("app.tgs=tgs", "tgs", "app.tgs=…"),
        ("app.args=x", "app.args", "app.args=…"),
        ("app.args+=x", "app.args+", "app.args+=…"),
        ("app.secret.x+=x", "+", "app.secret.x+=…"),
        ("app.no-cache=x", "x", "app.no-cache=x"),
        ("app.platform=linux/b/c/d/e", "linux/b/c/d/e", "app.platform=linux/b/c/d/e"),
        ("*.output=type=local", "type=local", "*.output=type=local"),
        ("app.cache-to=type=local,x", "type=local,x", "app.cache-to=type=local,x"),
        ("app.secret.x=id=x", "id=x", "app.secret.x=id=x"),
        ("app.context=-", "-", "app.context=-"),
    ],
)
def test_faults_of_settings_point_into_the_argument(argument, pointed_at, shown):
    """What is wrong with `--set` is shown in what was typed; a value that is not at fault is not."""
    fault = faults(f"{APP}      context: .", sets=("app.tags=first", argument))[0]
    assert pointed(fault) == ("--set:1", pointed_at)
    assert fault.related[0][1].source.text == shown


def test_what_a_file_says_beside_a_setting_keeps_its_place():
    """A setting that adds to a list does not draw the faults of the file's elements to it."""
    fault = faults(f"{APP}      platforms: [linux/b/c/d/e]", sets=("app.tags+=x", "app.args.platforms=y"))[0]
    assert pointed(fault)[0] == "0.yml:4"


@pytest.mark.parametrize(("text", "word"), [("netwrk.host", "netwrk.host"), ("fss.read=/x", "fss.read")])
def test_faults_of_allow_point_at_the_key(text, word):
    """An entitlement that there is none of is shown as it was typed."""
    with pytest.raises(BakeError) as caught:
        allow([text])
    assert pointed(caught.value.diagnostics[0]) == ("--allow:1", word)


def test_an_argument_without_the_word_is_shown_from_where_it_may_be():
    """A word that is not in the argument cannot be pointed at, so that all of it is."""
    (_, span), *_ = Argument("--set", "a.b=c").place("none", 4)
    assert (span.start, span.end) == (4, 5)


TEXTS = st.text("abcäö\U0001f600 _.-:#'\"\\\n", min_size=1, max_size=6)
TREES = st.recursive(
    TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=12
)


def paths(tree, path=()):
    if path:
        yield path, tree
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, inner in steps:
        yield from paths(inner, (*path, step))


@given(TREES, st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_every_path_is_found_again(tree, flow, encoding):
    """Whatever the form and encoding of a file, the span of a node holds what the node is."""
    text = yaml.safe_dump(tree, default_style='"', default_flow_style=flow, allow_unicode=True, sort_keys=False)
    data = text.encode(encoding)
    source = source_of("f.yml", data)
    (root,) = roots("f.yml", data)
    for path, value in paths(tree):
        place = descend(source, root, path)
        assert place.depth == len(path)
        spans = [(place.span(on_key=True), path[-1])] if isinstance(path[-1], str) else []
        spans += [(place.span(), value)] if isinstance(value, str) else []
        for span, held in spans:
            assert yaml.safe_load(text[span.start : span.end]) == held
