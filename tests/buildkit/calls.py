"""Calls from memory, for handlers that are tested without a daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from bakepy.buildkit.session.rpc import Service


class MemoryCall:
    """Be a `rpc.Call` whose messages come from a list and go to a list."""

    def __init__(self, messages: Iterable[bytes] = (), metadata: Mapping[str, list[str]] | None = None) -> None:
        self.metadata = metadata or {}
        self.sent: list[bytes] = []
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        for message in messages:
            self._messages.put_nowait(message)
        self._messages.put_nowait(None)

    async def receive(self) -> bytes | None:
        return await self._messages.get()

    async def send(self, message: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(message))


async def ask(service: Service, method: str, request: bytes) -> bytes:
    """Make one unary call and return its answer."""
    call = MemoryCall([request])
    await service.handlers()[method](call)
    assert len(call.sent) == 1
    return call.sent[0]
