"""Send local directories to the daemon: build contexts, named contexts, Dockerfiles.

The protocol is fsutil's: all entries go out as STAT packets, numbered in order, while the daemon already asks (REQ) for
the contents that it lacks; FIN ends it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

from bakepy.booleans import TRUE
from bakepy.buildkit.proto import fsutil_pb2
from bakepy.buildkit.session import fsutil
from bakepy.buildkit.session.fixed import hold
from bakepy.buildkit.session.opener import Opener
from bakepy.buildkit.session.patterns import Filter, PatternError
from bakepy.buildkit.session.rpc import Call, Code, Handler, RpcError
from bakepy.buildkit.session.walk import Entry, WalkError, follow, walk, without_nested
from bakepy.diagnostics import BakeError
from bakepy.records import Record

STAT_BATCH = 8 << 10
"""Bytes of STAT packets that are queued at once; between batches, other tasks run."""
CHUNK = 256 << 10
"""Bytes of a file in one packet."""
TOGETHER = 64 << 10
"""Bytes of files that are sent together."""
OnError = Callable[[BakeError], None]


class LocalDir(Record):
    """Name a directory that the daemon may read; `real` is where it must lead, empty for wherever it does.

    `only` are the paths within it that it may read; None for all.
    """

    __slots__ = ("path", "real", "only")

    def __init__(self, path: Path, real: str = "", only: frozenset[bytes] | None = None) -> None:
        self.path: Final = path
        self.real: Final = real
        self.only: Final = only


class FileSync:
    """Serve directories by name.

    `on_error` is told of a fault of the user's (an unreadable file) besides the daemon, whose build fails by it.
    """

    def __init__(self, dirs: Mapping[str, LocalDir], on_error: OnError | None = None) -> None:
        self._dirs = dirs
        self._on_error = on_error

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handler of DiffCopy."""
        return {"/moby.filesync.v1.FileSync/DiffCopy": self._diff_copy}

    async def _diff_copy(self, call: Call) -> None:
        name = (_texts(call.metadata, "dir-name") or [""])[0]
        directory = self._dirs.get(name)
        if directory is None:
            raise RpcError(Code.NOT_FOUND, f'no access allowed to dir "{name}"')
        try:
            hold(directory.path, directory.real)
        except BakeError as error:
            if self._on_error:
                self._on_error(error)
            raise RpcError(Code.PERMISSION_DENIED, str(error)) from error
        root = _root(directory)
        try:
            await _Sender(call, root, _filter(call.metadata, root), directory.only).run()
        except PatternError as error:
            raise RpcError(Code.INVALID_ARGUMENT, f"failed to match patterns: {error}") from error
        except WalkError as error:
            raise await self._refuse(call, directory.path, error) from error

    async def _refuse(self, call: Call, root: Path, error: WalkError) -> RpcError:
        path = os.path.join(os.fspath(root), os.fsdecode(error.path))
        reason = (error.error.strerror or "input/output error").lower()
        if self._on_error:
            hint = "Make it readable, or list it in .dockerignore if the build does not need it."
            self._on_error(BakeError.of(f"Cannot read {path}", f"It is part of a build context: {reason}.", hint=hint))
        text = f"cannot read {path}: {reason}"
        packet = fsutil_pb2.Packet(type="PACKET_ERR", data=text.encode(errors="surrogateescape"))
        await call.send(packet.SerializeToString())
        denied = isinstance(error.error, PermissionError)
        return RpcError(Code.PERMISSION_DENIED if denied else Code.UNKNOWN, text)


def _root(directory: LocalDir) -> bytes:
    return os.fsencode(os.path.realpath(directory.path))


def _texts(metadata: Mapping[str, list[str]], key: str) -> list[str]:
    values = metadata.get(key, [])
    if metadata.get(f"{key}-encoded", [""])[0] not in TRUE:
        return values
    return [unquote_to_bytes(value.replace("+", " ")).decode(errors="surrogateescape") for value in values]


def _filter(metadata: Mapping[str, list[str]], root: bytes) -> Filter:
    includes = _texts(metadata, "include-patterns")
    if paths := _texts(metadata, "followpaths"):
        found = follow(root, paths)
        if found is not None:
            includes = without_nested([*includes, *found]) or []
    return Filter(includes, _texts(metadata, "exclude-patterns"))


