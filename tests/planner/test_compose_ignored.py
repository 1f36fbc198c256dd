"""Whatever Compose files may say of a build works, is refused, or is warned of."""

from pathlib import Path

import pytest

from bakepy.diagnostics import BakeError, Severity, nearest
from bakepy.planner.compose.schema import BUILD, ENV_FILE, EXTENSION, SECRET, SECRET_USE, SERVICE
from bakepy.planner.define import define
from bakepy.planner.load import File
from bakepy.planner.select import select
from tests.planner.definitions import world

BUILDS = {
    "context": "x",
    "dockerfile": "D",
    "dockerfile_inline": "FROM scratch",
    "network": "host",
    "target": "stage",
    "isolation": "hyperv",
    "args": "{A: 1}",
    "ssh": "[default]",
    "labels": "{a: 1}",
    "additional_contexts": "{a: b}",
    "entitlements": "[security.insecure]",
    "cache_from": "[a]",
    "cache_to": "[type=inline]",
    "tags": "[t]",
    "platforms": "[linux/arm64]",
    "no_cache": "true",
    "pull": "true",
    "privileged": "true",
    "provenance": "mode=max",
    "sbom": "true",
    "no_cache_filter": "[stage]",
    "shm_size": "64m",
    "extra_hosts": "[a=10.0.0.1]",
    "secrets": "[other]",
    "ulimits": "{nofile: 1024}",
}
EXTENSIONS = {
    **dict.fromkeys(("tags", "cache-from", "no-cache-filter"), "[a]"),
    **dict.fromkeys(("pull", "no-cache"), "true"),
    "cache-to": "type=inline",
    "secret": "id=token",
    "ssh": "default",
    "platforms": "linux/arm64",
    "output": "type=docker",
    "contexts": "{a: b}",
}
USES = {"source": "other", "target": "t", "uid": "'1'", "gid": "'1'", "mode": "0400"}
SECRETS = {
    "environment": "E",
    "file": "g",
    "driver": "d",
    "template_driver": "d",
    "external": "true",
    "driver_opts": "{a: b}",
}
AT_RUN_TIME = {"name", "labels"}
"""Keys of a secret that describe it where containers run."""

NAMES = """
annotations attach blkio_config cap_add cap_drop cgroup cgroup_parent command configs container_name
cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset
credential_spec depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search
domainname entrypoint expose extends external_links extra_hosts gpus group_add healthcheck hostname
init ipc isolation label_file labels links logging mac_address mem_limit mem_reservation
mem_swappiness memswap_limit models network_mode networks oom_kill_disable oom_score_adj pid
pids_limit ports post_start pre_start pre_stop privileged profiles provider pull_policy
pull_refresh_after read_only restart runtime scale secrets security_opt shm_size stdin_open
stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode
uts volumes volumes_from working_dir
"""
RUN_TIME = NAMES.split()
"""The other keys of a service in the Compose specification."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.env").write_text("A=file\n")
    return tmp_path


def outcome(text: str) -> tuple[dict, list[str]]:
    """Return the target of a file's service `app`, and its warnings."""
    definition = define([File("compose.yml", text.encode())], world(E="e"))
    assert all(warning.severity is Severity.WARNING for warning in definition.warnings)
    return select(definition, ["app"]).targets["app"].json(), [warning.summary for warning in definition.warnings]


def service(build: str = "", fields: str = "", use: str = "s", secret: str = "file: f") -> str:
    return f"""
services:
  app: {{build: {{context: ., args: [A], secrets: [{use}]{build}}}{fields}}}
secrets: {{s: {{{secret}}}, other: {{file: o}}}}
"""


SECTION = "secrets: {s: {file: f}, other: {file: o}}\n"


def takes_part(text: str, key: str) -> bool:
    """Return whether a key has an effect, or a warning, or is refused."""
    try:
        target, warnings = outcome(text)
    except BakeError as error:
        return key in str(error)
    return target != outcome(service())[0] or any(f"{key} has no effect" in warning for warning in warnings)


@pytest.mark.parametrize("key", BUILD)
def test_key_of_a_build_has_effect_or_warning(key):
    """Every key that a build may have works or is warned of."""
    fields = {"context": ".", "args": "[A]", "secrets": "[s]", key: BUILDS[key]}
    build = ", ".join(f"{name}: {value}" for name, value in fields.items())
    assert takes_part(f"services: {{app: {{build: {{{build}}}}}}}\n{SECTION}", key)


@pytest.mark.parametrize("key", EXTENSION)
def test_key_of_x_bake_has_effect(key):
    """Every key of x-bake sets an attribute."""
    assert outcome(service(f", x-bake: {{{key}: {EXTENSIONS[key]}}}"))[0] != outcome(service())[0]


