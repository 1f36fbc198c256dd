"""Read definition files from a Git repository or an HTTP(S) address, through the BuildKit of a builder."""

from __future__ import annotations

import contextlib
import os
import posixpath
import tarfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from bakepy.builders.builder import Builder
from bakepy.buildkit.errors import SolveError
from bakepy.buildkit.redaction import RedactingReporter, Redactor
from bakepy.buildkit.requests import HTTP_FILE, GatewayRequest, Result, SolveRequest, new_id
from bakepy.diagnostics import BakeError, nearest
from bakepy.executor import sources
from bakepy.executor.agents import agent
from bakepy.executor.telling import Teller
from bakepy.planner import gitref
from bakepy.planner.load import DEFAULT_NAMES, File
from bakepy.planner.origin import Origin
from bakepy.planner.spec import SecretSource
from bakepy.progress import events as ev
from bakepy.records import Record, replace

if TYPE_CHECKING:
    from bakepy.buildkit.build import Build
    from bakepy.buildkit.client import Client
    from bakepy.buildkit.session.rpc import Service

HEAD = 1024
"""Bytes by which an archive is told from a definition."""
LIMIT = 2 * 1024 * 1024
"""The most bytes of a definition that lies at an address by itself."""
FILE_LIMIT = 16 * 1024 * 1024
"""The most bytes of a definition in a repository or archive, which is what fits into one message of the reference."""
UNREACHABLE = "http://127.0.0.1:1/none.git"
"""A repository that git fails to reach at once, and with words."""
ARCHIVES = (b"BZh", b"\x1f\x8b\x08", b"\xfd7zXZ\x00")
"""How files begin that bzip2, gzip and xz make."""


class Access(Record):
    """Hold what opens a repository: the user's variables, those of them that are secrets, and SSH agents or keys.

    `secrets` gives the variable for BuildKit's id of each secret.
    """

    __slots__ = ("variables", "secrets", "ssh")

    def __init__(
        self, variables: Mapping[str, str], secrets: Mapping[str, str] | None = None, ssh: tuple[str, ...] = ()
    ) -> None:
        self.variables: Final = variables
        self.secrets: Final[Mapping[str, str]] = {} if secrets is None else secrets
        self.ssh: Final = ssh

    @property
    def home(self) -> str:
        """Return the user's folder."""
        return self.variables.get("HOME", "")

    def sources(self, url: str) -> tuple[SecretSource, ...]:
        """Return the secrets that open the repository at an address, by ids that no other host is asked with."""
        host = gitref.host_of(url)
        return tuple(SecretSource(f"{id}.{host}", env=name) for id, name in self.secrets.items() if host)


async def read(
    builder: Builder, url: str, names: Sequence[str], access: Access, reporter: ev.Reporter
) -> tuple[list[File], Origin | None]:
    """Return the named files of what is at an address, or those of the default names, and what their paths mean.

    That is None where the address is a definition by itself, whose paths are then this machine's. Raises BakeError.
    """
    git = sources.parse_git(url) is not None
    secrets = access.sources(url) if git else ()
    redactor = Redactor(os.fsencode(access.variables[s.env]) for s in secrets if access.variables.get(s.env))
    watch = _Watch(RedactingReporter(reporter, redactor))
    async with _client(builder, watch) as client:
        reader = _Reader(url, access, client, watch)
        try:
            return await (reader.repository(names, secrets) if git else reader.download(names))
        except SolveError as error:
            hint = await reader.git_hint() if git else "Can the builder reach the address?"
            raise BakeError.of(f"failed to solve: {redactor.text(str(error))}", hint=hint) from None


class _Watch(ev.Reporter):
    """Pass events on, and note whether any step printed something."""

    def __init__(self, inner: ev.Reporter) -> None:
        self._inner = inner
        self.heard = False

    def report(self, event: ev.Event) -> None:
        self.heard = self.heard or (isinstance(event, ev.SolveUpdate) and bool(event.logs))
        self._inner.report(event)


@asynccontextmanager
async def _client(builder: Builder, reporter: ev.Reporter) -> AsyncIterator[Client]:
    """Connect the first node of a builder that can be reached."""
    from bakepy.buildkit.client import Client
    from bakepy.executor.connect import SPARE

    errors: list[BakeError] = []
    async with AsyncExitStack() as outer:
        for node in builder.nodes:
            async with AsyncExitStack() as stack:
                try:
                    if node.driver.boots:
                        await node.driver.boot(Teller(reporter.report))
                    endpoint = await stack.enter_async_context(node.driver.dial())
                    # A node that does not answer shall not hold up what another one can do as well.
                    within = 20.0 if node is builder.nodes[-1] else SPARE
                    client = await stack.enter_async_context(Client.connect(endpoint, within=within))
                except BakeError as error:
                    errors.append(error)
                    continue
                await outer.enter_async_context(stack.pop_all())
                break
        else:
            raise errors[0]
        yield client


