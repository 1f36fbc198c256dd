"""One node during a run: its connection, its sessions, and the solves that run on it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

# What each build needs is loaded before there is a connection, with whose threads it would share the processor.
from bakepy.buildkit.client import Client
from bakepy.buildkit.errors import BrokenAnswer, ConnectionLost, SolveError, decoding
from bakepy.buildkit.requests import Answer, Definition, Exporter, GatewayRequest, Result, SolveRequest
from bakepy.buildkit.session.server import Session
from bakepy.diagnostics import BakeError
from bakepy.drivers.interface import Amount, Driver, DriverError
from bakepy.executor import foreign, remote_policy
from bakepy.executor.folders import shared_key
from bakepy.executor.links import check_native
from bakepy.executor.lower import Lowered, NodeFacts, link, link_input, lower, settle
from bakepy.executor.outcome import BUILD_REF
from bakepy.executor.outputs import Outputs, check_answer
from bakepy.planner.graph import Vertex
from bakepy.planner.spec import LinkContext, SolveSpec
from bakepy.platforms import Platform
from bakepy.progress import events as ev
from bakepy.records import Record, replace

if TYPE_CHECKING:
    from bakepy.buildkit.build import Build
    from bakepy.buildkit.session.rpc import Service
    from bakepy.executor.work import Work

CONFIG = "containerimage.config"
CACHE = "cache.manifest"
CONFIG_DIGEST = "containerimage.config.digest"
HOST_GATEWAY = "org.mobyproject.buildkit.worker.moby.host-gateway-ip"


class NodeLost(DriverError):
    """Say why a node ended while it was in use."""


class Steps(Protocol):
    """Be told how a solve goes on, and hold it where others need it."""

    def built(self, vertex: str, result: Result) -> None:
        """Take note of a result that others may use."""

    async def released(self, vertex: str) -> None:
        """Wait until no other solve needs the result."""


class Solved(Record):
    """Hold what a solve gave: the exporters' answers, and the frontend's to a call."""

    __slots__ = ("response", "answer")

    def __init__(self, response: Mapping[str, str] | None = None, answer: Answer | None = None) -> None:
        self.response: Final[Mapping[str, str]] = {} if response is None else response
        self.answer: Final = answer


class NodeRun:
    """Run solves on one node over one connection; made by `connect`."""

    def __init__(
        self,
        name: str,
        driver: Driver,
        client: Client,
        facts: NodeFacts,
        work: Work,
        platforms: tuple[Platform, ...] = (),
    ) -> None:
        self.name = name
        self.facts = facts
        self.platforms = platforms
        """What its BuildKit says that it runs, the native one first; empty where it was not asked."""
        self.driver = driver
        self._client = client
        self._work = work
        self._shared: Session | None = None
        self._warned: set[Platform] = set()

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, name: str, driver: Driver, work: Work, say: Callable[[str | Amount], None]
    ) -> AsyncIterator[NodeRun]:
        """Make a node ready, telling how through `say`, and keep its connection for as long as the context lasts.

        Raises DriverError and bakepy.transport.faults.TransportError where that fails.
        """
        async with AsyncExitStack() as stack:
            if driver.boots:
                await driver.boot(say)
            endpoint = await stack.enter_async_context(driver.dial())
            client = await stack.enter_async_context(Client.connect(endpoint))
            capabilities = await driver.capabilities()
            gateway = ""
            platforms: tuple[Platform, ...] = ()
            through = any("host-gateway" in dict(s.extra_hosts).values() for s in work.specs.values())
            if work.several or work.with_platforms or through:
                workers = await client.workers()
                gateway = workers[0].labels.get(HOST_GATEWAY, "") if workers else ""
                platforms = foreign.platforms(workers)
            node = cls(name, driver, client, NodeFacts(capabilities, gateway), work, platforms)
            await stack.enter_async_context(node._serving())
            yield node

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        """Serve the folders of all solves, and credentials, in one session.

        A run of one solve serves all that it needs in that solve's own session.
        """
        if len(self._work.specs) < 2:
            yield
            return
        self._shared = self._session([self._work.file_sync(self._work.specs.values())])
        async with self._client.session(self._shared):
            yield

    def _session(self, services: list[Service]) -> Session:
        return Session([*services, self._work.auth()], shared_key(self._work.specs.values()))

    async def solve(self, vertex: Vertex, parents: Mapping[str, Result], steps: Steps) -> Solved:
        """Build one solve and export its result; raises BakeError.

        `parents` are the results of linked targets by name; they stay usable while their solves are held.
        """
        attempt = foreign.Attempt(vertex.spec, self._work.report)
        try:
            return await self._solve(vertex, parents, steps, attempt)
        except SolveError as error:
            if attempt.refused(error):
                attempt.explain(error, self.name, await self._client.workers())
            raise
        except ConnectionLost as lost:
            if cause := await self.driver.why_lost():
                raise NodeLost(cause.diagnostics) from lost
            raise

    async def _solve(
        self, vertex: Vertex, parents: Mapping[str, Result], steps: Steps, attempt: foreign.Attempt
    ) -> Solved:
        spec = settle(vertex.spec, self.facts, self._work.env)
        if parents and self.platforms:
            refs = {name: result.refs for name, result in parents.items()}
            check_native(spec, vertex.name, refs, str(self.platforms[0]))
        async with AsyncExitStack() as stack:
            try:
                outputs = await stack.enter_async_context(Outputs.open(spec, self.facts, self._work))
            except DriverError as error:
                raise _cannot_load(error) from error
            lowered = lower(spec, outputs.facts, self._work.env)
            session = await self._session_for(spec, outputs, stack)
            attrs = {**lowered.attrs, **self._folder_attrs(spec, session), **(await self._work.vcs(spec))}
            solve = ev.Solve(self._work.ref(vertex.id), vertex.targets, self.name)
            request = _request(solve.ref, session.id, attrs, lowered, bool(spec.call))
            async with self._client.build(request, solve, attempt.report) as build:
                outputs.on_error(build.interrupt)
                await remote_policy.refuse(build, spec, self._work.env.variables.get("HOME", ""))
                ask = _ask(lowered, attrs, spec, parents)
                if spec.call:
                    return await self._call(build, vertex, ask, steps)
                attempt.result = result = await build.solve(ask)
                await self._warn(spec, result)
                solved = await self._finish(build, vertex, result, lowered.exporters, steps)
                outputs.check(spec, self.name)
            return Solved(outputs.enter(spec, solved.response, self.name), solved.answer)

    async def _call(self, build: Build, vertex: Vertex, ask: GatewayRequest, steps: Steps) -> Solved:
        answer = await build.call(ask, vertex.spec.call)
        await self._lend(build, vertex, ask, steps)
        return Solved(answer.metadata, answer)

    async def _warn(self, spec: SolveSpec, result: Result) -> None:
        """Warn once of each platform whose steps may fail for want of an emulator."""
        for platform, step in (await foreign.unable(spec, result, self)).items():
            if platform not in self._warned:
                self._warned.add(platform)
                text = f'node {self.name} has no emulator for {platform}: "{step}" may fail'
                self._work.reporter.report(ev.Message(text, "warning"))

    async def _finish(
        self, build: Build, vertex: Vertex, result: Result, exporters: tuple[Exporter, ...], steps: Steps
    ) -> Solved:
        if self._work.is_linked(vertex.id):
            # A dependant must find its parents' steps evaluated: only the parent's session has their secrets.
            await build.evaluate(result)
            steps.built(vertex.id, result)
            await steps.released(vertex.id)
        response = _told(await build.finish(result), exporters)
        check_answer(response, self.name)
        _tag_caches(vertex.spec, response, self.name, self._work.real)
        response[BUILD_REF] = f"{self._work.builder}/{self.name}/{build.ref}"
        if mode := self._work.env.provenance:
            from bakepy.executor.provenance import entries

            found = await self._client.provenance(build.ref)
            with decoding("provenance", self.name):
                response |= entries(found, mode)
        return Solved(response)

    async def _lend(self, build: Build, vertex: Vertex, ask: GatewayRequest, steps: Steps) -> None:
        """Let linked solves use the result of one that is asked about, which only they may need."""
        running = self._work.running
        if not (children := running.children[vertex.id]):
            return
        result = await build.solve(ask)
        if not all(running.vertices[child].spec.call for child in children):
            await build.evaluate(result)
        steps.built(vertex.id, result)
        await steps.released(vertex.id)

    async def _session_for(self, spec: SolveSpec, outputs: Outputs, stack: AsyncExitStack) -> Session:
        """Return the session that serves a solve: its own where others must not answer for it."""
        private = [*outputs.services, *await self._work.private_services(spec, outputs.layout)]
        if self._shared and not private:
            return self._shared
        if not self._shared:
            private.append(self._work.file_sync([spec]))
        session = self._session(private)
        await stack.enter_async_context(self._client.session(session))
        return session

    def _folder_attrs(self, spec: SolveSpec, session: Session) -> dict[str, str]:
        shared = self._shared or session
        return self._work.folders.attrs(spec, shared.id, session.id)


def _tag_caches(spec: SolveSpec, response: Mapping[str, str], node: str, real: Callable[[str], str]) -> None:
    """Enter an exported cache into the index of its folder, which the daemon leaves to this side; raises BakeError.

    `real` returns where a path led when the run began.
    """
    if CACHE in response:
        from bakepy.buildkit.session.content import Layout, read_descriptor
        from bakepy.executor.work import local_caches

        descriptor = read_descriptor(response[CACHE], node)
        for folder, tag in local_caches(spec).items():
            layout = Layout(Path(folder), real(folder), writable=True)
            if not layout.holds(descriptor):
                digest = descriptor["digest"]
                raise BrokenAnswer(f'the builder "{node}" answered with the cache {digest}, which it did not write')
            try:
                layout.tag(descriptor, tag)
            except OSError as error:
                reason = f"{error.strerror or 'input/output error'}."
                raise BakeError.of(f"Cannot write the index of {folder}", reason) from error


def _told(response: Mapping[str, str], exporters: tuple[Exporter, ...]) -> dict[str, str]:
    """Return an exporter's answer; where images go by their manifest's digest, their configuration's misleads."""
    by_manifest = any(e.attrs.get("prefer-image-digest") == "true" for e in exporters)
    return {k: v for k, v in response.items() if not (by_manifest and k == CONFIG_DIGEST)}


