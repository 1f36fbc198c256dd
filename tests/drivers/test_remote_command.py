"""A BuildKit behind a command: the addresses, and what is told where the command fails."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bakepy.drivers.interface import Capability, DriverError, Status
from bakepy.drivers.remote_command import RemoteCommandDriver, command
from bakepy.drivers.ssh import ssh
from bakepy.transport.endpoint import Endpoint
from tests.building import build
from tests.daemon import running_buildkitd

IN_POD = ("-i", "bk-0", "--", "buildctl", "dial-stdio")
SSH = ("ssh", "-o", "ConnectTimeout=30", "-T")

STAND_IN = """\
#!/bin/sh
# Says what it was asked, and connects to the daemon that the test runs: no cluster can be had here.
echo "$@" > {told}
[ "$1" = exec ] || [ "$2" = exec ] || [ "$3" = exec ] || exit 1
exec {buildctl} --addr {address} dial-stdio
"""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("kube-pod://bk-0", ("kubectl", "exec", *IN_POD)),
        (
            "kube-pod://bk-0?context=c&namespace=n&container=b",
            ("kubectl", "--context=c", "--namespace=n", "exec", "--container=b", *IN_POD),
        ),
        ("ssh://Far", (*SSH, "--", "Far", "buildctl", "dial-stdio")),
        ("ssh://me@far:2222", (*SSH, "-l", "me", "-p", "2222", "--", "far", "buildctl", "dial-stdio")),
        ("ssh://[::1]:22", (*SSH, "-p", "22", "--", "::1", "buildctl", "dial-stdio")),
        ("ssh://far/", (*SSH, "--", "far", "buildctl", "dial-stdio")),
        ("ssh://far/run/a;b", (*SSH, "--", "far", "buildctl", "--addr", "'unix:///run/a;b'", "dial-stdio")),
        ("ssh://-oProxyCommand=x", (*SSH, "--", "-oProxyCommand=x", "buildctl", "dial-stdio")),
    ],
)
def test_an_address_is_a_command(url: str, expected: tuple[str, ...]) -> None:
    """Each part of an address has its place in the command, and none can become a flag or a second command."""
    assert command(url) == expected


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("kube-pod://", "url lacks pod name"),
        ("kube-pod://-f", "unsupported pod name"),
        ("kube-pod://p?namespace=A", 'unsupported namespace name: "A"'),
        ("kube-pod://p?container=a%20b", 'unsupported container name: "a b"'),
        ("ssh://", "no host specified"),
        ("ssh://me:secret@far", "invalid address ssh://far: plain-text password is not supported"),
        ("ssh://me:secret@far:x", "invalid address ssh://me@far:x: Port could not be cast"),
        ("ssh://far?a=b", "extra query or fragment"),
        ("ssh://far:99999", "invalid address"),
    ],
)
def test_a_bad_address_is_named(url: str, complaint: str) -> None:
    """What is wrong with an address is said without the password that it may hold."""
    with pytest.raises(DriverError, match=complaint) as caught:
        command(url)
    assert "secret" not in str(caught.value)


def test_words_reach_the_far_shell_whole() -> None:
    """The far side's shell reads the command once more, so words with spaces are quoted."""
    assert ssh(urlsplit("ssh://far"), "a b", "c")[-2:] == ("'a b'", "c")


def test_only_default_load_is_an_option() -> None:
    """Such a connection has no TLS of its own to set up."""
    with pytest.raises(DriverError, match="invalid driver option cacert for a builder at ssh://"):
        RemoteCommandDriver("ssh://far", {"cacert": "/ca"})


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """A program in kubectl's place; what tells with which arguments it was run last."""
    told = tmp_path / "told"
    with running_buildkitd() as daemon:
        script = tmp_path / "bin" / "kubectl"
        script.parent.mkdir()
        address = daemon.endpoint.target.replace("unix:", "unix://")
        script.write_text(STAND_IN.format(told=told, buildctl=shutil.which("buildctl"), address=address))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
        yield lambda: told.read_text().strip()


@pytest.mark.e2e
async def test_a_pod_builds(kubectl: Callable[[], str], context: Path) -> None:
    """A build runs through kubectl's standard input and output, the context included."""
    driver = RemoteCommandDriver("kube-pod://bk-0?namespace=ci", {"default-load": "true"})
    await driver.boot(lambda _text: None)

    assert kubectl() == "--namespace=ci exec -i bk-0 -- buildctl dial-stdio"
    node = await driver.inspect()
    assert (node.status, Capability.LOADS_BY_DEFAULT in await driver.capabilities()) == (Status.RUNNING, True)
    async with driver.dial() as found:
        assert isinstance(found, Endpoint)
        await build(found, context)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("echo 'pod not found' >&2; exit 1", "kube-pod://p; kubectl exec -i p -- buildctl dial-stdio: pod not found"),
        ("exit 3", "kubectl ended with status 3"),
    ],
)
async def test_a_command_that_fails_says_why(
    script: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command's own words are part of the error."""
    program = tmp_path / "kubectl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    for ask in (RemoteCommandDriver("kube-pod://p", {}).inspect(), RemoteCommandDriver("kube-pod://p", {}).boot(print)):
        with pytest.raises(DriverError) as caught:
            await ask
        assert complaint in str(caught.value)
        assert "kubectl get pods" in caught.value.diagnostics[0].hint


async def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without kubectl the error says to install it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DriverError, match="reached through kubectl, which cannot be run") as caught:
        await RemoteCommandDriver("kube-pod://p", {}).boot(lambda _text: None)
    assert caught.value.diagnostics[0].hint.startswith("install kubectl")
