"""The default policy covers BuildKit's own images, which bakepy cannot verify: such a container is not created."""

import pytest

from bakepy.drivers.docker_container import DockerContainerDriver
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import DriverError
from bakepy.settings import Settings

DIGEST = "sha256:" + "0" * 64


class Created(Exception):
    """The driver went on to create the container."""


async def boot(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], **options: str) -> None:
    def start(*_: object, **_named: object) -> None:
        raise Created

    options = {key.replace("_", "-"): value for key, value in options.items()}
    driver = DockerContainerDriver(DockerHost("", "unix:///none.sock"), "x0", Settings(variables), options=options)
    monkeypatch.setattr(driver.container, "state", lambda: None)
    monkeypatch.setattr(driver, "_start", start)
    await driver.boot(lambda _: None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"image": "moby/buildkit"},
        {"image": "docker.io/moby/buildkit:v0.33.0"},
        {"image": f"moby/buildkit:v0.33.0@{DIGEST}", "allow_untrusted_image": "false"},
    ],
)
async def test_managed_image_is_refused_under_default_policy(monkeypatch, options) -> None:
    """The error names the image, and the option that lets it run."""
    with pytest.raises(DriverError, match="cannot verify the image") as caught:
        await boot(monkeypatch, {"BUILDX_DEFAULT_POLICY": "1"}, **options)
    assert "allow-untrusted-image=true" in caught.value.diagnostics[0].hint
    with pytest.raises(Created):
        await boot(monkeypatch, {"BUILDX_DEFAULT_POLICY": "1"}, **{**options, "allow_untrusted_image": "true"})
    with pytest.raises(Created):
        await boot(monkeypatch, {}, **options)


@pytest.mark.parametrize(
    "image", ["registry.example/moby/buildkit:v1", f"moby/buildkit@{DIGEST}", "moby/buildkit-fork:v1", "buildkit"]
)
async def test_other_images_pass(monkeypatch, image) -> None:
    """The default policy has nothing to say about them."""
    with pytest.raises(Created):
        await boot(monkeypatch, {"BUILDX_DEFAULT_POLICY": "1"}, image=image)
