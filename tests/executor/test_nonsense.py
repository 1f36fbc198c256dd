"""What builders, registries and Engines answer may be nonsense: each is an error that names who sent it."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest

from bakepy.buildkit.build import Build
from bakepy.buildkit.cache import disk_usage
from bakepy.buildkit.calls import Calls
from bakepy.buildkit.errors import BrokenAnswer, BuildkitError, decoding
from bakepy.buildkit.history import Provenance
from bakepy.buildkit.proto import control_pb2
from bakepy.buildkit.requests import Definition, GatewayRequest, Ref, Result
from bakepy.buildkit.session.content import read_descriptor
from bakepy.buildkit.session.server import SessionError
from bakepy.drivers.container import _state
from bakepy.drivers.container_pull import DOWNLOADING, Pull
from bakepy.executor import index
from bakepy.executor.foreign import _processes
from bakepy.executor.node import _tag_caches
from bakepy.executor.outcome import _decoded
from bakepy.executor.provenance import SLSA_1, entries
from bakepy.planner.spec import Cache, InlineDockerfile, LocalContext, SolveSpec
from bakepy.platforms import _compatible

TEXTS = {
    "empty": "",
    "no JSON": "{",
    "list": "[]",
    "text": '"x"',
    "deep": "[" * 100_000,
    "deep object": '{"digest":' * 100_000,
    "number": "1" + "0" * 5_000,
    "no digest": '{"digest": 1}',
    "bad digest": '{"digest": "sha256:../../x"}',
    "surrogate": '{"digest": "\\ud800"}',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_descriptor_that_is_none_names_the_builder(text: str, tmp_path: Path) -> None:
    """Nothing of it comes into a cache's index."""
    cache = Cache("local", (("dest", str(tmp_path / "cache")),))
    spec = SolveSpec(LocalContext("."), InlineDockerfile("FROM scratch"), cache_to=(cache,))
    with pytest.raises(BrokenAnswer, match='"node7"'):
        _tag_caches(spec, {"cache.manifest": text}, "node7")
    with pytest.raises(BrokenAnswer, match='"node7"'):
        read_descriptor(text.encode("utf-8", "surrogatepass"), "node7")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_registrys_nonsense_names_the_registry(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Manifests and configurations of any shape are refused."""

    class Fake:
        def __init__(self, *_: object) -> None:
            return

        def manifest(self, _: str) -> bytes:
            return text.encode("utf-8", "surrogatepass")

        blob = manifest

    monkeypatch.setattr(index, "Registry", Fake)
    descriptor = b64encode(b'{"digest": "sha256:1", "mediaType": "%s"}' % index.INDEX.encode()).decode()
    for response in ({index.DESCRIPTOR: descriptor}, {index.DESCRIPTOR: "\u00e4"}, {index.DIGEST: "sha256:1"}):
        export: Any = type("Export", (), {"names": ["reg.test/x"], "attrs": (), "attr": lambda *_: ""})()
        with pytest.raises(BrokenAnswer, match=r'"reg\.test"'):
            index.join(export, [response], {"reg.test": cast(Any, None)}, {"reg.test": cast(Any, None)})


@pytest.mark.parametrize("text", [t for name, t in TEXTS.items() if "digest" not in name and name != "surrogate"])
@pytest.mark.parametrize("kind", ["https://slsa.dev/provenance/v0.2", SLSA_1])
def test_impossible_provenance_names_the_builder(text: str, kind: str) -> None:
    """A predicate is an object."""
    with pytest.raises(BrokenAnswer, match='"node7"'), decoding("provenance", "node7"):
        entries({"": Provenance(kind, text.encode())}, "min")


@pytest.mark.parametrize("status", [b"1" * 5_000, b"256", b"-1", b"x", "\u0661".encode()])
async def test_an_impossible_exit_status_is_a_failure(status: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """No number of a builder's becomes success."""
    outer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    build = Build(cast(Calls, None), "r", outer)

    async def answer(_: GatewayRequest) -> Result:
        return Result({}, {"result.json": b"{}", "result.statuscode": status}, b"")

    monkeypatch.setattr(build, "solve", answer)
    assert (await build.call(GatewayRequest({}), "lint")).status == 1


async def test_a_result_of_no_single_platform_cannot_be_read() -> None:
    """A builder that answers with other parts than asked for is an error."""
    outer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    calls = cast(Any, Mock())
    with pytest.raises(BrokenAnswer):
        await Build(calls, "r", outer).read(Result({"linux/amd64": Ref("x", None)}, {}, b""), "/x", 1)


def test_an_impossible_definition_names_the_builder() -> None:
    """Steps that cannot be decoded are an error."""
    result = Result({"": Ref("x", Definition(b"\xff" * 9))}, {}, b"")
    with pytest.raises(BrokenAnswer, match='"node7"'):
        _processes(result, "node7")


async def test_an_impossible_cache_record_names_the_builder() -> None:
    """Times of records are bounded, too."""

    class Fake:
        target = "unix:/b"

        async def unary(self, *_: object) -> control_pb2.DiskUsageResponse:
            record = control_pb2.UsageRecord(ID="x")
            record.CreatedAt.seconds = 1 << 62
            return control_pb2.DiskUsageResponse(record=[record])

    with pytest.raises(BrokenAnswer, match="unix:/b"):
        await disk_usage(cast(Calls, Fake()), ())


def test_a_broken_session_is_an_error_of_the_builder() -> None:
    """It fails the build, names the builder, and is no bug."""
    error = SessionError("PROTOCOL_ERROR", "unix:/b")
    assert isinstance(error, BuildkitError)
    assert "unix:/b" in str(error)


@pytest.mark.parametrize("architecture", ["amd64", "arm", "arm64"])
@pytest.mark.parametrize("variant", ["v999999999", "v" + "9" * 5_000, "v9." + "9" * 5_000])
def test_impossible_variants_cost_nothing(architecture: str, variant: str) -> None:
    """A variant that no processor has runs nothing else."""
    assert len(_compatible(architecture, variant)) < 100


@pytest.mark.parametrize("body", [{"State": []}, {"State": {"ExitCode": "x"}}, {"State": {"ExitCode": float("nan")}}])
def test_an_engines_nonsense_about_a_container_is_left_out(body: dict[str, Any]) -> None:
    """What is no number is 0."""
    assert _state(body).exit_code == 0


@pytest.mark.parametrize("detail", [[], "x", {"current": "x", "total": float("inf")}])
def test_an_engines_nonsense_about_a_layer_is_left_out(detail: object) -> None:
    """What is no number of bytes is 0."""
    said: list[object] = []
    pull = Pull("image", cast(Callable[[Any], None], said.append))
    pull.take({"id": "x", "status": DOWNLOADING, "progressDetail": detail})
    pull.end()


@pytest.mark.parametrize("value", ["[" * 100_000, b64encode(b"[" * 100_000).decode()])
def test_a_deep_answer_stays_text(value: str) -> None:
    """The metadata file holds it as it came."""
    assert _decoded("x", value) == _decoded("result.json", value) == value
