"""Addresses are taken apart, or refused by name."""

import pytest

from bakepy.builders.choose import driver
from bakepy.builders.store import StoredBuilder, StoredNode
from bakepy.drivers.address import split_address
from bakepy.drivers.docker_api import DockerApi
from bakepy.drivers.docker_host import DockerHost
from bakepy.drivers.interface import DriverError
from bakepy.settings import Settings

FAULTS = [
    ("ssh://[x", "Invalid IPv6 URL"),
    ("kube-pod://[x", "Invalid IPv6 URL"),
    ("tcp://[x", "Invalid IPv6 URL"),
    ("unix://[x", "Invalid IPv6 URL"),
    ("docker-container://[x", "Invalid IPv6 URL"),
    ("tcp://h:99999", "Port out of range 0-65535"),
    ("tcp://h:abc", "Port could not be cast to integer value as 'abc'"),
    ("ssh://℀", "netloc '℀' contains invalid characters under NFKC normalization"),
    ("tcp://℀:1", "netloc '℀:1' contains invalid characters under NFKC normalization"),
    ("ssh://h\0", "invalid control character in URL"),
    ("kube-pod://p?context=\0", "invalid control character in URL"),
    ("unix:///a\nb", "invalid control character in URL"),
    ("unix:///\ud800", "it is no valid text"),
    (f"tcp://{'h' * 64}:1", "invalid host name"),
]


@pytest.mark.parametrize(("url", "fault"), FAULTS)
def test_malformed_addresses_are_refused(url: str, fault: str) -> None:
    """The address is named, in what can be printed, and what is wrong with it."""
    stored = StoredBuilder("b", "remote", (StoredNode("b0", url),))
    with pytest.raises(DriverError) as caught:
        driver(stored, stored.nodes[0], Settings({}))
    assert str(caught.value) == f"invalid address {url.encode(errors='backslashreplace').decode()}: {fault}"


@pytest.mark.parametrize("url", [url for url, _fault in FAULTS if url.startswith(("ssh", "tcp", "unix"))])
def test_malformed_addresses_of_engines_are_refused(url: str) -> None:
    """An Engine's address is checked as a BuildKit's is."""
    with pytest.raises(DriverError, match="invalid address"):
        DockerApi(DockerHost("default", url)).info()


def test_a_password_is_not_shown() -> None:
    """The error for an address shows who was to log in, not with what."""
    with pytest.raises(DriverError) as caught:
        split_address("ssh://me:secret@h:99999")
    assert str(caught.value) == "invalid address ssh://me@h:99999: Port out of range 0-65535"


@pytest.mark.parametrize("url", ["ssh://[::1]:22/run/x", "tcp://[fe80::1%eth0]", "docker-container://A_b"])
def test_addresses_are_split(url: str) -> None:
    """What is well formed comes back as it was written."""
    assert split_address(url).geturl() == url
