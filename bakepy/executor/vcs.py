"""Tell BuildKit which commit a context is at, for its provenance record."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from bakepy.booleans import FALSE, TRUE
from bakepy.executor.environment import Environment
from bakepy.records import Record

LABELS = {"revision": "org.opencontainers.image.revision", "source": "org.opencontainers.image.source"}
DOCKERFILE_LABEL = "com.docker.image.source.entrypoint"
UNTRUSTED = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
"""What keeps git from running programs that the configuration of a repository, which may be a stranger's, names."""


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
        # Not `show`: what a repository's own configuration says on signatures would run a program of its choice.
        revision = await self._git(root, "rev-parse", "--verify", "--quiet", "HEAD")
        if revision and self.env.flag("BUILDX_GIT_CHECK_DIRTY") and await self._git(root, "status", "--porcelain"):
            revision += "-dirty"
        source = await self._git(root, "remote", "get-url", "origin")
        return Repository(root, revision, _without_password(source))

    async def _git(self, root: Path, *words: str) -> str:
        """Return what a git command prints; empty where it fails."""
        try:
            git = await asyncio.create_subprocess_exec(
                "git",
                "-C",
                str(root),
                *UNTRUSTED,
                *words,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                stdin=asyncio.subprocess.DEVNULL,
            )
        except OSError:
            return ""
        out, _ = await git.communicate()
        return out.decode("utf-8", "replace").strip() if git.returncode == 0 else ""


def _relative(key: str, path: Path, root: Path) -> dict[str, str]:
    return {key: str(path.relative_to(root))} if path.is_relative_to(root) else {}


def _without_password(url: str) -> str:
    """Return a remote's address without the credentials that it may carry."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme == "ssh":
        return url
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
