"""The embedded engine as a driver: it starts on demand, builds, and names what went wrong."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakepy.drivers.embedded import EmbeddedDriver
from bakepy.drivers.interface import Capability, DriverError, Status
from bakepy.engine.paths import Paths
from bakepy.engine.process import health, stop
from bakepy.settings import Settings
from tests.building import build
from tests.programs import needed, needs_root


@pytest.fixture
def settings() -> Iterator[Settings]:
    needed("buildkitd")
    needs_root()
    with tempfile.TemporaryDirectory(prefix="be-", ignore_cleanup_errors=True) as folder:
        found = Settings({**os.environ, "XDG_DATA_HOME": folder})
        yield found
        stop(Paths.of(found))


def engine_pid(settings: Settings) -> int:
    pid = health(Paths.of(settings)).pid
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@pytest.mark.e2e
async def test_it_starts_on_demand_and_builds(settings: Settings, context: Path) -> None:
    """Inspecting starts nothing; dialling does, even without a boot before it; stop ends it."""
    driver = EmbeddedDriver(settings)
    assert (await driver.inspect()).status is Status.STOPPED

    async with driver.dial() as endpoint:
        await build(endpoint, context)
        node = await driver.inspect()
        assert node.status is Status.RUNNING
        assert node.platforms
    assert Capability.GATEWAY_INPUTS in await driver.capabilities()

    await driver.stop()
    assert (await driver.inspect()).status is Status.STOPPED
    await driver.remove()
    assert not Paths.of(settings).home.exists()


@pytest.mark.e2e
async def test_nodes_have_engines_of_their_own(settings: Settings, context: Path) -> None:
    """Two nodes run at once with a cache each; removing one may keep its cache, and leaves the other alone."""
    one, two = EmbeddedDriver(settings, "one"), EmbeddedDriver(settings, "two")
    state = Paths.of(settings, "one").state
    async with one.dial() as first, two.dial() as second:
        assert first != second
        await build(first, context)
        assert (await EmbeddedDriver(settings).inspect()).status is Status.STOPPED
    await one.remove(keep_state=True)
    assert ((await one.inspect()).status, (await two.inspect()).status) == (Status.STOPPED, Status.RUNNING)
    assert state.exists()
    await one.remove()
    await two.remove()
    assert not list(state.parents[1].iterdir())


@pytest.mark.e2e
async def test_a_crash_is_named_as_the_cause_of_a_loss(settings: Settings) -> None:
    """Asked why a connection broke, the driver tells how its engine ended, with the end of the log."""
    driver = EmbeddedDriver(settings)
    async with driver.dial():
        assert await driver.why_lost() is None
        os.kill(engine_pid(settings), signal.SIGKILL)
        error = await driver.why_lost()

    assert error
    assert "crashed (killed by SIGKILL)" in error.diagnostics[0].summary
    assert "running server on" in error.diagnostics[0].detail


async def test_a_missing_engine_says_what_to_type(tmp_path: Path) -> None:
    """Without an engine the error holds the command that installs one."""
    driver = EmbeddedDriver(Settings({"XDG_DATA_HOME": str(tmp_path), "PATH": str(tmp_path)}))

    assert (await driver.inspect()).status is Status.INACTIVE
    with pytest.raises(DriverError) as caught:
        await driver.boot(lambda _text: None)
    assert caught.value.diagnostics[0].hint == "run: bakepy engine install"
