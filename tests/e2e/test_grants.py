"""Privileges are asked for before the engine is, and reach it once they are granted."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import running_buildkitd
from tests.e2e.conftest import COMMAND, Project
from tests.site import write

pytestmark = pytest.mark.e2e

HOST = """
target "default" {
  network = "host"
  dockerfile-inline = "FROM scratch\\nCOPY sh /bin/sh\\nRUN echo done > /done\\n"
  output = ["out"]
}
"""
BESIDE = 'target "default" {\n context = "../beside"\n output = ["out"]\n}\n'


PERMITTED = ("network.host", "security.insecure", "device")
PRIVILEGED = """
target "default" {
  entitlements = ["security.insecure"]
  dockerfile-inline = <<EOT
FROM scratch
COPY sh /bin/sh
COPY sh /bin/busybox
RUN --security=insecure /bin/busybox mkdir /m && /bin/busybox mount -t tmpfs none /m && /bin/busybox mount > /mounts
EOT
  output = ["out"]
}
"""
DEVICES = {
    "cdiVersion": "0.6.0",
    "kind": "bakepy.test/device",
    "devices": [
        {"name": "zero", "containerEdits": {"deviceNodes": [{"path": "/dev/given", "hostPath": "/dev/zero"}]}},
        {"name": "word", "containerEdits": {"env": ["WORD=injected"]}},
    ],
}
"""Of the Container Device Interface: one kind, and two devices of it."""
DEVICE = """
target "default" {
  entitlements = %s
  dockerfile-inline = <<EOT
FROM scratch
COPY sh /bin/sh
RUN --device=bakepy.test/device=zero [ -c /dev/given ] && echo done > /done
RUN --device=%s [ -c /dev/given ] || [ "$WORD" = injected ]
EOT
  output = ["out"]
}
"""
ZERO, WORD = "bakepy.test/device=zero", "bakepy.test/device=word"


@pytest.fixture(scope="module")
def permissive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an engine that permits everything, has two devices, and knows of them in Dockerfiles."""
    devices = tmp_path_factory.mktemp("cdi")
    (devices / "test.json").write_text(json.dumps(DEVICES))
    options = [word for name in PERMITTED for word in ("--allow-insecure-entitlement", name)]
    with running_buildkitd(*options, "--cdi-spec-dir", str(devices), name="buildkitd-labs") as daemon:
        yield daemon.endpoint.target.replace("unix:", "unix://")


@pytest.fixture
def granted(project: Project, permissive: str) -> Project:
    """A project that is built where everything is permitted."""
    return Project(project.path, permissive)


@pytest.fixture
def beside(tmp_path: Path, address: str) -> Project:
    """A project with another folder beside it."""
    write(tmp_path, {"beside/Dockerfile": "FROM scratch\nCOPY x /x\n", "beside/x": "x", "here/docker-bake.hcl": BESIDE})
    return Project(tmp_path / "here", address)


@pytest.mark.parametrize(
    ("definition", "flags"),
    [
        (HOST, ["network.host"]),
        (PRIVILEGED, ["security.insecure"]),
        (DEVICE % (f'["device={ZERO}"]', ZERO), [f"device={ZERO}"]),
        (DEVICE % (f'["device={WORD}", "device={ZERO}"]', WORD), [f"device={WORD}", f"device={ZERO}"]),
        (DEVICE % ('["device"]', WORD), ["device"]),
    ],
    ids=["host", "insecure", "device", "devices", "any-device"],
)
def test_a_privilege_is_had_where_it_is_granted(granted: Project, definition: str, flags: list[str]) -> None:
    """Without a grant the run ends, and names the flags with which it does what it is for."""
    named = [f"--allow={flag}" for flag in flags]
    refused = granted.bake(definition, check=False)
    assert refused.returncode == 1
    assert f'\nPass "{" ".join(named)}" to grant requested privileges.\n' in refused.stderr
    assert refused.stderr.endswith("ERROR: additional privileges requested\n")
    assert "building with" not in refused.stderr
    for flag in named:
        others = [other for other in named if other != flag]
        assert granted.bake(definition, *others, check=False).returncode == 1
    assert not (granted.path / "out").exists()
    granted.bake(definition, *named)
    if definition is PRIVILEGED:
        assert "none on /m type tmpfs" in granted.read("out/mounts")
    else:
        assert granted.read("out/done") == "done\n"


def test_a_grant_of_devices_covers_each(granted: Project) -> None:
    """`device` allows all of them."""
    granted.bake(DEVICE % (f'["device={ZERO}", "device={WORD}"]', WORD), "--allow=device")
    assert granted.read("out/done") == "done\n"


@pytest.mark.parametrize("definition", [PRIVILEGED, DEVICE % ("[]", ZERO)], ids=["insecure", "device"])
def test_a_grant_gives_no_privilege_that_a_target_does_not_name(granted: Project, definition: str) -> None:
    """What a Dockerfile does by itself is refused by the engine, whatever was granted."""
    definition = definition.replace('entitlements = ["security.insecure"]', "")
    done = granted.bake(definition, "--allow=security.insecure", "--allow=device", check=False)
    assert done.returncode == 1
    assert "security.insecure is not allowed" in done.stderr or "requested by the build but not allowed" in done.stderr
    assert not (granted.path / "out").exists()


