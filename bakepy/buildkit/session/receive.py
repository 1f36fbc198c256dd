"""Receive a directory from the daemon, whatever it sends.

The sender is not trusted. Every path is checked (relative, clean, in order, its directory received before) and every
operation is on one name within an open directory, which is reached from the destination without following a symlink;
hard links may only name files of the same transfer. An existing destination is merged into: what a received path
meets is replaced. Files are renamed into place once complete, so a transfer that breaks off leaves whole files.

Device files are left out: whoever may open one reaches the hardware behind it, whatever the folder is for.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections import deque
from collections.abc import Callable

from bakepy.buildkit.proto import fsutil_pb2
from bakepy.buildkit.session import fsutil
from bakepy.buildkit.session.remove import remove
from bakepy.buildkit.session.rpc import Call, Code, RpcError

OUTSTANDING = 256
"""Files that are asked for and not complete, asked for by halves: a message costs as much as several small files."""
LEFT = 64
"""Directories that are kept open only for files in them that are not complete."""
WAITING = 256 << 20
"""Bytes of entries that may wait for the contents of files before them: some 1.5 million entries.

Reading cannot pause instead: contents come on the same stream, behind the list.
"""
OVERHEAD = 64
"""Bytes that a waiting entry takes besides its message."""

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class WriteError(Exception):
    """Say that a path below the destination could not be written."""

    def __init__(self, path: bytes, error: OSError) -> None:
        super().__init__(error.strerror)
        self.path, self.error = path, error


ENTRY = b"\x12"
"""How a packet begins that is an entry: they are decoded when their turn comes, and once."""


class Room:
    """Memory for waiting entries; transfers of one solve share it."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = WAITING


class _Waiting:
    """Entries that wait, as the messages they came in: decoded, they would take ten times the memory."""

    __slots__ = ("_room", "_messages", "_taken")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._messages: deque[bytes] = deque()
        self._taken = 0

    def __bool__(self) -> bool:
        return bool(self._messages)

    def append(self, message: bytes) -> None:
        """Add an entry; raises RpcError where too many wait."""
        self._take(len(message) + OVERHEAD)
        if self._room.left < 0:
            raise RpcError(Code.RESOURCE_EXHAUSTED, "the sender lists too many files without sending their contents")
        self._messages.append(message)

    def first(self) -> fsutil_pb2.Stat:
        """Return the entry that has waited longest."""
        packet = fsutil_pb2.Packet.FromString(self._messages[0])
        if packet.type != fsutil.STAT:
            raise _broken("a packet of two kinds", packet.stat.path)
        return packet.stat

    def drop(self) -> None:
        """Remove the entry that has waited longest."""
        self._take(-len(self._messages.popleft()) - OVERHEAD)

    def clear(self) -> None:
        """Remove all entries."""
        self._messages.clear()
        self._take(-self._taken)

    def _take(self, size: int) -> None:
        self._taken += size
        self._room.left -= size


class _Directory:
    __slots__ = ("path", "fd", "stat", "last", "files", "left", "names")

    def __init__(self, path: bytes, fd: int, stat: fsutil_pb2.Stat | None) -> None:
        self.path = path
        self.fd = fd
        self.stat = stat
        """What the directory is to be in the end; None for the destination itself, which stays as it is."""
        self.last = b""
        """Name of the last entry: the next one sorts behind it."""
        self.files = 0
        """Files under way within."""
        self.left = False
        """Whether all its entries have been seen."""
        self.names: set[bytes] = set()


class _File:
    __slots__ = ("path", "fd", "directory", "name", "written", "stat")

    def __init__(self, path: bytes, directory: _Directory, name: bytes, stat: fsutil_pb2.Stat) -> None:
        self.path = path
        self.fd = -1
        self.directory = directory
        self.name = name
        self.written = b""
        """The name under which it is written until it is complete."""
        self.stat = stat

    def open(self, written: bytes) -> None:
        """Begin to write; a descriptor is held only while there is something to do with it."""
        self.fd = os.open(written, _CREATE, 0o600, dir_fd=self.directory.fd)
        self.written = written