class _Sender:
    """Send one directory once."""

    def __init__(self, call: Call, root: bytes, keep: Filter, only: frozenset[bytes] | None) -> None:
        self._call = call
        self._root = root
        entries = walk(root, keep)
        self._entries = entries if only is None else (entry for entry in entries if entry.path in only)
        self._files: dict[int, tuple[bytes, int]] = {}
        self._opener = Opener(root)
        self._gathered = bytearray()

    async def run(self) -> None:
        """Send the list and, at the same time, what the daemon asks for."""
        listing = asyncio.create_task(self._list())
        serving = asyncio.create_task(self._serve())
        tasks = [listing, serving]
        try:
            # Whichever fails first tells why; the other one would wait for ever.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            self._opener.close()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _list(self) -> None:
        for batch in self._batches():
            await self._call.send_framed(batch)
            await asyncio.sleep(0)

    def _batches(self) -> Iterator[bytes]:
        out = bytearray()
        packet = fsutil_pb2.Packet()
        modes: dict[int, int] = {}  # a context has few
        for number, entry in enumerate(self._entries):
            found = entry.stat.st_mode
            if (mode := modes.get(found)) is None:
                mode = modes[found] = fsutil.to_go_mode(found)
            if not mode & fsutil.MODE_TYPE:
                self._files[number] = entry.path, entry.stat.st_size
            out += fsutil.framed(_encode(packet, entry, mode))
            if len(out) >= STAT_BATCH:
                yield bytes(out)
                out.clear()
        out += fsutil.framed(b"")  # a STAT without a stat: the list is complete
        yield bytes(out)

    async def _serve(self) -> None:
        packet = fsutil_pb2.Packet()
        while messages := await self._call.receive_all():
            for message in messages:
                packet.ParseFromString(message)
                if packet.type == fsutil.REQ:
                    await self._send_file(packet.ID)
                elif packet.type == fsutil.FIN:
                    await self._flush()
                    await self._call.send(message)
                    return
                elif packet.type == fsutil.ERR:
                    text = packet.data.decode(errors="replace")
                    raise RpcError(Code.UNKNOWN, f"error from receiver: {text}")
            # Requests come many at once, and so do answers: each piece has a price on both sides.
            await self._flush()

    async def _send_file(self, number: int) -> None:
        """Send what a file holds now; small ones go out together.

        A file that changes meanwhile is as long as what could be read.
        """
        if (file := self._files.pop(number, None)) is None:
            raise RpcError(Code.INVALID_ARGUMENT, f"invalid file id {number}")
        path, size = file
        end = fsutil.data(number)
        try:
            if (descriptor := self._opener.open(path)) is None:
                self._gathered += fsutil.framed(end)
                return
            try:
                # One byte more than expected: a short read is the end, and small files take a single call.
                while len(data := os.read(descriptor, want := min(size + 1, CHUNK))) == want:
                    await self._flush()
                    await self._call.send_framed(fsutil.framed_head(end, want), data)
                    size = max(size - want, CHUNK)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise WalkError(path, error) from error
        if data:
            self._gathered += fsutil.framed_head(end, len(data))
            self._gathered += data
        self._gathered += fsutil.framed(end)
        if len(self._gathered) >= TOGETHER:
            await self._flush()

    async def _flush(self) -> None:
        """Send what was gathered."""
        if self._gathered:
            await self._call.send_framed(bytes(self._gathered))
            self._gathered.clear()


def _encode(packet: fsutil_pb2.Packet, entry: Entry, mode: int) -> bytes:
    """Encode a STAT packet; `packet` is one to use again and again, which is the fastest way with upb."""
    found = entry.stat
    if entry.xattrs or mode & fsutil.MODE_DEVICE:
        packet = fsutil_pb2.Packet()  # what few entries have must not stick to the next
        for name, value in entry.xattrs.items():
            packet.stat.xattrs[name] = value
        if mode & fsutil.MODE_DEVICE:
            packet.stat.devmajor = os.major(found.st_rdev)
            packet.stat.devminor = os.minor(found.st_rdev)
    stat = packet.stat
    stat.path = entry.path
    stat.mode = mode
    stat.modTime = found.st_mtime_ns
    stat.size = 0 if mode & fsutil.MODE_DIR else found.st_size
    stat.linkname = entry.link
    return packet.SerializeToString()
