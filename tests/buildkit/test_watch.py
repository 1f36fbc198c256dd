"""How long a build waits for the end of its status stream."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bakepy.buildkit import client
from bakepy.buildkit.errors import BrokenAnswer
from bakepy.buildkit.proto import control_pb2
from bakepy.buildkit.requests import SolveRequest
from bakepy.progress.events import Solve, SolveUpdate
from tests.waiting import PATIENCE


def step(digest: str, *, ended: bool) -> control_pb2.StatusResponse:
    vertex = control_pb2.Vertex(digest=digest, name=digest)
    vertex.started.seconds = 1
    if ended:
        vertex.completed.seconds = 2
    return control_pb2.StatusResponse(vertexes=[vertex])


async def endless(*messages: control_pb2.StatusResponse) -> AsyncIterator[control_pb2.StatusResponse]:
    for message in messages:
        yield message
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("messages", "failed", "patient"),
    [
        ([step("a", ended=False), step("a", ended=True)], False, False),
        ([step("a", ended=False)], False, True),
        ([step("a", ended=True)], True, True),
        ([], True, False),
    ],
    ids=["all have ended", "one runs", "failed", "failed before all"],
)
async def test_a_stream_without_an_end_is_given_up(
    messages: list[control_pb2.StatusResponse], failed: bool, patient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all has been said it is given up soon; where something may still run, its end is waited for."""
    for name, seconds in (("OVER", 0.0), ("UNHEARD", 0.0), ("QUIET", 10 * PATIENCE)):
        monkeypatch.setattr(client, name, seconds)
    heard: asyncio.Queue[SolveUpdate] = asyncio.Queue()
    watch = client._Watch(endless(*messages), SolveRequest("r", "s", {}), Solve("r", ("t",), ""), heard.put_nowait)
    for _ in messages:
        await heard.get()

    end = asyncio.ensure_future(watch.end(failed=failed))
    if patient:
        # Without patience it ends after a few turns of the loop.
        for _ in range(100):
            await asyncio.sleep(0)
        assert not end.done()
        watch._task.cancel()
    async with asyncio.timeout(PATIENCE):
        await end


@pytest.mark.parametrize("failed", [True, False])
async def test_a_stream_that_goes_on_after_the_build_is_given_up(failed: bool) -> None:
    """Statuses that keep coming do not keep a build that has ended."""

    async def dripping() -> AsyncIterator[control_pb2.StatusResponse]:
        while True:
            yield step("a", ended=False)
            await asyncio.sleep(0)

    watch = client._Watch(dripping(), SolveRequest("r", "s", {}), Solve("r", ("t",), ""), lambda _: None)
    async with asyncio.timeout(PATIENCE):
        await watch.end(failed=failed, within=0.01)


@pytest.mark.parametrize("seconds", [1 << 62, -(1 << 62)])
@pytest.mark.parametrize("where", ["vertex", "status", "log"])
async def test_impossible_times_break_the_build(where: str, seconds: int) -> None:
    """A status whose time no clock shows stops the build with an error that names the builder."""
    vertex = control_pb2.Vertex(digest="a")
    vertex.started.seconds = seconds
    timed = {
        "vertex": control_pb2.StatusResponse(vertexes=[vertex]),
        "status": control_pb2.StatusResponse(statuses=[control_pb2.VertexStatus(timestamp=vertex.started)]),
        "log": control_pb2.StatusResponse(logs=[control_pb2.VertexLog(timestamp=vertex.started)]),
    }
    broken: asyncio.Queue[BrokenAnswer] = asyncio.Queue()
    request, solve = SolveRequest("r", "s", {}), Solve("r", ("t",), "")
    watch = client._Watch(endless(timed[where]), request, solve, lambda _: None, "unix:/b", broken.put_nowait)

    assert "unix:/b" in str(await broken.get())
    await watch.end(failed=True)
