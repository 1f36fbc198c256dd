"""The builders on disk, in the files that buildx keeps: either tool uses what the other made.

    instances/<name>   a builder, as JSON                  current            the builder that `use` chose
    activity/<name>    when it was last used or changed    defaults/<hash>    the same, for one endpoint for good

A builder whose driver buildx does not know lies in `bakepy/` below that folder, in files of the same form, so that
buildx does not trip over it. `current` and `defaults` may name one: buildx takes its own default then.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bakepy.builders.record import NAME, StoredBuilder, StoredNode, StoreError, checked_name, decode, encode, go_json
from bakepy.settings import Settings

__all__ = [
    "DamagedError",
    "StoreError",
    "StoredBuilder",
    "StoredNode",
    "Writer",
    "last_activity",
    "names",
    "namesakes",
    "read",
    "selected",
    "touch",
]

OWN = "bakepy"
"""The folder of builders that buildx cannot read."""

OWN_DRIVERS = frozenset({"embedded"})

TIME = "%Y-%m-%dT%H:%M:%SZ"

LIMIT = 1 << 20
"""Bytes of a file of the store: more is none that buildx wrote."""


def names(settings: Settings) -> list[str]:
    """Return the names of the stored builders as their files are called, sorted."""
    folders = (root / "instances" for root in _roots(settings))
    return sorted({file.name for folder in folders if folder.is_dir() for file in folder.iterdir() if _is_name(file)})


def read(settings: Settings, name: str) -> StoredBuilder | None:
    """Return a stored builder, or None where there is none of this name; raises StoreError.

    Where both tools have one of this name, it is the one in the files that buildx reads: either tool means the same.
    """
    files = _files(settings, name)
    return _read(files[0], name) if files else None


def namesakes(settings: Settings, name: str, faults: list[StoreError] | None = None) -> list[StoredBuilder]:
    """Return all stored builders of a name, first the one that the name means; raises StoreError.

    With a list for faults, a file that cannot be used is put there, and the others are returned.
    There are two where buildx, which does not see our own, was asked to make one of the same name.
    """
    found = []
    for file in _files(settings, name):
        try:
            found += [builder] if (builder := _read(file, name)) else []
        except StoreError as error:
            if faults is None:
                raise
            faults.append(error)
    return found


def _read(file: Path, name: str) -> StoredBuilder | None:
    record = _load(file)
    if record is None:
        return None
    try:
        return decode(record)
    except (StoreError, KeyError, TypeError, ValueError, AttributeError) as error:
        fault = str(error) if isinstance(error, StoreError) else repr(error)
        raise DamagedError.of(
            f'the builder "{name}" cannot be read', f"{file}: {fault}", hint=f"remove it: bakepy rm {name}"
        ) from error


def last_activity(settings: Settings, builder: StoredBuilder) -> datetime | None:
    """Return when a builder was last used or changed, if that is known."""
    try:
        data = _bytes(_root(settings, builder) / "activity" / builder.name)
        return datetime.strptime(data.decode("ascii").strip(), TIME).replace(tzinfo=UTC)
    except (OSError, ValueError):
        return None


def touch(settings: Settings, builder: StoredBuilder) -> None:
    """Note that a builder is being used; a store that cannot be written is no reason not to build."""
    if NAME.fullmatch(builder.name):
        with suppress(OSError):
            _stamp(settings, _root(settings, builder), builder.name)


def selected(settings: Settings, endpoint: str) -> str | None:
    """Return the name of the builder that was chosen with `use`, if any.

    `endpoint` is where Docker's current context leads: a choice holds for one endpoint unless it was made global.
    Raises StoreError.
    """
    current = _load(settings.buildx_config / "current") or {}
    name = str(current.get("Name") or "")
    known = name if name and _is_known(settings, name) else None
    if current.get("Global") and known:
        return known
    if name and current.get("Key") == endpoint:
        return known
    try:
        return _bytes(_default(settings, endpoint)).decode().strip() or None
    except (OSError, ValueError):
        return None


class DamagedError(StoreError):
    """Say that a file of the store does not hold what it should."""


class Writer:
    """Change the store while its lock is held: `with Writer.open(settings) as store`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Iterator[Writer]:
        """Hold the lock that buildx takes, too; raises StoreError where the folder cannot be written."""
        from bakepy.engine.locks import locked

        folder = settings.buildx_config
        try:
            for name in ("instances", "defaults", "activity"):
                _make(settings, folder / name)
            with locked(folder / ".lock"):
                _give(settings, folder / ".lock")
                yield cls(settings)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise StoreError.of(
                f"the builders in {folder} cannot be changed",
                f"{where}{error.strerror or error}",
                hint="name a folder that can be written with BUILDX_CONFIG",
            ) from error

    def save(self, builder: StoredBuilder) -> None:
        """Write a builder, and that it was just changed."""
        root = _root(self._settings, builder)
        _stamp(self._settings, root, builder.name)
        _write(self._settings, root / "instances" / checked_name(builder.name), encode(builder))

    def remove(self, name: str, driver: str = "") -> None:
        """Remove a builder with what is remembered of its builds; one that is not there is no fault.

        With a driver, a namesake in the other folder stays.
        """
        low = checked_name(name)
        own = _folder(self._settings, driver)
        alone = driver and (own / "instances" / low).exists()
        for root in (own,) if alone else _roots(self._settings):
            # The activity's file is called as the builder was when it was made, its own file in lower case.
            for file in (*root.glob("activity/*"), root / "instances" / low):
                if file.name.lower() == low:
                    file.unlink(missing_ok=True)
        if not _files(self._settings, low):
            self.forget_builds(low)

    def remove_damaged(self, name: str) -> None:
        """Remove the files of a builder that hold none, of either folder."""
        for file in _files(self._settings, name):
            try:
                _read(file, name)
            except DamagedError:
                file.unlink(missing_ok=True)

    def forget_builds(self, name: str, node: str = "") -> None:
        """Remove buildx's records of the builds of a builder, or of one of its nodes."""
        import shutil

        if node:
            checked_name(node)
        folder = self._settings.buildx_config / "refs" / checked_name(name)
        shutil.rmtree(folder / node if node else folder, ignore_errors=True)

    def select(self, endpoint: str, name: str, *, everywhere: bool = False, default: bool = False) -> None:
        """Choose a builder for an endpoint, everywhere, or as the endpoint's default; an empty name undoes a choice."""
        record = {"Key": endpoint, "Name": name, "Global": everywhere}
        _write(self._settings, self._settings.buildx_config / "current", go_json(record).encode())
        kept = _default(self._settings, endpoint)
        if default:
            _write(self._settings, kept, name.encode())
        else:
            kept.unlink(missing_ok=True)


