"""No attribute, override, option, flag or variable is accepted without an effect, as their declarations list them."""

import ast
import json
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import pytest

import bakepy
from bakepy.cli import flags, selection
from bakepy.cli.build import FLAGS as BUILD
from bakepy.cli.build import RunOptions
from bakepy.cli.main import COMMANDS, main
from bakepy.diagnostics import BakeError
from bakepy.drivers.interface import BUILDKIT
from bakepy.executor.check import check as check_files
from bakepy.executor.environment import Environment
from bakepy.executor.lower import NodeFacts, lower, settle
from bakepy.model.resources import NUMBERS, Resources
from bakepy.model.schema import json_schema
from bakepy.model.target import ATTRIBUTES, OVERRIDES
from bakepy.planner import options, policies
from bakepy.planner.config import Config
from bakepy.planner.printing import list_targets, list_variables
from bakepy.planner.specify import specify
from bakepy.records import fields
from bakepy.settings import UNSUPPORTED, Settings
from tests.planner.definitions import defined, selected

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bakepy"

ATTRIBUTE_VALUES = {
    "description": '"what it is for"',
    "inherits": '["other"]',
    "annotations": '["a=b"]',
    "attest": '["type=sbom"]',
    "context": '"sub"',
    "contexts": '{ base = "docker-image://alpine" }',
    "dockerfile": '"sub/Dockerfile"',
    "dockerfile-inline": '"FROM scratch"',
    "args": '{ A = "1" }',
    "labels": '{ l = "1" }',
    "tags": '["a:1"]',
    "cache-from": '["type=registry,ref=a"]',
    "cache-to": '["type=registry,ref=a"]',
    "target": '"stage"',
    "secret": '["id=s,env=S"]',
    "ssh": '["default=key"]',
    "platforms": '["linux/arm64"]',
    "output": '["type=tar,dest=a"]',
    "pull": "true",
    "no-cache": "true",
    "network": '"none"',
    "no-cache-filter": '["stage"]',
    "shm-size": '"64m"',
    "ulimits": '["nofile=1:2"]',
    "resources": '{ memory = "64m" }',
    "call": '"check"',
    "entitlements": '["device=x"]',
    "extra-hosts": '{ h = "1.2.3.4" }',
    "policy": '["filename=a.rego"]',
}


def request(config: Config) -> object:
    """Return all that an engine is asked for the target "default", what the session serves, and why it fails."""
    specs = specify(config.targets)
    spec = specs["default"]
    facts, env = NodeFacts(BUILDKIT), Environment()
    asked = lower(settle(spec, facts, env), facts, env)
    served = (spec.context, spec.contexts, spec.dockerfile, spec.secrets, spec.ssh, spec.call)
    written = [export.dest for export in spec.exports]
    stops = [str(fault) for fault in policies.faults(config, specs, default=False, source="")]
    return vars_of(asked), served, written, stops


def vars_of(record: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in fields(type(record))}  # type: ignore[arg-type]


def effect(body: str, *sets: str, output: str = 'output = ["type=image"]') -> object:
    """Return the request and the list of targets for a target with these lines and overrides."""
    text = f'target "other" {{\n  labels = {{ o = "1" }}\n}}\ntarget "default" {{\n  {output}\n  {body}\n}}\n'
    return request(selected(text, sets=sets)), list_targets(defined(text), "table")


def test_each_attribute_has_a_case() -> None:
    """A new attribute must be added here."""
    assert set(ATTRIBUTE_VALUES) == {attribute.name for attribute in ATTRIBUTES}


@pytest.mark.parametrize("name", ATTRIBUTE_VALUES)
def test_attribute_changes_the_build(name: str) -> None:
    """What an engine is asked differs with it, or the list of targets."""
    output = "" if name == "output" else 'output = ["type=image"]'
    assert effect(f"{name} = {ATTRIBUTE_VALUES[name]}", output=output) != effect("", output=output)


@pytest.mark.parametrize("name", [name.replace("_", "-") for name in fields(Resources)])
def test_limit_changes_the_build(name: str) -> None:
    """Each limit of resources reaches the engine."""
    value = "5" if name in NUMBERS else '"5m"' if name.startswith("memory") else '"0-1"'
    assert effect(f"resources = {{ {name} = {value} }}") != effect("")


