"""Take apart the addresses of Engines and BuildKits, which users and files write as they like."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from bakepy.drivers.interface import DriverError

CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def split_address(url: str) -> SplitResult:
    """Return the parts of an address, whose host and port can be asked for; raises DriverError, which names it."""
    try:
        if CONTROL.search(url):
            # Go's net/url refuses these, Python's drops some and keeps others.
            raise ValueError("invalid control character in URL")
        url.encode()
        parts = urlsplit(url)
        _ = parts.port  # is read, and may raise, only when it is asked for
        if parts.scheme in ("tcp", "http", "https"):
            (parts.hostname or "").encode("idna")
        return parts
    except ValueError as error:
        raise DriverError.of(f"invalid address {_shown(url)}: {_reason(error)}", hint="correct the address") from error


def _reason(error: ValueError) -> str:
    match error:
        case UnicodeEncodeError(encoding="utf-8"):
            return "it is no valid text"
        case UnicodeError():
            return "invalid host name"
    return str(error)


def _shown(url: str) -> str:
    """Return an address without its password, in what every terminal can show."""
    bare = re.sub(r"(://[^/@]*?):[^/]*@", r"\1@", url)
    return bare.encode(errors="backslashreplace").decode()