@pytest.mark.parametrize("key", SECRET_USE)
def test_key_of_a_secrets_use_has_effect_or_warning(key):
    """Every key by which a build uses a secret works or is warned of."""
    source = "" if key == "source" else "source: s, "
    assert takes_part(service(use=f"{{{source}{key}: {USES[key]}}}"), key)


@pytest.mark.parametrize("key", [key for key in SECRET if key not in AT_RUN_TIME])
def test_key_of_a_secret_has_effect_or_warning(key):
    """Every key of a secret works, is refused or is warned of."""
    file = "" if key in {"file", "environment"} else "file: f, "
    assert takes_part(service(secret=f"{file}{key}: {SECRETS[key]}"), key)


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ("image: i", "image"),
        ("environment: {A: own}", "environment"),
        ("env_file: app.env", "env_file"),
        ("env_file: [{path: app.env}]", "path"),
        ("env_file: [{path: none.env, required: true}]", "none.env"),
        ("env_file: [{path: app.env, format: raw}]", "format"),
        ("platform: linux/arm64", "platform"),
        ("x-bake: {tags: [t]}", "x-bake"),
        ("dockerfile: D", "dockerfile"),
        ("args: {A: 1}", "args"),
        ("enviroment: {A: 1}", "enviroment"),
    ],
)
def test_key_of_a_service_has_effect_or_warning(fields, key):
    """What a service says of its build works or is warned of."""
    assert takes_part(service(fields=f", {fields}"), key)


def test_keys_of_services_are_those_that_are_tested():
    """A new key has to come into the tests above."""
    assert set(SERVICE) == {"image", "build", "environment", "env_file", "platform"}
    assert set(ENV_FILE) == {"path", "required", "format"}


@pytest.mark.parametrize("key", RUN_TIME)
def test_key_for_run_time_is_not_warned_of(key):
    """Keys that have nothing to do with builds, nor look like it, pass."""
    assert key not in SERVICE
    assert nearest(key, SERVICE) is None
    if key not in {"develop", "x-develop", "depends_on", "gpus", "ports", "extends"}:
        assert outcome(service(fields=f", {key}: {{}}"))[1] == []


@pytest.mark.parametrize(
    ("text", "warning", "hint"),
    [
        (
            service(", isolation: hyperv"),
            "services.app.build.isolation has no effect: BuildKit has no isolation modes",
            "Remove it.",
        ),
        (
            service(", x-bake: {tgas: [a]}"),
            "services.app.build.x-bake.tgas has no effect: x-bake has no such key",
            "Did you mean 'tags'?",
        ),
        (
            service(fields=", dockerfile: D"),
            "services.app.dockerfile has no effect: it is a key of build",
            "Move it under build.",
        ),
        (
            service() + "jobs: {nightly: {build: .}}\n",
            "jobs.nightly.build has no effect: bake builds services only",
            "Declare a service with this build, and use its image in nightly.",
        ),
        (service(", pull: yes"), '"yes" for boolean is not supported by YAML 1.2, please use `true`', ""),
        (
            service() + "networks: {n: {external: off}}\n",
            '"off" for boolean is not supported by YAML 1.2, please use `false`',
            "",
        ),
        (
            service() + "volumes: {v: {external: {name: w}}}\n",
            "volumes.v: external.name is deprecated. Please set name and external: true",
            "",
        ),
    ],
)
def test_warning_names_the_key_and_its_place(text, warning, hint):
    """A warning says what has no effect and why, and points at it."""
    definition = define([File("compose.yml", text.encode())], world())
    (found,) = definition.warnings
    assert (found.summary, found.hint) == (warning, hint)
    ((_, span),) = found.related
    assert span.source.name == "compose.yml"


def test_key_is_warned_of_once():
    """The same key of several services counts once."""
    text = "services: {app: {build: {isolation: a}}, b: {build: {isolation: a}}, c: {build: {isolation: a}}}"
    assert len(outcome(text)[1]) == 1


def test_platform_of_a_service_is_not_warned_of_beside_those_of_its_build():
    """What the build says of platforms counts."""
    for build in (", platforms: [linux/arm64]", ", x-bake: {platforms: [linux/arm64]}"):
        assert outcome(service(build, ", platform: linux/arm64"))[1] == []


def test_error_comes_with_the_variables_that_are_not_set():
    """An empty variable explains an error in a short form."""
    with pytest.raises(BakeError, match="empty section between colons") as caught:
        outcome('services: {app: {build: ., volumes: ["${GONE}:/data"]}}')
    assert [d.summary for d in caught.value.diagnostics[1:]] == [
        'The "GONE" variable is not set. Defaulting to a blank string.'
    ]


def test_include_warns_of_unknown_keys(folder):
    """A key that an include does not have is warned of."""
    (folder / "b.yml").write_text("services: {b: {build: .}}")
    assert outcome("include: [{path: b.yml, envfile: x}]\nservices: {app: {build: .}}")[1] == [
        "include.0.envfile has no effect: an include has no such key"
    ]
