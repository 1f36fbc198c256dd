"""BuildKit in containers of real Docker Engines, an old and a new one."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bakepy.buildkit.errors import ConnectionLost
from bakepy.drivers.docker_api import DockerApi
from bakepy.drivers.docker_container import DockerContainerDriver
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import BUILDKIT, Amount, Capability, Driver, DriverError, Status
from bakepy.drivers.remote_container import RemoteContainerDriver
from bakepy.progress.events import SolveUpdate
from bakepy.settings import Settings
from tests.building import build
from tests.buildkit_image import IMAGE, load_buildkit

Make = Callable[..., DockerContainerDriver]

NODE = "test0"
CONTAINER = f"buildx_buildkit_{NODE}"

REACH = """
import asyncio, sys
from bakepy.drivers.docker_container import DockerContainerDriver
from bakepy.drivers.docker_host import DockerHost
from bakepy.settings import Settings

async def main():
    driver = DockerContainerDriver(DockerHost("", sys.argv[1]), sys.argv[2], Settings())
    await driver.boot(print)
    async with driver.dial():
        assert "docker" not in sys.modules

asyncio.run(main())
"""

SLOW = (
    "FROM scratch\nCOPY busybox /bin/busybox\n"
    'RUN ["/bin/busybox", "sh", "-c", "while echo running; do busybox sleep 0.1; done"]\n'
)


@pytest.fixture(scope="package")
def engine(docker: DockerHost, tmp_path_factory: pytest.TempPathFactory) -> DockerHost:
    """An Engine that has an image of BuildKit."""
    load_buildkit(docker, tmp_path_factory.mktemp("image"))
    return docker


@pytest.fixture
async def make(engine: DockerHost, tmp_path: Path) -> AsyncIterator[Make]:
    """Drivers of one node, whose container and volume are removed at the end."""
    made: list[DockerContainerDriver] = []

    def driver(*, flags: tuple[str, ...] = (), files: dict[str, bytes] | None = None, **options: str) -> Any:
        named = {"image": IMAGE} | {key.replace("__", ".").replace("_", "-"): v for key, v in options.items()}
        settings = Settings({"DOCKER_CONFIG": str(tmp_path)})
        made.append(DockerContainerDriver(engine, NODE, settings, options=named, flags=flags, files=files))
        return made[-1]

    yield driver
    if made:
        await made[0].remove()


def get(host: DockerHost, path: str, method: str = "GET", body: object = None) -> dict[str, Any]:
    return DockerApi(host).request(method, path, body).body


async def booted(driver: Driver) -> list[str]:
    said: list[str | Amount] = []
    await driver.boot(said.append)
    return list(dict.fromkeys(note if isinstance(note, str) else note.what for note in said))


@pytest.mark.e2e
async def test_a_container_lives_and_dies(make: Make, engine: DockerHost, context: Path) -> None:
    """It is made on first use, telling each step; it builds; stopped, it starts again; removed, nothing is left."""
    driver = make()
    assert (await driver.inspect()).status is Status.INACTIVE

    assert await booted(driver) == [
        f"pulling image {IMAGE}",
        f"using local image {IMAGE}",
        f"creating container {CONTAINER}",
        f"starting container {CONTAINER}",
    ]
    node = await driver.inspect()
    assert (node.status, node.version[:1], node.platforms[0][:6]) == (Status.RUNNING, "v", "linux/")
    async with driver.dial() as endpoint:
        await build(endpoint, context)
    assert await booted(driver) == []

    await driver.stop()
    assert (await driver.inspect()).status is Status.STOPPED
    assert await booted(driver) == [f"starting container {CONTAINER}"]

    await driver.remove()
    assert (await driver.inspect()).status is Status.INACTIVE
    assert not get(engine, "/volumes").get("Volumes")


@pytest.mark.e2e
async def test_removing_and_stopping_what_is_not_there(make: Make) -> None:
    """A builder that was never used can be stopped and removed."""
    driver = make()
    await driver.stop()
    await driver.remove()


@pytest.mark.e2e
async def test_state_that_is_kept_is_found_again(make: Make, engine: DockerHost) -> None:
    """Removed with its state kept, the volume stays, and the next container of the name mounts it."""
    driver = make()
    await booted(driver)
    worker = (await driver.inspect()).workers[0].id
    await driver.remove(keep_state=True)
    assert [v["Name"] for v in get(engine, "/volumes")["Volumes"]] == [f"{CONTAINER}_state"]

    await booted(driver)
    assert (await driver.inspect()).workers[0].id == worker


@pytest.mark.e2e
async def test_options_reach_the_engine(make: Make, engine: DockerHost) -> None:
    """What the Engine tells of the container is what was asked for."""
    driver = make(
        memory="512m",
        memory_swap="-1",
        cpu_quota="150000",
        cpu_period="100000",
        cpu_shares="512",
        cpuset_cpus="0",
        cpuset_mems="0",
        network="host",
        cgroup_parent="/bakepy-tests",
        restart_policy="on-failure:3",
        env__COLOUR="red",
        flags=("--debug",),
        files={"buildkitd.toml": b'[worker.oci.labels]\nmade = "here"\n', "certs/r/ca.pem": b"CA"},
    )
    await booted(driver)
    found = await asyncio.to_thread(get, engine, f"/containers/{CONTAINER}/json")
    host = found["HostConfig"]

    assert {key: host[key] for key in ("Memory", "MemorySwap", "CpuQuota", "CpuPeriod", "CpuShares")} == {
        "Memory": 512 << 20,
        "MemorySwap": -1,
        "CpuQuota": 150000,
        "CpuPeriod": 100000,
        "CpuShares": 512,
    }
    assert (host["CpusetCpus"], host["CpusetMems"], host["NetworkMode"]) == ("0", "0", "host")
    assert host["CgroupParent"] == "/bakepy-tests"
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert (host["Privileged"], host["Init"]) == (True, True)
    assert "COLOUR=red" in found["Config"]["Env"]
    assert found["Config"]["Cmd"] == ["--config", "/etc/buildkit/buildkitd.toml", "--debug"]
    # The daemon has read its configuration, so the files are where it looks.
    assert (await driver.inspect()).labels["made"] == "here"


@pytest.mark.e2e
async def test_defaults_are_the_references(make: Make, engine: DockerHost) -> None:
    """Without options, the container has its usual control group and is started again by the Engine."""
    await booted(make())
    host = (await asyncio.to_thread(get, engine, f"/containers/{CONTAINER}/json"))["HostConfig"]

    assert host["CgroupParent"] == "/docker/buildx"
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert (host["Memory"], host["CpuQuota"], host["DeviceRequests"] or []) == (0, 0, [])


@pytest.mark.e2e
async def test_a_network_of_the_users_own(make: Make, engine: DockerHost) -> None:
    """The container joins a network that the user has made."""
    network = {"Name": "bakepy-tests", "Driver": "bridge", "Internal": True}
    await asyncio.to_thread(get, engine, "/networks/create", "POST", network)
    driver = make(network="bakepy-tests")
    try:
        await booted(driver)
        found = await asyncio.to_thread(get, engine, f"/containers/{CONTAINER}/json")
        assert list(found["NetworkSettings"]["Networks"]) == ["bakepy-tests"]
    finally:
        await driver.remove()
        await asyncio.to_thread(get, engine, "/networks/bakepy-tests", "DELETE")


@pytest.mark.e2e
async def test_two_runs_boot_one_container(make: Make, engine: DockerHost) -> None:
    """Runs that find no container at the same moment end up with the same one."""
    first, second = make(), make()
    await asyncio.gather(booted(first), booted(second))

    assert (await first.inspect()).workers[0].id == (await second.inspect()).workers[0].id


@pytest.mark.e2e
@pytest.mark.parametrize("by", ["engine", "signal"])
async def test_a_container_that_is_killed(make: Make, engine: DockerHost, tmp_path: Path, by: str) -> None:
    """A build that runs fails, the driver tells why, and the next boot has the container and its cache again."""
    shutil.copy("/bin/busybox", tmp_path)
    (tmp_path / "Dockerfile").write_text(SLOW)
    driver = make()
    await booted(driver)
    worker = (await driver.inspect()).workers[0].id

    async with driver.dial() as endpoint:
        begun = asyncio.Event()

        def report(update: SolveUpdate) -> None:
            if update.logs:
                begun.set()

        running = asyncio.ensure_future(build(endpoint, tmp_path, report=report))
        await begun.wait()
        if by == "engine":
            await asyncio.to_thread(get, engine, f"/containers/{CONTAINER}/kill?signal=KILL", "POST")
        else:
            found = await asyncio.to_thread(get, engine, f"/containers/{CONTAINER}/json")
            os.kill(found["State"]["Pid"], signal.SIGKILL)
        with pytest.raises(ConnectionLost):
            await running
        why = await driver.why_lost()

    assert why is not None
    said = {"engine": "has stopped: it was killed (exit code 137)", "signal": "while it was in use"}[by]
    assert said in str(why)
    assert "build cache is kept" in why.diagnostics[0].hint
    await booted(driver)
    assert (await driver.inspect()).workers[0].id == worker


@pytest.mark.e2e
async def test_a_container_that_is_paused(make: Make, engine: DockerHost) -> None:
    """It is not waited for, and the error says how it goes on."""
    driver = make()
    await booted(driver)
    await asyncio.to_thread(get, engine, f"/containers/{CONTAINER}/pause", "POST")
    try:
        with pytest.raises(DriverError, match="is paused") as caught:
            await driver.inspect()
        assert caught.value.diagnostics[0].hint == f"run: docker unpause {CONTAINER}"
    finally:
        await asyncio.to_thread(get, engine, f"/containers/{CONTAINER}/unpause", "POST")


@pytest.mark.e2e
async def test_a_running_container_is_reached_without_the_sdk(make: Make, engine: DockerHost) -> None:
    """A build where everything runs already does not pay for the import of Docker's SDK."""
    await booted(make())
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", REACH, engine.url, NODE)
    assert await done.wait() == 0