OVERRIDE_VALUES = {
    "annotations": "a=b",
    "attest": "type=sbom",
    "context": "sub",
    "contexts.base": "docker-image://a",
    "dockerfile": "d",
    "args.A": "1",
    "labels.l": "1",
    "tags": "a:1",
    "cache-from": "a",
    "cache-to": "a",
    "target": "s",
    "secrets": "id=s,env=S",
    "secret.s": "env=S",
    "ssh": "default=key",
    "platform": "linux/arm64",
    "output": "type=tar,dest=a",
    "push": "true",
    "load": "true",
    "pull": "true",
    "no-cache": "true",
    "shm-size": "64m",
    "resources.memory": "64m",
    "call": "check",
    "entitlements": "device=x",
    "extra-hosts.h": "1.2.3.4",
    "policy": "filename=a.rego",
    "network": "none",
    "no-cache-filter": "stage",
    "ulimits": "nofile=1:2",
}


def test_each_override_has_a_case() -> None:
    """A new key of `--set` must be added here."""
    assert {key.partition(".")[0] for key in OVERRIDE_VALUES} == set(OVERRIDES)


@pytest.mark.parametrize("key", OVERRIDE_VALUES)
def test_override_changes_the_build(key: str) -> None:
    """What an engine is asked differs with it, or a warning says that it cannot set a value."""
    name = key.partition(".")[0]
    if OVERRIDES[name][1].warning:
        config = selected('target "default" {}', sets=(f"*.{key}={OVERRIDE_VALUES[key]}",))
        assert OVERRIDES[name][1].warning in [str(warning) for warning in config.warnings]
    else:
        body = 'secret = ["id=s,env=OTHER"]' if name == "secret" else ""
        assert effect(body, f"default.{key}={OVERRIDE_VALUES[key]}") != effect(body)


BLOCK_VALUES = {
    ("group", "description"): '"words"',
    ("group", "targets"): '["a", "b"]',
    ("variable", "default"): '"x"',
    ("variable", "description"): '"words"',
    ("variable", "type"): "number",
    ("variable", "validation"): '{\n    condition = V != ""\n    error_message = "words"\n  }',
}


def listing(kind: str, body: str) -> object:
    label = {"group": "g", "variable": "V"}[kind]
    needed = "  targets = []\n" if kind == "group" and "targets" not in body else ""
    tag = "a:${V}" if kind == "variable" else "a"
    text = f'{kind} "{label}" {{\n{needed}{body}\n}}\n'
    text += "".join(f'target "{name}" {{\n  tags = ["{tag}"]\n}}\n' for name in "abc")
    try:
        found = defined(text)
        tags = selected(text, "c").targets["c"].tags
        return list_targets(found, "json"), list_variables(found, "json"), tags
    except BakeError as error:
        return str(error)


def test_each_attribute_of_groups_and_variables_has_a_case() -> None:
    """A new one must be added here."""
    blocks = json_schema()["$defs"]
    known = {(kind, name) for kind in ("group", "variable") for name in blocks[kind]["properties"] if name != "//"}
    assert set(BLOCK_VALUES) == known


@pytest.mark.parametrize(("kind", "name"), BLOCK_VALUES)
def test_attribute_of_block_has_an_effect(kind: str, name: str) -> None:
    """It is listed, or decides what is built or refused."""
    value = BLOCK_VALUES[kind, name]
    assert listing(kind, f"  {name} {'' if value.startswith('{') else '= '}{value}") != listing(kind, "")


def warned(attribute: str, entry: str) -> list[str]:
    config = selected(f'target "default" {{\n  {attribute} = ["{entry}"]\n}}')
    return [warning.detail for warning in options.ineffective(config, config.targets)]


