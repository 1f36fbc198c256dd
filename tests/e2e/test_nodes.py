"""Builders of several nodes, each a real BuildKit: who builds what, and what becomes of it."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import threading
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bakepy.platforms import local
from tests.daemon import Daemon, running_buildkitd
from tests.e2e.conftest import COMMAND, Project
from tests.e2e.test_outputs import images as layout_images
from tests.e2e.test_outputs import read as layout_json
from tests.machines import NO_PROGRAM, SAYS, UNDETECTED, emulated_arm64, not_emulated, write_programs
from tests.reference import buildx
from tests.registries import password
from tests.registries import registry as registry_with
from tests.waiting import PATIENCE

pytestmark = pytest.mark.e2e

MACHINE = 'FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH}/machine /machine\nRUN ["/machine"]\n'
BOTH = 'platforms = ["linux/amd64", "linux/arm64"]'
NAME_SERVER = "192.0.2.9"
UNTIL_KILLED = f"if grep -q {NAME_SERVER} /etc/resolv.conf; then while echo doomed; do sleep 0.1; done; fi"
"""What a step does without an end on a doomed daemon, whose death ends it, and nothing elsewhere."""
DOWN = "unix:///nowhere/buildkitd.sock"
NATIVE = str(local())
INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture(scope="session")
def arm64() -> Iterator[str]:
    """The address of a BuildKit that is declared to be an arm64 machine, and by QEMU is one."""
    with emulated_arm64(), running_buildkitd("--oci-worker-platform", "linux/arm64") as daemon:
        yield url(daemon)


def url(daemon: Daemon) -> str:
    return daemon.endpoint.target.replace("unix:", "unix://")


def builder(project: Project, name: str, **nodes: str) -> None:
    """Make a builder with a remote node at each address; `ADDRESS PLATFORM` reserves a platform for it."""
    for number, (node, words) in enumerate(nodes.items()):
        address, _, platform = words.partition(" ")
        command = [*COMMAND, "create", "--name", name, "--driver", "remote", "--node", node, address]
        command += ["--append"] if number else []
        command += ["--platform", platform] if platform else []
        subprocess.run(command, check=True, env=project.environ({}), capture_output=True)
    project.address = name


def fetch(registry: str, name: str, reference: str) -> tuple[str, Any]:
    """Return the digest and the content of a manifest."""
    kinds = ["application/vnd.oci.image.manifest.v1+json", INDEX]
    request = urllib.request.Request(
        f"http://{registry}/v2/{name}/manifests/{reference}", headers={"Accept": ", ".join(kinds)}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.headers["Docker-Content-Digest"], json.loads(response.read())


def images(index: Any) -> dict[str, str]:
    """Return the digests of an index's images by their architectures."""
    found = {m["platform"]["architecture"]: m["digest"] for m in index["manifests"]}
    found.pop("unknown", None)
    return found


def refs(daemon_url: str) -> int:
    """Return how many builds a daemon has a record of."""
    run = subprocess.run(
        ["buildctl", "--addr", daemon_url, "debug", "histories"], capture_output=True, text=True, check=True
    )
    return len(run.stdout.splitlines()) - 1


@contextlib.contextmanager
def doomed(project: Project, *options: str) -> Iterator[Daemon]:
    """Run a daemon that can be told apart in steps, by its name server."""
    project.write(**{"doomed.toml": f'[dns]\nnameservers = ["{NAME_SERVER}"]\n'})
    with running_buildkitd("--config", str(project.path / "doomed.toml"), *options) as daemon:
        yield daemon


