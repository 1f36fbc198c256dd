"""A builder: nodes that build together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bakepy.diagnostics import Diagnostic
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import Driver
from bakepy.records import Record


class Node(Record):
    """Name one node, how it is reached, and the platforms that its user reserved for it (empty: what it has).

    `files` are the node's configuration and certificates, by their path on it.
    """

    __slots__ = ("name", "driver", "platforms", "files")

    def __init__(
        self,
        name: str,
        driver: Driver,
        platforms: tuple[str, ...] = (),
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self.name: Final = name
        self.driver: Final = driver
        self.platforms: Final = platforms
        self.files: Final[Mapping[str, bytes]] = {} if files is None else files


class Builder(Record):
    """Name a builder and its nodes; `load_into` is the Docker Engine that `--load` means.

    `warnings` are of its choice.
    """

    __slots__ = ("name", "nodes", "load_into", "warnings")

    def __init__(
        self, name: str, nodes: tuple[Node, ...], load_into: DockerHost, warnings: tuple[Diagnostic, ...] = ()
    ) -> None:
        self.name: Final = name
        self.nodes: Final = nodes
        self.load_into: Final = load_into
        self.warnings: Final = warnings
