"""The warnings of a run as the metadata file shows them: those of BuildKit's clients in JSON."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from bakepy.progress import events as ev
from bakepy.records import replace

if TYPE_CHECKING:
    from bakepy.executor.outcome import Json


class WarningsKeeper(ev.Reporter):
    """Pass events on, and add each warning once to a list, whatever number of solves report it."""

    def __init__(self, inner: ev.Reporter, kept: list[Json]) -> None:
        self._inner = inner
        self._kept = kept
        self._seen: set[ev.Warned] = set()

    def plan(self, targets: tuple[str, ...]) -> None:
        """Pass the plan on."""
        self._inner.plan(targets)

    def report(self, event: ev.Event) -> None:
        """Pass the event on, and keep its warnings."""
        if isinstance(event, ev.SolveUpdate):
            for warning in event.warnings:
                # Solves give equal steps different digests.
                if (same := replace(warning, vertex="")) not in self._seen:
                    self._seen.add(same)
                    self._kept.append(shown(warning))
        self._inner.report(event)

    def close(self) -> None:
        """Pass the end on."""
        self._inner.close()


def shown(warning: ev.Warned) -> Json:
    """Return a warning as BuildKit's clients write it: what is bytes there in Base64, what is empty left out."""
    source = warning.source
    found: dict[str, Json] = {
        "vertex": warning.vertex,
        "level": warning.level,
        "short": _base64(warning.short.encode()),
        "detail": [_base64(line.encode()) for line in warning.detail],
        "url": warning.url,
    }
    if source:
        found["sourceInfo"] = {"filename": source.filename, "data": _base64(source.data), "language": "Dockerfile"}
        if source.first:
            found["range"] = [{"start": {"line": source.first}, "end": {"line": source.last}}]
    return {k: v for k, v in found.items() if v}


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
