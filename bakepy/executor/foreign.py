"""Tell of processes that a node cannot run: those of platforms that are neither its own nor emulated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bakepy.buildkit.errors import SolveError
from bakepy.buildkit.requests import Result, Worker
from bakepy.diagnostics import BakeError, Diagnostic
from bakepy.planner.spec import SolveSpec
from bakepy.platforms import Platform

if TYPE_CHECKING:
    from bakepy.executor.node import NodeRun

DETECTED = frozenset({"386", "amd64", "arm", "arm64", "mips64", "mips64le", "ppc64le", "riscv64", "s390x"})
"""Architectures for which every BuildKit finds out whether the kernel emulates them; of others it cannot tell."""

NOT_STARTED = 255
"""The exit code that BuildKit gives to a process which the kernel would not begin."""


def platforms(workers: Iterable[Worker]) -> tuple[Platform, ...]:
    """Return what workers run, each once, leaving out what is not known by name here."""
    found: dict[Platform, None] = {}
    for text in (text for worker in workers for text in worker.platforms):
        try:
            found[Platform.parse(text)] = None
        except BakeError:
            continue
    return tuple(found)


async def check(spec: SolveSpec, result: Result, node: NodeRun) -> None:
    """Raise BakeError where a result that is about to be built runs processes that its node cannot run.

    Copying to other platforms, and compiling for them, needs no emulator. Variants of an architecture are left to the
    processor. Where a node may have emulators that nobody here can know of, it is left to try.
    """
    if not lacking(spec, node.platforms):
        return
    from bakepy.buildkit.steps import processes

    able = {(p.os, p.architecture) for p in node.platforms}
    found = [p for ref in result.refs.values() if ref.definition for p in processes(ref.definition)]
    foreign = [
        p for p in found if (p.platform.os, p.platform.architecture) not in able and p.platform.architecture in DETECTED
    ]
    emulated = await node.driver.emulates(frozenset(p.platform.architecture for p in foreign)) if foreign else None
    if emulated is None:
        return
    for process in foreign:
        if process.platform.architecture not in emulated:
            raise BakeError.of(
                f"{process.platform} cannot run on node {node.name}, which has no emulator for it",
                process.name,
                hint=remedy(process.platform.architecture),
            )


def lacking(spec: SolveSpec, able: Iterable[Platform]) -> list[Platform]:
    """Return the platforms of a solve whose processes a node that tells its platforms cannot run."""
    known = {(p.os, p.architecture) for p in able}
    wanted = [Platform.parse(text) for text in spec.platforms] if known else []
    return [p for p in wanted if (p.os, p.architecture) not in known]


def may_explain(error: SolveError, spec: SolveSpec) -> bool:
    """Tell whether a process may have failed for want of an emulator: it could not be started at all."""
    return error.exit_code == NOT_STARTED and bool(spec.platforms)


def explain(error: SolveError, spec: SolveSpec, node: str, workers: Iterable[Worker]) -> None:
    """Add to an error what may be its cause: nodes that emulate without telling fail only once a process runs."""
    if missing := lacking(spec, platforms(workers)):
        names = ", ".join(map(str, missing))
        hint = f"node {node} does not name {names} among its platforms: {remedy(missing[0].architecture)}"
        error.diagnostics = [Diagnostic(error.message, hint=hint)]


def remedy(architecture: str) -> str:
    """Say how emulators are registered."""
    return (
        f"register an emulator on the node's machine, with Docker: docker run --privileged --rm tonistiigi/binfmt "
        f"--install {architecture}, or by the packages qemu-user-static and binfmt-support; or append a node that has "
        "the platform to the builder"
    )
