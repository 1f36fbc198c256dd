import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bakepy.engine.find import Engine
from bakepy.engine.paths import Paths
from bakepy.engine.process import stop
from bakepy.settings import Settings
from tests.programs import needed


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path: a unix socket's address holds 107 bytes."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="be-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def settings(home: Path) -> Iterator[Settings]:
    """The environment of a user with a data folder of their own; the engine that a test leaves is stopped."""
    found = Settings({**os.environ, "XDG_DATA_HOME": str(home)})
    yield found
    stop(Paths.of(found))


@pytest.fixture
def paths(settings: Settings) -> Paths:
    return Paths.of(settings)


@pytest.fixture
def engine() -> Engine:
    """A real BuildKit."""
    return Engine(Path(needed("buildkitd")), Path(needed("runc")), "", "path")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def say(said: list[str]) -> Callable[[str], None]:
    return said.append
