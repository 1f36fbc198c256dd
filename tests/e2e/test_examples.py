"""Every definition in examples/ builds, and makes what it says."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy, with the root file system that the definitions build from."""
    folder = tmp_path / "examples"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("rootfs*", "bake-out"))
    subprocess.run([EXAMPLES.parent / "scripts" / "rootfs.sh", folder / "rootfs"], check=True)
    return folder


def bake(folder: Path, address: str, file: str) -> None:
    words = ["build", "--builder", address, "--progress", "plain", "-f", file, "--metadata-file", "metadata.json"]
    command = [sys.executable, "-c", "from bakepy.cli.main import entry; entry()", *words]
    environment = {**os.environ, "DOCKER_CONFIG": str(folder / ".docker")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_definition_is_tested() -> None:
    """No example is left out of this file."""
    text = Path(__file__).read_text()

    assert [file.name for file in EXAMPLES.glob("*.hcl") if f'"{file.name}"' not in text] == []


@pytest.mark.e2e
def test_hello_leaves_a_file(examples: Path, address: str) -> None:
    """hello.hcl writes its one file to disk."""
    bake(examples, address, "hello.hcl")

    assert (examples / "bake-out" / "hello" / "greeting").read_text().startswith("Hello from ")


@pytest.mark.e2e
def test_the_matrix_makes_four_images(examples: Path, address: str) -> None:
    """matrix.hcl leaves an OCI layout for each combination, whose index holds the digest that the metadata tells."""
    bake(examples, address, "matrix.hcl")

    record = json.loads((examples / "metadata.json").read_text())
    names = [f"{app}-{flavour}" for app in ("api", "web") for flavour in ("small", "debug")]
    for name in names:
        with tarfile.open(examples / "bake-out" / f"{name}.tar") as tar:
            member = tar.extractfile("index.json")
            assert member
            index = json.load(member)
        assert index["manifests"][0]["digest"] == record[name]["containerimage.digest"]


@pytest.mark.e2e
def test_linked_targets_see_each_other(examples: Path, address: str) -> None:
    """linked.hcl builds one target on the other's result."""
    bake(examples, address, "linked.hcl")

    with tarfile.open(examples / "bake-out" / "linked.tar") as tar:
        member = tar.extractfile("both")
        assert member
        assert member.read() == b"made in base\nadded in app\n"


@pytest.mark.e2e
def test_the_secret_is_read_and_not_kept(examples: Path, address: str) -> None:
    """secret.hcl uses its secret in a step; nothing of it is in the result."""
    bake(examples, address, "secret.hcl")

    result = [file for file in (examples / "bake-out" / "secret").rglob("*") if file.is_file()]
    assert [file.name for file in result] == ["length"]
    secret = (examples / "secret" / "token").read_bytes()
    assert int(result[0].read_text()) == len(secret)
