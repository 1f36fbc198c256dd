"""Compose files become targets as the reference makes them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.diagnostics import BakeError
from bakepy.planner.compose import dotenv
from bakepy.planner.compose.document import parse, shown
from bakepy.planner.compose.interpolation import Interpolation
from bakepy.planner.define import define
from bakepy.planner.load import File
from bakepy.planner.select import select
from tests.planner.definitions import world


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown_targets(*texts: str, names: tuple[str, ...] = (), **variables: str) -> dict:
    files = [File(n, t.encode()) for n, t in zip(names or ("compose.yml", "b.yml", "c.yml"), texts, strict=False)]
    config = select(define(files, world(**variables)), ["*"])
    return {name: target.json() for name, target in config.targets.items()}


def build(fields: str, top: str = "", **variables: str) -> dict:
    """Return the target of a service whose build section holds some fields."""
    text = f"services:\n  app:\n    build:\n{''.join(f'      {line}{chr(10)}' for line in fields.splitlines())}{top}"
    target = shown_targets(text, **variables)["app"]
    return {k: v for k, v in target.items() if k not in {"context", "dockerfile"} or v not in {".", "Dockerfile"}}


@pytest.mark.parametrize(
    ("fields", "target"),
    [
        ("context: ./dir/", {"context": "dir"}),
        ("context: https://example.test/a.git#main", {"context": "https://example.test/a.git#main"}),
        ("dockerfile: a.Dockerfile", {"dockerfile": "a.Dockerfile"}),
        ("dockerfile_inline: FROM scratch", {"dockerfile-inline": "FROM scratch"}),
        ("target: stage", {"target": "stage"}),
        (
            "args: {A: 1, B: true, C: 1.50, D: x, E: 1e3}",
            {"args": {"A": "1", "B": "true", "C": "1.5", "D": "x", "E": "1000"}},
        ),
        ("args: [A=1, B=x=y, C]", {"args": {"A": "1", "B": "x=y"}}),
        (
            "args: {A: yes, B: 0o10, C: 0x1f, D: 010, E: 1:30}",
            {"args": {"A": "yes", "B": "8", "C": "31", "D": "8", "E": "1:30"}},
        ),
        ("labels: {a: , b: 2}", {"labels": {"a": "", "b": "2"}}),
        ("labels: [a=1, b]", {"labels": {"a": "1", "b": ""}}),
        ("tags: [a, b, a]", {"tags": ["a", "b"]}),
        ("platforms: [linux/amd64]", {"platforms": ["linux/amd64"]}),
        ("network: host", {"network": "host", "entitlements": ["network.host"]}),
        ("shm_size: 64m", {"shm-size": "64MiB"}),
        ("shm_size: 1500000", {"shm-size": "1.431MiB"}),
        (
            "ulimits: {nofile: 5, nproc: {soft: 1, hard: 2}}",
            {"ulimits": ["nofile=5:5", "nproc=1:2"]},
        ),
        ("extra_hosts: [a=1.2.3.4, 'b:::1', 'c=[::1]']", {"extra-hosts": {"a": "1.2.3.4", "b": "::1", "c": "::1"}}),
        ("extra_hosts: {a: 1.2.3.4, b: [1.1.1.1, 2.2.2.2]}", {"extra-hosts": {"a": "1.2.3.4", "b": "1.1.1.1,2.2.2.2"}}),
        ("ssh: [default, k=key]", {"ssh": [{"id": "default"}, {"id": "k", "paths": ["key"]}]}),
        ("cache_from: [a, 'type=gha']", {"cache-from": [{"ref": "a", "type": "registry"}, {"type": "gha"}]}),
        ("no_cache: true\npull: true", {"no-cache": True, "pull": True}),
        ("no_cache: false", {}),
        (
            "provenance: mode=max\nsbom: true",
            {"attest": [{"type": "sbom"}, {"mode": "max", "type": "provenance"}]},
        ),
        ("additional_contexts: {a: ./x/, b: docker-image://y}", {"contexts": {"a": "x", "b": "docker-image://y"}}),
        (
            "tags: [a]\nx-bake:\n  tags: [b, a]\n  platforms: linux/amd64 linux/arm64\n  pull: true",
            {"tags": ["a", "b"], "platforms": ["linux/amd64", "linux/arm64"], "pull": True},
        ),
        (
            "x-bake:\n  output: type=docker\n  no-cache-filter: [s]\n  contexts: {a: b}\n  secret: [id=s]",
            {
                "contexts": {"a": "b"},
                "output": [{"type": "docker"}],
                "no-cache-filter": ["s"],
                "secret": [{"id": "s"}],
            },
        ),
        (
            "x-bake: {pull: on, no-cache: No, tags: [a, null], platforms: }",
            {"pull": True, "no-cache": False, "tags": ["a"]},
        ),
        ("args: {A: '$$x ${X}'}", {"args": {"A": "$x 1"}}),
    ],
)
def test_the_build_section_gives_the_target(fields, target):
    """Each field of a build has its attribute."""
    assert build(fields, X="1") == target


def test_the_image_names_what_has_no_tags():
    """A service's image is its tag unless there are tags."""
    assert build("tags: [a]", "    image: b\n")["tags"] == ["a"]
    assert build("target: x", "    image: b\n")["tags"] == ["b"]


