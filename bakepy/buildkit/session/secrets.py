"""Hand out the secrets of a build (`moby.buildkit.secrets.v1.Secrets`)."""

from __future__ import annotations

from collections.abc import Mapping

from bakepy.buildkit.session.rpc import Call, Code, Handler, RpcError

LIMIT = 500 * 1024
"""The most bytes of a secret that BuildKit takes."""


class Secrets:
    """Serve secrets by id; the daemon asks for one only when a step that mounts it runs."""

    def __init__(self, values: Mapping[str, bytes]) -> None:
        self._values = values

    def handlers(self) -> Mapping[str, Handler]:
        """Return the one method."""
        return {"/moby.buildkit.secrets.v1.Secrets/GetSecret": self._get}

    async def _get(self, call: Call) -> None:
        from bakepy.buildkit.proto.session_pb2 import GetSecretRequest, GetSecretResponse

        name = GetSecretRequest.FromString(await call.receive() or b"").ID
        value = self._values.get(name)
        if value is None:
            raise RpcError(Code.NOT_FOUND, f"secret {name} is not defined")
        if len(value) > LIMIT:
            raise RpcError(
                Code.RESOURCE_EXHAUSTED, f"secret {name} has {len(value)} bytes; at most {LIMIT} are allowed"
            )
        await call.send(GetSecretResponse(data=value).SerializeToString())
