"""The commit of a context is asked for without trusting its repository."""

import os
import subprocess
from collections.abc import Callable
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


CHECKING = {"BUILDX_GIT_CHECK_DIRTY": "1"}
USER = ("-c", "user.name=a", "-c", "user.email=a@example.test")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with one file, as it was committed; whether the file changed shows only in its content."""
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("text")
    git(folder, "add", ".")
    git(folder, *USER, "commit", "-qm", "first")
    os.utime(folder / "file", (1, 1))
    return folder


@pytest.fixture
def evil(tmp_path: Path) -> str:
    """A program that leaves a trace."""
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    program.chmod(0o755)
    return str(program)


async def revision(folder: Path, **variables: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), **CHECKING, **variables}
    attrs = await Repositories(Environment(environment)).attrs(folder, {"context": folder}, None)
    return attrs["vcs:revision"]


def filtering(folder: Path, evil: str) -> None:
    (folder / ".gitattributes").write_text("* filter=x\n")
    git(folder, "config", "filter.x.clean", evil)


def processing(folder: Path, evil: str) -> None:
    (folder / ".gitattributes").write_text("* filter=X.y\n")
    git(folder, "config", "filter.X.y.process", evil)
    git(folder, "config", "filter.X.y.required", "true")


def odd_name(folder: Path, evil: str) -> None:
    (folder / ".git/info/attributes").write_text("* filter=a=b\n")
    git(folder, "config", "filter.a=b.clean", evil)


def included(folder: Path, evil: str) -> None:
    (folder / ".gitattributes").write_text("* filter=x\n")
    (folder / "more").write_text(f'[filter "x"]\n  clean = {evil}\n')
    git(folder, "config", "include.path", "../more")


def of_worktree(folder: Path, evil: str) -> None:
    (folder / ".gitattributes").write_text("* filter=x\n")
    git(folder, "config", "extensions.worktreeConfig", "true")
    git(folder, "config", "--worktree", "filter.x.clean", evil)


def in_place_of_the_users(folder: Path, evil: str) -> None:
    (folder.parent / ".gitconfig").write_text('[filter "x"]\n  clean = cat\n')
    filtering(folder, evil)


def monitor(folder: Path, evil: str) -> None:
    git(folder, "config", "core.fsmonitor", evil)


def hook(folder: Path, evil: str) -> None:
    for name in ("post-index-change", "fsmonitor-watchman"):
        (folder / ".git/hooks").mkdir(exist_ok=True)
        (folder / ".git/hooks" / name).symlink_to(evil)


def pager(folder: Path, evil: str) -> None:
    for key in ("core.pager", "pager.status", "pager.config", "diff.external", "core.sshCommand", "core.editor"):
        git(folder, "config", key, evil)


def submodule(folder: Path, evil: str) -> None:
    inner = folder / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "file").write_text("text")
    git(inner, "add", ".")
    git(inner, *USER, "commit", "-qm", "first")
    (folder / ".gitmodules").write_text('[submodule "inner"]\n  path = inner\n  url = ./inner\n  ignore = none\n')
    git(folder, "add", ".")
    git(folder, *USER, "commit", "-qm", "second")
    git(folder, "config", "submodule.inner.ignore", "none")
    os.utime(inner / "file", (1, 1))
    filtering(inner, evil)


def partial_clone(folder: Path, evil: str) -> None:
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    (folder / ".git/objects" / tree[:2] / tree[2:]).unlink()
    git(folder, "config", "core.repositoryFormatVersion", "1")
    git(folder, "config", "extensions.partialClone", "origin")
    git(folder, "config", "remote.origin.promisor", "true")
    git(folder, "config", "remote.origin.url", f"ext::{evil}")
    git(folder, "config", "protocol.ext.allow", "always")


def local_clone(folder: Path, evil: str) -> None:
    partial_clone(folder, evil)
    git(folder, "config", "remote.origin.url", str(folder))
    git(folder, "config", "remote.origin.uploadpack", evil)


HOSTILE = [
    filtering, processing, odd_name, included, of_worktree, in_place_of_the_users, monitor, hook, pager, submodule,
    partial_clone, local_clone,
]  # fmt: skip


@pytest.mark.parametrize("settle", HOSTILE)
async def test_no_setting_of_a_repository_runs(
    settle: Callable[[Path, str], None], tree: Path, evil: str, tmp_path: Path
) -> None:
    """Asking for the commit, and for changes, runs git alone."""
    settle(tree, evil)
    assert (await revision(tree)).startswith(git(tree, "rev-parse", "HEAD"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("settle", [filtering, processing, included, of_worktree, monitor, submodule, partial_clone])
def test_git_itself_would_run_it(settle: Callable[[Path, str], None], tree: Path, evil: str, tmp_path: Path) -> None:
    """The settings of these tests do what they are feared for."""
    settle(tree, evil)
    subprocess.run(["git", "status"], cwd=tree, capture_output=True, check=False, timeout=20)
    assert (tmp_path / "ran").exists()


async def test_changes_of_a_work_tree_are_found(tree: Path) -> None:
    """Changed and new files make it dirty; a new time of a file does not."""
    commit = git(tree, "rev-parse", "HEAD")
    assert await revision(tree) == commit
    (tree / "new").write_text("")
    assert await revision(tree) == f"{commit}-dirty"
    (tree / "new").unlink()
    (tree / "file").write_text("TEXT")
    assert await revision(tree) == f"{commit}-dirty"


async def test_filters_of_the_user_still_run(tree: Path, tmp_path: Path) -> None:
    """As Git LFS needs: files differ from what is stored."""
    (tmp_path / ".gitconfig").write_text('[filter "upper"]\n  clean = tr a-z A-Z\n')
    (tree / ".git/info/attributes").write_text("file filter=upper\n")
    git(tree, "-c", "filter.upper.clean=tr a-z A-Z", "add", "file")
    git(tree, *USER, "commit", "-qm", "upper")
    os.utime(tree / "file", (2, 2))
    assert git(tree, "show", "HEAD:file") == "TEXT"
    assert await revision(tree) == git(tree, "rev-parse", "HEAD")


async def test_new_commit_in_a_submodule_is_a_change(tree: Path, evil: str) -> None:
    """Submodules are compared by their commits."""
    submodule(tree, evil)
    git(tree / "inner", "config", "--unset", "filter.x.clean")
    commit = git(tree, "rev-parse", "HEAD")
    assert await revision(tree) == commit
    git(tree / "inner", *USER, "commit", "-qm", "more", "--allow-empty")
    assert await revision(tree) == f"{commit}-dirty"


async def test_repository_that_never_answers_is_left(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git waits for the writer of a pipe; bakepy does not wait for git."""
    monkeypatch.setattr("bakepy.executor.git.PATIENCE", 0.5)
    commit = git(tree, "rev-parse", "HEAD")
    (tree / ".git/index").unlink()
    os.mkfifo(tree / ".git/index")
    assert await revision(tree) == f"{commit}-dirty"
