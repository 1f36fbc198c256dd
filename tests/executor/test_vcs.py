"""The commit of a context is asked for without trusting its repository."""

import subprocess
from pathlib import Path

import pytest

from bakepy.executor.environment import Environment
from bakepy.executor.vcs import Repositories

SIGNED = """tree {tree}
author a <a@example.test> 0 +0000
committer a <a@example.test> 0 +0000
gpgsig -----BEGIN PGP SIGNATURE-----
 
 iQ==
 -----END PGP SIGNATURE-----

signed
"""  # noqa: W293 - a signature's empty line begins with a space


def git(folder: Path, *words: str, input: str | None = None) -> str:
    asked = subprocess.run(["git", *words], cwd=folder, input=input, capture_output=True, text=True, check=True)
    return asked.stdout.strip()


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Make a repository whose configuration names a program wherever git looks at a commit or at the work tree."""
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("text")
    git(folder, "add", "file")
    commit = git(
        folder, "hash-object", "-t", "commit", "-w", "--stdin", input=SIGNED.format(tree=git(folder, "write-tree"))
    )
    git(folder, "update-ref", "HEAD", commit)
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    evil.chmod(0o755)
    git(folder, "config", "log.showSignature", "true")
    git(folder, "config", "gpg.program", str(evil))
    git(folder, "config", "core.fsmonitor", str(evil))
    return folder


async def test_a_repository_names_no_program_to_run(hostile: Path, tmp_path: Path) -> None:
    """The commit and whether files are changed come without any program that the repository's configuration names."""
    found = Repositories(Environment({"BUILDX_GIT_CHECK_DIRTY": "1"}))
    (hostile / "file").write_text("changed")
    attrs = await found.attrs(hostile, {"context": hostile}, None)
    assert not (tmp_path / "ran").exists()
    assert attrs["vcs:revision"] == git(hostile, "rev-parse", "HEAD") + "-dirty"
    git(hostile, "show", "--quiet")
    assert (tmp_path / "ran").exists()