@pytest.mark.e2e
async def test_a_credential_helper_that_fails(make: Make, tmp_path: Path) -> None:
    """Credentials that cannot be had are no fault where the Engine has the image."""
    (tmp_path / "config.json").write_text('{"credsStore": "bakepy-has-none"}')

    assert f"using local image {IMAGE}" in await booted(make())


@pytest.mark.e2e
async def test_a_daemon_that_cannot_start(make: Make) -> None:
    """What BuildKit itself complains of is in the error, and the container is not waited for in vain."""
    driver = make(flags=("--no-such-flag",), restart_policy="no")

    with pytest.raises(DriverError, match=f"the container {CONTAINER} has stopped") as caught:
        await booted(driver)
    assert "no-such-flag" in caught.value.diagnostics[0].detail


@pytest.mark.e2e
async def test_a_daemon_that_fails_again_and_again(make: Make) -> None:
    """A container that the Engine keeps starting is given up after some restarts."""
    with pytest.raises(DriverError, match=f"the container {CONTAINER} has stopped"):
        await booted(make(flags=("--no-such-flag",)))


@pytest.mark.e2e
async def test_an_image_that_is_nowhere(make: Make) -> None:
    """It can be neither pulled nor found: the error says both, and which option names another."""
    with pytest.raises(DriverError, match="cannot pull the image localhost:1/no/such:1") as caught:
        await booted(make(image="localhost:1/no/such:1"))
    assert caught.value.diagnostics[0].detail
    assert "driver option image" in caught.value.diagnostics[0].hint


