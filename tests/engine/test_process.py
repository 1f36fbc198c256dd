"""A real BuildKit in the background: started once, found again, stopped when idle; and each way in which it fails."""

import asyncio
import multiprocessing
import os
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bakepy.diagnostics import BakeError
from bakepy.engine.errors import CrashError, DiskFullError, StartError
from bakepy.engine.find import Engine
from bakepy.engine.locks import is_locked
from bakepy.engine.paths import SUN_PATH, Paths
from bakepy.engine.probe import Answer, connections, probe
from bakepy.engine.process import crashed, health, in_use, start, stop
from bakepy.engine.supervisor import Idle, Supervisor
from bakepy.settings import Settings
from bakepy.transport.endpoint import Endpoint
from tests.building import build
from tests.waiting import PATIENCE, wait_for

Say = Callable[[str], None]

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(autouse=True)
def _as_root_or_rootless(settings: Settings) -> None:
    from bakepy.engine.privileges import check

    try:
        check(settings)
    except StartError as error:
        pytest.skip(str(error))


def engine_pid(paths: Paths) -> int:
    """The process id of BuildKit itself, the supervisor's only child."""
    supervisor = health(paths).pid
    return int(Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()[0])


@pytest.mark.e2e
def test_start_is_quiet_private_and_happens_once(
    engine: Engine, settings: Settings, paths: Paths, say: Say, said: list[str]
) -> None:
    """After start BuildKit answers on a socket that only its user may open; a second start finds it."""
    start(engine, settings, say)
    first = health(paths)
    start(engine, settings, say)

    assert first.running
    assert health(paths).pid == first.pid
    assert stat.S_IMODE(paths.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.run.stat().st_mode) == 0o700
    assert stat.S_IMODE(paths.log.stat().st_mode) == 0o600
    assert said == []


@pytest.mark.e2e
def test_stop_leaves_nothing_but_the_cache(engine: Engine, settings: Settings, paths: Paths, say: Say) -> None:
    """After stop neither process nor socket is left, and a second stop has nothing to do."""
    start(engine, settings, say)
    pid = engine_pid(paths)

    assert stop(paths)
    assert not Path(f"/proc/{pid}").exists()
    assert probe(paths.socket) is Answer.ABSENT
    assert not is_locked(paths.alive_lock)
    assert paths.state.is_dir()
    assert not stop(paths)


@pytest.mark.e2e
def test_an_idle_engine_stops_by_itself(engine: Engine, settings: Settings, paths: Paths, say: Say) -> None:
    """Without clients it ends after the idle time, and that is no crash."""
    start(engine, settings, say, idle=0.2)
    wait_for(lambda: not is_locked(paths.alive_lock))

    assert health(paths).answer is Answer.ABSENT
    assert health(paths).crash is None


def test_idle_time_counts_from_the_last_use() -> None:
    """While something uses the engine, no time counts."""
    idle = Idle(10, now=0)
    looks = [(9, False), (10, True), (15, True), (24, False), (25, False)]
    assert [idle.over(now, used=used) for now, used in looks] == [False, False, False, False, True]


@pytest.mark.e2e
def test_clients_and_connections_count_as_use(engine: Engine, settings: Settings, paths: Paths, say: Say) -> None:
    """Not only bakepy keeps the engine from being idle, but any program that holds a connection."""
    start(engine, settings, say)
    supervisor = Supervisor(paths, 0, [])

    def is_used() -> bool:
        if (lock := supervisor.unused()) is None:
            return True
        os.close(lock)
        return False

    wait_for(lambda: not is_used())
    with in_use(paths):
        assert is_used()
    wait_for(lambda: not is_used())
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(paths.socket))
        wait_for(is_used)
        assert connections(paths.socket) == 1
    wait_for(lambda: not is_used())


def _start_and_tell(engine: Engine, settings: Settings, queue: "multiprocessing.SimpleQueue[int]") -> None:
    start(engine, settings, lambda _text: None)
    queue.put(health(Paths.of(settings)).pid)