@pytest.mark.parametrize(
    ("attribute", "types"),
    [("output", options.OUTPUTS), ("cache-from", options.CACHE_FROM), ("cache-to", options.CACHE_TO),
     ("attest", options.ATTESTS)],
)  # fmt: skip
def test_option_without_effect_is_warned_of(attribute: str, types: Mapping[str, set[str]]) -> None:
    """An option that an entry's type does not have is named; those that it has pass."""
    for kind, known in types.items():
        assert warned(attribute, f"type={kind},nothing=1") == [f'{attribute} of type "{kind}" has no option "nothing".']
        for key in known - {"mode"}:
            assert warned(attribute, f"type={kind},{key}=1") == []


@pytest.mark.parametrize(
    ("attribute", "entry", "words"),
    [
        ("output", "type=image,dest=a", 'output of type "image" has no option "dest".'),
        ("cache-to", "type=inline,mode=max", 'cache-to of type "inline" has no option "mode".'),
        ("cache-to", "type=registry,ref=a,mode=all", 'BuildKit ignores the mode "all" of cache-to.'),
        ("cache-from", "type=registry,ref=a,mode=max", 'cache-from of type "registry" has no option "mode".'),
        ("secret", "id=s,src=a,env=A", 'Secret "s" is read from its variable, and not from the file "a".'),
    ],
)
def test_value_without_effect_is_warned_of(attribute: str, entry: str, words: str) -> None:
    """What the engine would ignore in silence is named."""
    assert warned(attribute, entry) == [words]


def test_part_of_a_call_without_effect_is_warned_of() -> None:
    """A definition sets the name of a call alone."""
    config = selected('target "default" {\n  call = "check,format=json"\n}')
    warnings = options.ineffective(config, config.targets)
    assert [warning.detail for warning in warnings] == ['Of the call "check,format=json", only the name counts.']


def test_option_without_effect_shows_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """`build`, `check` and Python name it, with what was meant."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "docker-bake.hcl").write_text('target "default" {\n  output = ["type=image,compresion=zstd"]\n}\n')
    assert main(["build", "--print"]) == 0
    said = capsys.readouterr().err
    assert "--> docker-bake.hcl:2:13" in said
    assert "Did you mean compression?" in said
    assert main(["check"]) == 0
    assert "compresion" in capsys.readouterr().out
    assert ["compresion" in warning.detail for warning in bakepy.load().warnings] == [True]


def test_engine_to_load_into_is_not_ignored() -> None:
    """An output that names a Docker context does not load into another Engine."""
    specs = specify(
        selected('target "default" {\n  dockerfile-inline = "FROM a"\n  output = ["type=docker,context=x"]\n}').targets
    )
    with pytest.raises(BakeError, match='cannot be loaded into the Docker context "x"') as caught:
        check_files(specs, {})
    assert "DOCKER_CONTEXT=x" in caught.value.diagnostics[0].hint


def literals(path: Path) -> set[str]:
    """Return the texts of a module that are not part of a flag's declaration."""
    tree = ast.parse(path.read_text())
    declared = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Flag"
        for inner in ast.walk(node)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in declared
    }


ELSEWHERE = {
    "help": "each command prints its usage",
    "debug": "cli/guard.py shows where an error comes from",
}
"""Flags that no command reads itself, with who does."""
SHARED = ("selection", "command", "remote")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_flag_is_read(command: str) -> None:
    """A flag of a command that nothing reads has no effect."""
    name = command.replace("-", "_")
    known = getattr(import_module(f"bakepy.cli.{name}"), "FLAGS", flags.COMMON)
    read = set().union(*(literals(PACKAGE / "cli" / f"{module}.py") for module in (name, *SHARED)))
    unread = {flag.name for flag in known} - read - set(ELSEWHERE)
    assert not {flag for flag in unread if not (flag.startswith("list-") and command == "build")}


def test_each_option_of_a_run_is_used() -> None:
    """What the flags of a build become is read where it runs."""
    text = (PACKAGE / "cli" / "run.py").read_text()
    assert [name for name in fields(RunOptions) if f"options.{name}" not in text] == []


