"""Choose the builder of a run; only the driver that is chosen is imported."""

from __future__ import annotations

from pathlib import Path

from bakepy.builders.builder import Builder, Node
from bakepy.builders.store import StoredBuilder, StoredNode, names, read, selected
from bakepy.diagnostics import BakeError, nearest
from bakepy.drivers.docker_host import DockerHost, context_names, current_context, docker_host
from bakepy.drivers.interface import Driver
from bakepy.settings import Settings

EMBEDDED = "embedded"
"""The name under which the embedded engine can be asked for."""

LATER = ("docker-container", "kubernetes", "cloud")
"""Drivers that buildx knows and bakepy does not yet."""


class BuilderError(BakeError):
    """Say that there is no builder to use, or that it cannot be used, and what to type."""


def choose(name: str | None, settings: Settings) -> Builder:
    """Return the builder to use: the named one, else the selected one, else what is there.

    `name` is `--builder`'s; `BUILDX_BUILDER` comes next, then the builder selected with `use`, a Docker Engine that
    answers, and the embedded engine. An address (`unix://`, `tcp://`) is a name, too. Blocks for at most about two
    seconds. Raises BuilderError, StoreError or DriverError.
    """
    wanted = name or settings.builder
    if wanted:
        return _named(wanted, settings)
    host = docker_host(settings, current_context(settings))
    chosen = selected(settings, host.url if host.context == "default" else host.context)
    if chosen and (stored := read(settings, chosen)):
        return _stored(stored, settings)
    if host.context != "default" or settings.docker_host or _answers(host):
        # An Engine that was asked for by name is used, and its own error shown where it does not answer.
        return _docker(host)
    return _embedded(host, settings)


def _named(name: str, settings: Settings) -> Builder:
    if "://" in name:
        from bakepy.drivers.remote import RemoteDriver

        return Builder(name, (Node(name, RemoteDriver(name, {})),), _load_into(settings))
    if stored := read(settings, name):
        return _stored(stored, settings)
    contexts = context_names(settings)
    if name in contexts:
        return _docker(docker_host(settings, name))
    if name == EMBEDDED:
        return _embedded(_load_into(settings), settings)
    known = [*names(settings), *contexts, EMBEDDED]
    near = nearest(name, known)
    raise BuilderError.of(
        f'no builder "{name}" found',
        f"builders: {', '.join(known)}",
        hint=f'did you mean "{near}"?' if near else "name one of these with --builder",
    )


def _answers(host: DockerHost) -> bool:
    if host.url.startswith("unix://") and not Path(host.url.removeprefix("unix://")).exists():
        return False
    from bakepy.drivers.docker_api import DockerApi

    return DockerApi(host).answers()


def _docker(host: DockerHost) -> Builder:
    from bakepy.drivers.docker import DockerDriver

    return Builder(host.context, (Node(host.context, DockerDriver(host)),), host)


def _embedded(host: DockerHost, settings: Settings) -> Builder:
    from bakepy.engine.find import find

    if find(settings) is None:
        raise BuilderError.of(
            "there is no engine to build with",
            f"no Docker Engine answers at {host.url}, no builder is selected, and the embedded engine is not installed",
            hint="run: bakepy engine install",
        )
    from bakepy.drivers.embedded import EmbeddedDriver

    return Builder(EMBEDDED, (Node(EMBEDDED, EmbeddedDriver(settings)),), host)


def _stored(stored: StoredBuilder, settings: Settings) -> Builder:
    if not stored.nodes:
        raise BuilderError.of(f'the builder "{stored.name}" has no nodes', hint="remove it, and create it again")
    nodes = tuple(Node(n.name, _driver(stored, n, settings), n.platforms) for n in stored.nodes)
    return Builder(stored.name, nodes, _load_into(settings))


def _driver(stored: StoredBuilder, node: StoredNode, settings: Settings) -> Driver:
    match stored.driver:
        case "remote":
            from bakepy.drivers.remote import RemoteDriver

            return RemoteDriver(node.endpoint, node.driver_options)
        case "docker":
            from bakepy.drivers.docker import DockerDriver

            return DockerDriver(docker_host(settings, node.endpoint or "default"))
    later = "is not supported yet" if stored.driver in LATER else "is unknown"
    raise BuilderError.of(
        f'the driver "{stored.driver}" of the builder "{stored.name}" {later}',
        "drivers: docker, remote, embedded",
        hint=f"name another builder with --builder, such as --builder {EMBEDDED}",
    )


def _load_into(settings: Settings) -> DockerHost:
    return docker_host(settings, current_context(settings))