@pytest.mark.e2e
def test_two_starts_at_once_make_one_engine(engine: Engine, settings: Settings) -> None:
    """Whoever comes second waits for the first and uses the same engine."""
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.SimpleQueue[int] = context.SimpleQueue()
    environment = Settings(settings.environment())
    starters = [context.Process(target=_start_and_tell, args=(engine, environment, queue)) for _ in range(3)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(PATIENCE)

    assert [starter.exitcode for starter in starters] == [0, 0, 0]
    assert len({queue.get() for _ in starters}) == 1


@pytest.mark.e2e
def test_a_killed_engine_is_told_apart_and_replaced(engine: Engine, settings: Settings, paths: Paths, say: Say) -> None:
    """An engine that is killed leaves its signal and its log's end as the explanation; the next start works."""
    start(engine, settings, say)
    os.kill(engine_pid(paths), signal.SIGKILL)

    error = crashed(paths)
    assert isinstance(error, CrashError)
    assert "SIGKILL" in str(error)
    assert "running server on" in error.diagnostics[0].detail
    assert str(paths.log) in error.diagnostics[0].hint

    start(engine, settings, say)
    assert health(paths).running
    assert crashed(paths) is None

    stop(paths)
    error = crashed(paths)
    assert error
    assert "was stopped" in str(error)
    assert str(paths.log) in error.diagnostics[0].hint


@pytest.mark.e2e
def test_a_killed_supervisor_takes_the_engine_along(
    engine: Engine, settings: Settings, paths: Paths, say: Say, said: list[str]
) -> None:
    """No engine goes on without its supervisor; the socket it leaves is called stale, and the next start works."""
    start(engine, settings, say)
    pid = engine_pid(paths)
    os.kill(health(paths).pid, signal.SIGKILL)
    wait_for(lambda: probe(paths.socket) is Answer.STALE)
    wait_for(lambda: not Path(f"/proc/{pid}").exists())

    start(engine, settings, say)
    assert health(paths).running
    assert "had died" in said[0]


def is_stopped(pid: int) -> bool:
    """Check whether all threads of a process have stopped: those that run go on for a moment after the signal."""
    states = [path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) == {"T"}


@pytest.mark.e2e
def test_a_hung_engine_is_replaced(
    engine: Engine, settings: Settings, paths: Paths, say: Say, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that holds its socket and does not answer is stopped, and a new one started."""
    monkeypatch.setattr("bakepy.engine.process.HUNG_AFTER", 0.1)
    start(engine, settings, say)
    before, pid = health(paths).pid, engine_pid(paths)
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: is_stopped(pid))

    start(engine, settings, say)
    wait_for(lambda: health(paths).running)
    assert health(paths).pid != before
    assert "does not answer" in said[0]


@pytest.mark.e2e
def test_an_engine_that_answers_late_is_kept(
    engine: Engine, settings: Settings, paths: Paths, say: Say, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy machine's engine has builds to lose: it is asked again, with more patience."""
    start(engine, settings, say)
    before, pid = health(paths).pid, engine_pid(paths)
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: is_stopped(pid))
    asked: list[float] = []

    def late(path: Path, timeout: float = 0.1) -> Answer:
        if asked:
            os.kill(pid, signal.SIGCONT)
        asked.append(timeout)
        return probe(path, timeout)

    monkeypatch.setattr("bakepy.engine.process.probe", late)
    start(engine, settings, say)
    assert health(paths).pid == before
    assert not said


@pytest.mark.e2e
def test_an_engine_that_ends_at_once_shows_its_log(engine: Engine, settings: Settings, paths: Paths, say: Say) -> None:
    """A BuildKit that cannot open its state ends with an error that shows what it said."""
    paths.prepare()
    paths.state.write_text("not a folder")

    with pytest.raises(CrashError) as caught:
        start(engine, settings, say)

    assert "exit status 1" in str(caught.value)
    assert "not a directory" in caught.value.diagnostics[0].detail
    assert not is_locked(paths.alive_lock)


@pytest.fixture
def full_disk(home: Path) -> Iterator[Path]:
    folder = home / "bakepy"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.e2e
@root_only
@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_named(engine: Engine, settings: Settings, paths: Paths, say: Say) -> None:
    """Where no room is left the error says so, and where, instead of showing a crash."""
    with pytest.raises(DiskFullError, match="disk is full") as caught:
        start(engine, settings, say)

    assert str(paths.home) in caught.value.diagnostics[0].detail


@pytest.mark.e2e
@root_only
@pytest.mark.parametrize("name", ["home", "run"])
def test_the_folder_of_someone_else_is_refused(
    settings: Settings, paths: Paths, engine: Engine, say: Say, name: str
) -> None:
    """A folder that another user owns is not trusted: neither for the socket nor for the programs."""
    from bakepy.engine.errors import EngineError

    paths.prepare()
    os.chown(getattr(paths, name), 65534, 65534)

    with pytest.raises(EngineError, match="belongs to someone else"):
        start(engine, settings, say)


def test_nobody_else_may_write_where_the_engine_lies(home: Path) -> None:
    """The folders that are made are open to this user alone, whatever the umask, and so is one that was open before."""
    paths = Paths(home / "data/bakepy/engine")
    before = os.umask(0)
    try:
        paths.prepare()
        made = [home / "data", home / "data/bakepy", paths.home, paths.run]
        assert {stat.S_IMODE(folder.stat().st_mode) for folder in made} == {0o700}
        paths.home.chmod(0o777)
        paths.prepare()
    finally:
        os.umask(before)
    assert stat.S_IMODE(paths.home.stat().st_mode) == 0o700


def test_a_long_home_still_has_a_short_socket(home: Path) -> None:
    """A unix socket's address holds 107 bytes, and home folders may be longer than that."""
    paths = Paths(home / ("x" * 120) / "engine")

    assert len(os.fsencode(paths.socket)) <= SUN_PATH
    assert paths.run != Paths(home / ("y" * 120) / "engine").run


SLEEPER = b"""FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sleep", "4321"]
"""


def sleepers() -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes() == b"/bin/busybox\0sleep\x004321\0":
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


def mounted_below(folder: Path) -> bool:
    return f" {folder}/" in Path("/proc/self/mountinfo").read_text()


@pytest.mark.e2e
async def test_a_stopped_engine_leaves_no_container(
    engine: Engine, settings: Settings, paths: Paths, say: Say, tmp_path: Path
) -> None:
    """Neither stopping the engine in the middle of a step nor killing it leaves the step running or mounted."""
    shutil.copy("/bin/busybox", tmp_path)
    (tmp_path / "Dockerfile").write_bytes(SLEEPER)
    for end in (lambda: stop(paths), lambda: os.kill(engine_pid(paths), signal.SIGKILL)):
        start(engine, settings, say)
        building = asyncio.ensure_future(build(Endpoint(f"unix:{paths.socket}"), tmp_path))
        await asyncio.to_thread(wait_for, sleepers)
        assert health(paths).clients

        await asyncio.to_thread(end)
        await asyncio.to_thread(wait_for, lambda: not sleepers() and not is_locked(paths.alive_lock))
        with pytest.raises(BakeError):
            await building
        assert not mounted_below(paths.state)
