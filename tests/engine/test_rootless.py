"""The engine of an ordinary user: through rootlesskit, or with the exact remedy where something is lacking."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import bakepy
from bakepy.engine.find import Engine
from bakepy.engine.paths import Paths
from bakepy.transport.endpoint import Endpoint
from tests.building import build

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("useradd", "su", "rootlesskit"))),
        reason="needs root, to make a user, and rootlesskit",
    ),
]

SCRIPT = """
import sys

from bakepy.diagnostics import BakeError, render
from bakepy.engine import find, install, paths, process
from bakepy.settings import Settings

settings = Settings()
try:
    match sys.argv[1]:
        case "start":
            process.start(find.need(settings), settings, print)
        case "stop":
            process.stop(paths.Paths.of(settings))
        case "uninstall":
            install.uninstall(settings, print)
except BakeError as error:
    sys.exit(render(error.diagnostics))
"""

DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "id"]
RUN --network=none ["/bin/busybox", "touch", "/made"]
"""


class Person:
    """An ordinary user of the system with an engine of their own."""

    def __init__(self, name: str, folder: Path, python: str) -> None:
        self.name = name
        self.folder = folder
        self.python = python
        self.paths = Paths(Path(pwd.getpwnam(name).pw_dir) / ".local" / "share" / "bakepy" / "engine")

    def run(self, action: str) -> "subprocess.CompletedProcess[str]":
        environment = f"PATH={self.folder}/bin:/usr/bin:/bin PYTHONPATH={self.folder} PYTHONDONTWRITEBYTECODE=1"
        command = f"cd / && {environment} {self.python} {self.folder}/script.py {action}"
        return subprocess.run(
            ["su", self.name, "-s", "/bin/sh", "-c", command], capture_output=True, text=True, check=False
        )


def usable_python(name: str) -> str:
    """A Python that any user may run: the tests' own may lie in root's home."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    for candidate in (os.path.realpath(shutil.which("python3") or ""), "/usr/bin/python3"):
        if (
            subprocess.run(
                ["su", name, "-s", "/bin/sh", "-c", f'{candidate} -c "{check}"'], check=False, stderr=subprocess.DEVNULL
            ).returncode
            == 0
        ):
            return candidate
    pytest.skip("no Python 3.11 that an ordinary user may run")


@pytest.fixture
def person(engine: Engine) -> Iterator[Person]:
    name = f"bakepy-{os.getpid()}"
    subprocess.run(["useradd", "-m", "-s", "/bin/sh", name], check=True)
    with tempfile.TemporaryDirectory(prefix="bake-user-") as text:
        folder = Path(text)
        folder.chmod(0o755)
        (folder / "bin").mkdir()
        for program in (engine.buildkitd, engine.runc):
            shutil.copy(program, folder / "bin")
        shutil.copytree(Path(bakepy.__file__).parent, folder / "bakepy", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "script.py").write_text(SCRIPT)
        found = None
        try:
            found = Person(name, folder, usable_python(name))
            yield found
        finally:
            if found:
                found.run("stop")
            subprocess.run(["userdel", "-r", "-f", name], check=True, capture_output=True)


async def test_an_ordinary_user_builds(person: Person, tmp_path: Path) -> None:
    """Without root the engine runs through rootlesskit, builds RUN steps, stops, and is removed whole."""
    started = person.run("start")
    assert started.returncode == 0, started.stderr
    assert person.paths.socket.stat().st_uid == pwd.getpwnam(person.name).pw_uid
    shutil.copy("/bin/busybox", tmp_path)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)

    await build(Endpoint(f"unix:{person.paths.socket}"), tmp_path)

    removed = person.run("uninstall")
    assert removed.returncode == 0, removed.stderr
    assert not person.paths.home.exists()


def test_what_an_ordinary_user_lacks_is_named_with_its_remedy(person: Person) -> None:
    """Without subordinate ids the error gives the commands that, run as root, make the engine start."""
    for kind in ("uid", "gid"):
        lines = Path(f"/etc/sub{kind}").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith(person.name + ":"))
        first, count = map(int, line.split(":")[1:])
        subprocess.run(["usermod", f"--del-sub{kind}s", f"{first}-{first + count - 1}", person.name], check=True)

    refused = person.run("start")
    assert refused.returncode == 1
    assert "/etc/subuid" in refused.stderr
    remedy = re.search(r"hint: as root, run: (.*)", refused.stderr)
    assert remedy

    subprocess.run(["sh", "-ec", remedy.group(1)], check=True)
    started = person.run("start")
    assert started.returncode == 0, started.stderr
