"""The examples of the guide are run as they stand, and print what it says they print."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakepy.engine.paths import Paths
from bakepy.engine.process import stop
from bakepy.settings import Settings
from tests.daemon import Daemon, find_buildkitd, running_buildkitd
from tests.e2e.conftest import installed
from tests.programs import needed, needs_root

pytestmark = pytest.mark.e2e

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
SOCKET = "unix:///run/buildkit/buildkitd.sock"
ARM = "unix:///run/arm/buildkitd.sock"
REGISTRY = "127.0.0.1:5000"
HOME = "/home/me"

VARYING = {
    r"\b[0-9a-z]{25}\b\*?": "ID",
    r"\b\d+(\.\d+)?(B|kB|MB|GB|KiB|MiB|GiB)(?=\s|$)": "SIZE",
    r"(Less than a second|\d+ seconds?|About a minute|\d+ minutes) ago": "AGE",
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC": "TIME",
    r"\bv\d+\.\d+\.\d+\S*": "VERSION",
    # What a node runs besides its own platform depends on the emulators that its machine's kernel has.
    r"linux/arm64\*(, linux/[^\s,]+)*": "PLATFORMS",
    r"linux/amd64[^\s,]*( \(\+\d+\))?(, linux/[^\s,]+( \(\+\d+\))?)*(, \(\d+ more\))?(?=\s|$)": "PLATFORMS",
    r"\bdone \d+\.\ds": "done TIME",
    # Steps are numbered as they begin, and those that need nothing of each other begin together.
    r"(?m)^#[1-9]\d*(?= )": "#N",
}
"""What differs between machines and runs, and what it is compared as."""

Step = tuple[str, list[str]]


def url(daemon: Daemon) -> str:
    return daemon.endpoint.target.replace("unix:", "unix://")


def replaced(text: str, words: dict[str, str]) -> str:
    for word, other in words.items():
        text = text.replace(word, other)
    return text


def steps(page: Path) -> list[Step]:
    """Return the commands of a page's console examples with the lines that each prints."""
    found: list[Step] = []
    for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


def plain(text: str) -> list[str]:
    """Return the lines with what varies replaced, and runs of spaces as one."""
    for pattern, word in VARYING.items():
        text = re.sub(pattern, word, text)
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]


def pattern(lines: list[str]) -> str:
    """Return a regular expression of lines, of which `…` stands for any number."""
    return "".join(r"(?:.*\n)*" if line == "…" else re.escape(line) + "\n" for line in lines)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A user who has bakepy and the engine's programs on PATH, and in the working folder something to build."""
    needs_root()
    programs = installed(tmp_path)
    (programs / "buildkitd").symlink_to(find_buildkitd() or needed("buildkitd"))
    (programs / "runc").symlink_to(needed("runc"))
    shutil.copy("/bin/busybox", tmp_path)
    (tmp_path / "Dockerfile").write_text(
        'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "/bin"]\n'
    )
    (tmp_path / "docker-bake.hcl").write_text('target "default" {\n  output = ["type=oci,dest=app.tar"]\n}\n')
    found = {
        "HOME": str(tmp_path),
        "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin",
        "DOCKER_CONFIG": f"{tmp_path}/.docker",
    }
    yield found
    for node in ("", "mine0"):
        stop(Paths.of(Settings(found), node))


@pytest.mark.parametrize(
    "told",
    [
        "linux/amd64",
        "linux/amd64 (+4), linux/386",
        "linux/amd64, linux/amd64/v2, linux/386, linux/arm64",
        "linux/amd64 (+3), linux/arm64, linux/arm (+2), linux/ppc64le, (5 more)",
    ],
)
def test_platforms_of_any_machine_are_alike(told: str) -> None:
    """The examples hold whatever emulators are registered."""
    assert plain(f"Platforms:        {told}") == ["Platforms: PLATFORMS"]
    assert plain(f" \\_ farm0 running {told}") == ["\\_ farm0 running PLATFORMS"]


def test_builders(environment: dict[str, str], tmp_path: Path, registry: str) -> None:
    """The page on builders tells what its commands print, from the first to the last."""
    if Path("/var/run/docker.sock").exists():
        pytest.skip("a Docker Engine of the machine's answers where the page has none")
    with running_buildkitd() as daemon, running_buildkitd("--oci-worker-platform", "linux/arm64") as arm:
        real = {SOCKET: url(daemon), ARM: url(arm), REGISTRY: registry}
        for command, lines in steps(GUIDE / "builders.md"):
            done = subprocess.run(
                ["/bin/sh", "-fc", replaced(command, real)],
                env=environment,
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=120,
            )
            printed = replaced(done.stdout, {found: told for told, found in real.items()} | {str(tmp_path): HOME})
            wanted = pattern(plain("\n".join(lines)))
            found = "".join(f"{line}\n" for line in plain(printed))
            # Blank lines at the end are not part of an example.
            assert re.fullmatch(wanted + r"\n*", found), f"$ {command}\n{printed}\n{wanted}"
