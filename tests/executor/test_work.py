"""What the solves of a run share."""

import os
from pathlib import Path

import pytest

from bakepy.diagnostics import BakeError
from bakepy.drivers.docker_host import DockerHost
from bakepy.executor.environment import Environment
from bakepy.executor.folders import Folders
from bakepy.executor.work import Work, secret_values
from bakepy.planner.graph import build_graph
from bakepy.planner.spec import Cache, InlineDockerfile, LayoutContext, LocalContext, SecretSource, SolveSpec, SshSource
from bakepy.progress.events import Reporter


@pytest.mark.parametrize("kind", ["secret", "ssh", "layout", "cache-from", "cache-to"])
async def test_what_a_target_wrote_leads_nowhere_else(tmp_path: Path, kind: str) -> None:
    """A link that took a path's place since the run began, as another target's result may hold, is not followed."""
    place = tmp_path / "place"
    place.write_text("granted")
    (tmp_path / "elsewhere").write_text("not granted")
    path = str(place)
    spec = SolveSpec(
        LocalContext(str(tmp_path)),
        InlineDockerfile("FROM scratch"),
        contexts=(("c", LayoutContext(path, "latest", "")),) if kind == "layout" else (),
        secrets=(SecretSource("s", file=path),) if kind == "secret" else (),
        ssh=(SshSource("default", (path,)),) if kind == "ssh" else (),
        cache_from=(Cache("local", (("src", path),)),) if kind == "cache-from" else (),
        cache_to=(Cache("local", (("dest", path),)),) if kind == "cache-to" else (),
    )
    work = Work(
        build_graph({"t": spec}), Environment(), Reporter(), Folders(tmp_path / "scratch"), DockerHost("default", "")
    )
    place.unlink()
    place.symlink_to("elsewhere")
    with pytest.raises(BakeError, match="leads elsewhere than when the build began"):
        await work.private_services(spec)


async def test_a_variable_that_is_a_secret_may_hold_any_bytes() -> None:
    """Variables are bytes, and a key or a token need not be UTF-8."""
    spec = SolveSpec(LocalContext("."), InlineDockerfile("FROM scratch"), secrets=(SecretSource("s", env="KEY"),))
    assert await secret_values(spec, {"KEY": os.fsdecode(b"\xff\x00key")}) == {"s": b"\xff\x00key"}
