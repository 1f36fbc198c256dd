"""Read a definition that lies elsewhere, through a builder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bakepy.cli.flags import Given
from bakepy.planner.load import File
from bakepy.settings import Settings

if TYPE_CHECKING:
    from bakepy.planner.origin import Origin


def fetch(url: str, names: Sequence[str], given: Given, settings: Settings) -> tuple[list[File], Origin | None]:
    """Return the named files of what is at an address, or those of the default names, and what their paths mean.

    Raises BakeError.
    """
    import asyncio

    from bakepy.builders.choose import choose as choose_builder
    from bakepy.executor.remote import Access, read
    from bakepy.progress.choose import choose

    builder = choose_builder(given.text("builder") or settings.builder, settings)
    access = Access(settings.environment(), settings.bake_git_secrets, settings.bake_git_ssh)
    reporter = choose(given.text("progress") or settings.progress or "auto", sys.stderr)
    try:
        return asyncio.run(read(builder, url, names, access, reporter))
    finally:
        reporter.close()