@pytest.mark.e2e
async def test_an_option_that_the_engine_refuses(make: Make) -> None:
    """The Engine's own reason arrives."""
    with pytest.raises(DriverError) as caught:
        await booted(make(restart_policy="sometimes"))
    assert "sometimes" in str(caught.value)


@pytest.mark.e2e
async def test_giving_up_while_it_boots(make: Make) -> None:
    """A boot that is cancelled ends."""
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    def say(_note: str | Amount) -> None:
        loop.call_soon_threadsafe(begun.set)

    boot = asyncio.ensure_future(make().boot(say))
    await begun.wait()
    boot.cancel()
    with pytest.raises(asyncio.CancelledError):
        await boot


@pytest.mark.e2e
async def test_results_are_loaded_where_that_is_wanted(make: Make) -> None:
    """A builder can be told to load what has no output chosen."""
    assert await make().capabilities() == BUILDKIT
    assert await make(default_load="true").capabilities() == BUILDKIT | {Capability.LOADS_BY_DEFAULT}


@pytest.mark.e2e
async def test_a_container_of_someone_elses(make: Make, engine: DockerHost, context: Path) -> None:
    """A remote builder reaches the BuildKit in a container by its name; it neither starts nor stops it."""
    settings = Settings({"DOCKER_HOST": engine.url, "DOCKER_CONFIG": str(context)})
    remote = RemoteContainerDriver(f"docker-container://{CONTAINER}", {}, settings)
    assert (await remote.inspect()).status is Status.INACTIVE
    with pytest.raises(DriverError, match=f'there is no container "{CONTAINER}"'):
        await booted(remote)

    driver = make()
    await booted(driver)
    assert await booted(remote) == []
    async with remote.dial() as endpoint:
        await build(endpoint, context)
    await remote.stop()
    await remote.remove()
    assert (await remote.inspect()).status is Status.RUNNING

    await driver.stop()
    with pytest.raises(DriverError, match=f"the container {CONTAINER} does not run") as caught:
        await booted(remote)
    assert caught.value.diagnostics[0].hint == f"start it: docker start {CONTAINER}"


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("docker-container://", {}, "url lacks container name"),
        ("docker-container://x", {"cacert": "/ca"}, "invalid driver option cacert"),
        ("docker-container://x?context=none", {}, 'no Docker context "none"'),
        ("docker-container://x", {"default-load": "yes"}, "default-load; it is true or false"),
    ],
)
def test_wrong_addresses(url: str, options: dict[str, str], said: str, tmp_path: Path) -> None:
    """What cannot be right is refused when the builder is made."""
    with pytest.raises(DriverError) as caught:
        RemoteContainerDriver(url, options, Settings({"DOCKER_CONFIG": str(tmp_path)}))
    assert said in str(caught.value)


async def test_no_engine_no_container(tmp_path: Path) -> None:
    """Where no Engine listens, the error is the Engine's, and says what to do."""
    host = DockerHost("t", f"unix://{tmp_path}/none.sock")
    driver = DockerContainerDriver(host, NODE, Settings({}))

    for attempt in (driver.inspect(), booted(driver), driver.stop(), driver.remove()):
        with pytest.raises(DriverError, match=r"none\.sock does not answer"):
            await attempt
