"""Receive what exporters give to the client: directories (`local`) and archives (`tar`, `oci`, `docker`)."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from bakepy.buildkit.proto import fsutil_pb2, session_pb2
from bakepy.buildkit.session.filesync import OnError
from bakepy.buildkit.session.fixed import hold, open_folder
from bakepy.buildkit.session.receive import Receiver, Room, WriteError
from bakepy.buildkit.session.rpc import Call, Code, Handler, RpcError
from bakepy.diagnostics import BakeError
from bakepy.records import Record

_METADATA = "exporter-md-"

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """Take an archive; `commit` or `abort` is called once at the end. OSErrors are told to the user by `name`."""

    name: str

    async def write(self, data: bytes) -> None:
        """Take the next bytes; returns once more may come."""

    async def commit(self) -> None:
        """Note that the archive is complete; returns once it is where it belongs."""

    async def abort(self) -> None:
        """Note that nothing more comes and the archive is not whole."""


OpenSink = Callable[[Mapping[str, str]], Sink]
"""Make a sink, given the exporter's metadata (`containerimage.digest` and others)."""


class DirTarget(Record):
    """Merge into a directory; with `delete` (exporter attribute `mode=delete`), remove what is not in the result.

    `real` is where it must lead, empty for wherever it does.
    """

    __slots__ = ("path", "delete", "real")

    def __init__(self, path: Path, delete: bool = False, real: str = "") -> None:
        self.path: Final = path
        self.delete: Final = delete
        self.real: Final = real


class FileSend:
    """Serve the exporters of one solve: targets by their index in its request.

    Solves do not share a FileSend, since a transfer names its exporter by that index alone. `on_error` is called
    with every failure; the caller then cancels the solve, which may not notice. `warn` is called with a line on what a
    result lacks.
    """

    def __init__(
        self,
        targets: Mapping[int, DirTarget | OpenSink],
        on_error: OnError | None = None,
        warn: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._targets = targets
        self._on_error = on_error
        self._warn = warn
        self._room = Room()
        self.missing = set(targets)
        """Targets whose results have not come."""

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handler of DiffCopy."""
        return {"/moby.filesync.v1.FileSend/DiffCopy": self._diff_copy}

    async def _diff_copy(self, call: Call) -> None:
        index = call.metadata.get("buildkit-attachable-exporter-id", ["0"])[0]
        target = self._targets.get(int(index)) if index.isdecimal() and len(index) < 10 else None
        try:
            if target is None:
                raise RpcError(Code.NOT_FOUND, f"exporter {index} not found")
            if isinstance(target, DirTarget):
                await self._receive_directory(call, int(index), target)
            else:
                await _receive_archive(call, target)
                self.missing.discard(int(index))
        except Exception as error:
            raise await self._failed(call, _known(error, target), directory=isinstance(target, DirTarget)) from error

    async def _receive_directory(self, call: Call, index: int, target: DirTarget) -> None:
        if target.delete and call.metadata.get("buildkit-exporter-multi-platform") != ["1"]:
            raise BakeError.of(
                "The daemon does not support mode=delete",
                "It would send each platform separately, and each would remove the others.",
                hint="Update BuildKit, or leave out mode=delete.",
            )
        try:
            root = open_folder(target.path, target.real, 0o700)
        except OSError as error:
            raise WriteError(b"", error) from error
        try:
            complete = partial(self.missing.discard, index)
            receiver = Receiver(call, root, delete=target.delete, room=self._room, complete=complete)
            await receiver.run()
        finally:
            os.close(root)
        if receiver.left_out:
            self._warn(f"{receiver.left_out} device files of the result were not written to {target.path}")

    async def _failed(self, call: Call, error: BakeError, *, directory: bool) -> RpcError:
        if self._on_error:
            self._on_error(error)
        if directory:
            packet = fsutil_pb2.Packet(type="PACKET_ERR", data=str(error).encode(errors="replace"))
            await call.send(packet.SerializeToString())
        return RpcError(Code.UNKNOWN, str(error))


def _known(error: Exception, target: DirTarget | OpenSink | None) -> BakeError:
    """Return the error that the user sees for a failure."""
    match error:
        case BakeError():
            return error
        case WriteError() if isinstance(target, DirTarget):
            return _cannot_write(os.path.join(os.fspath(target.path), os.fsdecode(error.path)), error.error)
        case OSError() if error.filename:
            return _cannot_write(os.fsdecode(error.filename), error)
        case RpcError():
            return BakeError.of("The result was not received", error.message)
    _log.debug("an export failed", exc_info=error)
    return BakeError.of("The result was not received", f"It cannot be read ({type(error).__name__}).")


def _cannot_write(path: str, error: OSError) -> BakeError:
    return BakeError.of(f"Cannot write {path}", f"{(error.strerror or 'input/output error').capitalize()}.")


async def _receive_archive(call: Call, open_sink: OpenSink) -> None:
    metadata = {k.removeprefix(_METADATA): ",".join(v) for k, v in call.metadata.items() if k.startswith(_METADATA)}
    sink = open_sink(metadata)
    whole = False
    try:
        while (message := await call.receive()) is not None:
            await sink.write(session_pb2.BytesMessage.FromString(message).data)
        await sink.commit()
        whole = True
    except OSError as error:
        raise _cannot_write(sink.name, error) from error
    finally:
        if not whole:
            await sink.abort()


class FileSink:
    """Write a file that appears under its name once it is whole; devices and pipes are written in place.

    `real` is where its path must lead, empty for wherever it does. Folders on the way are made.
    """

    def __init__(self, path: Path, _metadata: Mapping[str, str] | None = None, *, real: str = "") -> None:
        self.name = os.fspath(path)
        self._real = real
        self._folder, self._final = os.path.split(real or os.path.realpath(path))
        self._temporary = f".{self._final}.{secrets.token_hex(4)}.tmp"
        self._in_place = False
        self._directory: int | None = None
        self._file: int | None = None

    async def write(self, data: bytes) -> None:
        """Append bytes."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(await self._open(), rest) :]

    async def commit(self) -> None:
        """Give the file its name."""
        await self._open()
        hold(self.name, self._real)
        if not self._in_place:
            os.replace(self._temporary, self._final, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        self._close()

    async def abort(self) -> None:
        """Leave nothing behind."""
        if self._file is not None and not self._in_place:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._directory)
        self._close()

    async def _open(self) -> int:
        if self._file is None:
            hold(self.name, self._real)
            self._directory = open_folder(self._folder, self._folder)
            try:
                mode = os.stat(self._final, dir_fd=self._directory, follow_symlinks=False).st_mode
                self._in_place = not stat.S_ISREG(mode)
            except FileNotFoundError:
                self._in_place = False
            if self._in_place:
                self._file = await self._open_in_place(self._directory)
            else:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                self._file = os.open(self._temporary, flags, 0o666, dir_fd=self._directory)
        return self._file

    async def _open_in_place(self, directory: int) -> int:
        """Open a device or a pipe, whose reader may come late."""
        from bakepy.transport.threads import apart

        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
        return await apart(lambda: os.open(self._final, flags, dir_fd=directory), late=os.close)

    def _close(self) -> None:
        for descriptor in (self._file, self._directory):
            if descriptor is not None:
                os.close(descriptor)
        self._file = self._directory = None


class PipeSink:
    """Write to a file that is open already, such as standard output; it stays open."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name = name
        self._file = file

    async def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)

    async def commit(self) -> None:
        """Flush."""
        self._file.flush()

    async def abort(self) -> None:
        """Leave what was written."""
