"""Targets of a definition that was read from elsewhere are built from there."""

import pytest

from bakepy.diagnostics import BakeError
from bakepy.planner.checks import complete
from bakepy.planner.entitlements import needs, parse
from bakepy.planner.origin import Origin
from bakepy.planner.spec import (
    ContextDockerfile,
    InlineDockerfile,
    LocalContext,
    LocalDockerfile,
    RemoteContext,
    SecretSource,
    SolveSpec,
    SourceContext,
    SshSource,
)
from bakepy.planner.specify import specify
from tests.planner.definitions import selected

GIT = "https://example.test/a.git#main"
TOKEN = SecretSource("GIT_AUTH_TOKEN.example.test", env="BUILDX_BAKE_GIT_AUTH_TOKEN")
REPOSITORY = Origin(GIT, secrets=(TOKEN,))
ARCHIVE = Origin("https://example.test/a.tgz", archive=True)


def built(fields: str, origin: Origin = REPOSITORY) -> tuple[str | None, SolveSpec]:
    """Return the context that is printed, and the solve."""
    config = selected(f'target "default" {{\n{fields}\n}}')
    config.definition.origin = origin
    complete(config, lambda _name: None)
    return config.targets["default"].context, specify(config.targets, origin, config.folders)["default"]


@pytest.mark.parametrize(
    ("text", "shown", "context"),
    [
        (".", GIT, RemoteContext(GIT)),
        ("", GIT, RemoteContext(GIT)),
        ("sub", f"{GIT}:sub", SourceContext(GIT, "sub")),
        ("./sub/", f"{GIT}:sub", SourceContext(GIT, "sub")),
        ("/sub", f"{GIT}:/sub", SourceContext(GIT, "/sub")),
        ("../sub", f"{GIT}:../sub", SourceContext(GIT, "../sub")),
        ("cwd://", ".", LocalContext(".")),
        ("cwd://sub", "sub", LocalContext("sub")),
        ("https://other.test/b.git", "https://other.test/b.git", RemoteContext("https://other.test/b.git")),
    ],
)
def test_a_context_is_a_folder_of_the_origin(text, shown, context):
    """Only cwd:// names a folder of this machine."""
    printed, spec = built(f'context = "{text}"\ndockerfile-inline = "FROM scratch"')
    assert printed == shown
    assert spec.context == context


def test_a_target_without_a_context_is_built_from_the_origin():
    """The default context is the origin itself."""
    assert built("")[1].context == RemoteContext(GIT)


def test_named_contexts_are_folders_of_the_origin():
    """They are printed as they are written."""
    _, spec = built('contexts = { a = ".", b = "sub", c = "cwd://x", d = "docker-image://e" }')
    assert dict(spec.contexts)["a"] == RemoteContext(GIT)
    assert dict(spec.contexts)["b"] == SourceContext(GIT, "sub")
    assert dict(spec.contexts)["c"] == LocalContext("x")


def test_folders_of_an_archive_have_no_address():
    """They are printed as paths, and the archive by its own address."""
    assert built('context = "sub"', ARCHIVE)[0] == "sub"
    assert built('context = "sub"', ARCHIVE)[1].context == SourceContext(ARCHIVE.url, "sub", archive=True)
    assert built("", ARCHIVE)[0] == ARCHIVE.url
    assert built("", ARCHIVE)[1].context == SourceContext(ARCHIVE.url, ".", archive=True)


@pytest.mark.parametrize(
    ("fields", "dockerfile"),
    [
        ("", ContextDockerfile("Dockerfile")),
        ('context = "sub"\ndockerfile = "D"', ContextDockerfile("D")),
        ('context = "sub"\ndockerfile = "/D"', ContextDockerfile("/D")),
        ('context = "sub"\ndockerfile = "cwd://D"', LocalDockerfile("./D")),
        ('context = "cwd://x"\ndockerfile = "cwd://D"', LocalDockerfile("./D")),
        ('context = "cwd://"\ndockerfile-inline = "FROM scratch"', InlineDockerfile("FROM scratch")),
    ],
)
def test_a_dockerfile_is_read_from_the_context(fields, dockerfile):
    """One of this machine is named with cwd://."""
    assert built(fields)[1].dockerfile == dockerfile


def test_a_local_context_does_not_bring_its_dockerfile_along():
    """Which of two Dockerfiles would be meant is not clear, so it must be said."""
    with pytest.raises(BakeError, match="reading a dockerfile for a remote build invocation") as caught:
        built('context = "cwd://"\ndockerfile = "D"')
    assert "cwd://" in caught.value.diagnostics[0].hint


@pytest.mark.parametrize(
    ("fields", "given"),
    [
        ("", True),
        ('context = "sub"', True),
        ('context = "https://EXAMPLE.test/other.git"', True),
        ('context = "https://other.test/a.git"', False),
        ('context = "cwd://"\ndockerfile = "cwd://D"', False),
        ('context = "https://other.test/a.git"\ncontexts = { a = "sub" }', True),
    ],
)
def test_secrets_go_to_builds_that_fetch_from_the_same_host(fields, given):
    """No other host's build gets to see the token."""
    assert (TOKEN in built(fields)[1].secrets) == given


def test_a_target_may_replace_the_secret():
    """What a target says of a secret of that id holds."""
    own = 'secret = ["id=GIT_AUTH_TOKEN.example.test,env=MINE"]'
    assert built(own)[1].secrets == (SecretSource(TOKEN.id, env="MINE"),)


@pytest.mark.parametrize(
    ("ssh", "sources"),
    [
        ("[]", (SshSource("default"),)),
        ('["k=/key"]', (SshSource("k", ("/key",)), SshSource("default"))),
        ('["default=/key"]', (SshSource("default", ("/key",)),)),
    ],
)
def test_an_origin_reached_by_ssh_takes_an_agent(ssh, sources):
    """The target's own agents stay, and its own default goes first."""
    origin = Origin("git@example.test:a.git")
    assert built(f'context = "sub"\nssh = {ssh}', origin)[1].ssh == sources


def test_a_named_context_reached_by_ssh_is_a_source_with_an_agent():
    """Frontends know no such addresses for them; a definition of this machine may have one, too."""
    url = "git@example.test:a.git"
    config = selected(f'target "default" {{\n contexts = {{ a = "{url}" }}\n}}')
    spec = specify(config.targets)["default"]
    assert dict(spec.contexts)["a"] == SourceContext(url, ".")
    assert spec.ssh == (SshSource("default"),)
    assert dict(built('contexts = { a = "." }', Origin(url))[1].contexts)["a"] == SourceContext(url, ".")


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ('context = "sub"\ncontexts = { a = "../b" }\ndockerfile = "../D"', []),
        ('context = "cwd://"\ndockerfile = "cwd://D"', []),
        ('context = "cwd:///tmp/.."\ndockerfile = "cwd://D"', ["fs.read=/"]),
        ('context = "sub"\ndockerfile = "cwd:///D"', ["fs.read=/"]),
        ('dockerfile = "/D"', ["fs.read=/"]),
        ('contexts = { a = "cwd:///" }', ["fs.read=/"]),
        ('secret = ["id=a,src=/"]', ["fs.read=/"]),
        ('output = ["/x"]', ["fs.write=/"]),
    ],
)
def test_files_of_this_machine_need_leave(fields, flags, tmp_path, monkeypatch):
    """What the definition names of its origin does not; what it names of this machine outside of the folder does."""
    monkeypatch.chdir(tmp_path)
    assert [need.flag for need in needs([built(fields)[1]], parse([]))] == flags
