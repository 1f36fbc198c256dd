"""Definitions that lie elsewhere, read and built by the command through a real BuildKit."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import find_buildkitd, running_buildkitd
from tests.docker_engine import running_dockerd
from tests.e2e.conftest import COMMAND, Project, run
from tests.site import Site, serving, write

pytestmark = pytest.mark.e2e

COPY = "FROM scratch\nCOPY {} /f\n"


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def here(tmp_path: Path, address: str) -> Project:
    """An empty folder to build in."""
    (tmp_path / "here").mkdir()
    return Project(tmp_path / "here", address)


def printed(project: Project, *words: str, **env: str) -> dict[str, dict[str, str]]:
    targets: dict[str, dict[str, str]] = json.loads(run(project, "--print", *words, **env).stdout)["target"]
    return targets


FILES = {
    "docker-bake.hcl": """
        group "all" { targets = ["default", "sub"] }
        target "default" { output = ["out"] }
        target "below" {
          context = "app"
          output = ["out-below"]
        }
        target "sub" {
          context = "sub"
          contexts = { other = "app", root = "." }
          output = ["out-sub"]
        }
    """,
    "Dockerfile": COPY.format("root"),
    "root": "the root",
    "sub/Dockerfile": COPY.format("sub") + "COPY --from=other app /app\nCOPY --from=root root /root\n",
    "sub/sub": "below",
    "app/Dockerfile": COPY.format("app"),
    "app/app": "the app",
}


@pytest.mark.parametrize("kind", ["git", "git#main", "git?branch=main", "tgz", "tar"])
def test_a_definition_is_built_from_where_it_is_read(here: Project, site: Site, kind: str) -> None:
    """Contexts are folders of the repository or archive; results come here."""
    if kind.startswith("git"):
        url = site.repository("r", FILES) + kind.removeprefix("git")
    else:
        url = site.archive(f"a.{kind}", "w:gz" if kind == "tgz" else "w", FILES)
    run(here, url, "all")
    assert here.read("out/f") == "the root"
    assert here.read("out-sub/f") == "below"
    assert here.read("out-sub/app") == "the app"
    assert here.read("out-sub/root") == "the root"


def test_what_is_printed_can_be_built_again(here: Project, site: Site) -> None:
    """A context of a repository is shown as its address."""
    url = site.repository("r", FILES)
    targets = printed(here, f"{url}#main", "all")
    assert targets["default"]["context"] == f"{url}#main"
    assert targets["sub"]["context"] == f"{url}#main:sub"


def test_a_folder_of_a_repository_is_a_definition_of_its_own(here: Project, site: Site) -> None:
    """The address may name it, and its contexts start there."""
    definition = 'target "default" {\n context = "c"\n output = ["out"]\n}'
    url = site.repository(
        "r", {"in/docker-bake.hcl": definition, "in/c/Dockerfile": COPY.format("x"), "in/c/x": "deep"}
    )
    run(here, f"{url}#main:in")
    assert here.read("out/f") == "deep"


def test_a_definition_at_an_address_has_its_paths_here(here: Project, site: Site) -> None:
    """A file by itself has no folder; one longer than what tells an archive from it is read whole."""
    text = f'# {"x" * 3000}\ntarget "default" {{\n output = ["out"]\n}}\n'
    write(here.path, {"Dockerfile": COPY.format("x"), "x": "local"})
    run(here, site.file("docker-bake.hcl", text))
    assert here.read("out/f") == "local"


def test_too_long_a_definition_is_refused(here: Project, site: Site) -> None:
    """Nobody writes two megabytes."""
    done = run(here, site.file("d.hcl", "#" + "x" * (2 << 20)), check=False)
    assert done.stderr.endswith("ERROR: non-archive definition URL bigger than maximum allowed size (2.097MB)\n")


def test_files_are_named_there_and_here(here: Project, site: Site) -> None:
    """Names are the repository's; with cwd:// this machine's, which come last."""
    url = site.repository("r", {"a/b.hcl": 'target "default" {\n args = { A = "there", B = "there" }\n}'})
    write(here.path, {"local.hcl": 'target "default" {\n args = { B = "here" }\n}'})
    targets = printed(here, url, "-f", "a/b.hcl", "-f", "cwd://local.hcl")
    assert targets["default"]["args"] == {"A": "there", "B": "here"}


def test_the_context_of_the_command_is_here(here: Project, site: Site) -> None:
    """BAKE_CMD_CONTEXT names the working directory, which needs no grant; a second address takes its place."""
    definition = 'target "default" {\n context = BAKE_CMD_CONTEXT\n dockerfile = "cwd://D"\n output = ["out"]\n}'
    url = site.repository("r", {"docker-bake.hcl": definition})
    other = site.repository("o", {"x": "elsewhere"})
    write(here.path, {"D": COPY.format("x"), "x": "mine"})
    run(here, url)
    assert here.read("out/f") == "mine"
    run(here, url, other)
    assert here.read("out/f") == "elsewhere"


def test_a_dockerfile_of_this_machine_builds_a_folder_from_there(here: Project, site: Site) -> None:
    """cwd:// in front of it says so, wherever the context is."""
    definition = 'target "default" {\n context = "sub"\n dockerfile = "cwd://D"\n output = ["out"]\n}'
    url = site.repository("r", {"docker-bake.hcl": definition, "sub/x": "below"})
    write(here.path, {"D": COPY.format("x")})
    run(here, url)
    assert here.read("out/f") == "below"


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ('context = "cwd://.."\n dockerfile = "cwd://D"', "fs.read=.."),
        ('context = "cwd://link"\n dockerfile = "cwd://D"', "fs.read=../beside"),
        ('dockerfile = "/etc/passwd"', "fs.read=/etc/passwd"),
        ('secret = ["id=s,src=../beside/x"]', "fs.read=../beside/x"),
        ('output = ["../beside"]', "fs.write=../beside"),
        ('ssh = ["default"]', "ssh"),
    ],
)
def test_a_remote_definition_gets_no_file_without_a_grant(here: Project, site: Site, fields: str, flag: str) -> None:
    """What lies outside of the working directory is asked for; nothing is built and nothing written."""
    definition = f'target "default" {{\n {fields}\n dockerfile-inline = "FROM scratch"\n}}'
    if "dockerfile = " in fields:
        definition = f'target "default" {{\n {fields}\n}}'
    url = site.repository("r", {"docker-bake.hcl": definition})
    write(here.path.parent, {"beside/x": "x", "here/D": "FROM scratch\n"})
    (here.path / "link").symlink_to("../beside")
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(here.path.parent / "agent"))
        done = run(here, url, check=False, SSH_AUTH_SOCK=str(here.path.parent / "agent"))
    assert done.returncode == 1
    assert f'Pass "--allow={flag}" to grant requested privileges.' in done.stderr
    assert f"--allow={flag}" in done.stderr.split("Your full command")[1]
    assert done.stderr.endswith("ERROR: additional privileges requested\n")
    assert "exporting" not in done.stderr


