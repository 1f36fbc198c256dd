"""Platforms of images, after the OCI image specification and containerd's reading of it.

They are written `os[(version+feature+…)]/architecture[/variant]`, such as `linux/arm/v7` or
`windows(10.0.17763+win32k)/amd64`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

from bakepy.diagnostics import BakeError
from bakepy.records import Record, replace

SYSTEMS = frozenset(
    re.findall(
        r"\w+",
        "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos",
    )
)
ARCHITECTURES = frozenset(
    re.findall(
        r"\w+",
        "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32"
        " mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm",
    )
)
COMPONENT = "^[A-Za-z0-9_.-]+$"
SYSTEM = r"^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$"
AVAILABLE_MINORS = 9
"""The highest minor version of arm64's v8 that is told apart."""


class Platform(Record):
    """Name a platform; `variant` is empty where the architecture has none or its default is meant."""

    __slots__ = ("os", "architecture", "variant", "os_version", "os_features")

    def __init__(
        self, os: str, architecture: str, variant: str = "", os_version: str = "", os_features: tuple[str, ...] = ()
    ) -> None:
        self.os: Final = os
        self.architecture: Final = architecture
        self.variant: Final = variant
        self.os_version: Final = os_version
        self.os_features: Final = os_features

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `os`, `architecture` or `os/architecture[/variant]` and normalise it; raises BakeError.

        The system may have a version and features: `os(version+feature+…)`.

        What is left out is this machine's; `local` is this machine's platform.
        """
        if text.lower() == "local":
            return local()
        return _parse(text).normalised()

    def normalised(self) -> Platform:
        """Return the platform by its canonical names: aarch64 is arm64, arm is arm/v7, amd64/v1 is amd64."""
        architecture, variant = _architecture(self.architecture, self.variant)
        return replace(
            self,
            os=_system(self.os),
            architecture=architecture,
            variant=variant,
            os_features=tuple(sorted(set(self.os_features))),
        )

    @property
    def bare(self) -> Platform:
        """Return the platform without the version and the features of its operating system."""
        return replace(self, os_version="", os_features=())

    def runs(self, image: Platform) -> bool:
        """Tell whether what is built for `image` runs here without emulation: arm64 runs arm/v7, amd64 runs 386."""
        return image.normalised().bare in self.runnable()

    def runnable(self) -> list[Platform]:
        """Return the platforms whose images run here without emulation, the closest first."""
        here = self.normalised().bare
        return [replace(here, architecture=a, variant=v) for a, v in _compatible(here.architecture, here.variant)]

    def __str__(self) -> str:
        """Print as `os(version+feature+…)/architecture/variant`, without what is not set."""
        options = "+".join(map(_escaped, (self.os_version, *sorted(set(self.os_features)))))
        system = f"{self.os}({options})" if options else self.os
        return "/".join(filter(None, (system, self.architecture, self.variant)))


def parse_all(texts: Iterable[str]) -> list[Platform]:
    """Read platforms, of which one text may hold several between commas; raises BakeError."""
    return [Platform.parse(text) for item in texts for text in item.split(",")]


@cache
def local() -> Platform:
    """Return the platform of this machine, which for macOS and Windows is the one of the processes on it."""
    names = {"win32": "windows", "cygwin": "windows"}
    system = names.get(sys.platform, re.sub(r"\d+$", "", sys.platform))
    machine = _machine().lower()
    variant = {"armv5": "v5", "armv6": "v6", "armv7": "v7", "armv8": "v8"}.get(machine[:5], "")
    if variant:
        return Platform(system, "arm", variant)
    return Platform(system, {"i686": "386", "i586": "386"}.get(machine, machine)).normalised()


def _machine() -> str:
    if hasattr(os, "uname"):
        return os.uname().machine
    import platform  # three times the time of everything else here

    return platform.machine()


def _parse(text: str) -> Platform:
    def fault(what: str) -> BakeError:
        return BakeError.of(f"{what}: invalid argument", hint="Platforms look like linux/amd64 or linux/arm/v7.")

    quoted = f'"{text}"'
    if "*" in text:
        raise fault(f"{quoted}: wildcards not yet supported")
    parts = text.split("/", 3)
    found = re.fullmatch(SYSTEM, parts[0])
    if not found:
        raise fault(
            f'"{parts[0]}" is an invalid OS component of {quoted}:'
            f" OSAndVersion specifier component must match {_go(SYSTEM)}"
        )
    for part in parts[1:]:
        if not re.fullmatch(COMPONENT, part):
            raise fault(
                f'"{part}" is an invalid component of {quoted}:'
                f" platform specifier component must match {_go(COMPONENT)}"
            )
    system = _system(found[1])
    version, features = _options(found[2] or "", found[3] or "", lambda what: fault(f"{quoted} has {what}"))
    if len(parts) == 1:
        if system in SYSTEMS:
            return Platform(system, local().architecture, local().variant, version, features)
        architecture, variant = _architecture(text, "")
        if architecture in ARCHITECTURES:
            return Platform(local().os, architecture, variant)
        raise fault(f"{quoted}: unknown operating system or architecture")
    if len(parts) > 3:
        raise fault(f"{quoted}: cannot parse platform specifier")
    return Platform(system, parts[1], parts[2] if len(parts) == 3 else "", version, features)


def _options(version: str, features: str, fault: Callable[[str], BakeError]) -> tuple[str, tuple[str, ...]]:
    """Return an operating system's version and features as they are meant, each feature with a plus sign before it."""
    if bad := _BAD_ESCAPE.search(version):
        raise fault(f'an invalid OS version "{version}": invalid URL escape "{bad[0]}"')
    if bad := _BAD_ESCAPE.search(features):
        raise fault(f'invalid OS features: invalid URL escape "{bad[0]}"')
    return _unescaped(version), tuple(map(_unescaped, features.split("+")[1:]))


