"""The client builds on a real daemon, through the gateway."""

import asyncio
import json
import re
import secrets
import shutil
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bakepy.buildkit.build import Build
from bakepy.buildkit.client import Client
from bakepy.buildkit.errors import ConnectionLost, SolveError, Unsupported
from bakepy.buildkit.requests import Definition, Exporter, GatewayRequest, SolveRequest
from bakepy.buildkit.session.filesync import FileSync, LocalDir
from bakepy.buildkit.session.keys import Keys
from bakepy.buildkit.session.rpc import Service
from bakepy.buildkit.session.secrets import Secrets
from bakepy.buildkit.session.server import Session
from bakepy.buildkit.session.ssh import Ssh
from bakepy.progress.events import Solve, SolveUpdate
from bakepy.transport.endpoint import Endpoint
from tests.daemon import running_buildkitd
from tests.programs import needed
from tests.waiting import PATIENCE

pytestmark = pytest.mark.e2e

EXPORT = Exporter("image", {"name": "example/shared"})
SHELL = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'


@dataclass
class Bench:
    """A client, a context, and what was reported."""

    client: Client
    context: Path
    updates: list[SolveUpdate] = field(default_factory=list)
    running: asyncio.Event = field(default_factory=asyncio.Event)
    services: list[Service] = field(default_factory=lambda: [Secrets({"token": b"s3cret-value"})])

    @asynccontextmanager
    async def build(self, dockerfile: str, *exporters: Exporter) -> AsyncIterator[Build]:
        """Open a build of a Dockerfile; with a session of its own, since a daemon reads a directory once for each."""
        (self.context / "Dockerfile").write_text(dockerfile)
        here = LocalDir(self.context)
        session = Session([FileSync({"context": here, "dockerfile": here}), *self.services])
        ref = secrets.token_hex(12)
        request = SolveRequest(ref, session.id, exporters=exporters)
        async with (
            self.client.session(session),
            self.client.build(request, Solve(ref, ("t",)), self.report) as build,
        ):
            yield build

    async def run(self, dockerfile: str, *exporters: Exporter) -> Mapping[str, str]:
        """Build a Dockerfile to its end."""
        async with self.build(dockerfile, *exporters) as build:
            return await build.finish(await build.solve(GatewayRequest({})))

    def report(self, update: SolveUpdate) -> None:
        self.updates.append(update)
        if b"running" in self.log:
            self.running.set()

    @property
    def log(self) -> bytes:
        return b"".join(log.data for update in self.updates for log in update.logs)


@pytest.fixture
async def bench(endpoint: Endpoint, context: Path) -> AsyncIterator[Bench]:
    async with Client.connect(endpoint) as client:
        yield Bench(client, context)


async def test_the_daemon_tells_its_version_and_workers(endpoint: Endpoint) -> None:
    """Info and ListWorkers answer with what the daemon is."""
    async with Client.connect(endpoint) as client:
        info, workers = await client.info(), await client.workers()

    assert info.package == "github.com/moby/buildkit"
    assert info.version
    assert all(platform.startswith("linux/") for platform in workers[0].platforms)
    assert workers[0].labels["org.mobyproject.buildkit.worker.executor"] == "oci"


async def test_copy_and_run_build_an_image(bench: Bench) -> None:
    """A Dockerfile with COPY and RUN ends in an image, and its output and steps are reported."""
    response = await bench.run(SHELL + "RUN echo made $((40 + 2))\n", Exporter("image", {"name": "example/made"}))

    assert response["containerimage.digest"].startswith("sha256:")
    assert b"made 42\n" in bench.log
    done = {v.name: v for update in bench.updates for v in update.vertices if v.completed}
    assert any(name.endswith("RUN echo made $((40 + 2))") for name in done)
    assert all(v.started and v.completed and v.started <= v.completed for v in done.values())


async def test_a_secret_reaches_the_step_that_mounts_it(bench: Bench) -> None:
    """A RUN reads a secret of the session."""
    await bench.run(SHELL + "RUN --mount=type=secret,id=token wc -c < /run/secrets/token\n")

    assert b"12\n" in bench.log


async def test_a_secret_that_nobody_defined_fails_the_build(bench: Bench) -> None:
    """The error names the missing secret."""
    with pytest.raises(SolveError, match="other"):
        await bench.run(SHELL + "RUN --mount=type=secret,id=other,required=true true\n")


async def test_a_step_uses_an_ssh_agent(bench: Bench) -> None:
    """OpenSSH in a RUN lists the key of a file that we forward, and cannot remove it."""
    key = bench.context / "key"
    await asyncio.to_thread(put_openssh, bench.context / "root", key)
    bench.services.append(Ssh({"default": await Keys.load([key])}))
    await bench.run(SHELL + "COPY root /\n" + "RUN --mount=type=ssh ssh-add -l; ssh-add -D; ssh-add -l\n")

    assert bench.log.count(b"(ED25519)") == 2


