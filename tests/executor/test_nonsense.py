"""What builders, registries and Engines answer may be nonsense: each is an error that names who sent it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest

from bakepy.buildkit import history
from bakepy.buildkit.build import Build
from bakepy.buildkit.cache import disk_usage
from bakepy.buildkit.calls import Calls
from bakepy.buildkit.errors import BrokenAnswer, BuildkitError, decoding
from bakepy.buildkit.history import IN_TOTO, PREDICATE_TYPE, PROVENANCE, READ, Provenance
from bakepy.buildkit.proto import content_pb2, control_pb2
from bakepy.buildkit.requests import Definition, GatewayRequest, Ref, Result
from bakepy.buildkit.session.content import read_descriptor
from bakepy.buildkit.session.filesend import DirTarget, FileSend
from bakepy.buildkit.session.server import SessionError
from bakepy.diagnostics import BakeError
from bakepy.drivers.container import _state
from bakepy.drivers.container_pull import DOWNLOADING, Pull
from bakepy.executor import index
from bakepy.executor.foreign import _processes
from bakepy.executor.lower import NodeFacts
from bakepy.executor.node import _tag_caches
from bakepy.executor.outcome import _decoded
from bakepy.executor.outputs import Outputs, check_answer
from bakepy.executor.provenance import SLSA_1, entries
from bakepy.planner.spec import Cache, Export, InlineDockerfile, LocalContext, SolveSpec
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
DIGEST = f"sha256:{'a' * 64}"
DESCRIPTOR = '{"digest": "%s", "mediaType": %s, "size": %s}'
DESCRIPTORS = {
    "no size": f'{{"digest": "{DIGEST}", "mediaType": "a/b"}}',
    "NaN": DESCRIPTOR % (DIGEST, '"a/b"', "NaN"),
    "infinite": DESCRIPTOR % (DIGEST, '"a/b"', "1e999"),
    "negative": DESCRIPTOR % (DIGEST, '"a/b"', "-1"),
    "bool": DESCRIPTOR % (DIGEST, '"a/b"', "true"),
    "65 bits": DESCRIPTOR % (DIGEST, '"a/b"', 1 << 64),
    "media type": DESCRIPTOR % (DIGEST, "7", "1"),
    "NaN inside": DESCRIPTOR % (DIGEST, '"a/b"', '1, "x": NaN'),
}


@pytest.mark.parametrize("text", [*TEXTS.values(), *DESCRIPTORS.values()], ids=[*TEXTS, *DESCRIPTORS])
def test_a_descriptor_that_is_none_names_the_builder(text: str, tmp_path: Path) -> None:
    """Nothing of it comes into a cache's index."""
    cache = Cache("local", (("dest", str(tmp_path / "cache")),))
    spec = SolveSpec(LocalContext("."), InlineDockerfile("FROM scratch"), cache_to=(cache,))
    with pytest.raises(BrokenAnswer, match='"node7"'):
        _tag_caches(spec, {"cache.manifest": text}, "node7", os.path.realpath)
    with pytest.raises(BrokenAnswer, match='"node7"'):
        read_descriptor(text.encode("utf-8", "surrogatepass"), "node7")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("text", [*TEXTS.values(), *DESCRIPTORS.values()], ids=[*TEXTS, *DESCRIPTORS])
def test_an_image_with_an_impossible_descriptor_names_the_builder(text: str) -> None:
    """What an exporter says of an image is checked, whatever the output."""
    encoded = b64encode(text.encode("utf-8", "surrogatepass")).decode() if text else "\u00e4"
    with pytest.raises(BrokenAnswer, match='"node7"'):
        check_answer({index.DESCRIPTOR: encoded}, "node7")


@pytest.mark.parametrize("digest", ["", "x", "sha256:../../x", "sha256:\x1b[2J", f"{DIGEST}\n"])
def test_an_image_with_an_impossible_digest_names_the_builder(digest: str) -> None:
    """A digest is one, before it is written to files."""
    check_answer({index.DIGEST: DIGEST}, "node7")
    with pytest.raises(BrokenAnswer, match='"node7"'):
        check_answer({index.DIGEST: digest}, "node7")


@pytest.mark.parametrize("type", ["local", "tar", "oci"])
def test_a_result_that_was_not_sent_names_the_builder(type: str, tmp_path: Path) -> None:
    """A build without its result has failed, whatever the builder says."""
    export = Export(type, (), str(tmp_path / "o"))
    spec = SolveSpec(LocalContext("."), InlineDockerfile("FROM scratch"), exports=(export,))
    outputs = Outputs(NodeFacts())
    outputs._files = FileSend({0: DirTarget(tmp_path)})
    with pytest.raises(BrokenAnswer, match=f'"node7" sent no result of type "{type}"'):
        outputs.check(spec, "node7")
    outputs._files.missing.clear()
    outputs.check(spec, "node7")


