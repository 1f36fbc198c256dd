"""Statuses of the daemon become typed errors."""

import json
from base64 import b64encode

import pytest
from google.protobuf.any_pb2 import Any
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from hypothesis import given
from hypothesis import strategies as st

from bakepy.buildkit.errors import BrokenAnswer, BuildkitError, SolveError, Unsupported, read_status, translate
from bakepy.buildkit.proto.rpc_pb2 import Status

URL = "github.com/moby/buildkit/"


def status(**details: object) -> bytes:
    packed = [
        Any(type_url=f"{URL}{kind.replace('_', '.')}+json", value=json.dumps(value).encode())
        for kind, value in details.items()
    ]
    return Status(code=2, message="m", details=packed).SerializeToString()


def lines(*ranges: tuple[int, int]) -> dict[str, object]:
    spans = [{"start": {"line": a}, "end": {"line": b}} for a, b in ranges]
    return {"info": {"filename": "Dockerfile", "data": b64encode(b"FROM a\n").decode()}, "ranges": spans}


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([(3, 3)], [(3, 3)]),
        ([(4, 4), (5, 5), (6, 6)], [(4, 6)]),
        ([(9, 9), (2, 3)], [(2, 3), (9, 9)]),
        ([(2, 5), (3, 4)], [(2, 5)]),
        ([(7, 0)], [(7, 7)]),
        ([], []),
    ],
)
def test_ranges_that_touch_are_joined(ranges: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    """One instruction over several lines is one range."""
    error = read_status(2, "m", status(errdefs_Source=lines(*ranges)))

    assert isinstance(error, SolveError)
    assert [(s.first, s.last) for s in error.sources] == expected
    assert all(s.filename == "Dockerfile" and s.data == b"FROM a\n" for s in error.sources)


def test_details_are_read_and_the_stack_is_not_shown() -> None:
    """Vertex and exit code are found among the details; nothing of the stack is in the error's text."""
    stack = {"frames": [{"Name": "main.secretPath", "File": "x.go", "Line": 1}]}
    details = status(stack_Stack=stack, errdefs_Vertex={"digest": "sha256:1"}, gatewayapi_ExitMessage={"Code": 127})
    error = read_status(2, "failed", details)

    assert isinstance(error, SolveError)
    assert (error.vertex, error.exit_code, error.code) == ("sha256:1", 127, 2)
    assert "main" not in f"{error!r} {error}"


def test_a_missing_frontend_capability_is_named() -> None:
    """An old frontend's refusal says what it lacks."""
    error = read_status(12, "m", status(errdefs_FrontendCap={"name": "moby.buildkit.frontend.contexts"}))

    assert isinstance(error, Unsupported)
    assert error.feature == "moby.buildkit.frontend.contexts"
    assert error.diagnostics[0].hint


DETAILS = {
    "infinite": b'{"Code": 1e999, "info": {}, "ranges": [{"start": {"line": 1e999}, "end": {"line": NaN}}]}',
    "long": b'{"Code": 1' + b"0" * 4000 + b"}",
    "longer": b'{"Code": 1' + b"0" * 5000 + b"}",
    "deep": b"[" * 200_000,
    "not base64": '{"info": {"data": "ä"}, "ranges": []}'.encode(),
    "cut base64": b'{"info": {"data": "a"}, "ranges": []}',
    "surrogate": b'{"digest": "\\ud800", "info": {"filename": "\\ud800"}, "ranges": [{}]}',
}


@pytest.mark.parametrize("details", DETAILS.values(), ids=DETAILS)
def test_impossible_details_are_left_out(details: bytes) -> None:
    """Numbers out of range, endless depth, bad base64 and surrogates do not hide the error."""
    kinds = ("errdefs.Source", "errdefs.Vertex", "gatewayapi.ExitMessage")
    packed = [Any(type_url=f"{URL}{kind}+json", value=details) for kind in kinds]
    error = read_status(2, "the message", Status(details=packed).SerializeToString())

    assert isinstance(error, SolveError)
    assert error.message == "the message"
    assert error.exit_code in {None, 0}
    assert all(s.first == s.last == 0 for s in error.sources)
    assert "".join([error.vertex, *(s.filename for s in error.sources)]).isprintable()
    assert repr(error.vertex).isascii()


def test_an_impossible_status_is_not_sent_back() -> None:
    """Bytes that are no status do not go into the build's record."""
    error = read_status(2, "the message", b"\xff" * 9)

    assert isinstance(error, SolveError)
    assert error.status == b""


KEYS = st.sampled_from(["info", "ranges", "start", "end", "line", "digest", "Code", "filename", "data"]) | st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)
)


@given(st.binary() | st.builds(lambda value: status(errdefs_Source=value, gatewayapi_ExitMessage=value), JSON))
def test_no_status_breaks_the_reader(data: bytes) -> None:
    """Whatever a daemon sends is an error with its message."""
    error = read_status(2, "the message", data)

    assert isinstance(error, BuildkitError)
    assert error.message == "the message"


def test_an_error_that_is_too_large_names_the_builder() -> None:
    """The transport drops it, and has only words of its own for that."""
    words = "Stream removed (received metadata size exceeds soft limit (12000745 vs. 8388608))"
    error = AioRpcError(StatusCode.RESOURCE_EXHAUSTED, Metadata(), Metadata(), words)
    found = translate(error, "unix:/b")
    assert isinstance(found, BrokenAnswer)
    assert str(found).startswith('the builder "unix:/b" sent an error that is too large')
