"""Find builders by name and choose the one of a run; only the driver that is chosen is imported."""

from __future__ import annotations

from pathlib import Path

from bakepy.builders.builder import Builder, Node
from bakepy.builders.store import StoredBuilder, StoredNode, StoreError, names, namesakes, read, selected, touch
from bakepy.diagnostics import BakeError, Diagnostic, Severity, nearest
from bakepy.drivers.docker_host import DockerHost, context_names, current_context, current_endpoint, docker_host
from bakepy.drivers.interface import Driver, DriverError
from bakepy.settings import Settings

EMBEDDED = "embedded"
"""The name under which the embedded engine can be asked for."""

EMBEDDED_BUILDER = StoredBuilder(EMBEDDED, EMBEDDED, (StoredNode(EMBEDDED, EMBEDDED),), implicit=True)

DRIVERS = ("docker", "docker-container", "remote", "embedded")
"""Drivers that bakepy has."""

CREATED = ("docker-container", "embedded", "remote")
"""Drivers of which builders can be made."""

LATER = ("kubernetes", "cloud")
"""Drivers that buildx knows and bakepy does not yet."""


class BuilderError(BakeError):
    """Say that there is no builder to use, or that it cannot be used, and what to type."""


def choose(name: str | None, settings: Settings) -> Builder:
    """Return the builder to use: the named one, else the selected one, else what is there.

    `name` is `--builder`'s; `BUILDX_BUILDER` comes next, then the builder selected with `use`, a Docker Engine that
    answers, and the embedded engine. An address (`unix://`, `tcp://`) is a name, too. Blocks for at most about two
    seconds. Raises BuilderError, StoreError or DriverError.
    """
    stored = find(name, settings)
    if not stored.nodes:
        raise BuilderError.of(f'the builder "{stored.name}" has no nodes', hint="remove it, and create it again")
    load_into = _load_into(stored, settings)
    if stored.driver == EMBEDDED and not _is_installed(settings):
        raise BuilderError.of(
            "there is no engine to build with",
            "the embedded engine is not installed"
            if name or settings.builder
            else f"no Docker Engine answers at {load_into.url}, no builder is selected, and the embedded engine is not"
            " installed",
            hint="run: bakepy engine install",
        )
    builder = Builder(stored.name, nodes(stored, settings), load_into, tuple(clash(stored, settings)))
    if not stored.implicit or settings.buildx_config.is_dir():
        # A user who never made a builder keeps no store.
        touch(settings, stored)
    return builder


def find(name: str | None, settings: Settings) -> StoredBuilder:
    """Return the builder that a command means by a name, or by none, without reaching it.

    Raises BuilderError where there is no such builder, StoreError and DriverError where it cannot be read.
    """
    wanted = name or settings.builder
    return _named(wanted, settings) if wanted else current(settings)


def current(settings: Settings) -> StoredBuilder:
    """Return the builder that is used where none is named. Blocks for at most about two seconds."""
    context = current_context(settings)
    host = docker_host(settings, context)
    chosen = selected(settings, current_endpoint(settings))
    if chosen and (stored := read(settings, chosen)):
        return stored
    if chosen == EMBEDDED:
        return EMBEDDED_BUILDER
    # An Engine that was asked for by name is used, and its own error shown where it does not answer.
    if context != "default" or settings.docker_host or _answers(host):
        return context_builder(context)
    return EMBEDDED_BUILDER


def everything(settings: Settings, faults: list[StoreError] | None = None) -> list[StoredBuilder]:
    """Return all builders: those on disk, then each Docker context's, then the embedded engine where it is installed.

    Raises StoreError; with a list for faults, what cannot be read is put there instead.
    """
    stored = [builder for name in names(settings) for builder in namesakes(settings, name, faults)]
    taken = {builder.name for builder in stored} | set(names(settings))
    contexts = [context_builder(name) for name in sorted(context_names(settings)) if name not in taken]
    embedded = [EMBEDDED_BUILDER] if EMBEDDED not in taken and _is_installed(settings) else []
    return [*sorted(stored, key=lambda builder: builder.name), *contexts, *embedded]


def clash(builder: StoredBuilder, settings: Settings) -> list[Diagnostic]:
    """Return a warning where a name means this builder, and bakepy has another one of it."""
    try:
        found = [] if builder.implicit else namesakes(settings, builder.name)
    except StoreError:
        return []  # what is damaged is no builder to be mistaken for this one
    if len(found) < 2:
        return []
    meant, other = found
    return [
        Diagnostic(
            f'there are two builders "{meant.name}": the one of the {meant.driver} driver is meant,'
            f" not the one of the {other.driver} driver",
            "docker buildx does not see the latter, so it could give the name again",
            hint=f"remove the first: docker buildx rm {meant.name}; or both: bakepy rm {meant.name}",
            severity=Severity.WARNING,
        )
    ]


