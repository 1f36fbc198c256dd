"""What a driver must answer, and what one may ask of a node."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Final

from bakepy.buildkit.requests import Worker
from bakepy.diagnostics import BakeError
from bakepy.records import Record
from bakepy.transport.endpoint import Endpoint


class DriverError(BakeError):
    """Say that a node cannot be reached or made ready: its diagnostics name the node and the remedy."""


class Capability(enum.Enum):
    """Name what a node can do; code asks for these, never for a driver's name."""

    OCI_EXPORTER = "OCI exporter"
    DOCKER_EXPORTER = "Docker exporter"
    CACHE_EXPORT = "cache export"
    MULTI_PLATFORM = "multi-platform build"
    ATTESTATIONS = "attestations"
    GATEWAY_INPUTS = "linked targets"
    LOADS_BY_ITSELF = "images straight into the Docker Engine's store"
    LOADS_BY_DEFAULT = "loading of images where no output is chosen"


BUILDKIT = frozenset(
    {
        Capability.OCI_EXPORTER,
        Capability.DOCKER_EXPORTER,
        Capability.CACHE_EXPORT,
        Capability.MULTI_PLATFORM,
        Capability.ATTESTATIONS,
        Capability.GATEWAY_INPUTS,
    }
)
"""What every BuildKit by itself can do."""


class Status(enum.Enum):
    """Tell in what state a node is, in the words of `ls`."""

    INACTIVE = "inactive"
    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"


class NodeInfo(Record):
    """Hold what a node says of itself; platforms are normalised `os/arch[/variant]`, the native one first."""

    __slots__ = ("status", "version", "platforms", "labels", "workers")

    def __init__(
        self,
        status: Status,
        version: str = "",
        platforms: tuple[str, ...] = (),
        labels: dict[str, str] | None = None,
        workers: tuple[Worker, ...] = (),
    ) -> None:
        self.status: Final = status
        self.version: Final = version
        self.platforms: Final = platforms
        self.labels: Final[dict[str, str]] = {} if labels is None else labels
        self.workers: Final = workers


class Amount(Record):
    """Tell how far something is that takes long before a node can be used, in bytes; `total` is 0 while unknown.

    It is told again and again under the same words, the last time with `ended`, and why it failed where it did.
    """

    __slots__ = ("what", "current", "total", "ended", "error")

    def __init__(self, what: str, current: int = 0, total: int = 0, ended: bool = False, error: str = "") -> None:
        self.what: Final = what
        self.current: Final = current
        self.total: Final = total
        self.ended: Final = ended
        self.error: Final = error


class Driver(ABC):
    """Reach one node of a builder."""

    name: ClassVar[str]
    """The driver's name in builder files and `ls`."""

    boots: ClassVar[bool] = True
    """Whether there is anything to start; where not, `boot` only finds out what connecting tells as well."""

    @abstractmethod
    async def inspect(self) -> NodeInfo:
        """Tell the node's state without changing it; called by `ls`, `inspect` and the choice of nodes.

        Raises DriverError where that cannot be told.
        """

    @abstractmethod
    async def boot(self, say: Callable[[str | Amount], None]) -> None:
        """Make the node ready, telling each step through `say`; called once a run before the first dial.

        `say` may be called from another thread.

        Raises DriverError where that fails.
        """

    @abstractmethod
    def dial(self) -> AbstractAsyncContextManager[Endpoint]:
        """Open a road to the node's BuildKit that stays open until the context ends; called once a run."""

    @abstractmethod
    async def capabilities(self) -> frozenset[Capability]:
        """Tell what the node can do; called once a run, after boot."""

    async def emulates(self, architectures: frozenset[str]) -> frozenset[str] | None:
        """Tell for which of some architectures the node has emulators that its BuildKit does not name.

        Those that the kernel has are named among its platforms; BuildKit's own image brings others. None: unknown.
        """
        return None

    async def why_lost(self) -> DriverError | None:
        """Tell why the connection broke, where the driver can know; called after a loss, while the dial is open."""
        return None

    @abstractmethod
    async def stop(self) -> None:
        """Stop the node, its state kept."""

    @abstractmethod
    async def remove(self, *, keep_state: bool = False) -> None:
        """Remove the node, and its build cache unless that is to be kept."""