PRINTED = {
    "file": ["--file", "other.hcl"],
    "set": ["--set", "*.tags=a"],
    "var": ["--var", "V=x"],
    "push": ["--push"],
    "load": ["--load"],
    "no-cache": ["--no-cache"],
    "pull": ["--pull"],
    "provenance": ["--provenance=false"],
    "sbom": ["--sbom=true"],
    "policy": ["--policy", "disabled=true"],
    "call": ["--call=outline"],
    "check": ["--check"],
}
RUN = {
    "progress": "choose() takes the display by it, tests/progress",
    "builder": "choose() takes the builder by it, tests/builders",
    "metadata-file": "tests/e2e/test_metadata.py",
    "allow": "tests/test_grants.py",
    "print": "prints instead of building",
    "list": "lists instead of building",
    "list-targets": "lists instead of building",
    "list-variables": "lists instead of building",
}
"""Flags that change how a build runs, with what holds their effect."""


def test_each_flag_of_build_has_a_case() -> None:
    """A new flag must be added here."""
    assert {flag.name for flag in BUILD} == set(PRINTED) | set(RUN) | set(ELSEWHERE)
    assert {flag.name for flag in selection.FLAGS} <= set(PRINTED) | set(RUN)


@pytest.mark.parametrize("name", PRINTED)
def test_flag_changes_what_is_built(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """The targets that `--print` shows differ."""
    monkeypatch.chdir(tmp_path)
    text = 'variable "V" {\n  default = "v"\n}\ntarget "default" {\n  labels = { v = V }\n}\n'
    (tmp_path / "docker-bake.hcl").write_text(text)
    (tmp_path / "other.hcl").write_text('target "default" {\n  target = "other"\n}\n')
    shown = []
    for words in ([], PRINTED[name]):
        assert main(["build", *words, "--print"]) == 0
        shown.append(json.loads(capsys.readouterr().out))
    assert shown[0] != shown[1]


SETTINGS: dict[str, dict[str, str]] = {
    "docker_config": {"DOCKER_CONFIG": "/d"},
    "builder": {"BUILDX_BUILDER": "b"},
    "buildx_config": {"BUILDX_CONFIG": "/b"},
    "docker_host": {"DOCKER_HOST": "unix:///s"},
    "docker_context": {"DOCKER_CONTEXT": "c"},
    "docker_cert_path": {"DOCKER_CERT_PATH": "/c"},
    "data_home": {"XDG_DATA_HOME": "/x"},
    "path": {"PATH": "/p"},
    "progress": {"BUILDKIT_PROGRESS": "plain"},
    "bake_files": {"BUILDX_BAKE_FILE": "a"},
    "bake_environment": {"BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP": "1"},
    "bake_checks_files": {"BUILDX_BAKE_ENTITLEMENTS_FS": "0"},
    "bake_git_ssh": {"BUILDX_BAKE_GIT_SSH": "a"},
    "bake_git_secrets": {"BUILDX_BAKE_GIT_AUTH_TOKEN": "t"},
    "default_policy": {"BUILDX_DEFAULT_POLICY": "1"},
    "source_policy": {"EXPERIMENTAL_BUILDKIT_SOURCE_POLICY": "p"},
    "metadata_provenance": {"BUILDX_METADATA_PROVENANCE": "max"},
    "metadata_warnings": {"BUILDX_METADATA_WARNINGS": "1"},
    "bake_relative_paths": {"BUILDX_BAKE_FILE_RELATIVE_PATHS": "1"},
}


def test_each_setting_has_a_case() -> None:
    """A new property of the environment must be added here."""
    assert set(SETTINGS) == {name for name, value in vars(Settings).items() if isinstance(value, property)}


@pytest.mark.parametrize("name", SETTINGS)
def test_variable_changes_a_setting_that_is_used(name: str) -> None:
    """The variable decides the setting, and something besides the settings reads it."""
    plain = {"HOME": "/home/u"}
    assert getattr(Settings(plain | SETTINGS[name]), name) != getattr(Settings(plain), name)
    readers = [path for path in PACKAGE.rglob("*.py") if f"ettings.{name}" in path.read_text()]
    assert readers or f"self.{name}" in (PACKAGE / "settings.py").read_text()


PAGE = (ROOT / "docs" / "guide" / "environment.md").read_text()
REFERENCE = {
    *("BUILDX_BUILDER", "BUILDX_CONFIG", "BUILDX_BAKE_FILE", "BUILDX_BAKE_PATH_SEPARATOR"),
    *("BUILDX_BAKE_FILE_RELATIVE_PATHS", "BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP", "BUILDX_BAKE_ENTITLEMENTS_FS"),
    *("BUILDX_BAKE_GIT_AUTH_TOKEN", "BUILDX_BAKE_GIT_AUTH_HEADER", "BUILDX_BAKE_GIT_SSH"),
    *("BAKE_ALLOW_REMOTE_FS_ACCESS", "BUILDX_GIT_INFO", "BUILDX_GIT_LABELS", "BUILDX_GIT_CHECK_DIRTY"),
    *("BUILDX_METADATA_PROVENANCE", "BUILDX_METADATA_WARNINGS", "BUILDX_NO_DEFAULT_ATTESTATIONS"),
    *("BUILDX_NO_DEFAULT_LOAD", "BUILDX_NO_DEFAULT_OCI_ARTIFACT", "BUILDKIT_HOST", "BUILDKIT_PROGRESS"),
    *("SOURCE_DATE_EPOCH", "ACTIONS_CACHE_SERVICE_V2", "ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL"),
    *("ACTIONS_RUNTIME_TOKEN", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH"),
    *("DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_AUTH_CONFIG", "DOCKER_DEFAULT_PLATFORM", "NO_COLOR"),
    *("SSH_AUTH_SOCK", "BUILDX_DEFAULT_POLICY", "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"),
    *("BUILDX_BAKE_GIT_ADVICE", "BUILDX_SEND_GIT_QUERY_AS_INPUT", "BUILDKIT_NO_CLIENT_TOKEN"),
    *("BUILDX_EXPERIMENTAL", "BUILDX_DAP_USER_AGENT", "BUILDX_CPU_PROFILE", "BUILDX_MEM_PROFILE"),
    *("BUILDKIT_COLORS", "BUILDKIT_TTY_LOG_LINES", "TTY_DISPLAY_RATE", "PROGRESS_NO_TRUNC", "JAEGER_TRACE"),
    *("TRACEPARENT", "TRACESTATE", "AWS_PROFILE"),
}
"""The variables that the reference reads."""


def section(title: str) -> set[str]:
    part = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"`([A-Z][A-Z0-9_]+)`", part))