@pytest.mark.parametrize("size", [None, 2, 4], ids=["no blob", "too large", "too small"])
def test_a_cache_that_was_not_written_is_refused(size: int | None, tmp_path: Path) -> None:
    """The index lists no blob that the folder lacks."""
    cache = Cache("local", (("dest", str(tmp_path)),))
    spec = SolveSpec(LocalContext("."), InlineDockerfile("FROM scratch"), cache_to=(cache,))
    blob = tmp_path / "blobs" / "sha256" / DIGEST[7:]
    if size is not None:
        blob.parent.mkdir(parents=True)
        blob.write_bytes(bytes(size))
    answer = {"cache.manifest": DESCRIPTOR % (DIGEST, '"a/b"', 3)}
    with pytest.raises(BrokenAnswer, match="which it did not write"):
        _tag_caches(spec, answer, "node7", os.path.realpath)
    assert not (tmp_path / "index.json").exists()


def test_a_cache_whose_index_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A folder in the place of a layout's file is no bug."""
    cache = Cache("local", (("dest", str(tmp_path)),))
    spec = SolveSpec(LocalContext("."), InlineDockerfile("FROM scratch"), cache_to=(cache,))
    blob = tmp_path / "blobs" / "sha256" / DIGEST[7:]
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"abc")
    (tmp_path / "oci-layout").mkdir()
    answer = {"cache.manifest": DESCRIPTOR % (DIGEST, '"a/b"', 3)}
    with pytest.raises(BakeError, match="Cannot write the index"):
        _tag_caches(spec, answer, "node7", os.path.realpath)
    assert sorted(os.listdir(tmp_path)) == ["blobs", "oci-layout"]


class Records:
    """Answer with a record and its content, in place of a builder."""

    target = "unix:/b"

    def __init__(self, results: Iterator[str], parts: Iterator[bytes]) -> None:
        self.results, self.parts = results, parts
        self.read = 0

    async def stream(self, path: str, *_: object) -> AsyncIterator[object]:
        if path == READ:
            for part in self.parts:
                self.read += len(part)
                yield content_pb2.ReadContentResponse(data=part)
                await asyncio.sleep(0)
            return
        for platform in self.results:
            self.read += 1
            event = control_pb2.BuildHistoryEvent()
            attestation = event.record.Results[platform].Attestations.add(media_type=IN_TOTO)
            attestation.annotations[PREDICATE_TYPE] = PROVENANCE
            yield event
            await asyncio.sleep(0)


@pytest.mark.parametrize("parts", [[], [bytes(60_000)]], ids=["platforms", "contents"])
async def test_provenance_without_an_end_is_refused(parts: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """All platforms and contents together have one limit."""
    monkeypatch.setattr(history, "LIMIT", 1 << 20)
    number = itertools.count()
    results = map(str, itertools.islice(number, 20) if parts else number)
    records = Records(results, itertools.cycle(parts))
    with pytest.raises(BrokenAnswer, match='"unix:/b" sent provenance of more'):
        await history.provenance(cast(Any, records), "r")
    assert records.read < 4 << 20


async def test_provenance_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A builder that drips it has a time for all."""
    monkeypatch.setattr(history, "PATIENCE", 0.01)
    records = Records(iter(["x"]), itertools.repeat(b""))
    with pytest.raises(BrokenAnswer, match='"unix:/b" did not send provenance'):
        await history.provenance(cast(Any, records), "r")


@pytest.mark.parametrize("text", ["NaN", "1e999", "-Infinity"])
def test_numbers_that_json_lacks_stay_out_of_the_metadata(text: str) -> None:
    """A metadata file is JSON, whatever a builder answers."""
    encoded = b64encode(b'{"a": %s}' % text.encode()).decode()
    assert _decoded("x", encoded) == encoded
    with pytest.raises(BrokenAnswer), decoding("provenance", "node7"):
        entries({"": Provenance("https://slsa.dev/provenance/v0.2", b'{"a": %s}' % text.encode())}, "max")


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


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000])
def test_impossible_manifests_name_the_layout(text: str, tmp_path: Path) -> None:
    """Nodes that wrote no manifest to a layout cannot break the run."""
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    blob = tmp_path / "blobs" / digest.replace(":", "/")
    blob.parent.mkdir(parents=True)
    blob.write_text(text)
    with pytest.raises(BrokenAnswer, match=f'the layout "{tmp_path}"'):
        index.join_in_layout(Export("oci", (("tar", "false"),), str(tmp_path)), [{index.DIGEST: digest}])


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
