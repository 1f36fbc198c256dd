"""A builder: nodes that build together."""

from __future__ import annotations

from dataclasses import dataclass

from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import Driver


@dataclass(frozen=True, slots=True)
class Node:
    """Name one node, how it is reached, and the platforms that its user reserved for it (empty: what it has)."""

    name: str
    driver: Driver
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Builder:
    """Name a builder and its nodes; `load_into` is the Docker Engine that `--load` means."""

    name: str
    nodes: tuple[Node, ...]
    load_into: DockerHost