def test_a_grant_lets_a_remote_definition_use_a_file(here: Project, site: Site) -> None:
    """The flag that was named is enough."""
    definition = 'target "default" {\n context = "cwd://../beside"\n dockerfile = "cwd://D"\n output = ["out"]\n}'
    url = site.repository("r", {"docker-bake.hcl": definition})
    write(here.path.parent, {"beside/x": "granted", "here/D": COPY.format("x")})
    run(here, "--allow", "fs.read=../beside", url)
    assert here.read("out/f") == "granted"


def test_a_private_repository_opens_to_a_token(here: Project, site: Site) -> None:
    """It is sent for the definition and for the folders that targets name, and shown nowhere."""
    site.token = "s3cret-t0ken"
    url = site.repository("private", FILES)
    done = run(here, url, "all", BUILDX_BAKE_GIT_AUTH_TOKEN=site.token)
    assert here.read("out-sub/app") == "the app"
    assert site.token not in done.stdout + done.stderr
    done = run(here, url, "--print", check=False, BUILDX_BAKE_GIT_AUTH_TOKEN="wrong-one")
    assert done.returncode == 1
    assert "BUILDX_BAKE_GIT_AUTH_TOKEN" in done.stderr
    assert "wrong-one" not in done.stderr


def test_a_private_repository_opens_to_a_header(here: Project, site: Site) -> None:
    """The whole header, for hosts that want another than the usual one; the variable's case does not matter."""
    site.token = "s3cret-t0ken"
    url = site.repository("private", FILES)
    header = "basic " + b64encode(f"me:{site.token}".encode()).decode()
    assert "default" in printed(here, url, buildx_bake_git_auth_header=header)