def test_secrets_come_from_the_top_level():
    """A secret is named in the build and described beside the services."""
    top = "secrets:\n  s: {file: ./f}\n  e: {environment: E}\n"
    assert build("secrets:\n- s\n- source: e", top)["secret"] == [{"id": "s", "src": "f"}, {"id": "e", "env": "E"}]


def test_arguments_without_a_value_take_the_services_environment_and_then_ours(folder):
    """An argument that is only named is looked up in the service's variables, its files, and the environment."""
    (folder / "app.env").write_text("# comment\nB=file\nexport C='quoted $x'\n")
    found = build("args: [A, B, C, D, E]", "    environment: {A: own}\n    env_file: app.env\n", A="x", D="ours")
    assert found["args"] == {"A": "own", "B": "file", "C": "quoted $x", "D": "ours"}


def test_dot_env_is_read_below_the_environment(folder):
    """Variables in `.env` stand behind those that are set."""
    (folder / ".env").write_text("A=file\nB=file\n")
    assert build("args: {A: '${A}', B: '${B}'}", A="set")["args"] == {"A": "set", "B": "file"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-01-01", "2024-01-01 00:00:00 +0000 UTC"),
        ("2024-1-2 3:04:05", "2024-01-02 03:04:05 +0000 UTC"),
        ("2024-01-01  10:20:30.50", "2024-01-01 10:20:30.5 +0000 UTC"),
        ("2024-01-01 10:20:30.1234567890", "2024-01-01 10:20:30.123456789 +0000 UTC"),
        ("2024-01-01t10:20:30Z", "2024-01-01 10:20:30 +0000 UTC"),
        ("2024-01-01T10:20:30.500+02:00", "2024-01-01 10:20:30.5 +0200 +0200"),
        ("2024-01-01T10:20:30-00:30", "2024-01-01 10:20:30 -0030 -0030"),
        ("2024-01-01T10:20:30-00:00", "2024-01-01 10:20:30 +0000 UTC"),
        ("0000-02-29", "0000-02-29 00:00:00 +0000 UTC"),
        ("!!timestamp 2024-01-01", "2024-01-01 00:00:00 +0000 UTC"),
        *((text, text) for text in ("1900-02-29", "2024-01-01T10:20:30", "2024-01-01 10:20:60", "2024-13-01")),
        *((text, text) for text in ("2024-01-01T10:20:30+25:00", "2024-01-01 10:20:30 +2")),
        ("'2024-01-01'", "2024-01-01"),
    ],
)
def test_times_are_printed_as_the_reference_prints_them(text, value):
    """What YAML 1.1 takes for a time becomes the text that Go makes of one; what is quoted or no time stays."""
    assert build(f"args: {{A: {text}}}") == {"args": {"A": value}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a$A-${A}b", "a1-1b"),
        ("${NONE}", ""),
        ("${NONE:-x}${EMPTY:-y}${EMPTY-z}${A:-n}", "xy1"),
        ("${NONE-${A:-q}}", "1"),
        ("${A:+yes}${EMPTY:+no}${EMPTY+set}${NONE+no}", "yesset"),
        ("$$A ${A}", "$A 1"),
        ("${A:-x}}", "1}"),
        ("${A?needed}", "1"),
    ],
)
def test_variables_are_replaced(text, value):
    """Defaults and alternatives follow the Compose specification, nested ones too."""
    assert Interpolation({"A": "1", "EMPTY": ""}.get).text(text) == value


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("services: {a: {image: '${X:?must be set}'}}", "required variable X is missing a value: must be set"),
        ("services: {a: {image: '${X?}'}}", "required variable X is missing a value"),
        ("services: {a: {image: '${'}}", "invalid interpolation format for services.a.image."),
        ("services: {a: {scale: '${X}', image: b}}", "error while interpolating services.a.scale: failed to cast"),
        ("services: {a: {image: 2024-01-01}}", "services.a.image must be a string"),
        ("services: {a: {build: {args: {2024-01-01: b}}}}", "non-string key in services.a.build.args"),
        ("services: {a: {build: {contxt: .}}}", "services.a.build additional properties 'contxt' not allowed"),
        ("services: {a: {build: {tags: x}}}", "services.a.build.tags must be a array"),
        ("services: {a: {build: 1}}", "services.a.build: invalid type int for build"),
        ("services: {a: {}}", 'service "a" has neither an image nor a build context specified'),
        ("services: [a]", "services must be a mapping"),
        ("x: 1", "empty compose file"),
        ("[1]", "top-level object must be a mapping"),
        ("a: b: c", "failed to parse compose.yml: yaml: line 1: "),
        ("a: 1\na: 2", 'failed to parse compose.yml: yaml: line 2: mapping key "a" already defined'),
        ("1: 2", "non-string key at top level: 1"),
        ("services: {a: {build: {context: ., secrets: [s]}}}", "refers to undefined build secret s"),
        ("services: {a: {image: x, env_file: no.env}}", "env file no.env not found: stat no.env"),
        ("services: {a: {extends: b}}", 'cannot extend service "a" in compose.yml: service "b" not found'),
        ("services: {a: {extends: a}}", "circular reference"),
        ("services: {a: {image: x}}\nsecrets: {s: {}}", "must declare either `file` or `environment`"),
        ("services: {'a b': {image: x}}", "services additional properties 'a b' not allowed"),
        *(
            (f"services: {{a: {{build: {{context: ., x-bake: {text}}}}}}}", f"cannot unmarshal !!{fault}")
            for text, fault in (
                ("1", "int `1` into bake.xbake"),
                ("{contexts: true}", "bool `true` into bake.stringMap"),
                ("{contexts: [a=b]}", "seq into bake.stringMap"),
                ("{contexts: {a: [b]}}", "seq into string"),
                ("{tags: {a: b}}", "map into string"),
                ("{secret: [{id: a}]}", "seq into string"),
                ("{pull: 'true'}", "str `true` into bool"),
                ("{no-cache: 1.5}", "float `1.5` into bool"),
            )
        ),
        ("include: [none.yml]", "open none.yml: no such file or directory"),
        ("include: [compose.yml]", "include cycle detected"),
    ],
)
def test_faults_are_named(text, fault):
    """What is wrong with a Compose file is told in the reference's words."""
    with pytest.raises(BakeError) as caught:
        shown_targets(text)
    assert fault in str(caught.value)


