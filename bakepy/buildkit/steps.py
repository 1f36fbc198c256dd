"""Read what a result's definition (LLB) will run, before any of it does."""

from __future__ import annotations

import hashlib
from typing import Final

from bakepy.buildkit.requests import Definition
from bakepy.platforms import Platform
from bakepy.records import Record

NAME = "llb.customname"


class Process(Record):
    """Name a step that runs a process, by the name that users see, and the platform that it runs on."""

    __slots__ = ("digest", "name", "platform")

    def __init__(self, digest: str, name: str, platform: Platform) -> None:
        self.digest: Final = digest
        self.name: Final = name
        self.platform: Final = platform


def processes(definition: Definition) -> list[Process]:
    """Return the steps of a definition that run processes, in its order, where they name their platform."""
    from bakepy.buildkit.proto.ops_pb2 import Definition as Message
    from bakepy.buildkit.proto.ops_pb2 import Op

    message = Message.FromString(definition.wire)
    found = []
    for wire in getattr(message, "def"):
        op = Op.FromString(wire)
        if op.WhichOneof("op") == "exec" and op.HasField("platform"):
            digest = "sha256:" + hashlib.sha256(wire).hexdigest()
            name = message.metadata[digest].description.get(NAME, "") if digest in message.metadata else ""
            platform = Platform(op.platform.OS, op.platform.Architecture, op.platform.Variant)
            found.append(Process(digest, name, platform.normalised()))
    return found
