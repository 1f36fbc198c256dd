"""Git repositories and files over HTTP on the loopback interface, from git's own server side."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
import threading
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.programs import needed


@dataclass
class Site:
    """A folder that is served; with a `token`, only to those who have it."""

    path: Path
    token: str = ""
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def repository(self, name: str, files: dict[str, str]) -> str:
        """Make a repository with the given files on branch main and return its address."""
        work = self.path / f"{name}.work"
        write(work, files)
        git(work, "init", "-q", "-b", "main")
        git(work, "add", ".")
        git(work, "commit", "-q", "-m", "first")
        git(self.path, "clone", "-q", "--bare", str(work), f"{name}.git")
        shutil.rmtree(work)
        return f"{self.url}/{name}.git"

    def archive(self, name: str, mode: Any, files: dict[str, str]) -> str:
        """Make an archive of the given files and return its address."""
        with tarfile.open(self.path / name, mode) as archive:
            for file, text in files.items():
                info = tarfile.TarInfo(file)
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
        return f"{self.url}/{name}"

    def file(self, name: str, text: str) -> str:
        """Make a file and return its address."""
        (self.path / name).write_text(text)
        return f"{self.url}/{name}"


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files, and the folders that they are in."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def git(folder: Path, *words: str) -> None:
    """Run git without the user's configuration."""
    names = {f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *words], cwd=folder, env=env, check=True, capture_output=True)


@contextlib.contextmanager
def serving(path: Path) -> Iterator[Site]:
    """Serve a folder while the context lasts."""
    needed("git")
    site = Site(path)

    class Handler(_Handler):
        served = site

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


class _Handler(SimpleHTTPRequestHandler):
    served: Site

    def __init__(self, *args: Any) -> None:
        super().__init__(*args, directory=str(self.served.path))

    def log_message(self, *_args: object) -> None:
        return

    def do_GET(self) -> None:
        self.served.asked.append(self.path)
        if ".git/" not in self.path:
            super().do_GET()
        elif self._is_allowed():
            self._backend(b"")

    def do_POST(self) -> None:
        if self._is_allowed():
            self._backend(self.rfile.read(int(self.headers["Content-Length"])))

    def _is_allowed(self) -> bool:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if not self.served.token or (
            kind.lower() == "basic" and b64decode(value).decode().endswith(f":{self.served.token}")
        ):
            return True
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="site"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def _backend(self, body: bytes) -> None:
        """Answer by `git http-backend`, a CGI program (RFC 3875)."""
        path, _, query = self.path.partition("?")
        env = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_PROJECT_ROOT": str(self.served.path),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n") if b": " in line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
