"""Steps that the kernel refuses are recognised by what they print."""

import hashlib

import pytest

from bakepy.buildkit.errors import SolveError
from bakepy.buildkit.proto.ops_pb2 import Definition as Message
from bakepy.buildkit.proto.ops_pb2 import ExecOp, Op
from bakepy.buildkit.requests import Definition, Ref, Result, Worker
from bakepy.executor.foreign import KEPT, Attempt
from bakepy.planner.spec import InlineDockerfile, LocalContext, SolveSpec
from bakepy.progress import events as ev

NODE = [Worker("w", {}, ("linux/amd64", "linux/386"))]
SOLVE = ev.Solve("ref", ("default",), "")


def step(architecture: str) -> bytes:
    op = Op(exec=ExecOp())
    op.platform.OS, op.platform.Architecture = "linux", architecture
    return op.SerializeToString(deterministic=True)


def digest(wire: bytes) -> str:
    return f"sha256:{hashlib.sha256(wire).hexdigest()}"


FOREIGN, NATIVE = step("riscv64"), step("amd64")


def attempt(*platforms: str, made: bool = True) -> Attempt:
    spec = SolveSpec(LocalContext("."), InlineDockerfile("FROM scratch"), platforms=platforms)
    found = Attempt(spec, lambda _: None)
    if made:
        message = Message()
        getattr(message, "def").extend([FOREIGN, NATIVE])
        found.result = Result({"": Ref("r", Definition(message.SerializeToString()))}, {}, b"")
    return found


def fails(on: Attempt, wire: bytes, *said: bytes, exit_code: int = 1) -> str:
    """Let a step print and fail; return the hint of its error."""
    for data in said:
        on.report(ev.SolveUpdate(SOLVE, logs=(ev.Log(digest(wire), 2, data, 0),)))
    on.report(ev.SolveUpdate(SOLVE, vertices=(ev.Vertex(digest(wire), "RUN x", (), 1, 2, error="no"),)))
    error = SolveError(f"exit code: {exit_code}", vertex=digest(wire), exit_code=exit_code)
    if on.refused(error):
        on.explain(error, "n", NODE)
    return error.diagnostics[0].hint


@pytest.mark.parametrize("exit_code", [1, 126, 255])
@pytest.mark.parametrize(
    "said",
    [
        [b"exec /bin/sh: exec format error\n"],
        [b"runc run failed: exec: Exec form", b"at error"],
        [b"/bin/bash: /bin/tool: cannot execute binary file: Exec format error\n"],
        [b"sh: /bin/tool: cannot execute binary file\n", b"make: *** [all] Error 126\n"],
    ],
)
def test_a_refused_step_is_explained_whatever_its_exit_code(said: list[bytes], exit_code: int) -> None:
    """Exit codes depend on runc, the shell and the kernel; the words do not."""
    hint = fails(attempt("linux/riscv64"), FOREIGN, *said, exit_code=exit_code)
    assert hint.startswith("node n does not name linux/riscv64 among its platforms")


def test_a_refused_step_is_explained_by_its_own_platform() -> None:
    """A target without platforms may have a stage for another."""
    assert "linux/riscv64" in fails(attempt(), FOREIGN, b"exec format error")
    assert not fails(attempt("linux/riscv64"), NATIVE, b"exec format error")


def test_a_refused_step_that_is_not_known_is_explained_by_the_target() -> None:
    """Some frontends build before they give a result."""
    assert "linux/riscv64" in fails(attempt("linux/riscv64", made=False), FOREIGN, b"exec format error")
    assert not fails(attempt("linux/amd64", made=False), FOREIGN, b"exec format error")


def test_words_in_the_error_itself_explain_a_step() -> None:
    """BuildKit without runc gives the kernel's error as its own."""
    on = attempt("linux/riscv64")
    error = SolveError("failed to start: exec format error", vertex=digest(FOREIGN))
    assert on.refused(error)


@pytest.mark.parametrize(
    "said", [[b"exit 255\n"], [b"exec format error\n", b"x" * KEPT], [b"test of exec-format errors passed\n"]]
)
def test_other_failures_are_not_explained(said: list[bytes]) -> None:
    """Neither an exit code nor words long before the failure say that a program is foreign."""
    assert not fails(attempt("linux/riscv64"), FOREIGN, *said, exit_code=255)


def test_the_log_of_another_step_explains_nothing() -> None:
    """A step may print these words and pass."""
    on = attempt("linux/riscv64")
    on.report(ev.SolveUpdate(SOLVE, logs=(ev.Log(digest(NATIVE), 2, b"exec format error", 0),)))
    on.report(ev.SolveUpdate(SOLVE, vertices=(ev.Vertex(digest(NATIVE), "RUN y", (), 1, 2),)))
    assert not fails(on, FOREIGN, b"no such file\n")


def test_a_platform_without_worker_list_is_not_explained() -> None:
    """A node that names no platforms may run all."""
    on = attempt("linux/riscv64")
    error = SolveError("exec format error", vertex=digest(FOREIGN))
    on.explain(error, "n", [])
    assert not error.diagnostics[0].hint