def kill_while_building(project: Project, hcl: str, daemon: Daemon) -> str:
    """Kill a doomed daemon once it runs a step of UNTIL_KILLED; return what a build that succeeds then printed."""
    with subprocess.Popen(
        project.command(hcl), cwd=project.path, env=project.environ({}), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        told = ""
        while not told.endswith(" doomed\n") and (line := process.stderr.readline()):
            told += line
        os.killpg(daemon.process.pid, signal.SIGKILL)
        told += process.stderr.read()
        assert process.wait(PATIENCE) == 0, told
    return told


def test_an_image_for_two_platforms_is_pushed_as_one_index(
    project: Project, address: str, arm64: str, registry: str
) -> None:
    """Each node builds its own platform natively, and the index holds both images with their attestations."""
    write_programs(project.path)
    project.write(Dockerfile=MACHINE)
    builder(project, "pair", amd=address, arm=arm64)
    run = project.bake(
        f'target "default" {{\n {BOTH}\n tags = ["{registry}/pair:1", "{registry}/pair:2", "{registry}/other:1"]\n'
        f' output = ["type=registry"]\n annotations = ["index:org.example.of=both"]\n}}',
        "--metadata-file",
        "metadata.json",
    )
    assert all(f" {word}" in run.stderr for word in SAYS.values())
    digest, index = fetch(registry, "pair", "1")
    told = json.loads(project.read("metadata.json"))["default"]
    assert (
        told["containerimage.digest"] == digest == fetch(registry, "pair", "2")[0] == fetch(registry, "other", "1")[0]
    )
    assert told["containerimage.descriptor"]["digest"] == digest
    assert {key for key in told if "provenance" in key} == {
        "buildx.build.provenance/linux/amd64",
        "buildx.build.provenance/linux/arm64",
    }
    assert index["annotations"] == {"org.example.of": "both"}
    found = images(index)
    assert set(found) == {"amd64", "arm64"}
    proofs = {m["annotations"]["vnd.docker.reference.digest"] for m in index["manifests"] if "annotations" in m}
    assert proofs == set(found.values())
    for architecture, image in found.items():
        _, manifest = fetch(registry, "pair", image)
        with urllib.request.urlopen(f"http://{registry}/v2/pair/blobs/{manifest['config']['digest']}") as response:
            assert json.load(response)["architecture"] == architecture


class Refusing(http.server.BaseHTTPRequestHandler):
    """Stand before a registry and refuse the first blob, as some do where two nodes push the same one at once."""

    registry = ""
    refused: ClassVar[list[str]] = []

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command == "PUT" and "/blobs/" in self.path and not self.refused:
            self.refused.append(self.path)
            fault = {"code": "DIGEST_INVALID", "message": "provided digest did not match uploaded content"}
            self.give(400, {}, json.dumps({"errors": [fault]}).encode())
            return
        connection = http.client.HTTPConnection(self.registry, timeout=10)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, body, dict(self.headers))
            with connection.getresponse() as response:
                self.give(response.status, dict(response.headers), response.read())

    def give(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - the server looks for these names


def test_a_part_that_could_not_be_pushed_is_pushed_again(
    project: Project, address: str, arm64: str, registry: str
) -> None:
    """A registry that refuses a blob once costs a warning, not the image."""
    Refusing.registry = registry
    Refusing.refused.clear()
    write_programs(project.path)
    project.write(Dockerfile=MACHINE)
    builder(project, "pair", amd=address, arm=arm64)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        name = f"127.0.0.1:{server.server_port}/again:1"
        run = project.bake(f'target "default" {{\n {BOTH}\n tags = ["{name}"]\n output = ["type=registry"]\n}}')
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert len(Refusing.refused) == 1
    assert "could not push its part of default, and tries again" in run.stderr
    assert set(images(fetch(registry, "again", "1")[1])) == {"amd64", "arm64"}


def test_what_was_pushed_runs(project: Project, address: str, arm64: str, registry: str) -> None:
    """The images of an index run, each on a node of its platform."""
    write_programs(project.path)
    project.write(Dockerfile=MACHINE)
    builder(project, "pair", amd=address, arm=arm64)
    project.bake(f'target "default" {{\n {BOTH}\n tags = ["{registry}/runs:1"]\n output = ["type=registry"]\n}}')
    project.write(Dockerfile=f'FROM {registry}/runs:1\nRUN ["/machine", "again"]\n')
    run = project.bake(f'target "default" {{\n {BOTH}\n}}')
    assert all(f" {word}" in run.stderr for word in SAYS.values())


def test_the_index_is_the_references(project: Project, address: str, arm64: str, registry: str) -> None:
    """Where buildx spreads platforms over nodes as we do, it pushes the same bytes."""
    write_programs(project.path)
    project.write(Dockerfile=MACHINE)
    # buildx prefers a node's own platforms only where they were given.
    builder(project, "given", amd=f"{address} linux/amd64", arm=f"{arm64} linux/arm64")
    hcl = (
        f'variable "TAG" {{}}\ntarget "default" {{\n {BOTH}\n tags = ["{registry}/same:${{TAG}}"]\n'
        ' output = ["type=registry"]\n annotations = ["index:a=<&>", "manifest-descriptor[linux/arm64]:b=c"]\n}'
    )
    project.bake(hcl, TAG="ours", BUILDX_NO_DEFAULT_ATTESTATIONS="1")
    command = [buildx(), "bake", "--builder", "given"]
    env = project.environ({"TAG": "theirs", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"})
    subprocess.run(command, cwd=project.path, env=env, check=True, capture_output=True)
    assert fetch(registry, "same", "ours") == fetch(registry, "same", "theirs")


def test_linked_targets_are_built_where_they_are_needed(
    project: Project, address: str, arm64: str, registry: str
) -> None:
    """A linked target is built on each node for the platform that its dependant has there."""
    write_programs(project.path)
    builder(project, "pair", amd=address, arm=arm64)
    base = MACHINE.replace('["/machine"]', '["/machine", "base"]')
    project.write(base=base, Dockerfile='FROM base\nARG TARGETARCH\nRUN ["/machine", "linked"]\n')
    run = project.bake(
        f'target "base" {{\n {BOTH}\n dockerfile = "base"\n}}\n'
        f'target "default" {{\n {BOTH}\n contexts = {{ base = "target:base" }}\n tags = ["{registry}/linked:1"]\n'
        ' output = ["type=registry"]\n}'
    )
    assert set(images(fetch(registry, "linked", "1")[1])) == {"amd64", "arm64"}
    assert all(run.stderr.count(f" {word}") == 2 for word in SAYS.values())


def test_an_index_is_pushed_with_the_users_password(project: Project, address: str, arm64: str) -> None:
    """What logs BuildKit in opens the registry for the index, too; without it, the target fails."""
    write_programs(project.path)
    project.write(Dockerfile=MACHINE)
    builder(project, "pair", amd=address, arm=arm64)
    secret = b64encode(b"me:secret").decode()
    with registry_with(project.path, password(project.path, "me", "secret")) as domain:
        hcl = f'target "default" {{\n {BOTH}\n tags = ["{domain}/mine:1"]\n output = ["type=registry"]\n}}'
        assert "401" in project.bake(hcl, check=False).stderr
        (project.path / ".docker" / "config.json").write_text(json.dumps({"auths": {domain: {"auth": secret}}}))
        project.bake(hcl)


def test_three_nodes(project: Project, address: str, arm64: str, registry: str) -> None:
    """Of targets for two platforms, one node builds every arm64 part and two share the amd64 parts."""
    project.write(Dockerfile="FROM scratch\nARG N TARGETARCH\nCOPY <<EOF /n\n$N $TARGETARCH\nEOF\n")
    with running_buildkitd() as other:
        nodes = {"one": address, "two": url(other), "arm": arm64}
        builder(project, "three", **nodes)
        before = {name: refs(at) for name, at in nodes.items()}
        project.bake(
            f'target "default" {{\n name = "t${{n}}"\n matrix = {{ n = ["0", "1", "2", "3", "4", "5"] }}\n {BOTH}\n'
            f' args = {{ N = "three${{n}}" }}\n tags = ["{registry}/three:${{n}}"]\n output = ["type=registry"]\n}}'
        )
        built = {name: refs(at) - before[name] for name, at in nodes.items()}
    assert built["arm"] == built["one"] + built["two"] == 6
    assert built["one"] in range(2, 5)
    assert all(set(images(fetch(registry, "three", str(n))[1])) == {"amd64", "arm64"} for n in range(6))


def test_a_part_of_a_lost_node_is_built_by_another(project: Project, address: str, registry: str) -> None:
    """The node of a platform is killed while it builds: another builds that part, and the index is whole."""
    project.write(Dockerfile=f"FROM scratch\nCOPY sh /bin/sh\nRUN {UNTIL_KILLED}; echo end > /end\n")
    with doomed(project, "--oci-worker-platform", "linux/arm64") as arm:
        builder(project, "mortal", lives=address, dies=url(arm))
        hcl = (
            f'target "default" {{\n {BOTH}\n network = "none"\n tags = ["{registry}/lost:1"]\n'
            ' output = ["type=registry"]\n}'
        )
        told = kill_while_building(project, hcl, arm)
    assert "node dies is lost, its work goes to others" in told
    assert set(images(fetch(registry, "lost", "1")[1])) == {"amd64", "arm64"}


def test_folders_hold_every_platform(project: Project, address: str, arm64: str) -> None:
    """A local output has a folder for each platform, whichever node it comes from."""
    write_programs(project.path)
    project.write(Dockerfile="FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH}/machine /\n")
    builder(project, "pair", amd=address, arm=arm64)
    project.bake(f'target "default" {{\n {BOTH}\n output = ["out"]\n}}', "--metadata-file=told.json")
    names = {f"linux_{a}": (project.path / a / "machine").read_bytes() for a in ("amd64", "arm64")}
    assert {p.name: (p / "machine").read_bytes() for p in (project.path / "out").iterdir()} == names
    told = json.loads(project.read("told.json"))["default"]
    assert sum("buildx.build.provenance/linux/" in key for key in told) == 2


@pytest.mark.parametrize("tags", [["x.test/app:1"], []])
def test_a_layout_is_written_by_both_nodes(project: Project, address: str, arm64: str, tags: list[str]) -> None:
    """Each node writes its own platforms, and one index names them all."""
    write_programs(project.path)
    project.write(Dockerfile=MACHINE)
    builder(project, "pair", amd=address, arm=arm64)
    attributes = f'tags = {json.dumps(tags)}\n output = ["type=oci,dest=lay,tar=false"]\n annotations = ["index:a=b"]'
    project.bake(f'target "default" {{\n {BOTH}\n {attributes}\n}}', "--metadata-file=m.json")
    ((name, descriptor),) = layout_images(project.path / "lay").items()
    assert name == (tags or ["latest"])[0]
    index = layout_json(project.path / "lay", descriptor)
    assert set(images(index)) == {"amd64", "arm64"}
    assert index["annotations"] == {"a": "b"}
    assert json.loads(project.read("m.json"))["default"]["containerimage.digest"] == descriptor["digest"]


def test_one_file_comes_from_one_node(project: Project, address: str, arm64: str) -> None:
    """An archive of several platforms is built by one node that runs all of them, if need be by emulation."""
    write_programs(project.path)
    project.write(Dockerfile=MACHINE)
    builder(project, "pair", amd=address, arm=arm64)
    project.bake(f'target "default" {{\n {BOTH}\n output = ["type=oci,dest=image.tar"]\n}}')
    assert (project.path / "image.tar").stat().st_size > 0


def test_equal_nodes_share_targets(project: Project, address: str) -> None:
    """Of two nodes with the same platforms, both build."""
    project.write(Dockerfile="FROM scratch\nARG N\nCOPY <<EOF /n\n$N\nEOF\n")
    with running_buildkitd() as other:
        builder(project, "twins", one=address, two=url(other))
        before = refs(address)
        project.bake(
            'target "default" {\n name = "t${n}"\n matrix = { n = ["0", "1", "2", "3", "4", "5", "6", "7"] }\n'
            " args = { N = n }\n}"
        )
        assert refs(address) - before + refs(url(other)) == 8
        assert refs(url(other)) in range(2, 7)


def test_a_node_that_is_down_is_left_out(project: Project, address: str) -> None:
    """The others build all, and a warning names it."""
    project.write(Dockerfile="FROM scratch\nCOPY Dockerfile /\n")
    builder(project, "lame", down=DOWN, up=address)
    run = project.bake('target "default" {\n output = ["out"]\n}')
    assert "WARNING: node down is left out" in run.stderr
    assert (project.path / "out" / "Dockerfile").exists()


def test_a_node_that_does_not_answer_is_not_waited_for(project: Project, address: str) -> None:
    """Where the others can do the work, it has a few seconds; the user is told whom the run waits for."""
    project.write(Dockerfile="FROM scratch\nCOPY Dockerfile /\n")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        builder(project, "lame", deaf=f"tcp://127.0.0.1:{deaf.getsockname()[1]}", up=address)
        run = project.bake('target "default" {\n platforms = ["linux/amd64"]\n output = ["out"]\n}')
    assert "waiting for node deaf\n" in run.stderr
    assert "WARNING: node deaf is left out: it did not answer within 5s" in run.stderr
    assert (project.path / "out" / "Dockerfile").exists()


def test_a_platform_whose_node_is_down_is_refused(project: Project, address: str) -> None:
    """Where nobody else has a platform, the build ends before it begins, with the node's name and a remedy."""
    project.write(Dockerfile="FROM scratch\nCOPY Dockerfile /\n")
    builder(project, "lame", up=address, down=f"{DOWN} {UNDETECTED}")
    run = project.bake(f'target "default" {{\n platforms = ["linux/amd64", "{UNDETECTED}"]\n}}', check=False)
    assert run.returncode == 1
    assert f"{UNDETECTED} cannot be built: node down cannot be reached" in run.stderr
    assert "--install ppc64" in run.stderr


def test_the_work_of_a_node_that_dies_is_placed_again(project: Project, address: str) -> None:
    """A node is killed while it builds: its targets are built by the other, and the run succeeds."""
    project.write(Dockerfile=f"FROM scratch\nARG N\nCOPY sh /bin/sh\nRUN {UNTIL_KILLED}; echo $N > /n\n")
    with doomed(project) as other:
        builder(project, "mortal", lives=address, dies=url(other))
        hcl = (
            'target "default" {\n name = "t${n}"\n matrix = { n = ["0", "1", "2", "3", "4", "5"] }\n'
            ' args = { N = n }\n network = "none"\n output = ["out/${n}"]\n}'
        )
        told = kill_while_building(project, hcl, other)
    assert "node dies is lost, its work goes to others" in told
    assert [(project.path / f"out/{n}/n").read_text() for n in range(6)] == [f"{n}\n" for n in range(6)]


def test_of_three_nodes_one_is_killed(project: Project, address: str, registry: str) -> None:
    """Parts and whole targets of the dead node go to the node that has its platforms, linked ones together."""
    wait = f"RUN {UNTIL_KILLED}; echo $N > /n\n"
    project.write(
        base="FROM scratch\nCOPY sh /bin/sh\n",
        Dockerfile=f"FROM base\nARG N TARGETARCH\n{wait}",
    )
    with doomed(project) as other, running_buildkitd("--oci-worker-platform", "linux/arm64") as arm:
        builder(project, "three", lives=address, dies=url(other), arm=f"{url(arm)} linux/arm64")
        hcl = (
            f'target "base" {{\n {BOTH}\n dockerfile = "base"\n}}\n'
            'target "image" {\n name = "t${n}"\n matrix = { n = ["0", "1", "2"] }\n'
            f' {BOTH}\n contexts = {{ base = "target:base" }}\n args = {{ N = n }}\n network = "none"\n'
            f' tags = ["{registry}/trio:${{n}}"]\n output = ["type=registry"]\n}}\n'
            'target "own" {\n name = "o${n}"\n matrix = { n = ["3", "4", "5"] }\n\n'
            ' dockerfile = "own/Dockerfile"\n args = { N = n }\n network = "none"\n output = ["out/${n}"]\n}\n'
            'group "default" {\n targets = ["image", "own"]\n}'
        )
        own = project.path / "own"
        own.mkdir()
        (own / "Dockerfile").write_text(f"FROM scratch\nARG N\nCOPY sh /bin/sh\n{wait}")
        told = kill_while_building(project, hcl, other)
    assert "node dies is lost, its work goes to others" in told
    assert [(project.path / f"out/{n}/n").read_text() for n in (3, 4, 5)] == ["3\n", "4\n", "5\n"]
    for n in range(3):
        assert set(images(fetch(registry, "trio", str(n))[1])) == {"amd64", "arm64"}


BASE = 'contexts = { base = "oci-layout://base" }\n network = "none"'


def write_base(project: Project, platform: str) -> None:
    """Make an image with a shell, and with a program that no machine runs, for the native and another platform."""
    (project.path / "program").write_bytes(NO_PROGRAM)
    (project.path / "program").chmod(0o755)
    project.write(Dockerfile="FROM scratch\nCOPY sh /bin/sh\nCOPY program /program\n")
    output = '["type=oci,dest=base,tar=false"]'
    project.bake(f'target "default" {{\n platforms = ["{NATIVE}", "{platform}"]\n output = {output}\n}}')


@pytest.fixture
def embedded(project: Project, tmp_path: Path) -> Iterator[Project]:
    """A project that builds on an embedded engine, started for it alone."""
    project.address = "embedded"
    project.env |= {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    yield project
    subprocess.run([*COMMAND, "engine", "stop"], env=project.environ({}), capture_output=True, check=True)


@pytest.mark.parametrize("native", [True, False])
def test_a_platform_without_emulator_builds_what_it_can(embedded: Project, native: bool) -> None:
    """Native programs run in its stages, with a warning; cross-compiling needs none."""
    architecture = not_emulated()
    write_base(embedded, f"linux/{architecture}")
    last = "FROM base\nCOPY --from=compile /made /\nRUN echo run >> /made\n" if native else ""
    embedded.write(
        Dockerfile="FROM --platform=$BUILDPLATFORM base AS compile\nARG TARGETARCH\n"
        f"RUN echo for $TARGETARCH > /made\n{last}"
    )
    hcl = f'target "default" {{\n platforms = ["linux/{architecture}"]\n {BASE}\n output = ["out"]\n}}'
    run = embedded.bake(hcl)
    warning = f'WARNING: node embedded has no emulator for linux/{architecture}: "[stage-1 2/3] RUN echo run >> /made"'
    assert (warning in run.stderr) == ("no emulator" in run.stderr) == native
    assert embedded.read("out/made") == f"for {architecture}\n" + "run\n" * native


@pytest.mark.parametrize("platform", [f'"{UNDETECTED}"', ""], ids=["of the target", "of a stage"])
def test_a_missing_emulator_is_named_after_the_fact(project: Project, platform: str) -> None:
    """The error of a step that the kernel refuses names the missing platform and the remedy."""
    write_base(project, UNDETECTED)
    project.write(Dockerfile=f'FROM --platform={UNDETECTED} base\nRUN ["/program"]\n')
    run = project.bake(f'target "default" {{\n platforms = [{platform}]\n {BASE}\n}}', check=False)
    assert run.returncode == 1
    assert f"does not name {UNDETECTED} among its platforms: register an emulator" in run.stderr


def test_a_refused_native_program_is_not_blamed_on_an_emulator(project: Project) -> None:
    """A broken program of the node's own platform gets no hint."""
    write_base(project, UNDETECTED)
    project.write(Dockerfile='FROM --platform=$BUILDPLATFORM base\nRUN ["/program"]\n')
    run = project.bake(f'target "default" {{\n platforms = ["{UNDETECTED}"]\n {BASE}\n}}', check=False)
    assert run.returncode == 1
    assert "exec format error" in run.stderr
    assert "among its platforms" not in run.stderr