def _request(ref: str, session: str, attrs: Mapping[str, str], lowered: Lowered, internal: bool) -> SolveRequest:
    return SolveRequest(
        ref=ref,
        session=session,
        attrs=attrs,
        exporters=lowered.exporters,
        cache_imports=lowered.cache_imports,
        cache_exports=lowered.cache_exports,
        entitlements=lowered.entitlements,
        internal=internal,
    )


def _ask(lowered: Lowered, attrs: Mapping[str, str], spec: SolveSpec, parents: Mapping[str, Result]) -> GatewayRequest:
    """Return the question for the frontend, with the results of linked targets as its inputs."""
    attrs = dict(attrs)
    if lowered.cache_imports:
        # The frontend resolves images by them; the outer request's are for the solver.
        entries = [{"Type": c.type, "Attrs": dict(c.attrs)} for c in lowered.cache_imports]
        attrs["cache-imports"] = json.dumps(entries)
    inputs = dict(lowered.inputs)
    for name, context in spec.contexts:
        if isinstance(context, LinkContext):
            result = parents[context.target]
            attrs |= link(name, context.target, {p: _image_config(result, p) for p in result.refs})
            for platform, ref in result.refs.items():
                inputs[link_input(context.target, platform)] = ref.definition or Definition(b"")
    return GatewayRequest(attrs, lowered.frontend, inputs)


def _image_config(result: Result, platform: str) -> str:
    """Return a result's image configuration as `input-metadata` holds it; empty for none."""
    config = result.metadata.get(f"{CONFIG}/{platform}" if platform else CONFIG)
    return json.dumps({CONFIG: b64encode(config).decode()}) if config else ""


def _cannot_load(error: DriverError) -> DriverError:
    """Return why an image cannot be loaded; where no Engine is, another builder would load into the same one."""
    if not isinstance(error.__cause__, (FileNotFoundError, ConnectionRefusedError, TimeoutError)):
        return error
    hint = "set DOCKER_HOST or DOCKER_CONTEXT to a Docker Engine that answers, or leave out --load"
    return DriverError([replace(d, hint=hint) for d in error.diagnostics])
