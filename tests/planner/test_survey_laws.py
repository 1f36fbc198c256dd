"""Laws of surveys over definitions put together from sound and faulty parts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bakepy.diagnostics import BakeError, Diagnostic, Severity
from bakepy.planner import checks
from bakepy.planner.define import define
from bakepy.planner.load import File
from bakepy.planner.select import select
from bakepy.planner.survey import survey
from tests.planner.definitions import world

PARTS = [
    'variable "v" { default = "1" }',
    'variable "v2" { default = v }',
    'variable "w" { default = nope }',
    'variable "x" {\n  type    = number\n  default = "x"\n}',
    'variable "y" {\n  default = 0\n  validation {\n    condition = y > 0\n  }\n}',
    'function "f" {\n  params = [a]\n  result = upper(a)\n}',
    'function "g" {\n  result = 1\n}',
    "glob = w",
    'target "a" { tags = ["a:${v}"] }',
    'target "a" { args = { f = f("x"), g = g() } }',
    'target "b" {\n  inherits = ["a"]\n  shm-size = "x"\n}',
    'target "b" { tags = target.a.tags }',
    'target "c" { contexts = { b = "target:b" } }',
    'target "c" { inherits = ["missing", "b"] }',
    'target "d" { contexts = { d = "target:c", e = "target:d" } }',
    'target "e f" { tags = [] }',
    'target "m" {\n  name   = "m-${x}"\n  matrix = { x = ["1", "2"] }\n}',
    'target "n" {\n  matrix = { x = ["1", "2"] }\n}',
    'target "o" { inherits = ["m-1", "n"] }',
    'target "p" { platforms = 1 }',
    'target "q" {\n  inherits = ["p", "q"]\n  ulimits  = ["x"]\n}',
    'group "default" { targets = ["a", "m", "none"] }',
    'group "h" { targets = ["h", "default"] }',
    'group "i" {}',
    "target {}",
    'unknown "z" {}',
]
definitions = st.lists(st.sampled_from(PARTS), unique=True, max_size=10).map("\n".join)


def errors(found: list[Diagnostic]) -> list[Diagnostic]:
    return [d for d in found if d.severity is Severity.ERROR and not d.implied]


def surveyed(text: str, *names: str) -> list[Diagnostic]:
    return errors(survey([File("f.hcl", text.encode())], world(), names, (), {}.get).found)


def names_in(text: str) -> list[str]:
    definition = define([File("f.hcl", text.encode())], world(), [])
    return [*definition.groups, *definition.targets]


def built(text: str) -> list[Diagnostic]:
    """Return the faults that builds of all groups and targets, one by one, end with."""
    try:
        definition = define([File("f.hcl", text.encode())], world())
    except BakeError as error:
        return errors(list(error.diagnostics))
    found: list[Diagnostic] = []
    for name in (*definition.groups, *definition.targets):
        try:
            config = select(definition, [name])
            checks.complete(config, {}.get)
            checks.check(config, {}.get)
        except BakeError as error:
            found += errors(list(error.diagnostics))
    return found


def words(found: list[Diagnostic]) -> set[str]:
    return {f"{d.subject and d.subject.start} {d.summary} {d.detail}" for d in found}


@given(definitions)
def test_a_check_finds_what_builds_find(text: str) -> None:
    """No fault that stops a build is missing from a survey, which only may find more."""
    seen = surveyed(text, *names_in(text))
    assert words(built(text)) - words(seen) <= cycles(built(text))


@given(definitions)
def test_a_check_makes_nothing_up(text: str) -> None:
    """Where all builds can begin, a survey finds no error."""
    if not built(text):
        assert surveyed(text) == []


def cycles(found: list[Diagnostic]) -> set[str]:
    """Return the links that run in circles: they are named from where one comes upon them."""
    return words([d for d in found if d.summary.startswith("infinite loop")])