def test_each_variable_of_the_reference_is_documented() -> None:
    """Each is supported, refused, warned of or listed as one that changes no result."""
    titles = ("Supported", "Refused", "Without effect, with a warning", "Without effect")
    assert not REFERENCE - set().union(*map(section, titles))
    assert set(UNSUPPORTED) | {"AWS_PROFILE"} == section("Without effect, with a warning")


def test_supported_variables_are_read_and_others_are_not() -> None:
    """The page says what the program does."""
    program = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    read = {name for name in REFERENCE if re.search(rf"\b{name}\b", program)}
    # Some names are put together from their parts.
    parts = {"BUILDX_BAKE_GIT_AUTH_TOKEN": "GIT_AUTH_TOKEN", "BUILDX_BAKE_GIT_AUTH_HEADER": "GIT_AUTH_HEADER"}
    read |= {name for name, part in parts.items() if part in program}
    assert (section("Supported") & REFERENCE) - read == set()
    assert section("Without effect") & read == set()


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_variable_without_effect_is_warned_of(name: str) -> None:
    """Only where it is on."""
    assert [w.detail.startswith(f"{name} is not read.") for w in Settings({name: "1"}).unsupported(s3=False)] == [True]
    assert Settings({name: "0"}).unsupported(s3=False) == []


def test_credentials_that_are_not_read_are_warned_of() -> None:
    """A profile does not reach a cache of type s3; keys do."""
    profile = {"AWS_PROFILE": "p"}
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    assert "AWS_PROFILE is not read" in Settings(profile).unsupported(s3=True)[0].detail
    assert Settings(profile).unsupported(s3=False) == []
    assert Settings(profile | keys).unsupported(s3=True) == []
