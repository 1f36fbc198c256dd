"""Definitions and contexts in Git repositories that are reached by SSH, from a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import running_buildkitd
from tests.e2e.conftest import Project, run
from tests.site import write
from tests.ssh import SshSite, make_key, running_agent, serving_ssh

pytestmark = pytest.mark.e2e

COPY = "FROM scratch\nCOPY {} /f\n"
FILES = {
    "docker-bake.hcl": """
        target "default" { output = ["out"] }
        target "sub" {
          context = "sub"
          contexts = { root = "." }
          output = ["out-sub"]
        }
    """,
    "Dockerfile": COPY.format("root"),
    "root": "the root",
    "sub/Dockerfile": COPY.format("sub") + "COPY --from=root root /root\n",
    "sub/sub": "below",
}
CONTEXTS = {
    "context": 'context = "{url}"',
    "contexts": 'dockerfile-inline = "FROM scratch\\nCOPY --from=r root /f\\n"\n contexts = {{ r = "{url}" }}',
}
REFUSED = "ERROR: additional privileges requested\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshSite]:
    with serving_ssh(tmp_path_factory.mktemp("ssh")) as site:
        yield site


@pytest.fixture(scope="module")
def url(site: SshSite) -> str:
    return site.repository("r", FILES)


@pytest.fixture(scope="module")
def near(site: SshSite) -> Iterator[str]:
    """The address of an engine that reaches the server."""
    with running_buildkitd(through=site.beside) as daemon:
        yield daemon.endpoint.target.replace("unix:", "unix://")


@pytest.fixture(scope="module")
def agent(site: SshSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of an agent that opens the repositories."""
    with running_agent(tmp_path_factory.mktemp("agent") / "s", site.key) as socket:
        yield socket


@pytest.fixture
def here(tmp_path: Path, near: str) -> Project:
    """An empty folder to build in, of a user who has no agent and knows no host."""
    (tmp_path / "here").mkdir()
    (tmp_path / "home/.ssh").mkdir(parents=True)
    return Project(tmp_path / "here", near, {"HOME": str(tmp_path / "home"), "SSH_AUTH_SOCK": ""})


@pytest.mark.parametrize("form", ["ssh", "scp", "ssh#main"])
def test_a_definition_and_its_folders_come_by_the_users_agent(here: Project, url: str, agent: str, form: str) -> None:
    """Both forms of an address mean the same repository; its folders are fetched with the agent that was granted."""
    address = url.replace("ssh://git@127.0.0.1", "git@127.0.0.1:") if form == "scp" else url
    address += form.removeprefix("ssh") if "#" in form else ""
    run(here, "--allow", "ssh", address, "default", "sub", SSH_AUTH_SOCK=agent)
    assert here.read("out/f") == "the root"
    assert here.read("out-sub/f") == "below"
    assert here.read("out-sub/root") == "the root"


def test_the_agent_is_not_forwarded_without_a_grant(here: Project, url: str, agent: str) -> None:
    """The definition is read, since the user named it; that its targets use the agent, too, is asked for."""
    done = run(here, url, check=False, SSH_AUTH_SOCK=agent)
    assert done.returncode == 1
    assert " - Forwarding default SSH agent socket\n" in done.stderr
    assert 'Pass "--allow=ssh" to grant requested privileges.' in done.stderr
    assert done.stderr.endswith(REFUSED)
    assert not (here.path / "out").exists()


def test_a_definition_is_printed_without_a_grant(here: Project, url: str, agent: str) -> None:
    """Printing builds nothing."""
    printed = json.loads(run(here, "--print", url, "sub", SSH_AUTH_SOCK=agent).stdout)["target"]["sub"]
    assert printed["context"] == f"{url}#:sub"


def test_a_key_file_opens_a_definition(here: Project, site: SshSite, url: str) -> None:
    """BUILDX_BAKE_GIT_SSH names one, or an agent's socket, in place of the user's agent."""
    assert "sub" in run(here, "--list=targets", url, BUILDX_BAKE_GIT_SSH=str(site.key)).stdout


def test_another_agent_opens_a_definition(here: Project, url: str, agent: str) -> None:
    """Its socket takes the place of the user's."""
    assert "sub" in run(here, "--list=targets", url, BUILDX_BAKE_GIT_SSH=agent).stdout


