"""bakepy as a plugin of Docker's client: `docker bakepy …`."""

from __future__ import annotations

import os
from collections.abc import Sequence

import bakepy

METADATA = "docker-cli-plugin-metadata"
"""What Docker's client calls a plugin with to learn about it (docker/cli, cli-plugins/metadata)."""

NAME = "bakepy"

SWITCHES = {"-D", "--debug", "--tls", "--tlsverify"}

VARIABLES = {"-H": "DOCKER_HOST", "--host": "DOCKER_HOST", "-c": "DOCKER_CONTEXT", "--context": "DOCKER_CONTEXT"}
VARIABLES |= {"--config": "DOCKER_CONFIG"}
"""Flags of Docker's client before the plugin's name, and the variables that mean the same."""


def main(argv: Sequence[str]) -> int:
    """Run the command that Docker's client hands over and return its exit status."""
    if list(argv) == [METADATA]:
        import json

        print(
            json.dumps(
                {
                    "SchemaVersion": "0.1.0",
                    "Vendor": "bakepy",
                    "Version": bakepy.__version__,
                    "ShortDescription": "Bake container images",
                }
            )
        )
        return 0
    from bakepy.cli.main import COMPLETE
    from bakepy.cli.main import main as run

    asked = list(argv)
    if asked[:1] == [COMPLETE]:
        return run([COMPLETE, *_own(asked[1:])])
    return run(_own(asked))


def _own(argv: Sequence[str]) -> list[str]:
    """Return what follows the plugin's name; what Docker's client was told before it becomes the environment."""
    rest = list(argv)
    while rest and rest[0] != NAME:
        flag, equals, value = rest.pop(0).partition("=")
        if not flag.startswith("-"):
            return [flag, *rest]
        if flag not in SWITCHES and not equals and rest:
            value = rest.pop(0)
        if flag in VARIABLES:
            os.environ[VARIABLES[flag]] = value
            if VARIABLES[flag] == "DOCKER_CONTEXT":
                # The variable would go before the context.
                os.environ.pop("DOCKER_HOST", None)
        elif flag == "--tlsverify":
            os.environ["DOCKER_TLS_VERIFY"] = value or "1"
    return rest[1:]
