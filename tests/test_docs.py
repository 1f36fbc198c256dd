"""The documentation says what is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GENERATED = ROOT / "docs/reference/functions.md"
"""Holds patterns of regular expressions in brackets, which look like links."""

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md")]
PAGES.remove(GENERATED)
GUIDES = [ROOT / "README.md", ROOT / "docs/guide/definitions.md"]


def fences(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)


@pytest.mark.parametrize(
    ("page", "text"),
    [(p, t) for p in GUIDES for t in fences(p, "hcl")],
    ids=lambda v: v.name if isinstance(v, Path) else "",
)
def test_definitions_in_the_guide_evaluate(page: Path, text: str, tmp_path: Path) -> None:
    """Each definition shown can be pasted and has targets."""
    (tmp_path / "docker-bake.hcl").write_text(text)
    command = [sys.executable, "-m", "bakepy", "build", "--list=targets"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 1


@pytest.mark.parametrize("text", fences(ROOT / "docs/guide/definitions.md", "yaml"))
def test_compose_files_in_the_guide_evaluate(text: str, tmp_path: Path) -> None:
    """Each Compose file shown can be pasted and has no warning."""
    (tmp_path / "compose.yaml").write_text(text)
    command = [sys.executable, "-m", "bakepy", "build", "--print"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that exists."""
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    broken = [t for t in targets if "://" not in t and not (page.parent / t).exists()]

    assert broken == []


def test_the_guides_name_commands_that_exist() -> None:
    """Every `bakepy COMMAND` in a console block is a command."""
    from bakepy.cli.main import ALIASES, COMMANDS

    shown = {
        word
        for page in PAGES
        for block in fences(page, "console")
        for word in re.findall(r"^(?:\$ )?bakepy ([a-z][a-z-]*)", block, re.M)
    }

    assert shown - {*COMMANDS, *ALIASES, "version"} == set()