class Receiver:
    """Receive one transfer into the directory open as `root`; with `delete`, remove what was not in it."""

    def __init__(
        self,
        call: Call,
        root: int,
        *,
        delete: bool = False,
        room: Room | None = None,
        complete: Callable[[], object] = lambda: None,
    ) -> None:
        """`complete` is called once all is written, before the sender learns of it."""
        self._call = call
        self._root = root
        self._delete = delete
        self._complete_all = complete
        self._stack = [_Directory(b"", os.dup(root), None)]
        self._waiting = _Waiting(room or Room())
        self._files: dict[int, _File] = {}
        self._under_way: set[bytes] = set()
        self._regular: set[bytes] = set()
        self._entries = 0
        self._listed = self._finished = self._agreed = False
        self._requests = bytearray()
        self._left = 0
        self._temporary = b".tmp." + secrets.token_hex(8).encode()
        self.left_out = 0
        """Device files that were left out."""

    async def run(self) -> None:
        """Receive until the sender agrees that all is there.

        Raises RpcError where the sender breaks the protocol, WriteError where the destination cannot be written.
        """
        try:
            await self._receive()
        finally:
            self._abandon()

    async def _receive(self) -> None:
        """Always read: a receiver that waits while it asks, with a sender that does the same, waits for ever."""
        while not self._agreed and (messages := await self._call.receive_all()):
            for message in messages:
                if message.startswith(ENTRY):
                    self._list(message)
                else:
                    self._handle(fsutil_pb2.Packet.FromString(message), message)
            await self._advance()
        if not self._agreed:
            raise _broken("the transfer is cut short", b"")

    def _handle(self, packet: fsutil_pb2.Packet, message: bytes) -> None:
        kind = packet.type
        if kind == fsutil.DATA:
            self._take(packet.ID, packet.data)
        elif kind == fsutil.STAT:
            if packet.HasField("stat"):
                self._list(message)
            else:
                self._listed = True
        elif kind == fsutil.ERR:
            raise RpcError(Code.UNKNOWN, f"error from sender: {packet.data.decode(errors='replace')}")
        elif kind == fsutil.FIN:
            if not self._finished:
                raise _broken("the transfer ends before it is complete", b"")
            self._agreed = True

    def _list(self, message: bytes) -> None:
        if self._listed:
            raise _broken("an entry after the end of the list", b"")
        self._waiting.append(message)

    async def _advance(self) -> None:
        """Work on entries in their order, as far as there is room for more files."""
        waiting = self._waiting
        if len(self._files) > OUTSTANDING // 2 or self._left > LEFT // 2:
            return
        while waiting and len(self._files) < OUTSTANDING and self._left < LEFT:
            entry = waiting.first()
            if entry.linkname in self._under_way and not entry.mode & fsutil.MODE_TYPE:
                break  # a hard link to a file that does not have its name yet
            waiting.drop()
            self._apply(self._entries, entry)
            self._entries += 1
        if self._requests:
            requests = bytes(self._requests)
            self._requests.clear()
            await self._call.send_framed(requests)
        if self._listed and not waiting and not self._files and not self._finished:
            while self._stack:
                self._leave()
            self._finished = True
            self._complete_all()
            await self._call.send(fsutil_pb2.Packet(type="PACKET_FIN").SerializeToString())

    def _apply(self, number: int, entry: fsutil_pb2.Stat) -> None:
        path = _checked(entry.path)
        directory, name = self._enter(path)
        kind = entry.mode & fsutil.MODE_TYPE
        try:
            if kind == fsutil.MODE_DIR:
                self._make_directory(directory, name, path, entry)
            elif kind == fsutil.MODE_SYMLINK:
                self._make_symlink(directory, name, entry)
            elif kind:
                self._make_special(directory, name, entry)
            elif entry.linkname:
                self._make_link(directory, name, entry)
            else:
                self._make_file(directory, name, path, entry, number)
        except OSError as error:
            raise WriteError(path, error) from error
        except (OverflowError, ValueError) as error:  # numbers and names that no system takes
            raise _broken("an impossible entry", path) from error

    def _enter(self, path: bytes) -> tuple[_Directory, bytes]:
        """Return the directory that a path lies in and its name there, leaving directories that are complete."""
        parent, _, name = path.rpartition(b"/")
        while self._stack and self._stack[-1].path != parent:
            if len(self._stack) == 1:
                raise _broken("a path out of order", path)
            self._leave()
        directory = self._stack[-1]
        if directory.last >= name:
            raise _broken("a path out of order", path)
        directory.last = name
        if self._delete:
            directory.names.add(name)
        return directory, name

    # Making entries.

    def _make_directory(self, parent: _Directory, name: bytes, path: bytes, entry: fsutil_pb2.Stat) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent.fd)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=parent.fd, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=parent.fd)
                os.mkdir(name, 0o700, dir_fd=parent.fd)
        fd = os.open(name, _OPEN_DIRECTORY, dir_fd=parent.fd)
        self._stack.append(_Directory(path, fd, entry))
        mode = stat.S_IMODE(os.fstat(fd).st_mode)
        if mode & 0o700 != 0o700:
            os.fchmod(fd, mode | 0o700)

    def _make_symlink(self, directory: _Directory, name: bytes, entry: fsutil_pb2.Stat) -> None:
        if b"\0" in entry.linkname:
            raise _broken("a symlink to an impossible path", entry.path)
        _clear(directory.fd, name)
        os.symlink(entry.linkname, name, dir_fd=directory.fd)
        os.utime(name, ns=(entry.modTime, entry.modTime), dir_fd=directory.fd, follow_symlinks=False)

    def _make_special(self, directory: _Directory, name: bytes, entry: fsutil_pb2.Stat) -> None:
        kind = entry.mode & fsutil.MODE_TYPE
        if kind in {fsutil.MODE_DEVICE, fsutil.MODE_DEVICE | fsutil.MODE_CHAR}:
            self.left_out += 1
            return
        if kind != fsutil.MODE_FIFO:
            raise _broken("an unknown kind of file", entry.path)
        _clear(directory.fd, name)
        mode = fsutil.permissions(entry.mode)
        os.mkfifo(name, mode, dir_fd=directory.fd)
        os.chmod(name, mode, dir_fd=directory.fd)  # mkfifo applies the umask
        os.utime(name, ns=(entry.modTime, entry.modTime), dir_fd=directory.fd, follow_symlinks=False)

    def _make_link(self, directory: _Directory, name: bytes, entry: fsutil_pb2.Stat) -> None:
        if entry.linkname not in self._regular:
            raise _broken("a hard link to a path outside of the transfer", entry.path)
        *parents, target = entry.linkname.split(b"/")
        _clear(directory.fd, name)
        with contextlib.ExitStack() as opened:
            fd = self._root
            for parent in parents:
                fd = os.open(parent, _OPEN_DIRECTORY, dir_fd=fd)
                opened.callback(os.close, fd)
            os.link(target, name, src_dir_fd=fd, dst_dir_fd=directory.fd, follow_symlinks=False)

    def _make_file(self, directory: _Directory, name: bytes, path: bytes, entry: fsutil_pb2.Stat, number: int) -> None:
        directory.files += 1
        self._files[number] = _File(path, directory, name, entry)
        self._under_way.add(path)
        self._regular.add(path)
        self._requests += fsutil.framed_request(number)

    # Filling and finishing them.

    def _take(self, number: int, data: bytes) -> None:
        file = self._files.get(number)
        if file is None:
            raise _broken("contents that were not asked for", b"")
        try:
            if file.fd < 0:
                file.open(b"%s.%d" % (self._temporary, number))
            if not data:
                self._complete(number, file)
                return
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file.fd, rest) :]
        except OSError as error:
            raise WriteError(file.path, error) from error

    def _complete(self, number: int, file: _File) -> None:
        _finish(file.fd, file.stat)
        directory = file.directory.fd
        try:
            os.rename(file.written, file.name, src_dir_fd=directory, dst_dir_fd=directory)
        except IsADirectoryError:
            remove(directory, file.name)
            os.rename(file.written, file.name, src_dir_fd=directory, dst_dir_fd=directory)
        os.close(file.fd)
        del self._files[number]
        self._under_way.discard(file.path)
        file.directory.files -= 1
        self._settle(file.directory)

    def _leave(self) -> None:
        directory = self._stack.pop()
        directory.left = True
        self._left += 1
        self._settle(directory)

    def _settle(self, directory: _Directory) -> None:
        """Give a directory its mode and time once nothing more happens in it."""
        if not directory.left or directory.files:
            return
        try:
            if self._delete:
                for name in os.listdir(directory.fd):
                    if os.fsencode(name) not in directory.names:
                        remove(directory.fd, os.fsencode(name))
            if directory.stat is not None:
                _finish(directory.fd, directory.stat)
        except OSError as error:
            raise WriteError(directory.path, error) from error
        finally:
            os.close(directory.fd)
            directory.fd = -1
            self._left -= 1

    def _abandon(self) -> None:
        """Close what is open, and remove files that are not complete."""
        directories = {id(directory): directory for directory in self._stack}
        for file in self._files.values():
            if file.fd >= 0:
                with contextlib.suppress(OSError):
                    _unlink(file.directory.fd, file.written, file.fd)
                os.close(file.fd)
            directories[id(file.directory)] = file.directory
        for directory in directories.values():
            if directory.fd >= 0:
                os.close(directory.fd)
                directory.fd = -1
        self._files.clear()
        self._stack.clear()
        self._waiting.clear()


