"""Options of containers, and what containers are made of by them."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bakepy.drivers.container_options import ContainerOptions, RestartPolicy, parse
from bakepy.drivers.container_spec import Surroundings, archive, create_body
from bakepy.drivers.github_actions import actions_context
from bakepy.drivers.interface import DriverError
from bakepy.settings import Settings


@pytest.mark.parametrize(
    ("key", "text", "field", "value"),
    [
        ("image", "mine/buildkit:1", "image", "mine/buildkit:1"),
        ("image", "", "image", "moby/buildkit:buildx-stable-1"),
        ("network", "host", "network", "host"),
        ("memory", "1048576", "memory", 1 << 20),
        ("memory", "512m", "memory", 512 << 20),
        ("memory", "1.5 GiB", "memory", 3 << 29),
        ("memory", "64KB", "memory", 64 << 10),
        ("memory", "7b", "memory", 7),
        ("memory-swap", "-1", "memory_swap", -1),
        ("memory-swap", "2g", "memory_swap", 2 << 30),
        ("cpu-quota", "-1", "cpu_quota", -1),
        ("cpu-period", "100000", "cpu_period", 100000),
        ("cpu-shares", "+512", "cpu_shares", 512),
        ("cpuset-cpus", "0-1,3", "cpuset_cpus", "0-1,3"),
        ("restart-policy", "always", "restart_policy", RestartPolicy("always")),
        ("restart-policy", "on-failure:3", "restart_policy", RestartPolicy("on-failure", 3)),
        ("restart-policy", "", "restart_policy", RestartPolicy("")),
        ("default-load", "T", "default_load", True),
        ("provenance-add-gha", "0", "provenance_add_gha", False),
        ("env.FOO", "a=b", "env", (("FOO", "a=b"),)),
    ],
)
def test_an_option_is_read(key: str, text: str, field: str, value: object) -> None:
    """Sizes, numbers, truths and policies are read as Docker's own tools read them."""
    assert getattr(parse({key: text}), field) == value


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("memory", "", 'invalid value "" of the driver option memory'),
        ("memory", "lots", 'invalid value "lots" of the driver option memory'),
        ("memory", "-1", 'invalid value "-1" of the driver option memory'),
        ("memory", "5mbb", 'invalid value "5mbb" of the driver option memory'),
        ("cpu-quota", "1e3", 'invalid value "1e3" of the driver option cpu-quota'),
        ("default-load", "yes", 'invalid value "yes" of the driver option default-load; it is true or false'),
        ("restart-policy", ":3", "no policy provided before colon"),
        ("restart-policy", "on-failure:x", "maximum retry count must be an integer"),
        ("env.", "x", 'invalid env option "env.", expecting env.FOO=bar'),
        ("colour", "red", "invalid driver option colour for docker-container driver"),
    ],
)
def test_a_wrong_option_is_named(key: str, text: str, said: str) -> None:
    """The error names the option and what is wrong with it."""
    with pytest.raises(DriverError) as caught:
        parse({key: text})
    assert said in str(caught.value)


@pytest.mark.parametrize(("key", "meant"), [("memry", "memory"), ("cpuset_cpus", "cpuset-cpus"), ("FOO", "env.FOO")])
def test_what_was_meant_is_offered(key: str, meant: str) -> None:
    """A misspelt option, and a variable without its prefix, get a remedy."""
    with pytest.raises(DriverError) as caught:
        parse({key: "1"})
    assert caught.value.diagnostics[0].hint == f'did you mean "{meant}"?'


def test_all_faults_are_told_at_once() -> None:
    """Several wrong options are several diagnostics of one error."""
    with pytest.raises(DriverError) as caught:
        parse({"memory": "x", "cpu-period": "y", "nothing": "z"})
    assert len(caught.value.diagnostics) == 3


def body(around: Surroundings, *, flags: tuple[str, ...] = (), files: tuple[str, ...] = (), **options: Any) -> Any:
    return create_body("c", ContainerOptions(**options), flags, dict.fromkeys(files, b""), around)


def test_a_container_is_privileged_and_keeps_its_cache() -> None:
    """BuildKit runs containers itself, its state is in a named volume, and nothing is set that nobody asked for."""
    assert body(Surroundings())["HostConfig"] == {
        "Privileged": True,
        "Init": True,
        "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
        "Mounts": [{"Type": "volume", "Source": "c_state", "Target": "/var/lib/buildkit"}],
    }


