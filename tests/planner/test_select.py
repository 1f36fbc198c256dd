"""Names, groups and patterns select targets; inheritance, overrides and links make them whole."""

import tracemalloc

import pytest

from bakepy.diagnostics import BakeError
from bakepy.model.group import Group
from bakepy.planner.select import Groups
from tests.planner.definitions import defined, selected


def fault(text: str, *names: str, sets: tuple[str, ...] = ()) -> BakeError:
    with pytest.raises(BakeError) as caught:
        selected(text, *names, sets=sets)
    return caught.value


GROUPS = """
group "default" { targets = ["a", "more"] }
group "more" { targets = ["b", "c", "a"] }
group "self" { targets = ["self", "a"] }
target "a" {}
target "b" {}
target "c" {}
target "self" {}
target "x-1" {}
target "x-2" {}
"""


@pytest.mark.parametrize(
    ("names", "targets", "groups"),
    [
        ([], ["a", "b", "c"], {"default": ["a", "more"], "more": ["b", "c", "a"]}),
        (["b"], ["b"], {"default": ["b"]}),
        (["more", "x-1"], ["b", "c", "a", "x-1"], {"more": ["b", "c", "a"], "default": ["more", "x-1"]}),
        (["x-*"], ["x-1", "x-2"], {"default": ["x-1", "x-2"]}),
        (["[ab]"], ["a", "b"], {"default": ["a", "b"]}),
        (["mor?", "more"], ["b", "c", "a"], {"more": ["b", "c", "a"], "default": ["more"]}),
        (["self"], ["self", "a"], {"self": ["self", "a"], "default": ["self"]}),
    ],
)
def test_names_select_targets_and_the_groups_on_the_way(names, targets, groups):
    """A group brings its targets, its groups, and what was asked for is the group default."""
    config = selected(GROUPS, *names)
    assert list(config.targets) == targets
    assert {name: group.targets for name, group in config.groups.items()} == groups


def test_the_definition_is_left_as_it_is():
    """What one run selects does not change what the next one sees."""
    definition = defined(GROUPS)
    from bakepy.planner.select import select

    first = select(definition, ["more", "x-1"])
    assert [list(select(definition, ["more", "x-1"]).targets), definition.groups["more"].targets] == [
        list(first.targets),
        ["b", "c", "a"],
    ]


