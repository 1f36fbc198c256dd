"""Provenance as the metadata file shows it: predicates of SLSA v0.2, whatever the daemon attests in.

Both versions are specified at slsa.dev, and what BuildKit puts into them in its own documentation of attestations.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping

from bakepy.buildkit.history import Provenance

KEY = "buildx.build.provenance"
SLSA_1 = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://mobyproject.org/buildkit@v1"
ONLY_MAX = ("buildConfig", "metadata")
"""What only the mode `max` shows."""

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def entries(found: Mapping[str, Provenance], mode: str) -> dict[str, str]:
    """Return what a build's response says of its provenance (`min` or `max`), the JSON in Base64 as all in there."""
    out = {}
    for platform, one in sorted(found.items()):
        predicate = json.loads(one.data)
        if one.type == SLSA_1:
            predicate = converted(predicate)
        if mode == "min":
            predicate = {k: v for k, v in predicate.items() if k not in ONLY_MAX}
        key = f"{KEY}/{platform}" if platform else KEY
        out[key] = b64encode(json.dumps(predicate, ensure_ascii=False, allow_nan=False).encode()).decode()
    return out


def converted(predicate: Mapping[str, Json]) -> dict[str, Json]:
    """Return a predicate of SLSA v1 in the terms of v0.2."""
    definition, details = _object(predicate, "buildDefinition"), _object(predicate, "runDetails")
    external, internal = _object(definition, "externalParameters"), _object(definition, "internalParameters")
    environment = {"platform": internal.get("builderPlatform", "")}
    environment |= {k: v for k, v in internal.items() if k not in {"builderPlatform", "buildConfig"}}
    dependencies = definition.get("resolvedDependencies")
    out: dict[str, Json] = {
        "builder": {"id": _object(details, "builder").get("id", "")},
        "buildType": BUILD_TYPE,
        "materials": [
            _present(uri=d.get("uri"), digest=d.get("digest"))
            for d in (dependencies if isinstance(dependencies, list) else [])
            if isinstance(d, dict)
        ],
        "invocation": {
            "configSource": _source(_object(external, "configSource")),
            "parameters": external.get("request", {}),
            "environment": environment,
        },
        "buildConfig": internal.get("buildConfig"),
        "metadata": _metadata(_object(details, "metadata")),
    }
    return {k: v for k, v in out.items() if v}


def _source(source: Mapping[str, Json]) -> dict[str, Json]:
    return _present(uri=source.get("uri"), digest=source.get("digest"), entryPoint=source.get("path"))


def _metadata(metadata: Mapping[str, Json]) -> dict[str, Json]:
    if not metadata:
        return {}
    complete = _object(metadata, "buildkit_completeness")
    out = _present(
        # Its name in JSON differs between the versions of the library that daemons are made with.
        buildInvocationID=metadata.get("invocationID") or metadata.get("invocationId"),
        buildStartedOn=metadata.get("startedOn"),
        buildFinishedOn=metadata.get("finishedOn"),
    )
    out["completeness"] = {
        "parameters": complete.get("request", False),
        "environment": True,
        "materials": complete.get("resolvedDependencies", False),
    }
    out["reproducible"] = metadata.get("buildkit_reproducible", False)
    out[f"{BUILD_TYPE}#metadata"] = metadata.get("buildkit_metadata", {})
    if hermetic := metadata.get("buildkit_hermetic"):
        out[f"{BUILD_TYPE}#hermetic"] = hermetic
    return out


def _object(of: Mapping[str, Json], key: str) -> dict[str, Json]:
    found = of.get(key)
    return found if isinstance(found, dict) else {}


def _present(**entries: Json) -> dict[str, Json]:
    return {k: v for k, v in entries.items() if v}
