"""Definitions of our own (LLB): a source that BuildKit fetches, and a folder picked out of it.

A definition is a list of serialised operations, each known to the others by its digest; the last one names the result.
Equal definitions are one step to the daemon, so the bytes must depend on nothing but what they mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from bakepy.buildkit.proto import ops_pb2
from bakepy.buildkit.requests import HTTP_FILE, Definition
from bakepy.records import Record

NAME = "llb.customname"
NO_INPUT = -1
KEEP = -1
"""Stands for the mode and time that a copied file has already."""
GIT_CAPS = {
    "git.keepgitdir": "source.git.keepgitdir",
    "git.fullurl": "source.git.fullurl",
    "git.knownsshhosts": "source.git.knownsshhosts",
    "git.mountsshsock": "source.git.mountsshsock",
    "git.checksum": "source.git.checksum",
    "git.skipsubmodules": "source.git.skipsubmodules",
    "git.mtime": "source.git.mtime",
    "git.fetchbycommit": "source.git.fetchbycommit",
}
"""What a daemon must be able to do for an attribute of a Git source."""


class State(Record):
    """Hold a file system that the daemon is to make: operations, the last of which makes it."""

    __slots__ = ("ops", "metadata")

    def __init__(self, ops: tuple[bytes, ...] = (), metadata: Mapping[str, ops_pb2.OpMetadata] | None = None) -> None:
        self.ops: Final = ops
        self.metadata: Final[Mapping[str, ops_pb2.OpMetadata]] = {} if metadata is None else metadata

    def folder(self, path: str, name: str) -> State:
        """Return a state that holds the contents of a folder of this one; `name` is what users see of it."""
        return self._copied(
            ops_pb2.FileActionCopy(src=_rooted(path), dest="/", mode=KEEP, timestamp=KEEP, dirCopyContents=True), name
        )

    def unpacked(self, path: str, name: str) -> State:
        """Return a state that holds what is in an archive of this one."""
        copy = ops_pb2.FileActionCopy(
            src=_rooted(path), dest="/", mode=KEEP, timestamp=KEEP, attemptUnpackDockerCompatibility=True
        )
        return self._copied(copy, name)

    def definition(self) -> Definition:
        """Return the state as the daemon takes it."""
        message = ops_pb2.Definition()
        end = ops_pb2.Op(inputs=[ops_pb2.Input(digest=_digest(self.ops[-1]))]).SerializeToString(deterministic=True)
        getattr(message, "def").extend([*self.ops, end])
        for digest, metadata in self.metadata.items():
            message.metadata[digest].CopyFrom(metadata)
        message.metadata[_digest(end)].caps.update({"constraints": True, "meta.description": True, "platform": True})
        return Definition(message.SerializeToString(deterministic=True))

    def _copied(self, copy: ops_pb2.FileActionCopy, name: str) -> State:
        action = ops_pb2.FileAction(input=NO_INPUT, secondaryInput=0, output=0, copy=copy)
        op = ops_pb2.Op(
            inputs=[ops_pb2.Input(digest=_digest(self.ops[-1]))],
            file=ops_pb2.FileOp(actions=[action]),
            constraints=ops_pb2.WorkerConstraints(),
        )
        return self._with(op, name, ["file.base"])

    def _with(self, op: ops_pb2.Op, name: str, caps: list[str]) -> State:
        wire = op.SerializeToString(deterministic=True)
        metadata = ops_pb2.OpMetadata(description={NAME: name}, caps=dict.fromkeys(caps, True))
        return State((*self.ops, wire), {**self.metadata, _digest(wire): metadata})


def git(where: str, attrs: Mapping[str, str], name: str) -> State:
    """Return the state of a Git repository: `where` is `host/path#ref:folder`, the attributes are BuildKit's."""
    caps = ["source.git", *(GIT_CAPS[key] for key in attrs if key in GIT_CAPS)]
    return _source(f"git://{where}", attrs, name, caps)


def http(url: str, name: str) -> State:
    """Return the state that holds a download as HTTP_FILE."""
    return _source(url, {"http.filename": HTTP_FILE}, name, ["source.http"])


def _source(identifier: str, attrs: Mapping[str, str], name: str, caps: list[str]) -> State:
    op = ops_pb2.Op(
        source=ops_pb2.SourceOp(identifier=identifier, attrs=attrs), constraints=ops_pb2.WorkerConstraints()
    )
    return State()._with(op, name, caps)


def _rooted(path: str) -> str:
    return "/" + path.lstrip("/")


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