def known_names(settings: Settings) -> list[str]:
    """Return the names of all builders as `--builder` takes them."""
    return list(dict.fromkeys([*names(settings), *context_names(settings), EMBEDDED]))


def context_builder(context: str) -> StoredBuilder:
    """Return the builder that comes with a Docker context: the Engine's own BuildKit."""
    return StoredBuilder(context, "docker", (StoredNode(context, context),), implicit=True)


def nodes(stored: StoredBuilder, settings: Settings) -> tuple[Node, ...]:
    """Return a builder's nodes with their drivers. Raises BuilderError or DriverError for what they cannot use."""
    return tuple(
        Node(node.name, driver(stored, node, settings), tuple(map(str, node.platforms or ())), node.files)
        for node in stored.nodes
    )


def driver(stored: StoredBuilder, node: StoredNode, settings: Settings) -> Driver:
    """Return the driver that reaches a node. Raises BuilderError or DriverError."""
    match stored.driver:
        case "remote":
            from bakepy.drivers.remote import RemoteDriver

            _refuse_daemon_settings(stored, node, "the builder is started by someone else, who sets it up")
            if node.endpoint.startswith("docker-container://"):
                from bakepy.drivers.remote_container import RemoteContainerDriver

                return RemoteContainerDriver(node.endpoint, node.driver_options or {}, settings)
            if node.endpoint.startswith(("kube-pod://", "ssh://")):
                from bakepy.drivers.remote_command import RemoteCommandDriver

                return RemoteCommandDriver(node.endpoint, node.driver_options or {})
            return RemoteDriver(node.endpoint, node.driver_options or {})
        case "docker":
            from bakepy.drivers.docker import DockerDriver

            return DockerDriver(docker_host(settings, node.endpoint or "default"))
        case "docker-container":
            from bakepy.drivers.docker_container import DockerContainerDriver

            return DockerContainerDriver(
                _engine(node.endpoint, settings),
                node.name,
                settings,
                options=node.driver_options,
                flags=node.flags or (),
                files=node.files,
            )
        case "embedded":
            from bakepy.drivers.embedded import EmbeddedDriver

            _refuse_daemon_settings(stored, node, "the embedded engine is set up by bakepy")
            return EmbeddedDriver(settings, "" if stored.implicit else node.name)
    later = "is not supported yet" if stored.driver in LATER else "is unknown"
    raise BuilderError.of(
        f'the driver "{stored.driver}" of the builder "{stored.name}" {later}',
        f"drivers: {', '.join(DRIVERS)}",
        hint=f"name another builder with --builder, such as --builder {EMBEDDED}",
    )


def _engine(endpoint: str, settings: Settings) -> DockerHost:
    """Return the Engine that a node's endpoint means: a context's, or one at an address."""
    if "://" not in endpoint:
        return docker_host(settings, endpoint or "default")
    default = docker_host(settings, "default")
    # An address brings no certificates; the environment's go with the environment's address.
    return default if endpoint == default.url else DockerHost(endpoint, endpoint)


def _refuse_daemon_settings(stored: StoredBuilder, node: StoredNode, why: str) -> None:
    what = "config file" if node.files else "buildkit flags" if node.flags else ""
    if what:
        raise DriverError.of(f"setting {what} is not supported for {stored.driver} driver", why)


def _named(name: str, settings: Settings) -> StoredBuilder:
    if "://" in name:
        return StoredBuilder(name, "remote", (StoredNode(name, name),), implicit=True)
    if stored := read(settings, name):
        return stored
    if name in context_names(settings):
        return context_builder(name)
    if name == EMBEDDED:
        return EMBEDDED_BUILDER
    known = known_names(settings)
    near = nearest(name, known)
    raise BuilderError.of(
        f'no builder "{name}" found',
        f"builders: {', '.join(known)}",
        hint=f'did you mean "{near}"?' if near else "name one of these",
    )


def _answers(host: DockerHost) -> bool:
    if host.url.startswith("unix://") and not Path(host.url.removeprefix("unix://")).exists():
        return False
    from bakepy.drivers.docker_api import DockerApi

    return DockerApi(host).answers()


def _is_installed(settings: Settings) -> bool:
    from bakepy.engine.find import find

    return find(settings) is not None


def _load_into(stored: StoredBuilder, settings: Settings) -> DockerHost:
    """Return the Engine that `--load` means: a context's own, else the current context's."""
    context = stored.name if stored.implicit and stored.driver == "docker" else current_context(settings)
    return docker_host(settings, context)
