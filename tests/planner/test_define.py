"""Files of all forms become one definition."""

import pytest

from bakepy.diagnostics import BakeError
from bakepy.planner.define import define
from bakepy.planner.load import read
from bakepy.planner.select import select
from tests.planner.definitions import defined, selected, world


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.hcl", 'target "t" { tags = ["x"] }'),
        ("a.json", '{"target": {"t": {"tags": ["x"]}}}'),
        ("A.YAML", "services: {t: {build: {tags: [x]}}}"),
        ("a", 'target "t" { tags = ["x"] }'),
        ("a", '{"target": {"t": {"tags": ["x"]}}}'),
        ("a", "services: {t: {build: {tags: [x]}}}"),
        ("-", 'target "t" { tags = ["x"] }'),
    ],
)
def test_the_name_or_the_content_tells_the_form(name, text):
    """Without an ending that is known, the forms are tried in turn."""
    assert defined(text, name=name).targets["t"].tags == ["x"]


def test_a_file_of_no_form_is_told_as_hcl():
    """The fault names the file as one of HCL, as the reference does."""
    with pytest.raises(BakeError) as caught:
        defined('target "a" {\n  x =\n}', name="odd")
    assert str(caught.value).startswith("odd.hcl:2,")


def test_later_blocks_add_to_earlier_ones_of_their_name():
    """Targets merge over files by each attribute's rule; a group is replaced."""
    definition = defined(
        'group "g" { targets = ["a"] }\ntarget "a" {\n  args = { A = "1", B = "1" }\n  tags = ["x"]\n}',
        'group "g" { targets = ["b"] }\ntarget "a" {\n  args = { B = "2" }\n  tags = ["y"]\n}\ntarget "b" {}',
    )
    target = definition.targets["a"]
    assert (target.args, target.tags, definition.groups["g"].targets) == ({"A": "1", "B": "2"}, ["y"], ["b"])
    assert [a.span.source.name for _, a in definition.places("a", "tags")] == ["1-docker-bake.hcl", "0-docker-bake.hcl"]


def test_a_matrix_is_a_group_of_its_targets():
    """The name that is written stands for all that came of it."""
    definition = defined(
        'target "app" {\n  name = "app-${v}"\n  matrix = { v = ["a", "b"] }\n  tags = [v]\n}\ntarget "lone" {}'
    )
    assert list(definition.targets) == ["app-a", "app-b", "lone"]
    assert {name: group.targets for name, group in definition.groups.items()} == {"app": ["app-a", "app-b"]}


def test_variables_come_from_the_command_line_first():
    """What is set there wins over the file's default."""
    text = 'variable "V" { default = "file" }\ntarget "default" { tags = [V] }'
    assert defined(text).targets["default"].tags == ["file"]
    assert defined(text, V="set").targets["default"].tags == ["set"]


def test_names_of_blocks_are_checked():
    """Only letters, digits, dashes and underscores make a name."""
    with pytest.raises(BakeError) as caught:
        defined('target "a.b" {}')
    assert str(caught.value) == 'docker-bake.hcl:1,8-13: Invalid name; only "[a-zA-Z0-9_-]+" are allowed'


def test_values_of_the_wrong_type_are_shown_where_they_are():
    """A fault of an attribute points at its expression."""
    with pytest.raises(BakeError) as caught:
        selected('target "default" {\n  tags = "x"\n}')
    assert str(caught.value).startswith("docker-bake.hcl:2,11-12: Unsuitable value type; Unsuitable value: list of")


def test_the_files_of_the_default_names_are_read_in_order(tmp_path, monkeypatch):
    """Compose files come first, overrides last; without any there is a fault."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BakeError, match="couldn't find a bake definition"):
        read([], lambda: b"")
    for name in ("docker-bake.override.json", "docker-bake.hcl", "compose.yml", "other.hcl"):
        (tmp_path / name).write_text("{}")
    names = [file.name for file in read([], lambda: b"")]
    assert names == ["compose.yml", "docker-bake.hcl", "docker-bake.override.json"]


def test_standard_input_and_local_names_are_read(tmp_path, monkeypatch):
    """`-` is standard input; `cwd://` is the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.hcl").write_text('target "a" {}')
    files = read(["cwd://a.hcl", "-"], lambda: b'target "b" {}')
    assert list(define(files, world()).targets) == ["a", "b"]


def test_a_file_that_is_not_there_is_told_with_one_that_is(tmp_path, monkeypatch):
    """The hint names the file that was likely meant."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docker-bake.hcl").write_text("")
    with pytest.raises(BakeError) as caught:
        read(["docker-bak.hcl"], lambda: b"")
    (diagnostic,) = caught.value.diagnostics
    assert (str(diagnostic), diagnostic.hint) == (
        "open docker-bak.hcl: no such file or directory",
        "Did you mean 'docker-bake.hcl'?",
    )


def test_attributes_that_nothing_knows_are_warned_of():
    """They are tolerated, but a misspelt one is named."""
    definition = defined('target "default" { tag = ["x"] }')
    assert [(w.summary, w.hint) for w in definition.warnings] == [("Unsupported argument", 'did you mean "tags"?')]
    assert select(definition, ["default"]).targets["default"].tags is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('target "a" { targets = ["b"] }', "targets belongs in a group"),
        ('group "a" {\n targets = []\n tags = ["b"]\n}', "tags belongs in a target"),
        ('group "a" {\n targets = []\n dockerfile = "b"\n}', "dockerfile belongs in a target"),
        ('group "a" {\n targets = []\n target = ["b"]\n}', 'did you mean "targets"?'),
        ('target "a" { default = "b" }', "default belongs in a variable"),
        ('variable "a" { tags = ["b"] }', ""),
        ('target "a" { tag = ["b"] }', 'did you mean "tags"?'),
    ],
)
def test_attribute_of_another_block_names_that_block(text: str, hint: str) -> None:
    """A similar name helps only if it completes the word."""
    found = defined(text + "\n")
    assert [w.hint for w in found.warnings][:1] == [hint] or not hint
