"""What all nodes of a run share: folders, credentials, secrets, names of builds, and the reporter."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bakepy.buildkit.requests import new_id
from bakepy.diagnostics import BakeError
from bakepy.executor.agents import agent
from bakepy.executor.check import MAX_SECRET, secret_place
from bakepy.executor.environment import Environment
from bakepy.executor.folders import CONTEXT, DOCKERFILE, Folders, unkeyed
from bakepy.executor.lower import store_id
from bakepy.executor.vcs import Repositories
from bakepy.planner.graph import SolveGraph
from bakepy.planner.spec import LayoutContext, LocalDockerfile, SolveSpec
from bakepy.progress import events as ev
from bakepy.records import replace

if TYPE_CHECKING:
    from bakepy.buildkit.session.auth import Auth
    from bakepy.buildkit.session.content import Layout
    from bakepy.buildkit.session.credentials import DockerConfig
    from bakepy.buildkit.session.filesync import FileSync
    from bakepy.buildkit.session.rpc import Service
    from bakepy.drivers.docker_host import DockerHost


EXPORTED = "export"
"""The daemon's name for the layout that an exporter writes; a solve can have only one."""


class Work:
    """Hold what a run needs besides its nodes."""

    def __init__(
        self,
        graph: SolveGraph,
        env: Environment,
        reporter: ev.Reporter,
        folders: Folders,
        load_into: DockerHost,
        builder: str = "",
        several: bool = False,
        _refs: dict[str, str] | None = None,
        _auth: Auth | None = None,
    ) -> None:
        self.graph = graph
        self.running = graph
        """The graph that runs, once solves are taken apart for several nodes."""
        self.env = env
        self.reporter = reporter
        self.folders = folders
        self.load_into = load_into
        self.builder = builder
        self._refs: dict[str, str] = {} if _refs is None else _refs
        self._auth = _auth
        self.specs = {v: vertex.spec for v, vertex in self.graph.vertices.items()}
        self.several = several
        """Whether the builder has several nodes."""
        self.node_files: Mapping[str, bytes] = {}
        """The first node's configuration and certificates, which say how registries are reached."""
        self.with_platforms = any(spec.platforms for spec in self.specs.values())
        self.pipes: dict[Path, bytes] = {}
        """What pipes that hold secrets have delivered."""
        self._config: DockerConfig | None = None
        self.repositories = Repositories(self.env)
        specs = self.specs.values()
        self._real = {path: os.path.realpath(path) for spec in specs for path in (*spec.reads, *spec.writes)}
        for spec in self.specs.values():
            self.folders.add(spec)

    def real(self, path: str) -> str:
        """Return where a path that solves read or write led when the run began."""
        return self._real.get(path) or os.path.realpath(path)

    def _hold(self, paths: Iterable[str]) -> None:
        """Raise BakeError where one of the paths leads elsewhere by now."""
        from bakepy.buildkit.session.fixed import hold

        for path in paths:
            hold(path, self.real(path))

    def say(self, text: str) -> None:
        """Tell one line about the run."""
        self.reporter.report(ev.Message(text))

    def warn(self, text: str) -> None:
        """Report a warning about the run."""
        self.reporter.report(ev.Message(text, "warning"))

    def report(self, event: ev.Event) -> None:
        """Take an event of a build; keys of folders are ours, and nothing that a reader knows."""
        if isinstance(event, ev.SolveUpdate) and self.folders.keyed and event.progress:
            clean = tuple(replace(p, id=unkeyed(p.id), name=unkeyed(p.name)) for p in event.progress)
            event = replace(event, progress=clean)
        self.reporter.report(event)

    def _fault(self, error: BakeError) -> None:
        """Tell what to do about a file that the daemon asked for and that cannot be sent; its build fails by it."""
        for diagnostic in error.diagnostics:
            hint = f" ({diagnostic.hint})" if diagnostic.hint else ""
            self.reporter.report(ev.Message(f"{diagnostic}{hint}", "warning"))

    def ref(self, vertex: str) -> str:
        """Return a solve's name on the daemon: 25 characters that no other build has."""
        return self._refs.setdefault(vertex, new_id())

    def renew(self, vertex: str) -> None:
        """Give a solve that runs again a new name."""
        self._refs.pop(vertex, None)

    async def vcs(self, spec: SolveSpec) -> dict[str, str]:
        """Return the attributes that name the commit of a solve's context."""
        folders = self.folders.of(spec)
        if CONTEXT not in folders:
            return {}
        dockerfile = (
            folders[DOCKERFILE] / Path(spec.dockerfile.path).name
            if isinstance(spec.dockerfile, LocalDockerfile)
            else None
        )
        return await self.repositories.attrs(folders[CONTEXT], folders, dockerfile)

    def is_linked(self, vertex: str) -> bool:
        """Tell whether a solve takes or gives a result."""
        return bool(self.running.parents[vertex] or self.running.children[vertex])

    def auth(self) -> Auth:
        """Return the credentials' service, which all sessions share so that a helper is asked once."""
        if self._auth is None:
            from bakepy.buildkit.session.auth import Auth

            self._auth = Auth(self.credentials())
        return self._auth

    def credentials(self) -> DockerConfig:
        """Return what knows the credentials for registries."""
        if self._config is None:
            from bakepy.buildkit.session.credentials import DockerConfig

            inline = self.env.variables.get("DOCKER_AUTH_CONFIG", "")
            self._config = DockerConfig(self.env.docker_config, inline)
        return self._config

    def file_sync(self, specs: Iterable[SolveSpec]) -> FileSync:
        """Return the service that sends the folders of solves."""
        from bakepy.buildkit.session.filesync import FileSync

        return FileSync(self.folders.served(specs), self._fault)

    async def private_services(self, spec: SolveSpec, exported: Layout | None = None) -> list[Service]:
        """Return the services that answer for one solve alone: two targets may mean different things by one id.

        `exported` is the layout to which the daemon writes an image.
        """
        services: list[Service] = []
        self._hold(_opened(spec, self.env.variables))
        layouts = _layouts(spec)
        if exported:
            layouts[EXPORTED] = exported
        if layouts:
            from bakepy.buildkit.session.content import Content

            services.append(Content(layouts))
        if spec.secrets:
            from bakepy.buildkit.session.secrets import Secrets

            services.append(Secrets(await secret_values(spec, self.env.variables, self.pipes)))
        if spec.ssh:
            from bakepy.buildkit.session.ssh import Ssh

            services.append(Ssh({s.id: await agent(s.paths, self.env.variables) for s in spec.ssh}))
        return services


