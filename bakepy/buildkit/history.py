"""The daemon's records of builds: what it attests of a build that has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from bakepy.buildkit.calls import CONTROL
from bakepy.buildkit.errors import BrokenAnswer, BuildkitError, ConnectionLost
from bakepy.buildkit.proto import content_pb2, control_pb2
from bakepy.records import Record

if TYPE_CHECKING:
    from bakepy.buildkit.calls import Calls

READ = "/containerd.services.content.v1.Content/Read"
IN_TOTO = "application/vnd.in-toto+json"
PREDICATE_TYPE = "in-toto.io/predicate-type"
PROVENANCE = "https://slsa.dev/provenance/"


LIMIT = 64 << 20
"""The most bytes of a build's provenance that are read, for all platforms together."""
OVERHEAD = 1 << 10
"""Bytes that a platform takes besides what it is sent as."""
PATIENCE = 30.0
"""Seconds that a builder has for a build's provenance."""


class Provenance(Record):
    """Hold a provenance predicate: the address that names its type, and its JSON."""

    __slots__ = ("type", "data")

    def __init__(self, type: str, data: bytes) -> None:
        self.type: Final = type
        self.data: Final = data


async def provenance(calls: Calls, ref: str) -> Mapping[str, Provenance]:
    """Return the provenance of a build that has ended, by platform; a result of a single one has the key "".

    That is empty for daemons that keep no records. Raises SolveError where a record's content cannot be read, and
    BrokenAnswer where it is too large or takes too long.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            return await _found(calls, ref)
    except TimeoutError:
        raise BrokenAnswer(f'the builder "{calls.target}" did not send provenance within {PATIENCE:g}s') from None


async def _found(calls: Calls, ref: str) -> Mapping[str, Provenance]:
    request = control_pb2.BuildHistoryRequest(Ref=ref, EarlyExit=True)
    found: dict[str, control_pb2.Descriptor] = {}
    room = _Room(calls.target)
    try:
        async for event in calls.stream(CONTROL + "ListenBuildHistory", request, control_pb2.BuildHistoryEvent):
            record = event.record
            results = dict(record.Results) or ({"": record.Result} if record.HasField("Result") else {})
            for platform, result in results.items():
                if descriptor := _provenance(result):
                    room.take(len(platform) + descriptor.ByteSize() + OVERHEAD)
                    found[platform] = descriptor
    except (ConnectionLost, BrokenAnswer):
        raise
    except BuildkitError:
        # A daemon may be too old for records, or be told to keep none.
        return {}
    return {p: Provenance(d.annotations[PREDICATE_TYPE], await _read(calls, d, room)) for p, d in found.items()}


class _Room:
    """The bytes that may still be taken from a builder."""

    def __init__(self, builder: str) -> None:
        self._builder = builder
        self._left = LIMIT

    def take(self, size: int) -> None:
        """Take some; raises BrokenAnswer where too few are left."""
        self._left -= size
        if self._left < 0:
            raise BrokenAnswer(f'the builder "{self._builder}" sent provenance of more than {LIMIT >> 20} MiB')


def _provenance(result: control_pb2.BuildResultInfo) -> control_pb2.Descriptor | None:
    for attestation in result.Attestations:
        of_type = attestation.annotations.get(PREDICATE_TYPE, "")
        if attestation.media_type == IN_TOTO and of_type.startswith(PROVENANCE):
            return attestation
    return None


async def _read(calls: Calls, blob: control_pb2.Descriptor, room: _Room) -> bytes:
    request = content_pb2.ReadContentRequest(digest=blob.digest)
    data = bytearray()
    async for part in calls.stream(READ, request, content_pb2.ReadContentResponse):
        room.take(len(part.data))
        data += part.data
    return bytes(data)
