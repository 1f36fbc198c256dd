"""Provenance in the metadata file."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest

from bakepy.buildkit.history import Provenance
from bakepy.executor.provenance import KEY, SLSA_1, entries

OLD = {
    "builder": {"id": "b"},
    "buildType": "https://mobyproject.org/buildkit@v1",
    "materials": [{"uri": "pkg:docker/x", "digest": {"sha256": "1"}}],
    "invocation": {
        "configSource": {"entryPoint": "Dockerfile"},
        "parameters": {"frontend": "dockerfile.v0"},
        "environment": {"platform": "linux/amd64", "mine": "yes"},
    },
    "buildConfig": {"llbDefinition": [{"id": "step0"}]},
    "metadata": {
        "buildInvocationID": "i",
        "buildStartedOn": "t0",
        "buildFinishedOn": "t1",
        "completeness": {"parameters": True, "environment": True, "materials": False},
        "reproducible": False,
        "https://mobyproject.org/buildkit@v1#metadata": {"vcs": {"revision": "r"}},
        "https://mobyproject.org/buildkit@v1#hermetic": True,
    },
}
NEW = {
    "buildDefinition": {
        "buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
        "externalParameters": {"configSource": {"path": "Dockerfile"}, "request": {"frontend": "dockerfile.v0"}},
        "internalParameters": {
            "buildConfig": {"llbDefinition": [{"id": "step0"}]},
            "builderPlatform": "linux/amd64",
            "mine": "yes",
        },
        "resolvedDependencies": [{"uri": "pkg:docker/x", "digest": {"sha256": "1"}}],
    },
    "runDetails": {
        "builder": {"id": "b"},
        "metadata": {
            "invocationId": "i",
            "startedOn": "t0",
            "finishedOn": "t1",
            "buildkit_metadata": {"vcs": {"revision": "r"}},
            "buildkit_hermetic": True,
            "buildkit_completeness": {"request": True, "resolvedDependencies": False},
        },
    },
}


@pytest.mark.parametrize(
    ("type", "predicate"), [("https://slsa.dev/provenance/v0.2", OLD), (SLSA_1, NEW)], ids=["v0.2", "v1"]
)
def test_both_versions_are_told_in_terms_of_the_older(type: str, predicate: object) -> None:
    """All is there in the mode max; min leaves out the steps and what differs from run to run."""
    found = {"": Provenance(type, json.dumps(predicate).encode())}
    assert json.loads(b64decode(entries(found, "max")[KEY])) == OLD
    least = {k: v for k, v in OLD.items() if k not in {"buildConfig", "metadata"}}
    assert json.loads(b64decode(entries(found, "min")[KEY])) == least


def test_platforms_have_keys_of_their_own() -> None:
    """A result of several platforms has a provenance for each."""
    one = Provenance("https://slsa.dev/provenance/v0.2", b"{}")
    assert list(entries({"linux/arm64": one, "linux/amd64": one}, "min")) == [
        f"{KEY}/linux/amd64",
        f"{KEY}/linux/arm64",
    ]
