"""Where the Docker Engine is, by Docker's own rules for its environment, contexts and certificates."""

import hashlib
import json
from pathlib import Path

import pytest

from bakepy.drivers.docker_host import DEFAULT_SOCKET, context_names, current_context, docker_host
from bakepy.drivers.interface import DriverError
from bakepy.settings import Settings
from bakepy.transport.endpoint import Tls


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A Docker configuration with two contexts, one of them with certificates, and one chosen."""
    for name, host in (("far", "tcp://far:2376"), ("near", "unix:///near.sock")):
        folder = hashlib.sha256(name.encode()).hexdigest()
        meta = tmp_path / "contexts" / "meta" / folder
        meta.mkdir(parents=True)
        record = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}
        (meta / "meta.json").write_text(json.dumps(record))
    tls = tmp_path / "contexts" / "tls" / hashlib.sha256(b"far").hexdigest() / "docker"
    tls.mkdir(parents=True)
    for file in ("ca", "cert", "key"):
        (tls / f"{file}.pem").write_text("")
    (tmp_path / "config.json").write_text('{"currentContext": "near"}')
    return tmp_path


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "near"),
        ({"DOCKER_CONTEXT": "far"}, "far"),
        ({"DOCKER_HOST": "unix:///x"}, "default"),
        ({"DOCKER_HOST": "unix:///x", "DOCKER_CONTEXT": "far"}, "default"),
        ({"DOCKER_HOST": "", "DOCKER_CONTEXT": ""}, "near"),
    ],
)
def test_the_current_context_is_docker_s(config: Path, environ: dict[str, str], expected: str) -> None:
    """DOCKER_HOST wins over DOCKER_CONTEXT, which wins over the configuration."""
    assert current_context(Settings({"DOCKER_CONFIG": str(config), **environ})) == expected


@pytest.mark.parametrize("text", ["", "[]", "{", '{"currentContext": ""}'])
def test_without_a_choice_the_context_is_default(tmp_path: Path, text: str) -> None:
    """A configuration that names none, or cannot be read, means `default`."""
    (tmp_path / "config.json").write_text(text)

    assert current_context(Settings({"DOCKER_CONFIG": str(tmp_path)})) == "default"


def test_contexts_are_read_with_their_certificates(config: Path) -> None:
    """A context's address and PEM files come from the folders that Docker keeps."""
    settings = Settings({"DOCKER_CONFIG": str(config)})

    near, far = docker_host(settings, "near"), docker_host(settings, "far")

    assert (near.url, near.tls) == ("unix:///near.sock", None)
    assert far.url == "tcp://far:2376"
    assert far.tls
    assert far.tls.cert
    assert far.tls.cert.name == "cert.pem"
    assert context_names(settings) == ["default", "far", "near"]


def test_the_default_host_comes_from_the_environment(tmp_path: Path) -> None:
    """DOCKER_HOST names it, TLS variables secure it, and without it there is the local socket."""
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").write_text("")
    secured = {"DOCKER_HOST": "tcp://h:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}

    assert docker_host(Settings({"DOCKER_CONFIG": str(tmp_path)}), "default").url == DEFAULT_SOCKET
    assert docker_host(Settings({"DOCKER_HOST": "tcp://h:2375"}), "default").tls is None
    assert docker_host(Settings(secured), "default").tls == Tls(*(tmp_path / f"{n}.pem" for n in ("ca", "cert", "key")))


def test_an_unknown_context_is_named_with_those_that_exist(config: Path) -> None:
    """The error lists the contexts there are."""
    with pytest.raises(DriverError, match='no Docker context "fra"') as caught:
        docker_host(Settings({"DOCKER_CONFIG": str(config)}), "fra")

    assert "default, far, near" in caught.value.diagnostics[0].detail