def _opened(spec: SolveSpec, variables: Mapping[str, str]) -> Iterator[str]:
    """Yield the paths that a solve's own services read or write: layouts, caches, secrets, keys and sockets."""
    yield from (c.path for _, c in spec.contexts if isinstance(c, LayoutContext))
    yield from (path for cache in spec.cache_from if cache.type == "local" and (path := dict(cache.attrs).get("src")))
    yield from local_caches(spec)
    yield from (s.file or s.id for s in spec.secrets if not isinstance(secret_place(s, variables), str))
    yield from (path for source in spec.ssh for path in source.paths if path)


def _layouts(spec: SolveSpec) -> dict[str, Layout]:
    """Return the folders of images and caches that a solve reads or writes, by the daemon's names for them."""
    read = {f"oci:{store_id(c)}": c.path for _, c in spec.contexts if isinstance(c, LayoutContext)}
    for cache in spec.cache_from:
        if cache.type == "local" and (src := dict(cache.attrs).get("src")):
            read[f"local:{src}"] = src
    written = {f"local:{folder}": folder for folder in local_caches(spec)}
    if not read and not written:
        return {}
    from bakepy.buildkit.session.content import Layout  # 5 ms

    found = {name: Layout(Path(folder)) for name, folder in read.items()}
    return found | {name: Layout(Path(folder), writable=True) for name, folder in written.items()}


def local_caches(spec: SolveSpec) -> dict[str, str]:
    """Return the folders that a solve exports its cache to, each with the tag for it."""
    attrs = [dict(c.attrs) for c in spec.cache_to if c.type == "local"]
    return {a["dest"]: a.get("tag", "latest") for a in attrs if a.get("dest")}


async def secret_values(
    spec: SolveSpec, variables: Mapping[str, str], pipes: dict[Path, bytes] | None = None
) -> dict[str, bytes]:
    """Read a solve's secrets; raises BakeError for a file that cannot be read.

    `pipes` keeps what pipes delivered, since they can be read once.
    """
    pipes = {} if pipes is None else pipes
    found = {}
    for secret in spec.secrets:
        place = secret_place(secret, variables)
        if isinstance(place, str):
            found[secret.id] = os.fsencode(variables.get(place, ""))
            continue
        try:
            found[secret.id] = await _content(place, pipes)
        except OSError as error:
            raise BakeError.of(f"secret {secret.id}: cannot read {place}: {error.strerror}") from None
    return found


async def _content(place: Path, pipes: dict[Path, bytes]) -> bytes:
    from bakepy.buildkit.session.reading import is_pipe, read_pipe
    from bakepy.files import read_file

    if place not in pipes and is_pipe(place):
        pipes[place] = await read_pipe(place, MAX_SECRET)
    return pipes[place] if place in pipes else read_file(place, MAX_SECRET)
