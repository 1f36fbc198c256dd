"""Recognise steps of platforms that a node neither is nor emulates, and say how to add an emulator.

Before a build, bakepy can only warn: a step of another platform may come from the cache, or run a program of the node's
own platform, as cross-compilers and static shells are. What is certain is what a step prints when it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from bakepy.buildkit.errors import SolveError, decoding
from bakepy.buildkit.requests import Result, Worker
from bakepy.diagnostics import BakeError, Diagnostic
from bakepy.planner.spec import SolveSpec
from bakepy.platforms import Platform
from bakepy.progress import events as ev

if TYPE_CHECKING:
    from bakepy.buildkit.steps import Process
    from bakepy.executor.node import NodeRun

DETECTED = frozenset({"386", "amd64", "arm", "arm64", "mips64", "mips64le", "ppc64le", "riscv64", "s390x"})
"""Architectures for which every BuildKit finds out whether the kernel emulates them; of others it cannot tell."""

REFUSALS = (b"exec format error", b"cannot execute binary file")
"""What the kernel's ENOEXEC becomes in the words of runc, BuildKit and shells, in lower case; exit codes vary."""

KEPT = 1024
"""Bytes of a step's output that are searched for a refusal: its end, which says why it failed."""


def platforms(workers: Iterable[Worker]) -> tuple[Platform, ...]:
    """Return what workers run, each once, leaving out what is not known by name here."""
    found: dict[Platform, None] = {}
    for text in (text for worker in workers for text in worker.platforms):
        try:
            found[Platform.parse(text)] = None
        except BakeError:
            continue
    return tuple(found)


class Attempt:
    """One solve on a node: passes its events on, and keeps what explains a failure."""

    def __init__(self, spec: SolveSpec, report: Callable[[ev.Event], None]) -> None:
        self._spec = spec
        self._report = report
        self._ends: dict[str, bytes] = {}
        self.result: Result | None = None
        """What the frontend made of the solve, once it has."""

    def report(self, event: ev.Event) -> None:
        """Pass an event on, and keep the end of what unfinished and failed steps print."""
        if isinstance(event, ev.SolveUpdate):
            for log in event.logs:
                self._ends[log.vertex] = (self._ends.get(log.vertex, b"") + log.data)[-KEPT:]
            for step in event.vertices:
                if step.completed and not step.error:
                    self._ends.pop(step.digest, None)
        self._report(event)

    def refused(self, error: SolveError) -> bool:
        """Check whether the error is that of a step whose program the kernel would not start."""
        said = error.message.encode() + b"\n" + self._ends.get(error.vertex, b"")
        return any(words in said.lower() for words in REFUSALS)

    def explain(self, error: SolveError, node: str, workers: Iterable[Worker]) -> None:
        """Add a hint to the error of a step that the kernel refused, where its platform is foreign to the node."""
        able = platforms(workers)
        steps = {p.digest: p.platform for p in _processes(self.result, node)}
        wanted = [steps[error.vertex]] if error.vertex in steps else map(Platform.parse, self._spec.platforms)
        if missing := _lacking(wanted, able):
            names = ", ".join(map(str, missing))
            hint = f"node {node} does not name {names} among its platforms: {remedy(missing[0].architecture)}"
            error.diagnostics = [Diagnostic(error.message, hint=hint)]


async def unable(spec: SolveSpec, result: Result, node: NodeRun) -> dict[Platform, str]:
    """Return the platforms that a result runs processes of and that a node has no emulator for, each with a step.

    Copying to other platforms, and compiling for them, needs no emulator. Variants of an architecture are left to the
    processor. Empty where a node may have emulators that bakepy cannot see.
    """
    if not _lacking(map(Platform.parse, spec.platforms), node.platforms):
        return {}
    first: dict[Platform, str] = {}
    for process in _processes(result, node.name):
        if process.platform.architecture in DETECTED:
            first.setdefault(process.platform, process.name)
    foreign = _lacking(first, node.platforms)
    emulated = await node.driver.emulates(frozenset(p.architecture for p in foreign)) if foreign else None
    return {p: first[p] for p in foreign if emulated is not None and p.architecture not in emulated}


def _processes(result: Result | None, node: str) -> list[Process]:
    from bakepy.buildkit.steps import processes

    refs = result.refs.values() if result else ()
    with decoding("a definition", node):
        return [process for ref in refs if ref.definition for process in processes(ref.definition)]


def _lacking(wanted: Iterable[Platform], able: Iterable[Platform]) -> list[Platform]:
    """Return the platforms whose processes a node cannot run; none where it does not name what it can."""
    known = {(p.os, p.architecture) for p in able}
    return [p for p in wanted if (p.os, p.architecture) not in known] if known else []


def remedy(architecture: str) -> str:
    """Say how emulators are registered."""
    return (
        f"register an emulator on the node's machine, with Docker: docker run --privileged --rm tonistiigi/binfmt "
        f"--install {architecture}, or by the packages qemu-user-static and binfmt-support; or append a node that has "
        "the platform to the builder"
    )
