"""Open a gRPC channel to an endpoint, and say plainly why that fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bakepy.files import read_file
from bakepy.transport.endpoint import Endpoint, Tls
from bakepy.transport.faults import TransportError, unreadable

if TYPE_CHECKING:
    import grpc
    import grpc.aio

MIB = 1 << 20
MESSAGE = 16 * MIB
"""The most bytes of a message from a builder, as in BuildKit's own client."""
PROBE = 2.0
"""Seconds that each step of looking for the reason of a failure may take."""

OPTIONS: tuple[tuple[str, int | str], ...] = (
    # Errors carry whole Dockerfiles in trailers, requests carry .dockerignore files in headers.
    ("grpc.max_metadata_size", 8 * MIB),
    ("grpc.absolute_max_metadata_size", 16 * MIB),
    ("grpc.max_receive_message_length", MESSAGE),
    ("grpc.max_send_message_length", -1),
    # A proxy of the environment is for the web, not for a builder.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # A server that turns every stream away would have the same calls queued anew without an end.
    ("grpc.enable_retries", 0),
    # Two channels to one address must not share a socket: a hijacked stream can be had once.
    ("grpc.use_local_subchannel_pool", 1),
)


async def open_channel(endpoint: Endpoint, *, within: float = 20.0) -> grpc.aio.Channel:
    """Return a channel that is connected; raises TransportError after `within` seconds or a refusal."""
    import grpc
    from grpc import aio

    options = list(OPTIONS)
    if endpoint.tls is None:
        channel = aio.insecure_channel(_uri(endpoint.target), options)
    else:
        if endpoint.tls.server_name:
            options.append(("grpc.ssl_target_name_override", endpoint.tls.server_name))
        channel = aio.secure_channel(_uri(endpoint.target), _credentials(endpoint.tls), options)
    connected = False
    try:
        connected = await _connect(channel, within, grpc.ChannelConnectivity.READY)
    finally:
        if not connected:
            await channel.close()
    if not connected:
        raise await _explain(endpoint)
    return channel


def _uri(target: str) -> str:
    """Return a target as gRPC reads it: a socket's path is part of a URI there."""
    from urllib.parse import quote

    scheme, colon, path = target.partition(":")
    return f"unix:{quote(path)}" if scheme == "unix" and colon else target


async def _connect(channel: grpc.aio.Channel, within: float, ready: grpc.ChannelConnectivity) -> bool:
    """Tell whether the channel became ready before it failed or the time was up."""
    import asyncio

    try:
        async with asyncio.timeout(within):
            state = channel.get_state(try_to_connect=True)
            while state is not ready:
                if state.name in {"TRANSIENT_FAILURE", "SHUTDOWN"}:
                    return False
                await channel.wait_for_state_change(state)
                state = channel.get_state(try_to_connect=True)
    except TimeoutError:
        return False
    return True


async def _explain(endpoint: Endpoint) -> TransportError:
    import asyncio

    from bakepy.transport.faults import diagnose

    return await asyncio.to_thread(diagnose, endpoint, PROBE)


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    import grpc

    ca, key, cert = (_pem(path) for path in (tls.ca, tls.key, tls.cert))
    return grpc.ssl_channel_credentials(ca, key, cert)


def _pem(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return read_file(path)
    except OSError as error:
        raise unreadable(path, error) from error
