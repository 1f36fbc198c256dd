"""Images for containers, out of a real registry that wants a password."""

import base64
import contextlib
import json
import threading
from pathlib import Path
from typing import BinaryIO

import docker as sdk
import pytest

from bakepy.drivers.container_admin import ContainerAdmin
from bakepy.drivers.docker_api import DockerApi
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import Amount, DriverError
from bakepy.settings import Settings
from tests.drivers.test_docker import image, tar
from tests.registries import password, registry

pytestmark = pytest.mark.e2e

LOGIN = {"username": "me", "password": "s3cret"}


def push(host: DockerHost, name: str, folder: Path) -> None:
    """Put a small image into a registry, and leave none of it in the Engine."""
    archive = folder / "image.tar"
    with archive.open("wb") as file:
        tar(file, image(name))
    with contextlib.closing(sdk.APIClient(host.url, version="auto")) as client, archive.open("rb") as file:
        loaded: BinaryIO = file
        DockerApi(host).load(iter(lambda: loaded.read(1 << 16), b""), lambda _text: None)
        for message in client.push(name, stream=True, decode=True, auth_config=LOGIN):
            assert "error" not in message, message
        client.remove_image(name)


def pull(host: DockerHost, name: str, config: dict[str, object], folder: Path) -> list[str | Amount]:
    (folder / "config.json").write_text(json.dumps(config))
    said: list[str | Amount] = []
    with ContainerAdmin.open(host) as admin:
        admin.pull(name, Settings({"DOCKER_CONFIG": str(folder)}), said.append, threading.Event())
    return said


def test_an_image_is_pulled_with_the_users_password(docker: DockerHost, tmp_path: Path) -> None:
    """What Docker's client keeps for the registry opens it; without that, the registry's reason is told."""
    with registry(tmp_path, password(tmp_path, LOGIN["username"], LOGIN["password"])) as domain:
        name = f"{domain}/team/small:1"
        push(docker, name, tmp_path)

        with pytest.raises(DriverError, match=f"cannot pull the image {name}") as caught:
            pull(docker, name, {}, tmp_path)
        assert "auth" in caught.value.diagnostics[0].detail

        known = base64.b64encode(f"{LOGIN['username']}:{LOGIN['password']}".encode()).decode()
        first, *_, last = pull(docker, name, {"auths": {domain: {"auth": known}}}, tmp_path)
        assert first == Amount(f"pulling image {name}")
        assert isinstance(first, Amount)
        assert isinstance(last, Amount)
        assert (last.what, last.ended, last.error) == (first.what, True, "")
        assert last.current == last.total
        assert DockerApi(docker).request("GET", f"/images/{name}/json").status == 200
