"""What a builder's container is made of: data for the Docker Engine's API, and the archive of its files."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from bakepy.drivers.container_options import ContainerOptions
from bakepy.records import Record

STATE = "/var/lib/buildkit"
"""Where BuildKit keeps its state in images of it."""

FILES = PurePosixPath("/etc/buildkit")
"""Where the files of a node go."""

CONFIG = "buildkitd.toml"

CGROUP_PARENT = "/docker/buildx"
"""One group for all builders, so that what builds use can be bounded together."""

WSL = "/usr/lib/wsl"

ALL_GPUS = {"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}


class Surroundings(Record):
    """Hold what the Engine and its machine say of themselves that a container depends on."""

    __slots__ = ("cgroupfs", "user_namespaces", "gpus", "wsl")

    def __init__(
        self, cgroupfs: bool = False, user_namespaces: bool = False, gpus: bool = False, wsl: bool = False
    ) -> None:
        self.cgroupfs: Final = cgroupfs
        """Whether the Engine makes control groups itself; with systemd a parent would have to be a slice."""
        self.user_namespaces: Final = user_namespaces
        self.gpus: Final = gpus
        self.wsl: Final = wsl


def volume(container: str) -> str:
    """Return the name of the volume that holds a container's build cache."""
    return f"{container}_state"


def create_body(
    container: str, options: ContainerOptions, flags: Sequence[str], files: Mapping[str, bytes], around: Surroundings
) -> dict[str, Any]:
    """Return what is sent to create a container (Docker Engine API, ContainerCreate)."""
    mounts: list[dict[str, Any]] = [{"Type": "volume", "Source": volume(container), "Target": STATE}]
    if around.wsl:
        # Devices of a Windows host are found through its libraries alone.
        mounts.append({"Type": "bind", "Source": WSL, "Target": WSL, "ReadOnly": True})
    host: dict[str, Any] = {
        "Privileged": True,
        # It reaps what the processes of builds leave behind.
        "Init": True,
        "RestartPolicy": {
            "Name": options.restart_policy.name,
            "MaximumRetryCount": options.restart_policy.retries,
        },
        "Mounts": mounts,
        "CgroupParent": (options.cgroup_parent or CGROUP_PARENT) if around.cgroupfs else "",
        "UsernsMode": "host" if around.user_namespaces else "",
        "DeviceRequests": [ALL_GPUS] if around.gpus else None,
        "NetworkMode": options.network,
        "Memory": options.memory,
        "MemorySwap": options.memory_swap,
        "CpuQuota": options.cpu_quota,
        "CpuPeriod": options.cpu_period,
        "CpuShares": options.cpu_shares,
        "CpusetCpus": options.cpuset_cpus,
        "CpusetMems": options.cpuset_mems,
    }
    return {
        "Image": options.image,
        "Env": [f"{name}={value}" for name, value in options.env],
        "Cmd": command(flags, files),
        "HostConfig": {key: value for key, value in host.items() if value},
    }


def command(flags: Sequence[str], files: Mapping[str, bytes]) -> list[str]:
    """Return the daemon's arguments; the user's come last, so that they win."""
    # Where a rootless image looks by itself differs.
    config = ["--config", str(FILES / CONFIG)] if CONFIG in files else []
    return [*config, *flags]


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return a tar of a node's files, to be unpacked above FILES; all of it is root's."""
    paths = {FILES.relative_to(FILES.parent) / name: data for name, data in sorted(files.items())}
    folders = {folder for path in paths for folder in path.parents if folder.name}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in sorted(folders):
            entry = tarfile.TarInfo(str(folder))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for path, data in paths.items():
            entry = tarfile.TarInfo(str(path))
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()