def test_an_alias_is_asked_for_as_a_device(granted: Project) -> None:
    """BuildKit permits what it names, so the grant of the device that it stands for must not do."""
    alias = "bakepy.test/device=*"
    definition = DEVICE % (f'["device={WORD},alias={alias}"]', ZERO)
    done = granted.bake(definition, f"--allow=device={WORD}", check=False)
    assert f"bakepy build '--allow=device={alias}' --builder" in done.stderr
    assert not (granted.path / "out").exists()
    # With the grant, a step has another device than the one that the definition says it uses.
    granted.bake(definition, f"--allow=device={WORD}", f"--allow=device={alias}")
    assert granted.read("out/done") == "done\n"


def test_a_privilege_of_a_linked_target_is_asked_for(granted: Project) -> None:
    """It counts for the targets that take its result, too."""
    linked = PRIVILEGED.replace('"default"', '"base"').replace('output = ["out"]', "")
    definition = (
        linked
        + """target "default" {
      contexts = { base = "target:base" }
      dockerfile-inline = "FROM base"
      output = ["out"]
    }"""
    )
    assert 'Pass "--allow=security.insecure"' in granted.bake(definition, check=False).stderr
    granted.bake(definition, "--allow=security.insecure")
    assert "none on /m type tmpfs" in granted.read("out/mounts")


@pytest.mark.parametrize(("definition", "name"), [(HOST, "network.host"), (PRIVILEGED, "security.insecure")])
def test_the_engine_has_a_word_too(project: Project, definition: str, name: str) -> None:
    """What it does not permit fails there, however much the user does."""
    done = project.bake(definition, f"--allow={name}", check=False)
    assert done.returncode == 1
    assert f"{name} is not allowed" in done.stderr


def test_nothing_is_asked_where_nothing_is_built(beside: Project) -> None:
    """Printing needs no grant."""
    assert beside.bake(BESIDE, "--print").returncode == 0
    assert beside.bake(BESIDE, "--list=targets").returncode == 0


def test_the_command_that_is_named_does_it(beside: Project) -> None:
    """What a refused run shows can be typed as it stands."""
    done = beside.bake(BESIDE, check=False)
    shown = done.stderr.split("Your full command with requested privileges:\n\n")[1].splitlines()[0]
    words = shown.removeprefix("bakepy ").split()
    subprocess.run([*COMMAND, *words], cwd=beside.path, env=beside.environ({}), check=True, capture_output=True)
    assert beside.read("out/x") == "x"


@pytest.mark.parametrize(("answer", "built"), [(b"y\n", True), (b"n\n", False)])
def test_a_user_at_a_terminal_decides(beside: Project, answer: bytes, built: bool) -> None:
    """The build goes on after a yes."""
    mine, theirs = pty.openpty()
    os.write(mine, answer)
    done = subprocess.run(
        beside.command(BESIDE),
        cwd=beside.path,
        env=beside.environ({}),
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=60,
    )
    os.close(mine)
    os.close(theirs)
    assert "Do you want to grant requested privileges and continue? [y/N]" in done.stderr
    assert (done.returncode == 0) == built
    assert (beside.path / "out" / "x").exists() == built


def test_links_do_not_lead_out_unasked(beside: Project) -> None:
    """A link of the project's own that leads elsewhere counts as what it leads to."""
    (beside.path / "link").symlink_to("../beside")
    done = beside.bake('target "default" {\n context = "link"\n output = ["out"]\n}', check=False)
    assert 'Pass "--allow=fs.read=../beside"' in done.stderr
    assert not (beside.path / "out").exists()


def test_a_compose_file_of_this_machine_names_others_anywhere(beside: Project) -> None:
    """Reading them needs no grant, as with the reference; a context that one of them names does."""
    files = {
        "beside/include.yaml": "services: {inner: {build: .}}",
        "beside/extend.yaml": "services: {base: {build: {context: ., args: {A: x}}}}",
        "beside/v.env": "V=1",
    }
    write(beside.path.parent, files)
    text = "include: [../beside/include.yaml]\nservices:\n"
    text += "  a: {build: {context: ., args: [V]}, env_file: ../beside/v.env}\n"
    text += "  b: {extends: {file: ../beside/extend.yaml, service: base}}\n"
    write(beside.path, {"compose.yaml": text})
    targets = json.loads(beside.bake("", "-f", "compose.yaml", "--print", "a", "b", "inner").stdout)["target"]
    assert targets["b"]["args"] == {"A": "x"}
    assert targets["a"]["args"] == {"V": "1"}
    assert [targets[name]["context"] for name in ("b", "inner")] == ["../beside", "../beside"]
    assert 'Pass "--allow=fs.read=../beside"' in beside.bake("", "-f", "compose.yaml", "inner", check=False).stderr


MIXED = """
target "default" {
  name = side
  matrix = { side = ["left", "right"] }
  secret = ["id=k,env=KEY_${side}"]
  args = { SIDE = %s }
  dockerfile-inline = <<EOT
FROM scratch
COPY sh /bin/sh
ARG SIDE
RUN --mount=type=secret,id=k read x < /run/secrets/k; echo "$x" > /got
EOT
  output = ["out/${side}"]
}
"""


def test_a_secret_that_may_be_taken_for_another_is_told(project: Project) -> None:
    """Targets that differ in a secret's value alone share the step that reads it; an argument tells them apart."""
    values = {"KEY_left": "the-left-one", "KEY_right": "the-right-one"}
    mixed = project.bake(MIXED % '"same"', **values)
    assert "Targets left and right have different values of secret k" in mixed.stderr
    assert not any(value in mixed.stderr for value in values.values())
    assert project.read("out/left/got") == project.read("out/right/got")
    apart = project.bake(MIXED % "side", **values)
    assert "Warning" not in apart.stderr
    assert [project.read(f"out/{side}/got") for side in ("left", "right")] == ["the-left-one\n", "the-right-one\n"]
