"""Create a builder, add a node to one, change a node, or take one away."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

from bakepy.builders import daemonconfig
from bakepy.builders.choose import CREATED, EMBEDDED, LATER, BuilderError
from bakepy.builders.record import (
    NodeChange,
    StoredBuilder,
    StoreError,
    checked_name,
    next_name,
    with_node,
    without_node,
)
from bakepy.builders.store import Writer, names, read
from bakepy.diagnostics import BakeError, Diagnostic, nearest
from bakepy.drivers.docker_host import context_names, current_context, current_endpoint, docker_host
from bakepy.drivers.interface import DriverError
from bakepy.platforms import parse_all
from bakepy.records import Record, replace
from bakepy.settings import Settings

CONTAINERS = ("docker-container", "kubernetes")
"""Drivers that start a BuildKit of their own, apart from the network of the machine."""

REMOTE_SCHEMES = ("docker-container", "kube-pod", "npipe", "ssh", "tcp", "unix")

HOST_NETWORK = "network.host"

LAST_PORT = 65535


class Wish(Record):
    """Hold what `create` was asked for; empty is what was left out."""

    __slots__ = (
        "name",
        "driver",
        "node",
        "endpoint",
        "platforms",
        "driver_options",
        "daemon_flags",
        "daemon_config",
        "append",
    )

    def __init__(
        self,
        name: str = "",
        driver: str = "",
        node: str = "",
        endpoint: str = "",
        platforms: tuple[str, ...] = (),
        driver_options: Mapping[str, str] | None = None,
        daemon_flags: str = "",
        daemon_config: str = "",
        append: bool = False,
    ) -> None:
        self.name: Final = name
        self.driver: Final = driver
        self.node: Final = node
        self.endpoint: Final = endpoint
        self.platforms: Final = platforms
        self.driver_options: Final = driver_options
        self.daemon_flags: Final = daemon_flags
        self.daemon_config: Final = daemon_config
        self.append: Final = append


def create(wish: Wish, settings: Settings, *, use: bool = False, timeout: float = 20.0) -> StoredBuilder:
    """Make or change a builder on disk and return it; `use` chooses it for the current endpoint.

    Its node is asked how it is before anything is written, so that a builder which cannot work is not kept. Raises
    BuilderError, StoreError or DriverError.
    """
    wanted = replace(wish, name=wish.name or _new_name(wish, settings))
    _check(_planned(wanted, settings), wish.endpoint, settings, timeout)
    with Writer.open(settings) as store:
        # Someone else may have changed it meanwhile: what is written comes from what is there now.
        builder = _planned(wanted, settings)
        store.save(builder)
        if use:
            store.select(current_endpoint(settings), builder.name)
    return builder


def leave(name: str, node: str, settings: Settings) -> None:
    """Take a node away from a builder on disk; raises StoreError."""
    for what, value in (("instance", name), ("node", node)):
        if not value:
            raise StoreError.of(f"leave requires {what} name", hint="add --name and --node")
    with Writer.open(settings) as store:
        builder = read(settings, name)
        if builder is None:
            raise StoreError.of(f'failed to find instance "{name}" for leave', hint=_near(name, settings))
        store.save(without_node(builder, node))
        store.forget_builds(name, node)


def _new_name(wish: Wish, settings: Settings) -> str:
    from bakepy.builders.naming import random_name

    if wish.append:
        raise StoreError.of("append requires a builder name", hint="add --name")
    return random_name({*names(settings), *context_names(settings)})


def _planned(wish: Wish, settings: Settings) -> StoredBuilder:
    """Return the builder as it shall be, its name and driver checked."""
    if wish.name in ("default", EMBEDDED):
        raise StoreError.of(f"{wish.name} is a reserved name and cannot be used to identify builder instance")
    checked_name(wish.name)
    if not wish.append and wish.name in context_names(settings):
        raise StoreError.of(f'instance name "{wish.name}" already exists as context builder')
    found = read(settings, wish.name)
    if found is None and wish.append:
        raise StoreError.of(f'failed to find instance "{wish.name}" for append', hint=_near(wish.name, settings))
    driver = wish.driver or (found.driver if found else _default_driver(wish, settings))
    if found and not wish.node and not wish.append:
        raise StoreError.of(
            f'existing instance for "{wish.name}" but no append mode, specify the node name to make changes for'
            " existing instances",
            hint="add --append for another node, or --node to change one",
        )
    if found and driver != found.driver:
        raise StoreError.of(f'existing instance for "{wish.name}" but has mismatched driver "{found.driver}"')
    _check_driver(driver)
    builder = found or StoredBuilder(wish.name, driver)
    return with_node(builder, wish.node, _change(wish, builder, settings), append=wish.append)


def _check_driver(driver: str) -> None:
    if driver in CREATED:
        return
    if driver == "docker":
        raise BuilderError.of(
            'additional instances of driver "docker" cannot be created',
            "each Docker context has one builder of this driver, under the context's name",
            hint="make a context: docker context create NAME --docker host=…",
        )
    near = nearest(driver, CREATED)
    later = f"drivers that can be created: {', '.join(CREATED)}"
    raise BuilderError.of(
        f'the driver "{driver}" is not supported yet' if driver in LATER else f'failed to find driver "{driver}"',
        later,
        hint=f'did you mean "{near}"?' if near else "",
    )


def _default_driver(wish: Wish, settings: Settings) -> str:
    address = wish.endpoint or settings.lookup("BUILDKIT_HOST") or ""
    return "remote" if address.partition("://")[0] in REMOTE_SCHEMES and "://" in address else "docker-container"


def _change(wish: Wish, builder: StoredBuilder, settings: Settings) -> NodeChange:
    config = _config(wish, builder.driver, settings)
    endpoint, sets = _endpoint(wish, builder, settings)
    return NodeChange(
        endpoint,
        sets,
        tuple(parse_all(wish.platforms)) or None,
        wish.driver_options,
        _flags(wish, builder.driver, config),
        None if config is None else daemonconfig.files(config),
    )


def _endpoint(wish: Wish, builder: StoredBuilder, settings: Settings) -> tuple[str, bool]:
    """Return where the node is, and whether the user said so."""
    match builder.driver:
        case "remote":
            if address := wish.endpoint or settings.lookup("BUILDKIT_HOST"):
                return _remote_address(address), True
            if any(node.name == wish.node for node in builder.nodes):
                # The reference wants the endpoint again to change anything else of a node.
                return next(node.endpoint for node in builder.nodes if node.name == wish.node), False
            raise StoreError.of(
                "no remote endpoint provided", hint="add it: bakepy create --driver remote tcp://host:1234"
            )
        case "embedded":
            from bakepy.drivers.embedded import refuse

            refuse(wish.driver_options)
            if wish.endpoint:
                raise StoreError.of(f'embedded driver does not support endpoint args "{wish.endpoint}"')
            return f"embedded://{wish.node or next_name(builder)}", False
    if wish.endpoint:
        if wish.endpoint in context_names(settings):
            return (docker_host(settings, "default").url if wish.endpoint == "default" else wish.endpoint), True
        return docker_address(wish.endpoint), True
    context = current_context(settings)
    if context == "default" and docker_host(settings, context).tls:
        raise StoreError.of(
            "could not create a builder instance with TLS data loaded from environment",
            "a builder keeps the name of a Docker context, not certificates",
            hint="run docker context create NAME, and bakepy create NAME",
        )
    return current_endpoint(settings), False


def _remote_address(address: str) -> str:
    scheme = address.partition(":")[0]
    if scheme not in REMOTE_SCHEMES:
        raise StoreError.of(
            f"unrecognized url scheme {scheme if ':' in address else ''}".rstrip(),
            f"the endpoint is {address}",
            hint=f"an endpoint starts with one of {', '.join(f'{s}://' for s in REMOTE_SCHEMES)}",
        )
    return address


def docker_address(address: str) -> str:
    """Return a Docker Engine's address in full, as Docker's own tools complete it; raises StoreError."""
    scheme, separator, rest = address.strip().partition("://")
    if not separator:
        scheme, rest = "tcp", scheme
        word, colon, path = rest.partition(":/")
        if colon:
            raise StoreError.of(
                f"invalid bind address format: {address}", hint=f'did you mean "{word}://{path.lstrip("/")}"?'
            )
    match scheme:
        case "unix":
            return f"unix://{rest or '/var/run/docker.sock'}"
        case "ssh" | "fd":
            return address.strip()
        case "tcp" if "://" not in rest:
            host, path = (rest.partition("/")[0], rest.partition("/")[1] + rest.partition("/")[2])
            name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
            if not colon:
                name, port = host, ""
            if not port or (port.isdecimal() and port.isascii() and int(port[:6]) <= LAST_PORT):
                return f"tcp://{name or 'localhost'}:{port or 2375}{path}"
    raise StoreError.of(f"invalid bind address format: {address}", f"there is no Docker context {address}, either")


def _config(wish: Wish, driver: str, settings: Settings) -> daemonconfig.Table | None:
    if wish.daemon_config:
        return daemonconfig.parse(Path(wish.daemon_config))
    usual = settings.buildx_config / "buildkitd.default.toml"
    return daemonconfig.parse(usual) if driver in CONTAINERS and usual.exists() else None


def _flags(wish: Wish, driver: str, config: daemonconfig.Table | None) -> tuple[str, ...] | None:
    """Return the daemon's flags; containers of our own may use the host's network unless the user says otherwise."""
    import shlex

    try:
        flags = shlex.split(wish.daemon_flags)
    except ValueError as error:
        raise StoreError.of("failed to parse buildkit flags", str(error)) from None
    name = "--allow-insecure-entitlement"
    allowed = [value for flag, value in pairwise(flags) if flag == name]
    allowed += [flag.removeprefix(name + "=") for flag in flags if flag.startswith(name + "=")]
    on_host = driver == "docker-container" and (wish.driver_options or {}).get("network") == "host"
    in_config = config is not None and HOST_NETWORK in daemonconfig.entitlements(config)
    wanted = on_host and HOST_NETWORK not in allowed
    if wanted or (driver in CONTAINERS and not allowed and not in_config):
        flags.append(f"{name}={HOST_NETWORK}")
    return tuple(flags) or None


def _check(builder: StoredBuilder, endpoint: str, settings: Settings, timeout: float) -> None:
    """Raise for a builder whose drivers refuse their options, or cannot tell how a node is that they shall start."""
    import asyncio

    from bakepy.builders.state import load

    # What someone else starts need not run yet.
    state = asyncio.run(load(builder, settings, within=timeout, ask=builder.driver != "remote"))
    if state.error:
        raise state.error
    for node in state.nodes:
        if node.error:
            # An Engine that does not answer may never have been meant for one.
            if builder.driver == "docker-container" and node.driver and _is_bare(endpoint, settings):
                raise _no_context(endpoint, node.error, settings) from node.error
            first, *others = node.error.diagnostics
            summary = f"failed to initialize builder {builder.name} ({node.stored.name}): {first.summary}"
            raise DriverError([Diagnostic(summary, first.detail, hint=first.hint), *others]) from node.error


def _is_bare(endpoint: str, settings: Settings) -> bool:
    """Tell whether what was taken for a host's name may have been meant for a context's."""
    return bool(endpoint) and ":" not in endpoint and endpoint not in context_names(settings)


def _no_context(name: str, error: BakeError, settings: Settings) -> StoreError:
    contexts = context_names(settings)
    near = nearest(name, contexts)
    first = error.diagnostics[0]
    return StoreError.of(
        f"no Docker context {name}; contexts: {', '.join(contexts)}",
        f"taken for a host's name: {first}",
        hint=f'did you mean "{near}"?' if near else "name a context, or an address, such as tcp://host:2375",
    )


def _near(name: str, settings: Settings) -> str:
    near = nearest(name, names(settings))
    return f'did you mean "{near}"?' if near else ""
