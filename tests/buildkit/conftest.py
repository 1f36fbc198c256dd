from collections.abc import Iterator
from pathlib import Path

import pytest

from bakepy.transport.endpoint import Endpoint
from tests.daemon import running_buildkitd

BUSYBOX = Path("/bin/busybox")


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    with running_buildkitd() as daemon:
        yield daemon.endpoint


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build context with a shell in it."""
    (tmp_path / "busybox").write_bytes(BUSYBOX.read_bytes())
    (tmp_path / "busybox").chmod(0o755)
    return tmp_path
