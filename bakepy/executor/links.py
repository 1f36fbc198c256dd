"""Find targets for one platform that link to targets which lack it; selection compares those for several.

A result for one platform serves whatever platform takes it. One for several has an image for each, and BuildKit looks
for the others in a registry. A Dockerfile may choose platforms itself (`FROM --platform=…`), which is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from bakepy.diagnostics import BakeError, Diagnostic
from bakepy.files import read_file
from bakepy.planner.spec import InlineDockerfile, LinkContext, LocalDockerfile, SolveSpec

if TYPE_CHECKING:
    from bakepy.executor.check import Locate

_CHOOSES = re.compile(r"^\s*FROM\s+--platform=", re.IGNORECASE | re.MULTILINE)


def missing_platforms(specs: Mapping[str, SolveSpec], locate: Locate) -> Iterator[Diagnostic]:
    """Yield a fault for each link of a target for one platform to a target for several others."""
    for name, spec in specs.items():
        if len(spec.platforms) != 1 or spec.call:
            continue
        for context, link in spec.contexts:
            if isinstance(link, LinkContext) and link.target in specs:
                theirs = specs[link.target].platforms
                if len(theirs) > 1 and spec.platforms[0] not in theirs and _follows(spec, context):
                    yield _fault(name, link.target, spec.platforms[0], locate)


def check_native(spec: SolveSpec, name: str, built: Mapping[str, Iterable[str]], native: str) -> None:
    """Raise BakeError for links without an image for a node's own platform, where a target names no platform.

    `built` are the platforms of the results of linked targets by name; one empty text stands for a single platform.
    """
    links = [(context, link.target) for context, link in spec.contexts if isinstance(link, LinkContext)]
    for context, link in () if spec.platforms else links:
        if not {"", native}.intersection(built[link]) and _follows(spec, context):
            raise BakeError([_fault(name, link, native, lambda *_: ())])


def _follows(spec: SolveSpec, context: str) -> bool:
    """Return whether a Dockerfile takes a context for the platform that it is built for."""
    match spec.dockerfile:
        case InlineDockerfile(text):
            pass
        case LocalDockerfile(path):
            try:
                text = read_file(path).decode("utf-8", "replace")
            except OSError:
                return False
        case _:
            return False
    return context.lower() in text.lower() and not _CHOOSES.search(text)


def _fault(name: str, link: str, platform: str, locate: Locate) -> Diagnostic:
    mine, theirs = locate(name, "platforms", platform), locate(link, "platforms", "")
    return Diagnostic(
        f'target "{name}" is built for "{platform}", its linked target "{link}" is not',
        hint=f'Add "{platform}" to the platforms of target "{link}", or build that for one platform alone.',
        related=(*mine, *(place for place in theirs if place not in mine)),
    )
