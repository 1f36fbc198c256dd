"""Give every folder of a run one name in the session, so that targets which share a folder send it once.

A Dockerfile frontend asks for folders by fixed names: `context`, `dockerfile`, or a named context's. Where a run has
two different folders for one such name, `local-sessionid:<name> = <key>:<session>` makes BuildKit ask that session
for `<key>-<name>`; it puts the key in front again each time that it reads the step.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bakepy.buildkit.session.filesync import LocalDir
from bakepy.planner.spec import (
    ContextDockerfile,
    InlineDockerfile,
    LocalContext,
    LocalDockerfile,
    RemoteDockerfile,
    SolveSpec,
)

CONTEXT, DOCKERFILE = "context", "dockerfile"


def local_name(context: str) -> str:
    """Return the name under which a named context's folder is asked for, apart from the main two."""
    return f"_{context}" if context in {CONTEXT, DOCKERFILE} else context


_KEYS = re.compile(r"\b(?:[0-9a-f]{16}-)+")
_KEYED = re.compile(r"(?:([0-9a-f]{16})-)*(.*)", re.DOTALL)


class Served(Mapping[str, LocalDir]):
    """Find folders by `<name>`, or by `<key>-<name>` with the key once or more."""

    def __init__(self, paths: Mapping[tuple[str, str], LocalDir]) -> None:
        self._paths = paths

    def __getitem__(self, name: str) -> LocalDir:
        if ("", name) in self._paths:
            return self._paths["", name]
        found = _KEYED.fullmatch(name)
        return self._paths[(found[1] or "", found[2]) if found else ("", name)]

    def __iter__(self) -> Iterator[str]:
        return (f"{key}-{name}" if key else name for key, name in self._paths)

    def __len__(self) -> int:
        return len(self._paths)


class Folders:
    """Name the folders of a set of solves; `scratch` holds the Dockerfiles that exist only as text."""

    def __init__(self, scratch: Path, _by_name: dict[str, dict[Path, None]] | None = None) -> None:
        self.scratch = scratch
        self._by_name: dict[str, dict[Path, None]] = {} if _by_name is None else _by_name
        self._real: dict[str, Path] = {}

    def add(self, spec: SolveSpec) -> None:
        """Take in the folders of a solve; all must be added before names are asked for."""
        for name, path in self.of(spec).items():
            self._by_name.setdefault(name, {})[path] = None

    @property
    def keyed(self) -> bool:
        """Tell whether any folder needs a key."""
        return any(len(paths) > 1 for paths in self._by_name.values())

    def of(self, spec: SolveSpec) -> dict[str, Path]:
        """Return a solve's folders by the names that its frontend will ask for."""
        found: dict[str, Path] = {}
        if isinstance(spec.context, LocalContext):
            found[CONTEXT] = self._absolute(spec.context.path)
        match spec.dockerfile:
            case LocalDockerfile(path):
                found[DOCKERFILE] = self._absolute(os.path.dirname(path) or ".")
            case InlineDockerfile(text):
                found[DOCKERFILE] = self._written(text)
            case RemoteDockerfile() | ContextDockerfile():
                pass
        for name, context in spec.contexts:
            if isinstance(context, LocalContext):
                found[local_name(name)] = self._absolute(context.path)
        return found

    def served(self, specs: Iterable[SolveSpec]) -> Served:
        """Return the folders of solves by the names that the daemon asks a session for."""
        found: dict[tuple[str, str], LocalDir] = {}
        for spec in specs:
            for name, path in self.of(spec).items():
                only = self._only(spec, path) if name == DOCKERFILE else None
                key = self._key_of(name, path), name
                if key in found:
                    only = _both(found[key].only, only)
                found[key] = LocalDir(path, str(path), only)
        return Served(found)

    def _only(self, spec: SolveSpec, folder: Path) -> frozenset[bytes] | None:
        """Return what may be read of a Dockerfile's folder: of one elsewhere what was granted, which is the file.

        Frontends ask for the file alone, but a definition can name one of its own that asks for what is beside it.
        """
        if not isinstance(spec.dockerfile, LocalDockerfile):
            return None
        contexts = (c.path for c in (spec.context, *dict(spec.contexts).values()) if isinstance(c, LocalContext))
        if any(folder.is_relative_to(self._absolute(path)) for path in (".", *contexts)):
            return None
        name = os.path.basename(spec.dockerfile.path)
        names = {name, f"{name}.dockerignore", name.lower()}
        real = Path(os.path.realpath(spec.dockerfile.path))
        if real.is_relative_to(folder):
            inner = real.relative_to(folder)
            names |= {str(path) for path in (inner, *inner.parents[:-1])}
        return frozenset(map(os.fsencode, names))

    def attrs(self, spec: SolveSpec, session: str, own: str) -> dict[str, str]:
        """Return the frontend attributes that lead to `session` where the solve's `own` session would not do."""
        out = {}
        for name, path in self.of(spec).items():
            key = self._key_of(name, path)
            if key:
                out[f"local-sessionid:{name}"] = f"{key}:{session}"
            elif session != own:
                out[f"local-sessionid:{name}"] = session
        return out

    def _key_of(self, name: str, path: Path) -> str:
        return _key(str(path)) if len(self._by_name.get(name, ())) > 1 else ""

    def _absolute(self, path: str) -> Path:
        """Return where a path led when it was first asked for: what a target writes must not change that."""
        if path not in self._real:
            self._real[path] = _absolute(path)
        return self._real[path]

    def _written(self, text: str) -> Path:
        folder = Path(os.path.realpath(self.scratch)) / _key(text)
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            (folder / "Dockerfile").write_text(text, encoding="utf-8", newline="")
        return folder


def _both(one: frozenset[bytes] | None, other: frozenset[bytes] | None) -> frozenset[bytes] | None:
    return None if one is None or other is None else one | other


def unkeyed(text: str) -> str:
    """Return what BuildKit says of a folder without its key."""
    return _KEYS.sub("", text)


def shared_key(specs: Iterable[SolveSpec]) -> str:
    """Return what stands for this client and these contexts in BuildKit's incremental copies of folders.

    A copy is told from its origin by sizes and times alone, so two folders must never share a key.
    """
    contexts = sorted({str(_absolute(s.context.path)) for s in specs if isinstance(s.context, LocalContext)})
    where = contexts[0] if len(contexts) == 1 else ""
    return _key(f"{os.uname().nodename}\0{os.getuid()}\0{where}")


def _absolute(path: str) -> Path:
    return Path(os.path.realpath(path))


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
