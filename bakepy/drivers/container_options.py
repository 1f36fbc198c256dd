"""The options of a builder that is a container: what `create --driver-opt` takes, checked and typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from bakepy.booleans import FALSE, TRUE
from bakepy.diagnostics import nearest
from bakepy.drivers.interface import DriverError
from bakepy.quantities import scaled, whole
from bakepy.records import Record

IMAGE = "moby/buildkit:buildx-stable-1"
"""What runs where no image is named."""

ENV = "env."

SIZE = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+) ?(?:(?P<unit>[kmgtp])(?:i?b)?|b)?", re.IGNORECASE)
UNITS = " kmgtp"


class RestartPolicy(Record):
    """Say when the Engine starts a container again, as its API has it; `retries` 0 means without end."""

    __slots__ = ("name", "retries")

    def __init__(self, name: str = "unless-stopped", retries: int = 0) -> None:
        self.name: Final = name
        self.retries: Final = retries


class ContainerOptions(Record):
    """Hold the options of one container; 0 and empty leave a choice to the Engine. Sizes are bytes."""

    __slots__ = (
        "image",
        "network",
        "memory",
        "memory_swap",
        "cpu_quota",
        "cpu_period",
        "cpu_shares",
        "cpuset_cpus",
        "cpuset_mems",
        "cgroup_parent",
        "restart_policy",
        "default_load",
        "provenance_add_gha",
        "allow_untrusted_image",
        "env",
    )

    def __init__(
        self,
        image: str = IMAGE,
        network: str = "",
        memory: int = 0,
        memory_swap: int = 0,
        cpu_quota: int = 0,
        cpu_period: int = 0,
        cpu_shares: int = 0,
        cpuset_cpus: str = "",
        cpuset_mems: str = "",
        cgroup_parent: str = "",
        restart_policy: RestartPolicy | None = None,
        default_load: bool = False,
        provenance_add_gha: bool = True,
        allow_untrusted_image: bool = False,
        env: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.image: Final = image
        self.network: Final = network
        self.memory: Final = memory
        self.memory_swap: Final = memory_swap
        self.cpu_quota: Final = cpu_quota
        self.cpu_period: Final = cpu_period
        self.cpu_shares: Final = cpu_shares
        self.cpuset_cpus: Final = cpuset_cpus
        self.cpuset_mems: Final = cpuset_mems
        self.cgroup_parent: Final = cgroup_parent
        self.restart_policy: Final[RestartPolicy] = RestartPolicy() if restart_policy is None else restart_policy
        self.default_load: Final = default_load
        self.provenance_add_gha: Final = provenance_add_gha
        self.allow_untrusted_image: Final = allow_untrusted_image
        """Whether a managed image may run that is not verified, where the default policy asks for that."""
        self.env: Final = env


def parse(options: Mapping[str, str]) -> ContainerOptions:
    """Return the options of a node as they are stored; raises DriverError, which names every fault."""
    values: dict[str, object] = {}
    faults: list[DriverError] = []
    for key, text in sorted(options.items()):
        if key.startswith(ENV):
            if key == ENV:
                faults.append(DriverError.of(f'invalid env option "{key}", expecting env.FOO=bar'))
        elif key not in READERS:
            faults.append(_unknown(key))
        elif text or READERS[key] is not str:
            try:
                values[key.replace("-", "_")] = READERS[key](text)
            except ValueError as error:
                faults.append(DriverError.of(f'invalid value "{text}" of the driver option {key}', str(error)))
    if faults:
        raise DriverError([d for fault in faults for d in fault.diagnostics])
    env = tuple((key.removeprefix(ENV), text) for key, text in sorted(options.items()) if key.startswith(ENV))
    return ContainerOptions(env=env, **values)  # type: ignore[arg-type]


def is_managed(image: str) -> bool:
    """Return whether the reference's default policy covers an image: one of moby/buildkit that has a tag."""
    name, digest, _ = image.removeprefix("docker.io/").removeprefix("index.docker.io/").partition("@")
    repository, tag, _ = name.partition(":")
    return repository == "moby/buildkit" and bool(tag or not digest)


def _unknown(key: str) -> DriverError:
    near = nearest(key, READERS) or (f"{ENV}{key}" if key.isupper() else None)
    return DriverError.of(
        f"invalid driver option {key} for docker-container driver",
        f"options: {', '.join(sorted(READERS))}, {ENV}NAME",
        hint=f'did you mean "{near}"?' if near else "",
    )


OUT_OF_RANGE = "it has at most 64 bits"


def _size(text: str) -> int:
    found = SIZE.fullmatch(text)
    if not found:
        raise ValueError("it is a number of bytes, with a unit such as k, m or g where there is one: 512m")
    if (count := scaled(found["number"], 1024 ** UNITS.index((found["unit"] or " ").lower()))) is None:
        raise ValueError(OUT_OF_RANGE)
    return count


def _swap(text: str) -> int:
    return -1 if text == "-1" else _size(text)


def _number(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError("it is a whole number")
    if (number := whole(text)) is None:
        raise ValueError(OUT_OF_RANGE)
    return number


def _truth(text: str) -> bool:
    if text not in TRUE | FALSE:
        raise ValueError("it is true or false")
    return text in TRUE


def _restart_policy(text: str) -> RestartPolicy:
    name, colon, count = text.partition(":")
    if colon and not name:
        raise ValueError("invalid restart policy format: no policy provided before colon")
    if count and not re.fullmatch(r"[+-]?[0-9]+", count):
        raise ValueError("invalid restart policy format: maximum retry count must be an integer")
    return RestartPolicy(name, _number(count or "0"))


READERS: dict[str, Callable[[str], object]] = {
    "allow-untrusted-image": _truth,
    "cgroup-parent": str,
    "cpu-period": _number,
    "cpu-quota": _number,
    "cpu-shares": _number,
    "cpuset-cpus": str,
    "cpuset-mems": str,
    "default-load": _truth,
    "image": str,
    "memory": _size,
    "memory-swap": _swap,
    "network": str,
    "provenance-add-gha": _truth,
    "restart-policy": _restart_policy,
}
"""Options and what reads them; it raises ValueError."""
