"""Builders in containers of real Docker Engines, by the command: made, used, killed, removed, shared with buildx."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker as docker_sdk
import pytest

from bakepy.drivers.docker_api import DockerApi
from bakepy.drivers.docker_host import DockerHost
from tests import reference
from tests.buildkit_image import IMAGE, load_buildkit
from tests.docker_engine import running_dockerd
from tests.e2e.conftest import installed
from tests.e2e.test_guide import GUIDE, pattern, plain, steps
from tests.machines import RISCV64, not_emulated
from tests.programs import needed
from tests.waiting import PATIENCE

pytestmark = pytest.mark.e2e

OPTIONS = ("--driver", "docker-container", "--driver-opt", f"image={IMAGE}")
SLOW = """\
FROM scratch AS first
COPY sh /bin/sh
RUN --network=none echo made > /made
FROM first
RUN --network=none while :; do echo tick; sleep 0.1; done
"""


@dataclass
class User:
    """Someone with a Docker Engine, a folder, and bakepy on PATH."""

    host: DockerHost
    folder: Path
    environment: dict[str, str]

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command; both outputs are one."""
        return subprocess.run(
            ["/bin/sh", "-fc", command],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )

    def bakepy(self, *words: str) -> str:
        done = self.shell(" ".join(["bakepy", *words]))
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module", params=["dockerd20", "dockerd29"])
def docker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerHost]:
    with running_dockerd(request.param) as host:
        load_buildkit(host, tmp_path_factory.mktemp("image"))
        yield host


@pytest.fixture
def user(docker: DockerHost, tmp_path: Path) -> Iterator[User]:
    programs = installed(tmp_path)
    path = f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"
    folders = {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path / ".docker")}
    made = User(docker, tmp_path, {"PATH": path, "DOCKER_HOST": docker.url, **folders})
    shutil.copy("/bin/busybox", tmp_path / "sh")
    (tmp_path / "hello").write_text("hello\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY hello /\n")
    (tmp_path / "copy").write_text("FROM scratch\nCOPY hello /\n")
    (tmp_path / "docker-bake.hcl").write_text('target "default" {\n  tags = ["app"]\n}\n')
    yield made
    for name in ("one", "container"):
        made.shell(f"bakepy rm {name}")


def test_the_page_on_drivers(user: User, registry: str) -> None:
    """The page tells what its commands print, from the first to the last."""
    real = {"registry.example/buildkit:v0.33": IMAGE, "127.0.0.1:5000": registry}
    real["unix:///var/run/docker.sock"] = user.host.url
    for command, lines in steps(GUIDE / "drivers.md"):
        printed_as = "\n".join(lines)
        for told, found in real.items():
            command, printed_as = command.replace(told, found), printed_as.replace(told, found)
        done = user.shell(command)
        found = "".join(f"{line}\n" for line in plain(done.stdout))
        assert re.fullmatch(pattern(plain(printed_as)) + r"\n*", found), f"$ {command}\n{done.stdout}"


