"""What the targets of a run ask for beyond their own folder, and what of it the user allows with `--allow`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from bakepy.diagnostics import BakeError, nearest
from bakepy.model.text import EntryError, quote, split_csv
from bakepy.planner.arguments import Argument
from bakepy.planner.load import impossible
from bakepy.planner.spec import SolveSpec
from bakepy.records import Record

NETWORK = "network.host"
INSECURE = "security.insecure"
SSH = "ssh"
DELETE = "buildx.local.delete"
DEVICE = "device"
ALIAS = "alias="
FILES = {"fs": ("read", "write"), "fs.read": ("read",), "fs.write": ("write",)}
IMAGES = ("image", "image.push", "image.load")
"""Taken for the reference's sake, which checks none of them yet."""
KEYS = (NETWORK, INSECURE, SSH, DELETE, DEVICE, *FILES, *IMAGES)
ANY = "*"


class Allowed(Record):
    """Hold what the user allows: names without a value, and paths that may be read and written."""

    __slots__ = ("names", "paths")

    def __init__(self, names: set[str] | None = None, paths: dict[str, list[str]] | None = None) -> None:
        self.names: set[str] = set() if names is None else names
        self.paths: dict[str, list[str]] = {"read": [], "write": []} if paths is None else paths

    def plus(self, granted: Mapping[str, Sequence[str]]) -> Allowed:
        """Return it with what overrides name: `read`, `write` and `entitlements`."""
        named = {name for name in granted["entitlements"] if name in {NETWORK, INSECURE}}
        typed = {mode: [f"./{ANY}" if path == ANY else path for path in granted[mode]] for mode in self.paths}
        return Allowed(self.names | named, {mode: [*paths, *typed[mode]] for mode, paths in self.paths.items()})


class Need(Record):
    """Name one privilege: what to pass to `--allow`, what it is, and whether it is about files only."""

    __slots__ = ("flag", "words", "files")

    def __init__(self, flag: str, words: str, files: bool = False) -> None:
        self.flag: Final = flag
        self.words: Final = words
        self.files: Final = files


def parse(texts: Iterable[str]) -> Allowed:
    """Return what `--allow` allows, the working directory included. Raises BakeError."""
    out = Allowed()
    for text in texts:
        key, _, value = text.partition("=")
        if text in {NETWORK, INSECURE, SSH, DELETE}:
            out.names.add(text)
        elif key == DEVICE:
            out.names.update(_devices(value))
        elif key in FILES:
            for mode in FILES[key]:
                out.paths[mode].append(value)
        elif key == DELETE:
            message = f"{DELETE} does not accept a value"
            raise Argument("--allow", text).error(message, f"Write --allow {DELETE}.", start=len(key))
        elif key not in IMAGES:
            near = nearest(key, KEYS)
            hint = f"Did you mean {near}?" if near else f"It is one of {', '.join(KEYS)}."
            raise Argument("--allow", text).error(f"unknown entitlement key {quote(key)}", hint, key)
    for mode in ("read", "write"):
        out.paths[mode].append(".")
    return out


def _devices(text: str) -> list[str]:
    """Return what a device's entitlement opens: all devices, or one.

    BuildKit takes an alias for the device that it names and, where it names devices itself, permits those as well. The
    reference does not ask for them.
    """
    if not text:
        return [DEVICE]
    try:
        name, *options = split_csv(text)
    except EntryError as fault:
        raise BakeError.of(f"failed to parse device entitlement {quote(text)}: {fault}") from None
    aliases = [option.removeprefix(ALIAS) for option in options if option.startswith(ALIAS)]
    return [f"{DEVICE}={device}" for device in (name, *filter(None, aliases))]


def needs(specs: Iterable[SolveSpec], allowed: Allowed) -> list[Need]:
    """Return what the solves of a run ask for and is not allowed, in the reference's order."""
    specs = list(specs)
    names = {name for spec in specs for name in _names(spec)} - allowed.names
    out = [
        Need(name, words)
        for name, words in (
            (NETWORK, "Running build containers that can access host network"),
            (INSECURE, "Running privileged containers that can make system changes"),
            (DEVICE, "Access to CDI devices"),
        )
        if name in names
    ]
    if DEVICE not in allowed.names | names:
        devices = sorted(name for name in names if name.startswith(f"{DEVICE}="))
        out += [Need(name, f"Access to device {name.partition('=')[2]}") for name in devices]
    if DELETE in names:
        out.append(Need(DELETE, "Deleting stale files from local output destinations"))
    if SSH in names:
        out.append(Need(SSH, "Forwarding default SSH agent socket", files=True))
    return out + list(_path_needs(specs, allowed))


def refused(asked: Iterable[Need], *, files: bool) -> list[Need]:
    """Return the needs that stop a build; `files` says whether grants for files are checked."""
    return [need for need in asked if files or not need.files]


def _names(spec: SolveSpec) -> Iterator[str]:
    for text in spec.entitlements:
        key, _, value = text.partition("=")
        if key == DEVICE:
            yield from _devices(value)
        elif text in {NETWORK, INSECURE}:
            yield text
    # An empty path names nothing, so that the user's agent serves.
    if any(not any(source.paths) for source in spec.ssh):
        yield SSH
    if any(e.type == "local" and e.attr("mode") == "delete" for e in spec.exports):
        yield DELETE


def _path_needs(specs: Sequence[SolveSpec], allowed: Allowed) -> Iterator[Need]:
    read = missing(allowed.paths["read"], (path for spec in specs for path in spec.reads))
    write = missing(allowed.paths["write"], (path for spec in specs for path in spec.writes))
    for flag, words, paths in (
        ("fs", "Read and write access to path", [path for path in read if path in write]),
        ("fs.read", "Read access to path", [path for path in read if path not in write]),
        ("fs.write", "Write access to path", [path for path in write if path not in read]),
    ):
        for path in map(_shown, paths):
            yield Need(f"{flag}={path}", f"{words} {path}", files=True)


def missing(allowed: Sequence[str], paths: Iterable[str]) -> list[str]:
    """Return the outermost paths that no allowed one holds, real ones: links are followed as far as they exist.

    Raises BakeError for what cannot be a path.
    """
    wanted = {_real(path) for path in dict.fromkeys(paths)}
    if ANY in allowed:
        return []
    roots = [os.path.realpath(path) for path in allowed]
    outside = {_existing(path) for path in wanted if not any(_within(path, root) for root in roots)}
    found: list[str] = []
    for path in sorted(outside, key=len):
        if not any(_within(path, root) for root in found):
            found.append(path)
    return sorted(found)


def _real(path: str) -> str:
    if why := impossible(path):
        raise BakeError.of(why)
    return os.path.realpath(path)


def _existing(real: str) -> str:
    while not os.path.lexists(real):
        real = os.path.dirname(real)
    return real


def _within(path: str, root: str) -> bool:
    return root == "/" or path == root or path.startswith(root + "/")


def _shown(path: str) -> str:
    """Return a path as it is short: relative where it is at most one folder up."""
    relative = os.path.relpath(path, os.path.realpath("."))
    return path if relative.startswith("../..") else relative
