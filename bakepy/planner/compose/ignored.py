"""Keys of Compose files that have no effect on builds, although their place or name suggests one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bakepy.diagnostics import nearest
from bakepy.planner.compose.faults import Steps
from bakepy.planner.compose.notices import Notices
from bakepy.planner.compose.schema import BUILD, EXTENSION, SERVICE

Model = Mapping[str, Any]

UNREAD: Final = "bake reads entitlements from bake files only"
BAKE_FILE: Final = 'Set them in a bake file, as in target "{target}" {{ entitlements = ["security.insecure"] }}.'
BUILD_KEYS: Final = {
    "entitlements": (UNREAD, BAKE_FILE),
    "privileged": (UNREAD, BAKE_FILE),
    "isolation": ("BuildKit has no isolation modes", "Remove it."),
    "no_cache_filter": ("bake reads it under x-bake", "Write it as x-bake: {{no-cache-filter: [stage]}}."),
}
"""Keys under `build` that are valid and that bake does not read: why, and what to do."""

SECRET_USE: Final = {
    "target": "the id of a build secret is its source",
    **dict.fromkeys(("uid", "gid", "mode"), "bake reads the source of a build secret only"),
}
SECRET: Final = ("driver", "driver_opts", "template_driver")

SHARED: Final = {"labels", "extra_hosts", "secrets", "ulimits", "shm_size", "isolation", "privileged"}
"""Keys under `build` that a service itself has, too, for its containers."""


def note_service(notices: Notices, path: Steps, service: Model) -> None:
    """Warn of keys beside `build` that belong under it, and of misspelled ones."""
    for key in service:
        if key == "x-bake":
            notices.ignored((*path, key), "bake reads x-bake under build only", "Move it under build.")
        elif key in BUILD and key not in SHARED:
            notices.ignored((*path, key), "it is a key of build", "Move it under build.")
        elif key not in SERVICE and (near := nearest(key, SERVICE)):
            notices.ignored((*path, key), "a service has no such key", f"Did you mean '{near}'?")


def note_jobs(notices: Notices, jobs: Any) -> None:
    """Warn of jobs with a build."""
    for name, job in jobs.items() if isinstance(jobs, dict) else ():
        if isinstance(job, dict) and job.get("build") is not None:
            hint = f"Declare a service with this build, and use its image in {name}."
            notices.ignored(("jobs", name, "build"), "bake builds services only", hint)


def note_model(notices: Notices, model: Model) -> None:
    """Warn of keys of a valid model that have no effect on its builds."""
    used = set()
    for name, service in model.get("services", {}).items():
        build, path = service.get("build"), ("services", name)
        if build is None:
            continue
        _note_build(notices, (*path, "build"), build)
        used |= {use.get("source") for use in build.get("secrets") or ()}
        if service.get("platform") and not (build.get("platforms") or (build.get("x-bake") or {}).get("platforms")):
            why = "bake builds for build.platforms only"
            hint = f"Write it under build, as in platforms: [{service['platform']}]."
            notices.ignored((*path, "platform"), why, hint)
    for name, secret in (model.get("secrets") or {}).items():
        for key in SECRET if name in used else ():
            if (secret or {}).get(key):
                why = "bake reads build secrets from files and variables only"
                notices.ignored(("secrets", name, key), why, "Write the secret into a file or a variable.")


def _note_build(notices: Notices, path: Steps, build: Model) -> None:
    for key, (why, hint) in BUILD_KEYS.items():
        if build.get(key):
            notices.ignored((*path, key), why, hint.format(target=str(path[1]).replace(".", "_")))
    for i, use in enumerate(build.get("secrets") or ()):
        for key, why in SECRET_USE.items():
            if key in use and use[key] != use.get("source"):
                hint = "Remove it, and use the source as the id in the Dockerfile."
                notices.ignored((*path, "secrets", i, key), why, hint)
    extension = build.get("x-bake")
    for key in extension if isinstance(extension, dict) else ():
        if key not in EXTENSION:
            near = nearest(key, EXTENSION)
            hint = f"Did you mean '{near}'?" if near else f"It may hold {', '.join(EXTENSION)}."
            notices.ignored((*path, "x-bake", key), "x-bake has no such key", hint)
