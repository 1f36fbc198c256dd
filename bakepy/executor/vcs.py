"""Tell BuildKit which commit a context is at, for its provenance record."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from bakepy.booleans import FALSE, TRUE
from bakepy.executor.environment import Environment
from bakepy.executor.git import Git
from bakepy.records import Record

LABELS = {"revision": "org.opencontainers.image.revision", "source": "org.opencontainers.image.source"}
DOCKERFILE_LABEL = "com.docker.image.source.entrypoint"


class Repository(Record):
    """Hold where a work tree begins, the commit that is checked out, and where it came from."""

    __slots__ = ("root", "revision", "source")

    def __init__(self, root: Path, revision: str = "", source: str = "") -> None:
        self.root: Final = root
        self.revision: Final = revision
        self.source: Final = source


class Repositories:
    """Ask git about folders, each repository once; a folder outside of any costs no process."""

    def __init__(self, env: Environment, _asked: dict[Path, asyncio.Task[Repository | None]] | None = None) -> None:
        self.env = env
        self._asked: dict[Path, asyncio.Task[Repository | None]] = {} if _asked is None else _asked

    async def attrs(self, context: Path, folders: dict[str, Path], dockerfile: Path | None) -> dict[str, str]:
        """Return the frontend attributes for a context and the folders by their names in the session."""
        variables = self.env.variables
        info = variables.get("BUILDX_GIT_INFO", "") not in FALSE
        labels = variables.get("BUILDX_GIT_LABELS", "") in {*TRUE, "full"}
        root = next((p for p in (context, *context.parents) if (p / ".git").exists()), None)
        if root is None or not (info or labels):
            return {}
        if root not in self._asked:
            self._asked[root] = asyncio.create_task(self._ask(root))
        found = await asyncio.shield(self._asked[root])
        if not found:
            return {}
        attrs: dict[str, str] = {}
        for key in ("revision", "source"):
            value = getattr(found, key)
            if value and info:
                attrs[f"vcs:{key}"] = value
            if value and labels:
                attrs[f"label:{LABELS[key]}"] = value
        if labels and dockerfile:
            attrs |= _relative(f"label:{DOCKERFILE_LABEL}", dockerfile, root)
        if info:
            for name, path in folders.items():
                attrs |= _relative(f"vcs:localdir:{name}", path, root)
        return attrs

    async def _ask(self, root: Path) -> Repository | None:
        git = Git(root, self.env.variables)
        # Not `show`: what a repository's own configuration says on signatures would run a program of its choice.
        revision = await git.run("rev-parse", "--verify", "--quiet", "HEAD") or ""
        if revision and self.env.flag("BUILDX_GIT_CHECK_DIRTY") and await git.is_dirty():
            revision += "-dirty"
        source = await git.run("remote", "get-url", "origin") or ""
        return Repository(root, revision, _without_password(source))


def _relative(key: str, path: Path, root: Path) -> dict[str, str]:
    return {key: str(path.relative_to(root))} if path.is_relative_to(root) else {}


def _without_password(url: str) -> str:
    """Return a remote's address without the credentials that it may carry."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme == "ssh":
        return url
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
