"""The lock files hold what pyproject.toml allows, pinned by hash."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["build"]
DECLARED = {"run": RUN, "dev": RUN + PROJECT["dependency-groups"]["dev"]}


def text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def locked(name: str) -> dict[str, set[str]]:
    """Return the versions of each distribution; markers may give one several."""
    found: dict[str, set[str]] = {}
    for distribution, version in re.findall(r"^([a-z0-9.-]+)==([^ ;]+)", text(name), re.M):
        found.setdefault(canonicalize_name(distribution), set()).add(version)
    return found


@pytest.mark.parametrize("declared", DECLARED["dev"])
def test_dependency_has_lower_and_upper_bound(declared: str) -> None:
    """Every dependency is a range."""
    assert {">=", "<"} == {bound.operator for bound in Requirement(declared).specifier}


@pytest.mark.parametrize("name", DECLARED)
def test_lock_satisfies_declaration(name: str) -> None:
    """A lock holds an allowed version of each declared dependency."""
    versions = locked(name)
    for requirement in map(Requirement, DECLARED[name]):
        found = versions.get(canonicalize_name(requirement.name), set())
        assert found, requirement
        assert all(map(requirement.specifier.contains, found)), requirement


@pytest.mark.parametrize("name", DECLARED)
def test_lock_has_hashes_and_no_host(name: str) -> None:
    """Every requirement has a hash, and no address is named."""
    requirements = re.split(r"\n(?! )", re.sub(r"^#.*\n", "", text(name), flags=re.M).strip())

    assert all("--hash=sha256:" in requirement for requirement in requirements)
    assert "://" not in text(name)


def test_locks_agree() -> None:
    """Tests run with the versions that users install."""
    development = locked("dev")

    assert all(development[name] == versions for name, versions in locked("run").items())
