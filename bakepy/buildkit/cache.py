"""A daemon's build cache: what it holds, and removing what nobody needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from bakepy.buildkit.calls import CONTROL, Calls
from bakepy.buildkit.errors import decoding
from bakepy.buildkit.proto import control_pb2
from bakepy.buildkit.requests import CacheRecord, PruneRequest


async def disk_usage(calls: Calls, filters: Sequence[str]) -> tuple[CacheRecord, ...]:
    """Call Control/DiskUsage and return the records, the smallest first."""
    request = control_pb2.DiskUsageRequest(filter=filters)
    answer = await calls.unary(CONTROL + "DiskUsage", request, control_pb2.DiskUsageResponse)
    with decoding("a cache record", calls.target):
        return tuple(sorted(map(_record, answer.record), key=lambda record: (record.size, record.id)))


async def prune(calls: Calls, request: PruneRequest) -> AsyncIterator[CacheRecord]:
    """Call Control/Prune and yield each record that was removed."""
    message = control_pb2.PruneRequest(
        filter=request.filters,
        all=request.all,
        keepDuration=request.keep_duration,
        reservedSpace=request.reserved_space,
        maxUsedSpace=request.max_used_space,
        minFreeSpace=request.min_free_space,
    )
    async with aclosing(calls.stream(CONTROL + "Prune", message, control_pb2.UsageRecord)) as records:
        async for record in records:
            with decoding("a cache record", calls.target):
                found = _record(record)
            yield found


def _record(record: control_pb2.UsageRecord) -> CacheRecord:
    return CacheRecord(
        id=record.ID,
        type=record.RecordType,
        description=record.Description,
        size=record.Size,
        mutable=record.Mutable,
        in_use=record.InUse,
        shared=record.Shared,
        usage_count=record.UsageCount,
        created=record.CreatedAt.ToNanoseconds(),
        last_used=record.LastUsedAt.ToNanoseconds() if record.HasField("LastUsedAt") else None,
        parents=tuple(record.Parents) or tuple(filter(None, [record.Parent])),
    )