def test_relative_paths_start_at_the_file_where_that_is_asked_for(here: Project, site: Site) -> None:
    """Also where the file is in a repository."""
    url = site.repository("r", {"a/b.hcl": 'target "default" {\n context = "c"\n}'})
    shown = printed(here, url, "-f", "a/b.hcl", BUILDX_BAKE_FILE_RELATIVE_PATHS="1")
    assert shown["default"]["context"] == f"{url}#:a/c"


@pytest.mark.parametrize(
    ("kind", "words", "message"),
    [
        ("git", ["-f", "docker-bake.hlc"], "Did you mean 'docker-bake.hcl'?"),
        ("git", ["-f", "sub/missing.hcl"], "open sub/missing.hcl: no such file or directory"),
        ("git#main:app", [], "couldn't find a bake definition"),
        ("git?depth=1", [], 'unexpected query "depth"'),
        ("git#no-such-branch", [], "no-such-branch"),
        ("tgz", ["-f", "no.hcl"], "cwd://no.hcl"),
        ("404", [], "404"),
    ],
)
def test_faults_of_reading_are_told(here: Project, site: Site, kind: str, words: list[str], message: str) -> None:
    """Each says what is missing and what to do."""
    url = f"{site.url}/none" if kind == "404" else site.archive("a.tgz", "w:gz", FILES)
    if kind.startswith("git"):
        url = site.repository("r", FILES) + kind.removeprefix("git")
    done = run(here, url, *words, check=False)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_builder_without_git_is_told(here: Project, site: Site, tmp_path: Path) -> None:
    """BuildKit's own words for it name no program."""
    found = find_buildkitd()
    programs = tmp_path / "programs"
    programs.mkdir()
    if found and (runc := shutil.which("runc", path=f"{found.parent}:{os.environ['PATH']}")):
        (programs / "runc").symlink_to(runc)
    url = site.repository("r", FILES)
    with running_buildkitd(path=str(programs)) as daemon:
        lone = Project(here.path, daemon.endpoint.target.replace("unix:", "unix://"))
        done = run(lone, url, "--print", check=False)
    assert done.returncode == 1
    assert "Install git where the builder's BuildKit runs" in done.stderr


@pytest.mark.parametrize("kind", ["here", "git", "tgz"])
def test_a_dockerfile_lies_at_an_address(here: Project, site: Site, kind: str) -> None:
    """It builds a folder of this machine, a repository or what is in an archive."""
    contexts = {
        "here": ".",
        "git": site.repository("r", {"x": "git"}),
        "tgz": site.archive("a.tgz", "w:gz", {"x": "tgz"}),
    }
    write(here.path, {"x": "here"})
    address = site.file("Elsewhere", COPY.format("x"))
    here.bake(f'target "default" {{\n context = "{contexts[kind]}"\n dockerfile = "{address}"\n output = ["out"]\n}}')
    assert here.read("out/f") == kind