def test_dots_in_names_are_underscores():
    """A service's name with a dot can be asked for as it is written."""
    assert list(selected('target "a_b" {}', "a.b").targets) == ["a_b"]


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        (["moer"], "failed to find target moer", "Did you mean 'more'?"),
        (["zzz"], "failed to find target zzz", "There are: default, more, self, a, b, c, x-1, x-2."),
        (["y*"], 'could not find any target matching "y*"', "There are: default"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_those_that_are(names, message, hint):
    """The fault is in the reference's words; the hint knows better."""
    error = fault(GROUPS, *names)
    assert str(error) == message
    assert error.diagnostics[0].hint.startswith(hint)


def test_groups_in_a_circle_end_in_a_fault():
    """A group met within itself is taken for a target, of which there is none."""
    found = fault('group "a" { targets = ["b"] }\ngroup "b" { targets = ["a"] }', "a")
    assert (str(found), found.diagnostics[0].hint) == (
        "failed to find target a",
        "a is a group that leads back to itself.",
    )


def test_an_empty_group_selects_nothing():
    """It is no fault to ask for it alone."""
    assert selected('group "a" { targets = [] }\ntarget "b" {}', "a").targets == {}


INHERITS = """
target "base" {
  args = { A = "base", B = "base" }
  tags = ["base"]
}
target "left" {
  inherits = ["base"]
  args = { A = "left" }
  labels = { l = "left" }
}
target "right" {
  inherits = ["base"]
  args = { B = "right" }
  tags = ["right"]
}
target "both" {
  inherits = ["left", "right"]
  args = { C = "both" }
}
target "ring-1" {
  inherits = ["ring-2"]
  args = { A = "1" }
}
target "ring-2" {
  inherits = ["ring-1"]
  args = { A = "2", B = "2" }
}
"""


@pytest.mark.parametrize(
    ("name", "args", "tags"),
    [
        ("left", {"A": "left", "B": "base"}, ["base"]),
        ("both", {"A": "base", "B": "right", "C": "both"}, ["right"]),
        ("ring-1", {"A": "1", "B": "2"}, None),
        ("ring-2", {"A": "2", "B": "2"}, None),
    ],
)
def test_later_parents_win_over_earlier_ones_and_children_over_all(name, args, tags):
    """Parents are whole before they merge; a circle is cut where it closes."""
    target = selected(INHERITS, name).targets[name]
    assert (target.args, target.tags, target.inherits) == (args, tags, None)


def test_a_long_chain_of_inheritance_needs_no_recursion():
    """Three thousand generations are no deeper than one."""
    blocks = [f'target "t{i}" {{ inherits = ["t{i + 1}"] }}' for i in range(3000)]
    text = "\n".join([*blocks, 'target "t3000" { tags = ["end"] }'])
    assert selected(text, "t0").targets["t0"].tags == ["end"]


def test_a_missing_parent_is_shown_where_it_is_asked_for():
    """The fault points at the inherits attribute."""
    (diagnostic,) = fault('target "a" { inherits = ["bsae"] }\ntarget "base" {}', "a").diagnostics
    assert str(diagnostic) == "failed to find target bsae"
    assert [(words, str(span)) for words, span in diagnostic.related] == [
        ("target a inherits from bsae", "docker-bake.hcl:1,26-32")
    ]
    assert diagnostic.hint == "Did you mean 'base'?"


@pytest.mark.parametrize(
    ("sets", "target", "field", "value"),
    [
        (("*.tags=a",), "left", "tags", ["a"]),
        (("*.tags=a", "*.tags=b"), "left", "tags", ["a", "b"]),
        (("*.tags=a", "*.tags+=b"), "base", "tags", ["base", "a", "b"]),
        (("base.args.A=set",), "right", "args", {"A": "set", "B": "right"}),
        (("l*.args.A=set",), "left", "args", {"A": "set", "B": "base"}),
        (("left.args.ENV",), "left", "args", {"A": "left", "B": "base", "ENV": "found"}),
        (("left.args.NONE",), "left", "args", {"A": "left", "B": "base"}),
        (("left.labels.x.y=1",), "left", "labels", {"l": "left", "x.y": "1"}),
        (("left.target=",), "left", "target", ""),
        (("left.pull=1",), "left", "pull", True),
        (("left.platform=linux/arm",), "left", "platforms", ["linux/arm"]),
        (("left.network=host",), "left", "network", ""),
    ],
)
def test_set_changes_targets_and_what_they_inherit(sets, target, field, value):
    """Overrides apply to each target that the pattern names, also where another one inherits from it."""
    assert getattr(selected(INHERITS, target, sets=sets, ENV="found").targets[target], field) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("left", "invalid override key left, expected target.name"),
        ("left.tags", "invalid override left.tags, expected target.name=value"),
        ("left.args=1", "invalid key left.args, args requires name"),
        ("left.contexts=1", "invalid key left.contexts, contexts requires name"),
        ("left.secret+=1", "invalid key left.secret+, secret requires name"),
        ("left.secret.a+=1", "invalid key left.secret.a+, secret does not support append"),
        ("left.labels=1", "invalid format for labels, expecting labels.<name>=<value>"),
        ("left.extra-hosts=1", "invalid format for extra-hosts, expecting extra-hosts.<hostname>=<ip>"),
        ("left.tag=1", "unknown key: tag"),
        ("none.tags=1", "could not find any target matching 'none'"),
        ("[.tags=1", "could not match targets with '[': syntax error in pattern"),
        ("left.no-cache=x", "invalid value x for boolean key no-cache"),
    ],
)
def test_an_override_that_cannot_be_is_named(text, message):
    """The faults of --set are the reference's."""
    assert str(fault(INHERITS, "left", sets=(text,))) == message


@pytest.mark.parametrize("key", ["args", "contexts", "labels", "extra-hosts"])
def test_override_without_a_name_says_where_it_stands(key):
    """Each key that takes names shows how to write one."""
    (diagnostic,) = fault(INHERITS, "left", sets=(f"left.{key}=1",)).diagnostics
    assert diagnostic.hint == f"Write for instance --set 'left.{key}.NAME=VALUE'."


def test_an_override_that_empties_is_warned_of():
    """Three keys lose their value, as in the reference; the user is told."""
    (warning,) = selected(INHERITS, "left", sets=("*.ulimits=a=1",)).warnings
    assert "ulimits" in warning.summary


def test_paths_of_overrides_are_granted():
    """Who names a path on the command line gives leave for it."""
    sets = (
        "left.cache-from=type=local,src=in",
        "left.cache-to=type=local,dest=out",
        "left.output=type=tar,dest=t",
        "left.ssh=k=key",
        "left.secrets=id=s,src=file",
        "left.entitlements=network.host",
    )
    assert selected(INHERITS, "left", sets=sets).granted == {
        "read": ["in", "key", "file"],
        "write": ["out", "t"],
        "entitlements": ["network.host"],
    }


LINKS = """
target "app" {
  contexts = { base = "target:base", other = "docker-image://x" }
  platforms = ["linux/amd64", "linux/arm64"]
}
target "base" {
  contexts = { deep = "target:deep" }
  output = ["type=image"]
}
target "deep" {
  network = "host"
  platforms = ["linux/amd64", "linux/386"]
}
target "me" { contexts = { x = "target:me" } }
target "one" { contexts = { x = "target:two" } }
target "two" { contexts = { x = "target:one" } }
target "lost" { contexts = { x = "target:nowhere" } }
target "split" {
  contexts = { x = "target:deep" }
  platforms = ["linux/amd64", "linux/arm64"]
}
"""


