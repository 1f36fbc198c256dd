"""Where the user finds a Dockerfile that BuildKit knows by a name of its build alone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from bakepy.buildkit.requests import HTTP_FILE
from bakepy.executor.check import lower_case
from bakepy.files import read_file
from bakepy.planner.spec import Dockerfile, InlineDockerfile, LocalDockerfile, RemoteDockerfile

INLINE = "dockerfile-inline"


def located(dockerfile: Dockerfile, filename: str, data: bytes) -> str:
    """Return the path, address or attribute of the Dockerfile that BuildKit calls `filename`, with the content `data`.

    Paths start at the working directory. A file of another content is another one and keeps its name.
    """
    match dockerfile:
        case InlineDockerfile(text) if data == text.encode():
            return INLINE
        case RemoteDockerfile(url) if filename == HTTP_FILE:
            return url
        case LocalDockerfile(path):
            found = lower_case(Path(path)) or Path(path)
            with suppress(OSError):
                if filename == found.name and read_file(found) == data:
                    return str(found)
    return filename
