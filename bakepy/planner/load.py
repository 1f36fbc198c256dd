"""From names of files to their bytes: the default look-up, standard input, and what cannot be read."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from typing import Final

from bakepy.diagnostics import BakeError, nearest
from bakepy.files import read_file
from bakepy.model.text import quote
from bakepy.records import Record

COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
BAKE_NAMES = ("docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl")
DEFAULT_NAMES = COMPOSE_NAMES + BAKE_NAMES
"""Looked for in the working directory where no file is named; all that exist are read, in this order."""
DEFINITIONS = (".hcl", ".json", ".yaml", ".yml")
"""How the names of definition files end."""

LOCAL = "cwd://"
STDIN = "-"
OPENED = {
    errno.EISDIR: ("read", ""),
    errno.EFBIG: ("read", "Put what is not a definition into files that the Dockerfile copies."),
    errno.EINVAL: ("read", "Name a regular file."),
    errno.EAGAIN: ("read", "Name a regular file, or redirect the pipe to standard input and write -f -."),
}
"""Errors of files that could be opened: the operation that failed, and a hint."""

SURELY_SHORT = 255
"""Characters that a path may have on any system, and a single name on most."""


class File(Record):
    """Hold a definition file under the name by which the user knows it."""

    __slots__ = ("name", "data")

    def __init__(self, name: str, data: bytes) -> None:
        self.name: Final = name
        self.data: Final = data


_roots: ContextVar[tuple[str, ...] | None] = ContextVar("roots", default=None)


class Confined:
    """Let the files that definitions name be read from some paths only, and from below them, while a block lasts.

    That is for definitions that come from elsewhere: a Compose file names further ones, which are read here.
    """

    __slots__ = ("_roots", "_token")

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = tuple(roots)

    def __enter__(self) -> None:
        """Enter the block."""
        self._token: Token[tuple[str, ...] | None] = _roots.set(self._roots)

    def __exit__(self, *_error: object) -> None:
        """Leave it."""
        _roots.reset(self._token)


def read_named(path: str) -> File:
    """Return a file that a definition names. Raises BakeError, also for one that the definition may not have read."""
    roots = _roots.get()
    if roots is not None:
        from bakepy.planner.entitlements import missing

        for outside in missing(roots, [path]):
            flag = f"--allow=fs.read={outside}"
            raise BakeError.of(
                f"additional privileges requested: the definition comes from elsewhere and reads {path}",
                hint=f"Pass {flag} if it may.",
            )
    return File(path, _bytes(path))


def read(names: Sequence[str], stdin: Callable[[], bytes]) -> list[File]:
    """Return the named files, or those of the default names that exist; `-` is standard input. Raises BakeError."""
    if names:
        return [_read(name.removeprefix(LOCAL), stdin) for name in names]
    files = [File(name, _bytes(name)) for name in DEFAULT_NAMES if os.path.lexists(name)]
    if not files:
        raise BakeError.of(
            "couldn't find a bake definition",
            hint="Run it where there is a docker-bake.hcl, or name a file with --file.",
        )
    return files


def require(names: Sequence[str]) -> None:
    """Raise BakeError where a file that the environment names does not exist."""
    for name in names:
        if name != STDIN:
            try:
                os.stat(name)
            except OSError as error:
                raise fault("stat", name, error) from None


def _read(name: str, stdin: Callable[[], bytes]) -> File:
    if name == STDIN:
        return File(name, _no_archive(stdin()))
    return File(name, _bytes(name, pipes=True))


def _bytes(path: str, *, pipes: bool = False) -> bytes:
    try:
        return read_file(path, pipes=pipes)
    except OSError as error:
        operation, hint = OPENED.get(error.errno or 0, ("open", ""))
        raise fault(operation, path, error, hint) from None


def _no_archive(data: bytes) -> bytes:
    """Return what standard input holds; raise BakeError for an archive, of which no line could be shown."""
    packed = data.startswith((b"\x1f\x8b\x08", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")) or data[4:10] == b"1AY&SY"
    if packed or data[257:262] == b"ustar":
        raise BakeError.of(
            "standard input holds an archive, not a definition",
            hint="Unpack it and run the command there, or name an address that BuildKit can fetch it from.",
        )
    return data


def fault(operation: str, path: str, error: OSError, hint: str = "") -> BakeError:
    """Return the error for a file that an operation failed on; without a hint, it names a similar file beside it."""
    return BakeError.of(f"{operation} {path}: {reason(error)}", hint=hint or _beside(path))


def reason(error: OSError) -> str:
    """Return the system's words for an error, as the reference writes them."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def _beside(path: str) -> str:
    folder, name = os.path.split(path)
    try:
        near = nearest(name, os.listdir(folder or "."))
    except OSError:
        return ""
    return f"Did you mean '{os.path.join(folder, near)}'?" if near and near != name else ""


def size_of(path: str) -> tuple[int, str]:
    """Return the size of a file in bytes, and why it cannot be told, if so."""
    try:
        return os.stat(path).st_size, ""
    except (OSError, ValueError) as error:
        return 0, reason(error) if isinstance(error, OSError) else "invalid argument"


def impossible(path: str) -> str:
    """Return why a text cannot be a path, or nothing if it can."""
    if len(path) <= SURELY_SHORT and path.isascii() and "\0" not in path:
        return ""
    try:
        os.lstat(path)
    except ValueError:
        why = "invalid argument"
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            return ""
        why = reason(error)
    else:
        return ""
    return f"failed to evaluate path {quote(path)}: lstat: {why}"


def unreadable(path: str) -> str:
    """Return why a file that is a socket or a key cannot be used, or nothing if it can."""
    _, why = size_of(path)
    if why:
        return f"stat {path}: {why}"
    return f"failed to read {path}: read {path}: is a directory" if os.path.isdir(path) else ""
