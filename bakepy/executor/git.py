"""Run git in a repository that may be a stranger's: nothing that its configuration names runs.

`git status` runs programs that a configuration names: a monitor of the file system, hooks, and filters of files whose
attributes ask for them. It starts git in submodules, whose configuration is a further one, and fetches objects that a
partial clone lacks. Filters that the user's own configuration names still run: without Git LFS, its files would differ.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

TRUSTED = frozenset((b"system", b"global"))
"""Scopes of configuration that no repository can write to."""
SAFE = {"core.fsmonitor": "false", "core.hooksPath": "/dev/null", "core.pager": "cat", "core.sshCommand": "false"}
ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
PROGRAMS = r"^(filter|lfs\.extension)\."
"""Settings of which a repository may have any, each a program that `git status` runs."""
PATIENCE = 60.0
"""Seconds that a call may take: a file of the repository may be a pipe, from which git reads without end."""
LIMIT = 1 << 20
"""Bytes of an answer that are read."""


class Git:
    """Git in one repository."""

    def __init__(self, root: Path, variables: Mapping[str, str]) -> None:
        self._root = root
        self._variables = {**variables, **ENVIRONMENT}

    async def is_dirty(self) -> bool:
        """Return whether files are changed or not in git; also where that cannot be found out."""
        found = await self.run("config", "--null", "--show-scope", "--get-regexp", PROGRAMS, failure=1)
        settings = overridden(found.encode("utf-8", "surrogateescape")) if found is not None else None
        if settings is None:
            return True
        return await self.run("status", "--porcelain", "--ignore-submodules=dirty", settings=settings) != ""

    async def run(self, *words: str, settings: Mapping[str, str] | None = None, failure: int = 0) -> str | None:
        """Return what a command prints, or None where it fails otherwise than with the status `failure`."""
        flags = [word for key, value in {**SAFE, **(settings or {})}.items() for word in ("-c", f"{key}={value}")]
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                "-C",
                str(self._root),
                "--no-pager",
                *flags,
                *words,
                env=self._variables,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                stdin=asyncio.subprocess.DEVNULL,
            )
        except (OSError, ValueError):
            return None
        try:
            data = await asyncio.wait_for(_answer(process), PATIENCE)
        except TimeoutError:
            return None
        finally:
            await _end(process)
        done = process.returncode in (0, failure)
        return data.decode("utf-8", "surrogateescape").strip() if done or len(data) >= LIMIT else None


async def _answer(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None  # noqa: S101
    parts: list[bytes] = []
    size = 0
    while size < LIMIT and (part := await process.stdout.read(LIMIT)):
        parts.append(part)
        size += len(part)
    if size < LIMIT:
        await process.wait()
    return b"".join(parts)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def overridden(listing: bytes) -> dict[str, str] | None:
    """Return what stands in place of programs that a repository sets: the user's own value, or nothing.

    `listing` is what `git config --null --show-scope` prints. None where a name cannot be passed to git.
    """
    if len(listing) >= LIMIT:
        return None
    fields = [field for field in listing.split(b"\0") if field]
    own: dict[str, str] = {}
    foreign: dict[str, str] = {}
    for scope, entry in zip(fields[::2], fields[1::2], strict=False):
        key, _, value = entry.decode("utf-8", "surrogateescape").partition("\n")
        if scope in TRUSTED:
            own[key] = value
        elif "=" in key:
            return None
        else:
            foreign[key] = ""
    return {key: own.get(key, "") for key in foreign}
