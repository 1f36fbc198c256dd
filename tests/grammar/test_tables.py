"""The compiled grammar."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_tables_are_those_of_the_grammar() -> None:
    """tables.py is what the generator makes of bake.lark, byte for byte."""
    generator = runpy.run_path(str(ROOT / "scripts" / "grammar_tables.py"))
    assert (ROOT / "bakepy" / "grammar" / "tables.py").read_text() == generator["render"]()


def test_reading_a_file_loads_no_parser_generator() -> None:
    """Lark is for the generator alone; a fault-free file loads not even the explanations."""
    code = (
        "import sys; from bakepy.diagnostics import Source; from bakepy.grammar import parse;"
        "parse(Source('f', 'a = 1'), []);"
        "print([m for m in sys.modules if m.startswith('lark') or 'explain' in m or m == 'asyncio'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