@pytest.mark.parametrize(
    ("around", "options", "key", "value"),
    [
        (Surroundings(cgroupfs=True), {}, "CgroupParent", "/docker/buildx"),
        (Surroundings(cgroupfs=True), {"cgroup_parent": "/mine"}, "CgroupParent", "/mine"),
        (Surroundings(), {"cgroup_parent": "/mine"}, "CgroupParent", None),
        (Surroundings(user_namespaces=True), {}, "UsernsMode", "host"),
        (Surroundings(), {"memory_swap": -1}, "MemorySwap", -1),
    ],
)
def test_surroundings_matter(around: Surroundings, options: dict[str, Any], key: str, value: object) -> None:
    """A control group's parent needs an Engine that makes groups itself; user namespaces have to be left."""
    assert body(around, **options)["HostConfig"].get(key) == value


def test_devices_and_libraries_are_handed_on() -> None:
    """All graphics processors are asked for where there are any, and on Windows its libraries are mounted."""
    host = body(Surroundings(gpus=True, wsl=True))["HostConfig"]

    assert host["DeviceRequests"][0]["Count"] == -1
    assert [m["Target"] for m in host["Mounts"]] == ["/var/lib/buildkit", "/usr/lib/wsl"]


def test_the_users_flags_win() -> None:
    """A configuration of the node's is named first, so that a flag of the user's overrides it."""
    made = body(Surroundings(), flags=("--debug",), files=("buildkitd.toml",))

    assert made["Cmd"] == ["--config", "/etc/buildkit/buildkitd.toml", "--debug"]
    assert body(Surroundings(), flags=("--debug",), files=("certs/a/ca.pem",))["Cmd"] == ["--debug"]


def test_files_are_packed_with_their_folders() -> None:
    """Folders come before what is in them; modes and owners do not depend on who packs."""
    with tarfile.open(fileobj=io.BytesIO(archive({"certs/a/ca.pem": b"CA", "buildkitd.toml": b"debug = true"}))) as tar:
        found = [(m.name, m.mode, m.isdir(), m.uid, m.uname) for m in tar]

    assert found == [
        ("buildkit", 0o755, True, 0, ""),
        ("buildkit/certs", 0o755, True, 0, ""),
        ("buildkit/certs/a", 0o755, True, 0, ""),
        ("buildkit/buildkitd.toml", 0o644, False, 0, ""),
        ("buildkit/certs/a/ca.pem", 0o644, False, 0, ""),
    ]


def job(folder: Path, payload: str = '{"ref":"main"}', **variables: str) -> Settings:
    event = folder / "event.json"
    event.write_text(payload)
    return Settings(
        {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(event), **variables}
    )


def test_a_job_is_told_of(tmp_path: Path) -> None:
    """The event is told, and what else is known in whole: an actor without an id is none."""
    actor = {"GITHUB_ACTOR": "me", "GITHUB_ACTOR_ID": "7"}
    whole = actor | {"GITHUB_TRIGGERING_ACTOR": "me"}

    assert json.loads(actions_context(job(tmp_path, **actor)) or b"") == {
        "github_event_name": "push",
        "github_event_payload": {"ref": "main"},
    }
    assert json.loads(actions_context(job(tmp_path, **whole)) or b"")["github_actor_id"] == "7"


def test_a_runner_is_told_of(tmp_path: Path) -> None:
    """What runs the job is told under names of its own."""
    names = ("OS", "ARCH", "ENVIRONMENT", "TRACKING_ID", "NAME")
    runner = {"ImageOS": "linux", "ImageVersion": "1"} | {f"RUNNER_{name}": name for name in names}

    found = json.loads(actions_context(job(tmp_path, **runner)) or b"")

    assert found["github_runner_image_os"] == "linux"
    assert found["github_runner_tracking_id"] == "TRACKING_ID"


def test_outside_of_a_job_nothing_is_told(tmp_path: Path) -> None:
    """The variables of an event alone make no job; an event that cannot be read is an error that names it."""
    assert actions_context(Settings({"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": "/none"})) is None
    with pytest.raises(DriverError, match="failed to unmarshal GitHub event payload"):
        actions_context(job(tmp_path, payload="{"))