_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text).encode("latin-1").decode("utf-8", "surrogateescape")


def _escaped(option: str) -> str:
    """Return a version or feature as a platform's text has it: what may not stand there is escaped."""
    data = option.encode("utf-8", "surrogateescape")
    return "".join(chr(b) if chr(b) in _PLAIN else f"%{b:02X}" for b in data)


_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


def _go(pattern: str) -> str:
    return '"' + pattern.replace("\\", "\\\\") + '"'


def _system(name: str) -> str:
    name = name.lower() or local().os
    return "darwin" if name == "macos" else name


def _architecture(name: str, variant: str) -> tuple[str, str]:
    name, variant = name.lower(), variant.lower()
    match name:
        case "i386":
            return "386", ""
        case "x86_64" | "x86-64" | "amd64":
            return "amd64", "" if variant == "v1" else variant
        case "aarch64" | "arm64":
            return "arm64", {"8": "", "v8": "", "v8.0": "", "9": "v9", "9.0": "v9", "v9.0": "v9"}.get(variant, variant)
        case "armhf":
            return "arm", "v7"
        case "armel":
            return "arm", "v6"
        case "arm":
            return "arm", {"": "v7", "7": "v7", "5": "v5", "6": "v6", "8": "v8"}.get(variant, variant)
    return name, variant


def _compatible(architecture: str, variant: str) -> list[tuple[str, str]]:
    """Return the architectures and variants whose code a processor runs, its own first."""
    found = re.fullmatch(r"v(\d{1,2})(?:\.(\d{1,2}))?", variant)
    major, minor = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    match architecture:
        case "amd64":
            older = [("amd64", f"v{n}" if n > 1 else "") for n in range(major - 1, 0, -1)]
            return [("amd64", variant), *older, ("386", "")]
        case "arm":
            return [("arm", variant), *(("arm", f"v{n}") for n in range(major - 1, 4, -1))]
        case "arm64":
            lines = [(9, minor), (8, min(minor + 5, AVAILABLE_MINORS))] if major == 9 else [(8, minor)]
            own = [_arm64(m, n) for m, top in lines for n in range(top, -1, -1)]
            return [*own, *(("arm", f"v{n}") for n in range(8, 4, -1))]
    return [(architecture, variant)]


def _arm64(major: int, minor: int) -> tuple[str, str]:
    return "arm64", "" if (major, minor) == (8, 0) else f"v{major}.{minor}" if minor else f"v{major}"
