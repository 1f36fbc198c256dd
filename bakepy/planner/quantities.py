"""Read sizes and limits as Docker's command line writes them."""

from __future__ import annotations

import re

from bakepy.quantities import scaled, whole

_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+) ?(?:b|([kmgtp])(?:i?b)?)?", re.IGNORECASE | re.ASCII)
_ULIMIT = re.compile(r"([^=]*)=(-?\d+)(?::(-?\d+))?", re.ASCII)

ULIMITS = (
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
)


class QuantityError(ValueError):
    """Say what is wrong with a size or limit."""


def size(text: str) -> int:
    """Return the bytes of `64m`, `1.5GiB` or `1024`: units are powers of 1024. Raises QuantityError."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise QuantityError(f"invalid size: '{text}'")
    power = "kmgtp".index(found[2].lower()) + 1 if found[2] else 0
    if (count := scaled(found[1], 1024**power)) is None:
        raise QuantityError(f"invalid size: '{text}', value out of range")
    return count


def ulimit(text: str) -> str:
    """Return `name=soft` or `name=soft:hard` as `name=soft:hard`; -1 is unlimited. Raises QuantityError."""
    name, equals, limits = text.partition("=")
    if not equals:
        raise QuantityError(f"invalid ulimit argument: {text}")
    if name not in ULIMITS:
        raise QuantityError(f"invalid ulimit type: {name}")
    found = _ULIMIT.fullmatch(text)
    if not found:
        if limits.count(":") > 1:
            raise QuantityError(f"too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`")
        raise QuantityError(f"invalid ulimit argument: {text}")
    soft, hard = whole(found[2]), whole(found[3] or found[2])
    if soft is None or hard is None:
        raise QuantityError(f"invalid ulimit argument: {text}, value out of range")
    if hard != -1 and soft == -1:
        limits = f"soft: -1 (unlimited), hard: {hard}"
        raise QuantityError(f"ulimit soft limit must be less than or equal to hard limit: {limits}")
    if hard != -1 and soft > hard:
        raise QuantityError(f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")
    return f"{name}={soft}:{hard}"
