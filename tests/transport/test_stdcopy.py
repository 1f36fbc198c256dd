"""The outputs of a process in a container, out of the one stream that Docker makes of them."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from bakepy.transport.pump import SocketStream
from bakepy.transport.stdcopy import KEPT, STDOUT, Demultiplexed

STDERR = 2


def frame(stream: int, data: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big") + data


def opened(sent: bytes, early: int = 0) -> tuple[Demultiplexed, socket.socket]:
    """Return a stream on which bytes arrive, the first of them read together with an upgrade's answer."""
    near, far = socket.socketpair()
    far.sendall(sent[early:])
    far.shutdown(socket.SHUT_WR)
    return Demultiplexed(SocketStream(near, sent[:early])), far


def read_all(stream: Demultiplexed, limit: int) -> bytes:
    out = b""
    while data := stream.read(limit):
        assert len(data) <= limit
        out += data
    return out


@given(
    st.lists(st.tuples(st.sampled_from((STDOUT, STDERR)), st.binary(max_size=40)), max_size=12),
    st.integers(1, 64),
    st.integers(0, 100),
)
def test_outputs_are_told_apart(frames: list[tuple[int, bytes]], limit: int, early: int) -> None:
    """However the bytes come in, what is read is standard output, and standard error is kept apart."""
    stream, far = opened(b"".join(frame(*one) for one in frames), early)
    with far:
        assert read_all(stream, limit) == b"".join(data for kind, data in frames if kind == STDOUT)
        assert stream.errors == b"".join(data for kind, data in frames if kind == STDERR)
        stream.close()


def test_the_end_of_standard_error_is_kept() -> None:
    """A process that complains without end fills no memory; its last words are what an error shows."""
    stream, far = opened(frame(STDERR, b"a" * KEPT) + frame(STDERR, b"the end"))
    with far:
        assert stream.read(1) == b""
        assert stream.errors.endswith(b"athe end")
        assert len(stream.errors) == KEPT
        stream.close()


def test_a_frame_that_breaks_off_is_the_end() -> None:
    """What came of it is given; there is no waiting for the rest."""
    stream, far = opened(frame(STDOUT, b"whole") + frame(STDOUT, b"broken")[:-3])
    with far:
        assert read_all(stream, 100) == b"wholebro"
        stream.close()


def test_bytes_can_be_given_back() -> None:
    """What was read to see whether anyone answers is read again."""
    stream, far = opened(frame(STDOUT, b"hello"))
    with far:
        stream.unread(stream.read(3))
        assert read_all(stream, 2) == b"hello"
        stream.close()


def test_input_goes_out_bare() -> None:
    """Only outputs are framed; ending the input reaches the process."""
    stream, far = opened(b"")
    with far:
        stream.write(memoryview(b"bare"))
        stream.close_write()
        assert far.recv(100) == b"bare"
        assert far.recv(100) == b""
        stream.close()
