"""Receive what exporters give to the client: directories (`local`) and archives (`tar`, `oci`, `docker`)."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from bakepy.buildkit.proto import fsutil_pb2, session_pb2
from bakepy.buildkit.session.filesync import OnError
from bakepy.buildkit.session.fixed import hold
from bakepy.buildkit.session.receive import Receiver, Room, WriteError
from bakepy.buildkit.session.rpc import Call, Code, Handler, RpcError
from bakepy.diagnostics import BakeError
from bakepy.records import Record

_METADATA = "exporter-md-"


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

    Solves do not share a FileSend, since all that a transfer tells of its exporter is that index. `on_error` is told of
    every failure; the caller then cancels the solve, which may not notice.
    """

    def __init__(self, targets: Mapping[int, DirTarget | OpenSink], on_error: OnError | None = None) -> None:
        self._targets = targets
        self._on_error = on_error
        self._room = Room()

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handler of DiffCopy."""
        return {"/moby.filesync.v1.FileSend/DiffCopy": self._diff_copy}

    async def _diff_copy(self, call: Call) -> None:
        index = call.metadata.get("buildkit-attachable-exporter-id", ["0"])[0]
        target = self._targets.get(int(index)) if index.isdecimal() else None
        try:
            if target is None:
                raise RpcError(Code.NOT_FOUND, f"exporter {index} not found")
            if isinstance(target, DirTarget):
                await _receive_directory(call, target, self._room)
            else:
                await _receive_archive(call, target)
        except WriteError as error:
            assert isinstance(target, DirTarget)  # noqa: S101 - nothing else raises it
            path = os.path.join(os.fspath(target.path), os.fsdecode(error.path))
            raise await self._failed(call, _cannot_write(path, error.error), directory=True) from error
        except (RpcError, BakeError) as error:
            known = (
                error if isinstance(error, BakeError) else BakeError.of("The result was not received", error.message)
            )
            raise await self._failed(call, known, directory=isinstance(target, DirTarget)) from error

    async def _failed(self, call: Call, error: BakeError, *, directory: bool) -> RpcError:
        if self._on_error:
            self._on_error(error)
        if directory:
            packet = fsutil_pb2.Packet(type="PACKET_ERR", data=str(error).encode(errors="replace"))
            await call.send(packet.SerializeToString())
        return RpcError(Code.UNKNOWN, str(error))


def _cannot_write(path: str, error: OSError) -> BakeError:
    return BakeError.of(f"Cannot write {path}", f"{(error.strerror or 'input/output error').capitalize()}.")


async def _receive_directory(call: Call, target: DirTarget, room: Room) -> None:
    if target.delete and call.metadata.get("buildkit-exporter-multi-platform") != ["1"]:
        raise BakeError.of(
            "The daemon does not support mode=delete",
            "It would send each platform by itself, and each would remove the others.",
            hint="Update BuildKit, or leave out mode=delete.",
        )
    hold(target.path, target.real)
    try:
        target.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = os.open(target.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise WriteError(b"", error) from error
    try:
        await Receiver(call, root, delete=target.delete, room=room).run()
    finally:
        os.close(root)


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

    `real` is where its path must lead, empty for wherever it does.
    """

    def __init__(self, path: Path, _metadata: Mapping[str, str] | None = None, *, real: str = "") -> None:
        self.name = os.fspath(path)
        self._path = os.path.realpath(path)
        self._real = real
        self._temporary: str | None = None
        self._file: int | None = None

    async def write(self, data: bytes) -> None:
        """Append bytes."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._open(), rest) :]

    async def commit(self) -> None:
        """Give the file its name."""
        self._open()
        self._close()
        if self._temporary:
            hold(self.name, self._real)
            os.replace(self._temporary, self._path)

    async def abort(self) -> None:
        """Leave nothing behind."""
        self._close()
        if self._temporary:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)

    def _open(self) -> int:
        if self._file is None:
            hold(self.name, self._real)
            try:
                in_place = not stat.S_ISREG(os.stat(self._path).st_mode)
            except FileNotFoundError:
                in_place = False
            if in_place:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
            else:
                folder, name = os.path.split(self._path)
                self._temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
                self._file = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


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