def test_links_bring_their_targets():
    """A linked target is built for those that name it, and passes on what it is entitled to."""
    config = selected(LINKS, "app")
    assert [(n, t.linked) for n, t in config.targets.items()] == [("app", False), ("base", True), ("deep", True)]
    assert [export.type for export in config.targets["base"].output or []] == ["cacheonly"]
    assert config.targets["app"].entitlements == ["network.host"]


def test_a_linked_target_that_is_selected_too_keeps_its_output():
    """What was asked for is exported."""
    base = selected(LINKS, "app", "base").targets["base"]
    assert (base.linked, [e.type for e in base.output or []]) == (False, ["image"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("me", "target me cannot link to itself"),
        ("one", "infinite loop from two to one"),
        ("lost", "failed to find target nowhere"),
        (
            "split",
            "target deep can't be used by split because its platforms [linux/amd64 linux/arm64]"
            " are not a subset of [linux/amd64 linux/386]",
        ),
    ],
)
def test_links_that_cannot_hold_are_named(name, message):
    """Circles, missing targets and platforms that do not fit are faults, shown where they are written."""
    error = fault(LINKS, name)
    assert str(error) == message
    assert error.diagnostics[0].related


def test_platforms_that_do_not_fit_are_shown_at_both_targets():
    """The platforms of the target and of the one it links to."""
    labels = [label for label, _ in fault(LINKS, "split").diagnostics[0].related]
    assert labels == ["target split sets platforms here", "target deep sets platforms here"]


def test_places_are_the_targets_own_and_then_the_inherited_ones():
    """A diagnostic can show both where an attribute is set and where it comes from."""
    places = defined(INHERITS).places("both", "args")
    assert [a.span.source.position(a.span.start)[0] for _, a in places] == [18, 13, 8, 3]


def test_forks_on_the_way_of_inheritance_do_not_double_the_work():
    """Sixty levels of two parents each are as quick as sixty of one."""
    text = 'target "t0" { args = { x = "1" } }\ntarget "u0" { tags = ["a"] }\n'
    for i in range(1, 61):
        text += f'target "t{i}" {{ inherits = ["t{i - 1}", "u{i - 1}"] }}\n'
        text += f'target "u{i}" {{ inherits = ["u{i - 1}", "t{i - 1}"] }}\n'
    found = selected(text, "t60").targets["t60"]
    assert (found.args, found.tags) == ({"x": "1"}, ["a"])


def test_policies_that_double_are_a_fault():
    """Policies keep duplicates, so that forks would make any number of them; the fault says where."""
    text = 'target "t0" { policy = [{ filename = "x" }] }\n'
    text += "".join(f'target "t{i}" {{ inherits = ["t{i - 1}", "t{i - 1}"] }}\n' for i in range(1, 61))
    error = fault(text, "t60")
    assert "target t14 has more than 10000 policies" in str(error)
    assert error.diagnostics[0].related


class Counting(Group):
    """A group that counts how often its members are read."""

    reads = 0

    @property
    def targets(self) -> list[str]:
        Counting.reads += 1
        return self.members

    @targets.setter
    def targets(self, members: list[str]) -> None:
        self.members = members


@pytest.mark.parametrize("pattern", ["g0", "*"])
def test_chain_of_groups_costs_its_length(pattern: str) -> None:
    """Each group is resolved once, whatever leads to it, and no list is kept for each."""
    peaks = []
    for count in (300, 1200):
        definition = defined("")
        definition.groups.update({f"g{i}": Counting(f"g{i}", targets=[f"g{i + 1}", f"t{i}"]) for i in range(count)})
        definition.groups[f"g{count}"] = Group(f"g{count}", targets=["t0"])
        groups = Groups(definition)
        Counting.reads = 0
        tracemalloc.start()
        found = [groups.further_members(f"g{i}") for i in range(count if pattern == "*" else 1)]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(found[0][0]) == count
        assert Counting.reads <= 4 * count
    assert peaks[1] < 8 * peaks[0]


@pytest.mark.parametrize("key", ["tags", "context", "platform", "output", "target", "no-cache", "cache-from", "call"])
def test_override_of_a_key_without_names_takes_none(key: str) -> None:
    """A name behind the key is refused, not dropped."""
    found = fault('target "default" {}\n', sets=(f"*.{key}.x=1",))
    assert str(found) == f"invalid key *.{key}.x, {key} takes no name"


def test_names_of_arguments_may_have_dots() -> None:
    """What follows the key is one name."""
    assert selected('target "default" {}\n', sets=("*.args.a.b=1",)).targets["default"].args == {"a.b": "1"}