def test_later_files_are_laid_over_earlier_ones():
    """Mappings merge by key, lists follow one another, arguments count once."""
    one = "services: {a: {build: {context: x, args: [A=1, B=1], tags: [t]}}, b: {build: y}}"
    two = "services: {a: {build: {dockerfile: D, args: {B: 2}, tags: [u]}}, c: {build: z}}"
    targets = shown_targets(one, two)
    assert targets["a"] == {
        "context": "x",
        "dockerfile": "D",
        "args": {"A": "1", "B": "2"},
        "tags": ["t", "u"],
    }
    assert list(targets) == ["a", "b", "c"]


def test_reset_and_override_clear_what_earlier_files_say():
    """The two tags of the specification take effect on the files before."""
    one = "services: {a: {build: {context: x, target: s, tags: [t]}}}"
    two = "services: {a: {build: {target: !reset null, tags: !override [u]}}}"
    assert shown_targets(one, two)["a"] == {"context": "x", "dockerfile": "Dockerfile", "tags": ["u"]}


def test_extends_takes_over_a_service(folder):
    """A service may extend another one of the same file or of a file elsewhere, whose paths start there."""
    (folder / "sub").mkdir()
    (folder / "sub/base.yml").write_text(
        "services: {deep: {build: {context: ., args: {A: 1}}}, base: {extends: deep, image: i}}"
    )
    text = """
services:
  app: {extends: {file: sub/base.yml, service: base}, build: {args: {B: 2}}}
  near: {extends: app, build: {target: s}}
"""
    targets = shown_targets(text)
    assert targets["app"] == {
        "context": "sub",
        "dockerfile": "Dockerfile",
        "args": {"A": "1", "B": "2"},
        "tags": ["i"],
    }
    assert targets["near"] == {**targets["app"], "target": "s"}


