"""Make, start, stop and remove a builder's container, through Docker's SDK."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from bakepy.drivers.container_options import ContainerOptions
from bakepy.drivers.container_pull import Pull
from bakepy.drivers.container_spec import ALL_GPUS, FILES, WSL, Surroundings, archive, create_body, volume
from bakepy.drivers.docker_api import DockerApi
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import Amount, DriverError
from bakepy.files import refusal
from bakepy.settings import Settings

CALL = 60
"""Seconds that the Engine may take for one call."""

LINES = 20
"""Lines of a container's log that an error shows."""

READ = 1000
"""Lines that are looked through for them: the Engine counts those of both outputs, and help is long."""

CONFLICT = 409

SETTLE = 5.0
"""Seconds until a container that another process is making can be started."""


class ContainerAdmin:
    """Change one Engine's containers: `with ContainerAdmin.open(host) as admin`. Its calls block."""

    def __init__(self, client: docker.APIClient, host: DockerHost) -> None:
        self._client = client
        self._host = host
        # What the SDK's stubs leave untyped.
        self._create: Callable[[dict[str, Any], str | None], dict[str, Any]] = client.create_container_from_config
        self._inspect_image: Callable[[str], object] = client.inspect_image

    @classmethod
    @contextlib.contextmanager
    def open(cls, host: DockerHost) -> Iterator[ContainerAdmin]:
        """Connect to an Engine; faults inside become DriverErrors."""
        # Where nothing answers, the SDK says it less well, and leaves its socket open.
        api = DockerApi(host)
        major, minor = api.info().api
        with _faults(host):
            over_ssh = host.url.startswith("ssh://")
            url = "http://engine:80" if over_ssh else host.url
            client = docker.APIClient(url, version=f"{major}.{minor}", timeout=CALL, tls=_tls(host))
            if over_ssh:
                # The SDK's own way over SSH wants another SSH library; ours is the ssh that the user has set up.
                from bakepy.drivers.engine_adapter import EngineAdapter

                client.mount("http://", EngineAdapter(lambda: api.open(CALL)))
            # Else certificates that the environment names for the web would take the place of the Engine's own.
            client.trust_env = False
            with contextlib.closing(client):
                yield cls(client, host)

    def pull(self, image: str, settings: Settings, say: Callable[[str | Amount], None], stop: threading.Event) -> None:
        """Get the newest of an image; where that fails and the Engine has one, that one is used."""
        pull = Pull(image, say)
        failed = ""
        try:
            for message in self._client.pull(image, stream=True, decode=True, auth_config=_login(image, settings)):
                failed = str(message.get("error", failed))
                pull.take(message)
                if stop.is_set():
                    return
        except (DockerException, RequestException) as error:
            # A registry or a credential helper that fails is no fault where the image is there.
            failed = _words(error)
        pull.end(failed)
        try:
            self._inspect_image(image)
        except NotFound:
            raise DriverError.of(
                f"cannot pull the image {image}",
                failed,
                hint="name one that the Engine has, or can pull, with the driver option image",
            ) from None
        if failed:
            say(f"using local image {image}")

    def create(
        self,
        name: str,
        options: ContainerOptions,
        flags: Sequence[str],
        files: Mapping[str, bytes],
        settings: Settings,
    ) -> None:
        """Make a container; one of this name that another process has made meanwhile is as good."""
        body = create_body(name, options, flags, files, self._surroundings(options.image, settings))
        try:
            self._create(body, name)
        except APIError as error:
            if error.status_code != CONFLICT:
                raise

    def start(self, name: str, files: Mapping[str, bytes]) -> None:
        """Give a container its files and start it, unless it runs."""
        until = time.monotonic() + SETTLE
        while True:
            try:
                if files:
                    self._client.put_archive(name, str(FILES.parent), archive(files))
                return self._client.start(name)
            except NotFound:
                # The Engine gives a name away before the container that has it can be used.
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def stop(self, name: str) -> None:
        """Stop a container, if there is one."""
        with contextlib.suppress(NotFound):
            self._client.stop(name)

    def remove(self, name: str, *, keep_state: bool) -> None:
        """Remove a container, and the volume of its build cache unless that is to be kept, if they are there."""
        with contextlib.suppress(NotFound):
            self._client.remove_container(name, v=True, force=True)
        if not keep_state:
            with contextlib.suppress(NotFound):
                self._client.remove_volume(volume(name))

    def log(self, name: str, since: int) -> str:
        """Return the last errors that a container has written since a time (seconds of the epoch); empty for none."""
        try:
            said = self._client.logs(name, stdout=False, tail=READ, since=since)
        except NotFound:
            return ""
        return "\n".join(said.decode(errors="replace").strip().splitlines()[-LINES:])

    def _surroundings(self, image: str, settings: Settings) -> Surroundings:
        info = self._client.info()
        local = self._host.url.startswith("unix://")
        return Surroundings(
            cgroupfs=info.get("CgroupDriver") == "cgroupfs",
            user_namespaces=any(option.startswith("name=userns") for option in info.get("SecurityOptions") or ()),
            gpus=self._has_gpus(image),
            wsl=bool(local and settings.lookup("WSL_DISTRO_NAME") and Path(WSL).is_dir()),
        )

    def _has_gpus(self, image: str) -> bool:
        """Tell whether the Engine can hand graphics processors on: it has to be tried, for there is no call to ask."""
        body: dict[str, Any] = {
            "Image": image,
            "Entrypoint": ["/bin/true"],
            "HostConfig": {"NetworkMode": "none", "DeviceRequests": [ALL_GPUS]},
        }
        probe = ""
        try:
            probe = self._create(body, None)["Id"]
            self._client.start(probe)
        except APIError:
            return False
        finally:
            if probe:
                self._client.remove_container(probe, v=True, force=True)
        return True


@contextlib.contextmanager
def _faults(host: DockerHost) -> Iterator[None]:
    try:
        yield
    except APIError as error:
        raise DriverError.of(f"the Docker Engine at {host.url} refused", _words(error)) from error
    except (DockerException, RequestException) as error:
        raise DriverError.of(
            f"the Docker Engine at {host.url} does not answer",
            _words(error),
            hint="start it, or name another builder with --builder",
        ) from error


def _words(error: Exception) -> str:
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation)
    return str(error)


def _tls(host: DockerHost) -> docker.tls.TLSConfig | bool:
    tls = host.tls
    if tls is None:
        return False
    pair = (str(tls.cert), str(tls.key)) if tls.cert and tls.key else None
    return docker.tls.TLSConfig(client_cert=pair, ca_cert=str(tls.ca) if tls.ca else None, verify=True)


def _login(image: str, settings: Settings) -> dict[str, Any] | None:
    """Return the user's credentials for an image's registry, as Docker keeps them."""
    from docker.auth import load_config, resolve_repository_name

    file = settings.docker_config / "config.json"
    if not file.exists() or refusal(os.stat(file), pipes=False):
        return None
    registry, _ = resolve_repository_name(image)
    with warnings.catch_warnings():
        # A helper that is missing raises, too.
        warnings.simplefilter("ignore", UserWarning)
        found: dict[str, Any] | None = load_config(str(file)).resolve_authconfig(registry)
    return found