def test_a_container_that_is_killed_while_it_builds(user: User) -> None:
    """The build says what happened and what to do; the next one starts the container and finds its cache."""
    (user.folder / "Dockerfile").write_text(SLOW)
    user.bakepy("create", "--name=one", "--use", *OPTIONS)
    with subprocess.Popen(
        ["bakepy", "build", "--progress=plain"],
        executable=user.folder / "bin" / "bakepy",
        env=user.environment,
        cwd=user.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as build:
        assert build.stdout
        for line in build.stdout:
            if "tick" in line:
                DockerApi(user.host).request("POST", "/containers/buildx_buildkit_one0/kill?signal=KILL")
                break
        last = build.stdout.read()
        assert build.wait(PATIENCE) == 1

    assert "the container buildx_buildkit_one0 has stopped: it was killed (exit code 137)" in last
    again = user.bakepy("build", "--progress=plain", "--set=*.target=first")
    assert "starting container buildx_buildkit_one0" in again
    assert "creating" not in again
    assert again.count("CACHED") == 2


def test_all_wrong_options_are_told_at_once(user: User) -> None:
    """Nothing is written for a builder that cannot work, and one run names everything that is wrong with it."""
    done = user.shell("bakepy create --name=one --driver=docker-container --driver-opt memory=much,cpu-quota=half")

    assert done.returncode == 1
    assert "driver option cpu-quota" in done.stdout
    assert "driver option memory" in done.stdout
    assert "one" not in user.bakepy("ls", "--format={{.Name}}").splitlines()


def test_results_are_loaded_unasked(user: User) -> None:
    """With default-load, a build without an output is an image of the Engine's, and there is nothing to warn of."""
    user.bakepy("create", "--name=one", "--use", *OPTIONS[:-1], f"{OPTIONS[-1]},default-load=true")

    assert "No output specified" not in user.bakepy("build", "--progress=plain")
    assert DockerApi(user.host).request("GET", "/images/app/json").status == 200


def test_the_daemon_gets_its_configuration(user: User) -> None:
    """Its file and the certificates of a registry that it names are in the container, and the daemon runs with them."""
    (user.folder / "ca.pem").write_text("a certificate\n")
    (user.folder / "buildkitd.toml").write_text(
        f'[worker.oci.labels]\nmade = "here"\n[registry."r.example:5000"]\nca = ["{user.folder}/ca.pem"]\n'
    )
    user.bakepy("create", "--name=one", "--use", "--bootstrap", "--buildkitd-config=buildkitd.toml", *OPTIONS)

    assert re.search(r"made: +here", user.bakepy("inspect"))
    path = "/containers/buildx_buildkit_one0/archive?path=/etc/buildkit/certs/r.example_5000/ca.pem"
    assert DockerApi(user.host).request("HEAD", path).status == 200


def test_a_platform_without_emulator_builds_what_it_can(user: User) -> None:
    """A warning names a step that may fail; it runs a native program and passes, and copies need nothing."""
    architecture = not_emulated()
    (user.folder / "Dockerfile").write_text("FROM scratch\nCOPY sh /bin/sh\nRUN --network=none echo made\n")
    user.bakepy("create", "--name=one", "--use", *OPTIONS)
    said = user.bakepy("build", "--progress=plain", f"--set=*.platform=linux/{architecture}")

    assert f'node one0 has no emulator for linux/{architecture}: "[2/2] RUN' in said
    copied = user.bakepy(
        "build", "--progress=plain", f"--set=*.platform=linux/{architecture}", "--set=*.dockerfile=copy"
    )
    assert "no emulator" not in copied


def test_an_emulator_that_the_image_brings_is_used(user: User) -> None:
    """A QEMU in BuildKit's image runs steps, although the list of platforms lacks it."""
    # Other programs on this machine may register an emulator of arm64 and remove it again, so it is another one here.
    qemu = needed("qemu-riscv64-static")
    (user.folder / "exit").write_bytes(RISCV64)
    (user.folder / "exit").chmod(0o755)
    (user.folder / "Dockerfile").write_text('FROM scratch\nCOPY exit /\nRUN --network=none ["/exit"]\n')
    user.bakepy("create", "--name=one", "--use", "--bootstrap", *OPTIONS)
    with contextlib.closing(docker_sdk.APIClient(user.host.url, version="auto")) as client:
        found = io.BytesIO()
        with tarfile.open(fileobj=found, mode="w") as tar:
            tar.add(qemu, "buildkit-qemu-riscv64")
        client.put_archive("buildx_buildkit_one0", "/usr/bin", found.getvalue())

    assert "RUN --network=none" in user.bakepy("build", "--progress=plain", "--set=*.platform=linux/riscv64")


def test_either_tool_uses_what_the_other_runs(user: User) -> None:
    """A container that bakepy made builds for buildx, and the other way round; both find one build cache."""
    # The folder of the build is not the one that the reference runs in.
    variables = user.environment | {"PATH": os.environ["PATH"], "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}

    def buildx(*words: str) -> str:
        answer = reference.ask(variables, *words)
        assert answer.status == 0, answer.err
        return answer.out + answer.err

    definition = str(user.folder / "docker-bake.hcl")
    context = f"--set=*.context={user.folder}"
    user.bakepy("create", "--name=one", "--use", *OPTIONS)
    user.bakepy("build", "--progress=quiet", context)
    assert "CACHED" in buildx("bake", "--progress=plain", "-f", definition, context)
    buildx("rm", "one")

    buildx("create", "--name=one", "--use", *OPTIONS)
    buildx("bake", "--progress=quiet", "-f", definition, context)
    again = user.bakepy("build", "--progress=plain", context)
    assert "CACHED" in again
    assert "starting container" not in again
    user.bakepy("rm", "one")
    assert not DockerApi(user.host).request("GET", "/volumes").body["Volumes"]