def test_includes_bring_services_whose_paths_start_at_their_file(folder):
    """An included file keeps its own folder and its own `.env`."""
    (folder / "sub").mkdir()
    (folder / "sub/compose.yml").write_text("services: {inner: {build: {context: ./x, args: {V: '${V}'}}}}")
    (folder / "sub/.env").write_text("V=below\n")
    targets = shown_targets("include: [sub/compose.yml]\nservices: {outer: {build: .}}", names=("main.yml",))
    assert targets["inner"] == {"context": "sub/x", "dockerfile": "Dockerfile", "args": {"V": "below"}}
    assert set(targets) == {"inner", "outer"}


def test_anchors_and_merge_keys_work():
    """YAML's own means of sharing are resolved before anything else."""
    text = """
x-base: &base {context: x, args: &args {A: 1}}
services:
  a: {build: {<<: *base, target: s}}
  b: {build: {context: y, args: {<<: [*args, {A: 2, B: 2}], C: 3}}}
"""
    targets = shown_targets(text)
    assert (targets["a"]["context"], targets["a"]["target"], targets["a"]["args"]) == ("x", "s", {"A": "1"})
    assert targets["b"]["args"] == {"A": "1", "B": "2", "C": "3"}


def test_aliases_of_aliases_come_to_an_end():
    """A file of a few lines cannot ask for a billion values, nor for one within itself."""
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40))]
    for text in ("\n".join(lines), "a: &a [*a]", "a: &a {<<: *a}", "[" * 100_000, "- " * 100_000, "a: *b"):
        with pytest.raises(BakeError):
            list(parse("compose.yml", text.encode()))


