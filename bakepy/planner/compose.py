"""Compose files as definitions: each service with a build is a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakepy.diagnostics import BakeError
from bakepy.planner.config import Definition
from bakepy.planner.load import File

if TYPE_CHECKING:
    from bakepy.planner.define import World


def check_compose(file: File, world: World) -> None:
    """Raise BakeError where a file is no Compose file by itself."""
    raise BakeError.of(f"Compose files are not supported yet: {file.name}")


def read_compose(files: list[File], world: World, definition: Definition) -> None:
    """Add the targets and groups of Compose files, merged in their order, to a definition."""
    raise NotImplementedError
