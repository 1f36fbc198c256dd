"""Where a definition came from, if not from this machine, and what its paths then mean."""

from __future__ import annotations

from typing import Final

from bakepy.planner import gitref, location
from bakepy.planner.load import LOCAL, STDIN
from bakepy.planner.spec import Context, RemoteContext, SecretSource, SourceContext
from bakepy.records import Record

SPECIAL = (LOCAL, "target:", "docker-image:", "oci-layout://")
"""Starts of contexts that lie outside of what the definition came from."""


class Origin(Record):
    """Name what a definition and the folders that it names are read from: a repository, or an archive at a URL.

    `secrets` open the repository, as they did when the definition was read; they are for its host alone.
    """

    __slots__ = ("url", "archive", "secrets")

    def __init__(self, url: str, archive: bool = False, secrets: tuple[SecretSource, ...] = ()) -> None:
        self.url: Final = url
        self.archive: Final = archive
        self.secrets: Final = secrets

    def holds(self, context: str) -> bool:
        """Tell whether a context's text names a folder of the origin."""
        return context != STDIN and not context.startswith(SPECIAL) and not location.is_remote(context)

    def context(self, path: str) -> Context:
        """Return what a path within the origin stands for."""
        path = location.clean(path)
        if path == "." and not self.archive:
            return RemoteContext(self.url)
        return SourceContext(self.url, path, self.archive)

    def shown(self, path: str) -> str:
        """Return how people name a path within the origin; a folder of an archive has no address but its path."""
        path = location.clean(path)
        return path if self.archive and path != "." else gitref.with_folder(self.url, path)

    def secrets_for(self, context: Context) -> tuple[SecretSource, ...]:
        """Return the secrets that fetching a context takes."""
        if not isinstance(context, RemoteContext | SourceContext):
            return ()
        same = gitref.host_of(context.url).lower() == gitref.host_of(self.url).lower()
        return self.secrets if same else ()
