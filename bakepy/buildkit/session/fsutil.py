"""The packets of BuildKit's file transfer, and the modes that they carry.

A stat's mode is Go's `os.FileMode`, not `st_mode`. Small packets that go out by the thousand are written by hand; a
test holds them against the generated classes.
"""

from __future__ import annotations

import stat
import struct

STAT, REQ, DATA, FIN, ERR = range(5)

MODE_DIR = 1 << 31
MODE_SYMLINK = 1 << 27
MODE_DEVICE = 1 << 26
MODE_FIFO = 1 << 25
MODE_SETUID = 1 << 23
MODE_SETGID = 1 << 22
MODE_CHAR = 1 << 21
MODE_STICKY = 1 << 20
MODE_TYPE = MODE_DIR | MODE_SYMLINK | MODE_FIFO | MODE_DEVICE | MODE_CHAR | 1 << 24 | 1 << 19
"""What makes a file other than regular; the last two are sockets and files of unknown kind."""

_KINDS = {
    stat.S_IFDIR: MODE_DIR,
    stat.S_IFLNK: MODE_SYMLINK,
    stat.S_IFIFO: MODE_FIFO,
    stat.S_IFBLK: MODE_DEVICE,
    stat.S_IFCHR: MODE_DEVICE | MODE_CHAR,
    # A socket's bit is left out, as BuildKit's own walker does: it arrives as an empty regular file.
}
_SPECIAL = ((stat.S_ISUID, MODE_SETUID), (stat.S_ISGID, MODE_SETGID), (stat.S_ISVTX, MODE_STICKY))
_PREFIX = struct.Struct(">BI")


def to_go_mode(mode: int) -> int:
    """Return Go's FileMode of an `st_mode`."""
    out = mode & 0o777 | _KINDS.get(stat.S_IFMT(mode), 0)
    if mode & 0o7000:
        for bit, go in _SPECIAL:
            if mode & bit:
                out |= go
    return out


def permissions(go_mode: int) -> int:
    """Return what chmod takes of Go's FileMode."""
    out = go_mode & 0o777
    for bit, go in _SPECIAL:
        if go_mode & go:
            out |= bit
    return out


def varint(value: int) -> bytes:
    """Encode an unsigned number as protobuf does."""
    if value < 0x80:
        return bytes((value,))
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    return bytes((value & 0x7F | 0x80,)) + varint(value >> 7)


def framed(message: bytes) -> bytes:
    """Put gRPC's prefix before a message."""
    return _PREFIX.pack(0, len(message)) + message


def data(file: int) -> bytes:
    """Return a DATA packet without data: the end of a file, and the beginning of its other packets."""
    return b"\x08\x02\x18" + varint(file) if file else b"\x08\x02"


def framed_head(packet: bytes, size: int) -> bytes:
    """Return all of a framed packet but its `size` bytes of data, of which there are some."""
    head = packet + b"\x22" + varint(size)
    return _PREFIX.pack(0, len(head) + size) + head


def framed_request(file: int) -> bytes:
    """Return a framed REQ packet."""
    return framed(b"\x08\x01\x18" + varint(file) if file else b"\x08\x01")
