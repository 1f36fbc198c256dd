import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakepy.drivers.docker_host import DockerHost
from tests.docker_engine import running_dockerd

DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "touch", "/made"]
"""


@pytest.fixture(scope="package", params=["dockerd20", "dockerd29"])
def docker(request: pytest.FixtureRequest) -> Iterator[DockerHost]:
    """An Engine of each generation: 20.10 with BuildKit 0.8, and 29 with the containerd image store."""
    with running_dockerd(request.param) as host:
        yield host


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A folder that can be built."""
    shutil.copy("/bin/busybox", tmp_path)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    return tmp_path
