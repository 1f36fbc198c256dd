"""Run a command where an `ssh://` address leads: `ssh://[USER@]HOST[:PORT][/PATH/OF/SOCKET]`."""

from __future__ import annotations

import re
import shlex
from urllib.parse import SplitResult

from bakepy.drivers.interface import DriverError

FORM = "ssh://[USER@]HOST[:PORT][/PATH/OF/SOCKET]"


def ssh(parts: SplitResult, *remote: str) -> tuple[str, ...]:
    """Return the command that runs `remote` where an address leads, as `split_address` gave it; raises DriverError."""
    shown = parts._replace(netloc=_bare(parts)).geturl()  # without a password
    fault = ""
    if parts.password is not None:
        fault = "plain-text password is not supported"
    elif not parts.hostname:
        fault = "no host specified"
    elif parts.query or parts.fragment:
        fault = "extra query or fragment after the host"
    if fault:
        raise DriverError.of(f"invalid address {shown}: {fault}", f"form: {FORM}")
    port = ("-p", str(parts.port)) if parts.port else ()
    user = ("-l", parts.username) if parts.username else ()
    # The far side's shell reads the words once more.
    return ("ssh", "-o", "ConnectTimeout=30", "-T", *user, *port, "--", _bare(parts), *map(shlex.quote, remote))


def _bare(parts: SplitResult) -> str:
    """Return the host as it was written: names in SSH's configuration may have capital letters."""
    host = parts.netloc.rpartition("@")[2]
    bracketed = re.fullmatch(r"\[(.*)\](?::\d*)?", host)
    return bracketed[1] if bracketed else host.partition(":")[0]
