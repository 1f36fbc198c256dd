"""`bakepy schema`: the JSON Schema of definition files in JSON, for editors."""

from __future__ import annotations

from collections.abc import Sequence

from bakepy.cli import flags
from bakepy.diagnostics import BakeError

FLAGS = flags.COMMON
USAGE = """Usage: bakepy schema

Print the JSON Schema (draft 2020-12) of definition files in JSON. Editors complete and check docker-bake.json by it.

Options:
"""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = flags.parse(FLAGS, argv)
    if given.switch("help"):
        print(USAGE + flags.usage(FLAGS), end="")
        return 0
    if given.arguments:
        raise BakeError.of(f"unexpected argument: {given.arguments[0]}", hint="The schema is the same for all files.")
    from bakepy.model.schema import json_schema
    from bakepy.planner.printing import to_json

    print(to_json(json_schema()))
    return 0
