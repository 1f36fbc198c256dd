"""Turn what a definition was read from into LLB, the same wherever it is used, so that BuildKit fetches it once."""

from __future__ import annotations

import functools
import posixpath
import re
import subprocess
from pathlib import Path

from bakepy.buildkit import llb
from bakepy.buildkit.llb import State
from bakepy.buildkit.requests import HTTP_FILE
from bakepy.diagnostics import BakeError
from bakepy.planner import gitref
from bakepy.planner.gitref import GitRef, GitRefError
from bakepy.planner.spec import SourceContext

TOKEN, HEADER = "GIT_AUTH_TOKEN", "GIT_AUTH_HEADER"  # names of secrets
"""Ids of the secrets that BuildKit asks for, with a dot and the host behind them, when it fetches a repository."""
SSH_AGENT = "default"
_USER = re.compile("//[^/@]*@")


def parse_git(url: str) -> GitRef | None:
    """Return what a repository's address means, or None for other addresses. Raises BakeError for a wrong query."""
    try:
        return gitref.parse(url)
    except GitRefError as fault:
        raise BakeError.of(f"invalid Git address {url}: {fault}") from None


def source(url: str, home: str) -> State:
    """Return the state of a repository or a download; `home` is the user's folder. Raises BakeError."""
    ref = parse_git(url)
    if ref is None:
        return llb.http(url, "[internal] load remote build context")
    where = ref.host + posixpath.normpath("/" + ref.path.lstrip("/"))
    if ref.ref or ref.subdir:
        where += f"#{ref.ref}" + (f":{ref.subdir}" if ref.subdir else "")
    return llb.git(where, _attributes(ref, home), f"[internal] load git source {_USER.sub('//xxxxx@', url)}")


def unpacked(url: str, home: str) -> State:
    """Return the state of what is in the archive at an address."""
    return source(url, home).unpacked(HTTP_FILE, "[internal] unpack remote build context")


def context(url: str, home: str) -> State:
    """Return the state of a context at an address: a repository, or what is in an archive."""
    return source(url, home) if parse_git(url) else unpacked(url, home)


def folder(context: SourceContext, name: str, home: str) -> State:
    """Return the state of a folder of a definition's origin; `name` is the named context's, empty for the main one."""
    origin = unpacked(context.url, home) if context.archive else source(context.url, home)
    if context.path in {".", "/"}:
        return origin
    what = f"context {name}" if name else "context"
    return origin.folder(context.path, f"set {what} to {context.path}")


def _attributes(ref: GitRef, home: str) -> dict[str, str]:
    attrs = {
        "git.fullurl": ref.remote,
        "git.authtokensecret": TOKEN,
        "git.authheadersecret": HEADER,
        "git.checksum": ref.checksum,
        "git.mtime": ref.mtime,
        "git.keepgitdir": "true" if ref.keep_git_dir else "",
        "git.skipsubmodules": "" if ref.submodules else "true",
        "git.fetchbycommit": "true" if ref.fetch_by_commit else "",
    }
    if ref.scheme == gitref.SSH:
        attrs |= {"git.mountsshsock": SSH_AGENT, "git.knownsshhosts": known_hosts(ref.host.rpartition("@")[2], home)}
    return {key: value for key, value in attrs.items() if value}


@functools.cache
def known_hosts(host: str, home: str) -> str:
    """Return what the user's file of known hosts holds on a host, which ssh is then held to; empty for nothing."""
    file = Path(home) / ".ssh" / "known_hosts"
    if not home or not file.is_file():
        return ""
    name, colon, port = host.rpartition(":")
    wanted = host if not colon else name if port == "22" else f"[{name}]:{port}"
    try:
        found = subprocess.run(
            ["ssh-keygen", "-F", wanted, "-f", str(file)], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "".join(f"{line}\n" for line in found.stdout.splitlines() if line and not line.startswith("#"))