def put_openssh(root: Path, key: Path) -> None:
    """Make a key, and put ssh-add into a folder with all that it loads."""
    program = needed("ssh-add")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    loads = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for path in [program, *re.findall(r"(/\S+) \(0x", loads)]:
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / path[1:])
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")


async def test_a_failing_step_names_its_lines_and_exit_code(bench: Bench) -> None:
    """The error of a RUN carries lines of the Dockerfile, vertex and exit code, however long the Dockerfile."""
    text = SHELL + "# filler\n" * 20_000 + "RUN echo before; \\\n    exit 7\n"
    with pytest.raises(SolveError, match="exit code: 7") as caught:
        await bench.run(text)

    error = caught.value
    assert error.exit_code == 7
    assert [(s.filename, s.first, s.last) for s in error.sources] == [("Dockerfile", 20_004, 20_005)]
    assert error.sources[0].data.decode() == text
    failed = {v.digest for update in bench.updates for v in update.vertices if v.error}
    assert failed == {error.vertex}
    assert b"before\n" in bench.log


async def test_a_fault_of_the_dockerfile_names_its_line(bench: Bench) -> None:
    """What the frontend cannot parse is an error with its line, before any step runs."""
    with pytest.raises(SolveError, match="COPPY") as caught:
        await bench.run("FROM scratch\nCOPPY a b\n")

    assert [(s.first, s.last) for s in caught.value.sources] == [(2, 2)]
    assert caught.value.exit_code is None


async def test_a_linked_definition_is_an_input(bench: Bench) -> None:
    """One build's result is another build's named context."""
    async with bench.build(SHELL + "RUN echo from the base > /mark\n") as base:
        parent = await base.solve(GatewayRequest({}))
        definition = parent.refs[""].definition
        assert isinstance(definition, Definition)
        config = b64encode(parent.metadata["containerimage.config"]).decode()
        attrs = {
            "context:base": "input:context:base",
            "input-metadata:context:base": json.dumps({"containerimage.config": config}),
            "frontend.caps": "moby.buildkit.frontend.contexts+forward",
        }
        async with bench.build("FROM base\nRUN cat /mark\n") as child:
            result = await child.solve(GatewayRequest(attrs, inputs={"context:base": definition}))
            await child.evaluate(result)
            assert b"from the base\n" in bench.log
            await child.finish(result)
        await base.finish(parent)


async def test_a_cancelled_build_stops_on_the_daemon(bench: Bench) -> None:
    """Cancelling the task ends the running step, and the context ends only once the daemon says so."""
    task = asyncio.create_task(bench.run(SHELL + "RUN echo running; sleep 600\n"))
    async with asyncio.timeout(PATIENCE):
        await bench.running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    last = {v.digest: v for update in bench.updates for v in update.vertices}
    slept = next(v for v in last.values() if v.name.endswith("sleep 600"))
    assert slept.completed
    assert slept.error


async def test_leaving_without_a_result_exports_nothing(bench: Bench) -> None:
    """A build that is not finished ends quietly."""
    export = Exporter("image", {"name": "example/never"})
    async with asyncio.timeout(PATIENCE), bench.build("FROM scratch\nCOPY busybox /\n", export) as build:
        await build.solve(GatewayRequest({}))

    assert not any("exporting" in v.name for update in bench.updates for v in update.vertices)


async def test_an_unknown_exporter_is_the_builds_own_error(bench: Bench) -> None:
    """What the outer call refuses is raised by the pending gateway call."""
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(SolveError, match="nonesuch"):
            await bench.run("FROM scratch\nCOPY busybox /\n", Exporter("nonesuch"))


async def test_another_builds_error_passes_through(bench: Bench) -> None:
    """An error of a child does not become its parent's."""
    seen: list[Build] = []

    async def parent() -> None:
        async with bench.build("FROM scratch\nCOPY busybox /\n") as build:
            seen.append(build)
            await build.solve(GatewayRequest({}))
            await bench.run("FROM scratch\nCOPY lacking /\n")

    with pytest.raises(SolveError, match="lacking"):
        await parent()

    assert seen[0].error is None


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("lint", "FromAsCasing"), ("outline", "COLOUR"), ("targets", "first"), ("subrequests.describe", "outline")],
)
async def test_subrequests_answer_without_building(bench: Bench, kind: str, shown: str) -> None:
    """Lint, outline and targets come as text and JSON; no step of the Dockerfile runs."""
    async with bench.build("ARG COLOUR=red\nFROM scratch as first\nARG COLOUR\nCOPY lacking /\n") as build:
        answer = await build.call(GatewayRequest({}), kind)

    assert shown in answer.text
    assert shown in answer.json.decode()
    assert answer.version
    assert not any("COPY" in v.name for update in bench.updates for v in update.vertices)


