"""The daemon's records of builds: what it attests of a build that has ended."""

from __future__ import annotations

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
"""The most bytes of a provenance that are read."""


class Provenance(Record):
    """Hold a provenance predicate: the address that names its type, and its JSON."""

    __slots__ = ("type", "data")

    def __init__(self, type: str, data: bytes) -> None:
        self.type: Final = type
        self.data: Final = data


async def provenance(calls: Calls, ref: str) -> Mapping[str, Provenance]:
    """Return the provenance of a build that has ended, by platform; a result of a single one has the key "".

    That is empty for daemons that keep no records. Raises SolveError where a record's content cannot be read.
    """
    request = control_pb2.BuildHistoryRequest(Ref=ref, EarlyExit=True)
    found: dict[str, control_pb2.Descriptor] = {}
    try:
        async for event in calls.stream(CONTROL + "ListenBuildHistory", request, control_pb2.BuildHistoryEvent):
            record = event.record
            results = dict(record.Results) or ({"": record.Result} if record.HasField("Result") else {})
            found |= {platform: d for platform, result in results.items() if (d := _provenance(result))}
    except (ConnectionLost, BrokenAnswer):
        raise
    except BuildkitError:
        # A daemon may be too old for records, or be told to keep none.
        return {}
    return {platform: Provenance(d.annotations[PREDICATE_TYPE], await _read(calls, d)) for platform, d in found.items()}


def _provenance(result: control_pb2.BuildResultInfo) -> control_pb2.Descriptor | None:
    for attestation in result.Attestations:
        of_type = attestation.annotations.get(PREDICATE_TYPE, "")
        if attestation.media_type == IN_TOTO and of_type.startswith(PROVENANCE):
            return attestation
    return None


async def _read(calls: Calls, blob: control_pb2.Descriptor) -> bytes:
    request = content_pb2.ReadContentRequest(digest=blob.digest)
    data = bytearray()
    async for part in calls.stream(READ, request, content_pb2.ReadContentResponse):
        data += part.data
        if len(data) > LIMIT:
            raise BrokenAnswer(f'the builder "{calls.target}" sent provenance of more than {LIMIT >> 20} MiB')
    return bytes(data)
