"""The end of a build, where two answers of the daemon race each other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from bakepy.buildkit import build as build_module
from bakepy.buildkit.build import Build
from bakepy.buildkit.calls import Calls
from bakepy.buildkit.errors import BuildkitError, SolveError
from bakepy.buildkit.requests import Result
from tests.waiting import PATIENCE


class Slow:
    """Answer the return of a result late, or refuse it."""

    def __init__(self, error: BuildkitError | None = None) -> None:
        self.error = error

    async def give_back(self, ref: str, result: Result) -> None:
        if self.error:
            raise self.error
        await asyncio.sleep(60)


def build(calls: Slow, outer: asyncio.Future[Mapping[str, str]]) -> Build:
    return Build(cast(Calls, calls), "r", outer)


def result() -> Result:
    return cast(Result, cast(Any, None))


async def test_a_build_may_be_over_before_its_result_is_acknowledged() -> None:
    """What the exporters answered counts, though the answer to the return of the result is not here yet."""
    outer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(outer.set_result, {"digest": "d"})

    assert await build(Slow(), outer).finish(result()) == {"digest": "d"}


async def test_a_refused_result_ends_the_build() -> None:
    """The daemon's refusal is raised where the build itself has not ended."""
    outer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()

    with pytest.raises(BuildkitError, match="no such ref"):
        await build(Slow(BuildkitError("no such ref")), outer).finish(result())


async def test_a_builder_that_does_not_take_a_failure_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed build ends though its builder does not answer any more."""

    class Silent:
        async def give_up(self, ref: str, error: SolveError) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(build_module, "FAILING", 0.01)
    outer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(PATIENCE):
        await Build(cast(Calls, Silent()), "r", outer).fail(SolveError("failed"))


async def test_an_export_that_fails_is_the_builds_error() -> None:
    """The build's own error is raised, whichever answer comes first."""
    outer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
    outer.set_exception(BuildkitError("disk full"))

    with pytest.raises(BuildkitError, match="disk full"):
        await build(Slow(BuildkitError("unknown build")), outer).finish(result())