def _finish(fd: int, entry: fsutil_pb2.Stat) -> None:
    for name, value in entry.xattrs.items():
        with contextlib.suppress(OSError, ValueError):  # not every file system takes them, nor any from everybody
            os.setxattr(fd, name, value)
    os.fchmod(fd, fsutil.permissions(entry.mode))
    os.utime(fd, ns=(entry.modTime, entry.modTime))


def _clear(directory: int, name: bytes) -> None:
    """Remove what a name stands for, if anything."""
    with contextlib.suppress(FileNotFoundError):
        remove(directory, name)


def _unlink(directory: int, name: bytes, fd: int) -> None:
    """Remove a name where it still stands for the open file, not for another that has replaced it meanwhile."""
    if os.path.samestat(os.fstat(fd), os.stat(name, dir_fd=directory, follow_symlinks=False)):
        os.unlink(name, dir_fd=directory)


def _checked(path: bytes) -> bytes:
    """Return a path that is relative and clean, or refuse it."""
    if b"\0" in path or not {b"", b".", b".."}.isdisjoint(path.split(b"/")):
        raise _broken("an impossible path", path)
    return path


def _broken(fault: str, path: bytes) -> RpcError:
    at = f": {path.decode(errors='backslashreplace')}" if path else ""
    return RpcError(Code.INVALID_ARGUMENT, f"the sender broke the file transfer: {fault}{at}")
