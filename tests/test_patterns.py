"""Regular expressions stay within what every supported Python gets right."""

import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "bakepy"


def test_no_group_is_repeated_possessively() -> None:
    """No pattern holds `(?:…)++` or `(?:…)*+`: up to Python 3.11.3 they match text that the group refuses."""
    repeated = re.compile(r"\)[*+?]\+")
    sources = {path: path.read_text() for path in PACKAGE.rglob("*.py")}
    lines = [(path.name, line) for path, text in sources.items() for line in text.splitlines() if repeated.search(line)]
    assert [(name, line) for name, line in lines if not line.lstrip().startswith("#")] == []