def test_without_an_agent_it_is_told_what_lacks(here: Project, url: str) -> None:
    """No engine is asked for what cannot be had."""
    done = run(here, "--print", url, check=False)
    assert done.returncode == 1
    assert "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set" in done.stderr


def test_a_key_that_the_server_does_not_know_opens_nothing(here: Project, url: str) -> None:
    """The error says what opens a private repository."""
    make_key(here.path.parent / "stranger")
    done = run(here, "--print", url, check=False, BUILDX_BAKE_GIT_SSH=str(here.path.parent / "stranger"))
    assert done.returncode == 1
    assert "ssh-agent" in done.stderr


@pytest.mark.parametrize("known", ["host", "user"])
def test_a_server_must_be_the_one_that_the_user_knows(
    here: Project, site: SshSite, url: str, agent: str, known: str
) -> None:
    """Where known_hosts has a key for it, a definition and named contexts are taken from no other server."""
    (here.path.parent / "home/.ssh/known_hosts").write_text(site.known_host(known))
    named = f'target "default" {{\n {CONTEXTS["contexts"].format(url=url)}\n output = ["out"]\n}}'
    printed = run(here, "--print", url, check=False, SSH_AUTH_SOCK=agent)
    built = here.bake(named, "--allow=ssh", check=False, SSH_AUTH_SOCK=agent)
    assert [printed.returncode, built.returncode] == ([0, 0] if known == "host" else [1, 1])
    assert (here.path / "out").exists() == (known == "host")


@pytest.mark.parametrize("where", CONTEXTS)
def test_a_context_comes_by_the_users_agent(here: Project, url: str, agent: str, where: str) -> None:
    """A repository that a local definition names is fetched with it, and asks for the grant."""
    definition = f'target "default" {{\n {CONTEXTS[where].format(url=url)}\n output = ["out"]\n}}'
    refused = here.bake(definition, check=False, SSH_AUTH_SOCK=agent)
    assert 'Pass "--allow=ssh"' in refused.stderr
    assert refused.stderr.endswith(REFUSED)
    here.bake(definition, "--allow=ssh", SSH_AUTH_SOCK=agent)
    assert here.read("out/f") == "the root"


@pytest.mark.parametrize("kind", ["key", "agent"])
def test_a_context_comes_by_what_the_target_names(
    here: Project, site: SshSite, url: str, agent: str, kind: str
) -> None:
    """`ssh` names keys or a socket; outside of the working directory, reading them is asked for."""
    path = str(site.key) if kind == "key" else agent
    definition = f'target "default" {{\n context = "{url}"\n ssh = ["default={path}"]\n output = ["out"]\n}}'
    refused = here.bake(definition, check=False)
    assert f"--allow=fs.read={path}" in refused.stderr or "fs.read=.." in refused.stderr
    assert not (here.path / "out").exists()
    here.bake(definition, f"--allow=fs.read={path}")
    assert here.read("out/f") == "the root"


def test_what_is_typed_needs_no_grant(here: Project, site: SshSite, url: str) -> None:
    """A key that --set names is the user's word."""
    definition = f'target "default" {{\n context = "{url}"\n output = ["out"]\n}}'
    here.bake(definition, "--set", f"*.ssh=default={site.key}")
    assert here.read("out/f") == "the root"


def test_a_step_uses_the_agent(here: Project, near: str, site: SshSite, agent: str) -> None:
    """What is granted reaches a step that mounts it, and only as an agent: it signs, and gives no key away."""
    write(here.path, {"Dockerfile": 'FROM scratch\nCOPY sh /bin/sh\nRUN --mount=type=ssh [ -S "$SSH_AUTH_SOCK" ]\n'})
    (here.path / "sh").write_bytes(Path("/bin/busybox").read_bytes())
    (here.path / "sh").chmod(0o755)
    definition = 'target "default" {\n ssh = ["default"]\n output = ["type=cacheonly"]\n}'
    assert here.bake(definition, check=False, SSH_AUTH_SOCK=agent).stderr.endswith(REFUSED)
    here.bake(definition, "--allow=ssh", SSH_AUTH_SOCK=agent)