def test_services_and_bake_targets_of_one_name_merge():
    """A bake file adds to what a Compose file says, whatever their order; its groups replace."""
    files = [
        File("docker-bake.hcl", b'target "app" { tags = ["t"] }\ngroup "default" { targets = ["app"] }'),
        File("compose.yml", b"services: {app: {build: {context: x, target: s}}, web.ui: {build: y}}"),
    ]
    definition = define(files, world())
    assert select(definition, ["app"]).targets["app"].json() == {
        "context": "x",
        "dockerfile": "Dockerfile",
        "tags": ["t"],
        "target": "s",
    }
    assert (list(definition.targets), definition.groups["default"].targets) == (["app", "web_ui"], ["app"])


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("A=1\nB = x y # c\n#D=1\n\nexport C=3", {"A": "1", "B": "x y", "C": "3"}),
        ('A=\'a\nb\'\nB="x\\ny\\""', {"A": "a\nb", "B": 'x\ny"'}),
        ("A=1\nB=$A${A}\nC='$A'\nD=\"$A\\$A\"", {"A": "1", "B": "11", "C": "$A", "D": "1$A"}),
        ("A: yaml", {"A": "yaml"}),
        ("OUT", {"OUT": "side"}),
        ("NONE\nB=1", {"B": "1"}),
        ("A=a#b", {"A": "a#b"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
    ],
)
def test_files_of_variables_are_read(text, variables):
    """Quotes, comments, exports and references follow Compose's own reader."""
    assert dotenv.parse(text, {"OUT": "side"}.get) == variables


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("A=1\nB!=2", 'line 2: unexpected character "!" in variable name "B!=2"'),
        ("A='x", "line 1: unterminated quoted value 'x"),
        ("A B=1", "line 1: key cannot contain a space"),
    ],
)
def test_faults_in_files_of_variables_name_the_line(text, fault):
    """A broken line is told by its number."""
    with pytest.raises(BakeError) as caught:
        dotenv.parse(text, {}.get)
    assert str(caught.value) == fault


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (1e21, "1e+21"),
        (1e20, "1e+20"),
        (1e6, "1e+06"),
        (-123456.5, "-123456.5"),
        (1000000.5, "1.0000005e+06"),
        (0.00001, "1e-05"),
        (True, "true"),
        (None, "<nil>"),
    ],
)
def test_scalars_print_as_go_prints_them(value, text):
    """Numbers in texts look as the reference writes them."""
    assert shown(value) == text


def outcome(data: bytes) -> object:
    try:
        return list(parse("compose.yml", data))
    except BakeError as error:
        return str(error)


@given(st.binary(max_size=60) | st.text("a:{}[]&*<!- \n'\"#|>", max_size=40).map(str.encode))
def test_no_bytes_break_the_reader(data):
    """Every file has documents or a fault that can be told."""
    assert outcome(data) is not None


@given(st.text("${}:-?+aA1\n", max_size=20))
def test_no_template_breaks_the_interpolation(text):
    """Every text gives a text or a fault that can be told."""
    try:
        found = Interpolation({"A": "1", "a": ""}.get).text(text)
    except BakeError as error:
        found = str(error)
    assert isinstance(found, str)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0x1_0", "16"),
        ("018", "18"),
        ("-0", "-0"),
        ("1_0.5", "10.5"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "1.8446744073709552e+19"),
        ("-9223372036854775809", "-9.223372036854776e+18"),
        ("0xfffffffffffffffff", "0xfffffffffffffffff"),
        ("1e400", "1e400"),
        ("0x" + "f" * 9000, "0x" + "f" * 9000),
        ("9" * 9000, "9" * 9000),
    ],
)
def test_plain_numbers_have_64_bits(written, value):
    """Whole numbers beyond 64 bits are floating ones, and what is beyond those is text."""
    assert build(f"args: {{A: {written}}}")["args"] == {"A": value}


@pytest.mark.parametrize("depth", [1000, 20_000])
def test_defaults_nest_to_any_depth(depth):
    """Defaults within defaults, and one after another, are replaced in one pass, without recursion."""
    find = Interpolation({"A": ""}.get).text
    assert find("${A:-" * depth + "x" + "}" * depth) == "x"
    assert find("${B-x}" * depth) == "x" * depth
    with pytest.raises(BakeError):
        find("${A:-" * depth)


@pytest.mark.parametrize("nested", ["[" * 50_000, "[" * 5000 + "]" * 5000, "{a: " * 5000, "- " * 5000])
def test_deeply_nested_yaml_is_a_fault(nested):
    """Nesting without end is refused with its line, before it fills the stack."""
    with pytest.raises(BakeError, match="line 2: exceeded max depth"):
        shown_targets(f"services: {{a: {{build: .}}}}\nx-a: {nested}\n" if nested[0] in "[{" else f"x-a:\n{nested}x\n")