async def test_what_the_frontend_does_not_know_is_named(bench: Bench) -> None:
    """An unknown subrequest and an unknown capability are typed by their names."""
    async with bench.build("FROM scratch\n") as build:
        with pytest.raises(Unsupported) as request:
            await build.call(GatewayRequest({}), "nonesuch")
        with pytest.raises(Unsupported) as capability:
            await build.solve(GatewayRequest({"frontend.caps": "none.such"}))

    assert request.value.feature == "frontend.nonesuch"
    assert capability.value.feature == "none.such"


class BrokenSession(Session):
    """A session whose own code fails, once it is let."""

    def __init__(self) -> None:
        super().__init__([FileSync({})])
        self.fails = asyncio.Event()

    async def run(self, tunnel: object) -> None:
        await self.fails.wait()
        raise RuntimeError("broken on purpose")


async def test_a_session_that_breaks_fails_its_builds(endpoint: Endpoint) -> None:
    """An error in the session's own code reaches who waits for a build instead of hanging it."""
    session = BrokenSession()
    request = SolveRequest(secrets.token_hex(12), session.id)

    async def run() -> None:
        async with (
            Client.connect(endpoint) as client,
            client.session(session),
            client.build(request, Solve(request.ref, ()), lambda update: None) as build,
        ):
            session.fails.set()
            await build.solve(GatewayRequest({}))

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(RuntimeError, match="on purpose"):
            await run()


async def test_several_platforms_are_several_refs(bench: Bench) -> None:
    """A result for two platforms has a part for each, with its own configuration."""
    async with bench.build("FROM scratch\nCOPY busybox /\n") as build:
        result = await build.solve(GatewayRequest({"platform": "linux/amd64,linux/386", "multi-platform": "true"}))
        await build.evaluate(result)
        await build.finish(result)

    assert set(result.refs) == {"linux/amd64", "linux/386"}
    assert all(ref.id and ref.definition for ref in result.refs.values())
    for platform in result.refs:
        config = json.loads(result.metadata[f"containerimage.config/{platform}"])
        assert f"linux/{config['architecture']}" == platform


async def test_many_builds_share_a_connection(bench: Bench) -> None:
    """Forty builds at once over one connection all end, each with its own result."""
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        tasks = [group.create_task(bench.run(f"FROM scratch\nCOPY busybox /{n % 3}\n", EXPORT)) for n in range(40)]

    assert all(task.result()["containerimage.digest"].startswith("sha256:") for task in tasks)


async def test_builds_in_one_session_have_exports_of_their_own(bench: Bench) -> None:
    """Two builds that share a session report their exports, and how far these are, as different steps."""
    (bench.context / "Dockerfile").write_text("FROM scratch\nCOPY busybox /\n")
    here = LocalDir(bench.context)
    session = Session([FileSync({"context": here, "dockerfile": here})])

    async def run(ref: str) -> None:
        request = SolveRequest(ref, session.id, exporters=(EXPORT,))
        async with bench.client.build(request, Solve(ref, (ref,)), bench.report) as build:
            await build.finish(await build.solve(GatewayRequest({})))

    refs = [secrets.token_hex(12) for _ in range(2)]
    async with bench.client.session(session), asyncio.TaskGroup() as group:
        for ref in refs:
            group.create_task(run(ref))
    exports = [
        {v.digest for u in bench.updates if u.solve.ref == ref for v in u.vertices if v.name.startswith("exporting")}
        for ref in refs
    ]
    told = {p.vertex for update in bench.updates for p in update.progress if p.id == "exporting layers"}

    assert [len(digests) for digests in exports] == [1, 1]
    assert told == exports[0] | exports[1]
    assert len(told) == 2


async def test_a_daemon_that_dies_is_a_lost_connection(context: Path) -> None:
    """Killing the daemon in the middle of a step ends the build within moments, with a typed error."""
    with running_buildkitd() as daemon:
        async with Client.connect(daemon.endpoint) as client, asyncio.timeout(PATIENCE):
            bench = Bench(client, context)
            task = asyncio.create_task(bench.run(SHELL + "RUN echo running; sleep 3\n"))
            await bench.running.wait()
            daemon.process.kill()
            with pytest.raises(ConnectionLost) as caught:
                await task

    assert caught.value.diagnostics[0].hint


async def test_a_finished_build_can_be_watched_again(bench: Bench) -> None:
    """The status of a build that has ended replays."""
    async with bench.build("FROM scratch\nCOPY busybox /\n") as build:
        await build.finish(await build.solve(GatewayRequest({})))
    solve = Solve(build.ref, ("t",))
    names = {v.name async for update in bench.client.status(solve) for v in update.vertices}

    assert any(name.endswith("COPY busybox /") for name in names)
