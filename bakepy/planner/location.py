"""Tell from its text alone where a context or Dockerfile is: a folder, a Git repository, an address, an image."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakepy.planner.spec import Context, LayoutContext

_SCHEME = re.compile(r"([a-zA-Z0-9]+)://")
_SCP = re.compile(r"[a-zA-Z0-9_-]+@[a-zA-Z0-9.-]+:")
_DIGEST = r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}"
_TAG = r"(?a:\w[\w.-]{0,127})"


def is_http(text: str) -> bool:
    """Tell whether the text is an HTTP(S) address."""
    return text.startswith(("http://", "https://"))


def is_git_ssh(text: str) -> bool:
    """Tell whether the text names a Git repository that is reached by SSH."""
    return text.startswith("ssh://") or (not _SCHEME.match(text) and bool(_SCP.match(text)))


def is_remote(text: str) -> bool:
    """Tell whether BuildKit fetches what the text names: an HTTP(S) address or a Git repository."""
    if is_http(text):
        return True
    if text.startswith(("./", "../")):
        return False
    if scheme := _SCHEME.match(text):
        return scheme[1].lower() in {"git", "ssh"}
    return text.startswith("github.com/") or bool(_SCP.match(text))


def context(text: str) -> Context:
    """Return what a named context's text stands for."""
    # Printing a definition asks for paths only, and does without the types of a solve.
    from bakepy.planner.spec import ImageContext, LinkContext, LocalContext, RemoteContext

    if text.startswith("target:"):
        return LinkContext(text.removeprefix("target:"))
    if text.startswith("docker-image://"):
        return ImageContext(text.removeprefix("docker-image://"))
    if text.startswith("oci-layout://"):
        return _layout(text.removeprefix("oci-layout://"))
    if text.startswith("cwd://"):
        return LocalContext(clean(text.removeprefix("cwd://")))
    return RemoteContext(text) if is_remote(text) else LocalContext(text)


def clean(path: str) -> str:
    """Return the shortest path that means the same, as Go's `path.Clean` does."""
    cleaned = posixpath.normpath(path) if path else "."
    return "/" + cleaned.lstrip("/") if cleaned.startswith("//") else cleaned


def _layout(rest: str) -> LayoutContext:
    from bakepy.planner.spec import LayoutContext

    path, at, digest = rest.rpartition("@")
    if not (at and re.fullmatch(_DIGEST, digest)):
        path, digest = rest, ""
    folder, colon, tag = path.rpartition(":")
    if not (colon and re.fullmatch(_TAG, tag)):
        folder, tag = path, ""
    return LayoutContext(folder, tag, digest)