def test_a_plan_and_a_list_are_made_of_remote_definitions(here: Project, site: Site) -> None:
    """All commands that take targets take an address."""
    url = site.repository("r", FILES)
    assert "sub" in run(here, url, "--list", "targets").stdout
    plan = subprocess.run(
        [*COMMAND, "plan", "--builder", here.address, url, "sub"],
        cwd=here.path,
        env=here.environ({}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{url}#:sub" in plan.stdout


def test_what_several_targets_take_is_fetched_once(here: Project, site: Site) -> None:
    """A folder of a repository is fetched once for however many targets, as named contexts of them and as main ones."""
    definition = "".join(
        f'target "t{i}" {{\n context = "sub"\n contexts = {{ other = "app", root = "." }}\n output = ["out{i}"]\n}}\n'
        for i in range(3)
    )
    url = site.repository("r", {**FILES, "docker-bake.hcl": definition})
    done = run(here, url, "t0", "t1", "t2", "--progress", "rawjson")
    steps = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    names = {v["digest"]: v["name"] for step in steps for v in step.get("vertexes", ())}
    assert sum("set context" in name for name in names.values()) == 2
    assert sum(name.startswith("[internal] load git source") for name in names.values()) <= 2


@pytest.mark.parametrize("fields", ["include: [{}]", "services: {{a: {{build: ., env_file: {}}}}}", "extends"])
def test_a_remote_compose_file_reads_no_file_without_a_grant(here: Project, site: Site, fields: str) -> None:
    """The files that it names are this machine's, so those outside of the working directory are asked for."""
    outside = here.path.parent / "other.yaml"
    write(here.path.parent, {"other.yaml": "services: {b: {build: .}}" if "env" not in fields else "A=1\n"})
    if fields == "extends":
        fields = "services: {{a: {{build: ., extends: {{file: {}, service: b}}}}}}"
    url = site.repository("r", {"compose.yaml": fields.format(outside)})
    done = run(here, url, "--print", check=False)
    assert done.returncode == 1
    assert f"--allow=fs.read={outside}" in done.stderr
    assert run(here, url, "--print", f"--allow=fs.read={outside}").returncode == 0
    assert run(here, url, "--print", BAKE_ALLOW_REMOTE_FS_ACCESS="1").returncode == 0


@pytest.mark.parametrize("program", ["dockerd20", "dockerd29"])
def test_docker_engines_read_remote_definitions(here: Project, site: Site, program: str) -> None:
    """BuildKit 0.8 does so, too, and builds folders of them; it knows no named contexts."""
    url = site.repository("r", FILES) + "#main"
    with running_dockerd(program) as docker:
        engine = Project(here.path, "default", {"DOCKER_HOST": docker.url})
        assert printed(engine, url)["default"]["context"] == url
        run(engine, url, "default", "below")
        assert engine.read("out/f") == "the root"
        assert engine.read("out-below/f") == "the app"
        if program == "dockerd29":
            run(engine, url, "sub")
            assert engine.read("out-sub/app") == "the app"


@pytest.mark.parametrize("definition", ["remote", "local"])
def test_policy_in_a_fetched_context_stops_its_target(here: Project, site: Site, definition: str) -> None:
    """No step runs, and `--policy disabled=true` builds without it."""
    target = 'target "default" {\n  context = "CONTEXT"\n  dockerfile = "sub/D"\n  output = ["out"]\n}\n'
    files = {"sub/D": COPY.format("x"), "x": "built", "sub/D.rego": "package docker\n"}
    url = site.repository("r", {**files, "docker-bake.hcl": target.replace("CONTEXT", ".")})
    write(here.path, {"docker-bake.hcl": target.replace("CONTEXT", url)})
    words = [url] if definition == "remote" else []
    done = run(here, *words, check=False)
    assert done.returncode == 1
    assert 'bakepy cannot evaluate the policy "sub/D.rego" of the context' in done.stderr
    assert "--policy disabled=true" in done.stderr
    assert not (here.path / "out").exists()
    run(here, *words, "--policy", "disabled=true")
    assert here.read("out/f") == "built"


def test_context_at_an_address_without_a_policy_is_built(here: Project, site: Site) -> None:
    """Repositories and archives are looked at, and built."""
    for number, url in enumerate((site.repository("r", FILES), site.archive("a.tgz", "w:gz", FILES))):
        target = f'target "default" {{\n  context = "{url}"\n  output = ["out{number}"]\n}}\n'
        write(here.path, {"docker-bake.hcl": target})
        run(here)
        assert here.read(f"out{number}/f") == "the root"