class _Reader(Record):
    __slots__ = ("url", "access", "client", "reporter")

    def __init__(self, url: str, access: Access, client: Client, reporter: _Watch) -> None:
        self.url = url
        self.access = access
        self.client = client
        self.reporter = reporter

    async def repository(self, names: Sequence[str], secrets: tuple[SecretSource, ...]) -> tuple[list[File], Origin]:
        """Read from a Git repository."""
        state = sources.source(self.url, self.access.home)
        async with self._build(await self._services(secrets)) as build:
            result = await build.solve(GatewayRequest(frontend="", definition=state.definition()))
            files = await self._files(build, result, names)
            await build.finish(result)
        return files, Origin(self.url, secrets=secrets)

    async def download(self, names: Sequence[str]) -> tuple[list[File], Origin | None]:
        """Read from an archive at an address, or take what is there for a definition."""
        home = self.access.home
        async with self._build([]) as build:
            state = sources.source(self.url, home).definition()
            result = await build.solve(GatewayRequest(frontend="", definition=state))
            head = await build.read(result, HTTP_FILE, HEAD)
            if _is_archive(head):
                state = sources.unpacked(self.url, home).definition()
                result = await build.solve(GatewayRequest(frontend="", definition=state))
                files = await self._files(build, result, names)
                await build.finish(result)
                return files, Origin(self.url, archive=True)
            if await build.size(result, HTTP_FILE) > LIMIT:
                raise BakeError.of("non-archive definition URL bigger than maximum allowed size (2.097MB)")
            data = head if len(head) < HEAD else await build.read(result, HTTP_FILE, LIMIT)
            await build.finish(result)
        return [File(self.url, data)], None

    async def git_hint(self) -> str:
        """Return what to do where a repository could not be read."""
        if not self.reporter.heard and not await self._runs_git():
            return "Install git where the builder's BuildKit runs, on buildkitd's PATH: there is none."
        return (
            "Check the address, and the branch or tag behind '#'. For a private repository set "
            "BUILDX_BAKE_GIT_AUTH_TOKEN, or name it by SSH (git@host:path) with an ssh-agent running."
        )

    async def _runs_git(self) -> bool:
        """Tell whether the daemon has git: it prints what it says, such as that nobody listens at an address."""
        watch = _Watch(ev.Reporter())
        probe = sources.source(UNREACHABLE, "").definition()
        with contextlib.suppress(SolveError):
            async with replace(self, reporter=watch)._build([]) as build:
                await build.names(await build.solve(GatewayRequest(frontend="", definition=probe)), "/")
        return watch.heard

    @asynccontextmanager
    async def _build(self, services: list[Service]) -> AsyncIterator[Build]:
        from bakepy.buildkit.session.server import Session

        session = Session(services)
        ref = new_id()
        request = SolveRequest(ref, session.id, internal=True)
        async with (
            self.client.session(session),
            self.client.build(request, ev.Solve(ref, ()), self.reporter.report) as build,
        ):
            yield build

    async def _services(self, secrets: tuple[SecretSource, ...]) -> list[Service]:
        """Return what BuildKit may ask for to open the repository."""
        from bakepy.buildkit.session.secrets import Secrets

        values = {s.id: os.fsencode(self.access.variables.get(s.env, "")) for s in secrets}
        services: list[Service] = [Secrets(values)] if values else []
        ref = sources.parse_git(self.url)
        if ref and ref.scheme == gitref.SSH:
            from bakepy.buildkit.session.ssh import Ssh

            services.append(Ssh({sources.SSH_AGENT: await agent(self.access.ssh, self.access.variables)}))
        return services

    async def _files(self, build: Build, result: Result, names: Sequence[str]) -> list[File]:
        """Return the named files, or those of the default names that exist."""
        if not names:
            there = set(await build.names(result, "/"))
            names = [name for name in DEFAULT_NAMES if name in there]
            if not names:
                near = ", ".join(sorted(n for n in there if n.endswith((".hcl", ".json", ".yaml", ".yml")))[:5])
                hint = f"name a file with --file: there are {near}" if near else "name a file with --file"
                raise BakeError.of("couldn't find a bake definition", hint=hint)
        return [File(name, await self._file(build, result, name)) for name in names]

    async def _file(self, build: Build, result: Result, name: str) -> bytes:
        path = posixpath.normpath("/" + name.lstrip("/"))
        try:
            size = await build.size(result, path)
        except SolveError:
            if (fault := await _missing(build, result, name, path)) is None:
                raise
            raise fault from None
        if size > FILE_LIMIT:
            raise BakeError.of(f"{name} has {size} bytes, which is too much for a definition")
        return await build.read(result, path, size) if size else b""


async def _missing(build: Build, result: Result, name: str, path: str) -> BakeError | None:
    """Return the error for a file that is not there, or None where it is."""
    folder, base = posixpath.split(path)
    try:
        there = await build.names(result, folder)
    except SolveError:
        there = []
    if base in there:
        return None
    near = nearest(base, there)
    hint = f"Did you mean '{posixpath.join(posixpath.dirname(name), near)}'?" if near else ""
    hint = hint or f"Write cwd://{name} for a file of this machine."
    return BakeError.of(f"open {name}: no such file or directory", hint=hint)


def _is_archive(head: bytes) -> bool:
    """Tell whether a file begins like an archive that BuildKit unpacks."""
    if head.startswith(ARCHIVES):
        return True
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