def _roots(settings: Settings) -> tuple[Path, Path]:
    return settings.buildx_config, settings.buildx_config / OWN


def _root(settings: Settings, builder: StoredBuilder) -> Path:
    return _folder(settings, builder.driver)


def _folder(settings: Settings, driver: str) -> Path:
    shared, own = _roots(settings)
    return own if driver in OWN_DRIVERS else shared


def _files(settings: Settings, name: str) -> list[Path]:
    # buildx folds names to lower case before it makes a file of them.
    if not NAME.fullmatch(name):
        return []
    files = (root / "instances" / name.lower() for root in _roots(settings))
    return [file for file in files if file.exists()]


def _is_known(settings: Settings, name: str) -> bool:
    # The user's own embedded engine has no file: it bears its driver's name.
    return name in OWN_DRIVERS or bool(_files(settings, name))


def _is_name(file: Path) -> bool:
    return NAME.fullmatch(file.name) is not None


def _default(settings: Settings, endpoint: str) -> Path:
    return (
        settings.buildx_config / "defaults" / hashlib.sha256(endpoint.encode(errors="surrogatepass")).hexdigest()[:20]
    )


def _load(file: Path) -> dict[str, Any] | None:
    try:
        record = _sound(json.loads(_bytes(file)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError.of(f"{file} cannot be read", error.strerror or "") from error
    except (ValueError, RecursionError) as error:
        raise DamagedError.of(f"{file} is damaged", str(error), hint=_remedy(file)) from error
    if not isinstance(record, dict):
        raise DamagedError.of(f"{file} is damaged", "it holds no JSON object", hint=_remedy(file))
    return record


def _remedy(file: Path) -> str:
    way = f"bakepy rm {file.name}" if file.parent.name == "instances" else f"rm {file}"
    return f"remove it: {way}"


def _bytes(file: Path) -> bytes:
    """Return what is in a file; raises OSError, and ValueError for one that is too large or no regular file."""

    def opener(path: str, flags: int) -> int:
        # Opening a pipe would wait for someone who writes to it.
        return os.open(path, flags | os.O_NONBLOCK)

    with open(file, "rb", opener=opener) as data:
        if not stat.S_ISREG(os.fstat(data.fileno()).st_mode):
            raise ValueError("it is no regular file")
        found = data.read(LIMIT + 1)
    if len(found) > LIMIT:
        raise ValueError("it is larger than 1 MiB")
    return found


def _sound(record: Any) -> Any:
    """Replace halves of surrogate pairs that stand alone, which nothing can write, as Go does."""
    text = json.dumps(record, ensure_ascii=False)
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return record if text == whole else json.loads(whole)


def _make(settings: Settings, folder: Path) -> None:
    """Make a folder, open to this user alone, and what it lies in."""
    for missing in reversed([f for f in (folder, *folder.parents) if not f.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
        _give(settings, missing)


def _stamp(settings: Settings, root: Path, name: str) -> None:
    _write(settings, root / "activity" / name, datetime.now(UTC).strftime(TIME).encode())


def _write(settings: Settings, file: Path, data: bytes) -> None:
    """Write a file so that others see the old one or the new one, whatever happens."""
    _make(settings, file.parent)
    # Each build stamps its builder, and importing tempfile would take it longer than all of this.
    name = str(file.with_name(f".tmp-{file.name}{os.urandom(6).hex()}"))
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        _give(settings, Path(name))
        os.replace(name, file)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _give(settings: Settings, path: Path) -> None:
    """Make a file that `sudo` made in a user's own home that user's, as buildx does: else they could not use it."""
    uid, gid = settings.lookup("SUDO_UID") or "", settings.lookup("SUDO_GID") or ""
    if os.geteuid() != 0 or not settings.lookup("SUDO_COMMAND") or not (uid.isdigit() and gid.isdigit()):
        return
    import pwd

    with suppress(KeyError):
        home = pwd.getpwuid(int(uid)).pw_dir
        if home == settings.lookup("HOME") and path.is_relative_to(home):
            os.chown(path, int(uid), int(gid))
