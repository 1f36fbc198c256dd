"""What a GitHub Actions job says of itself, for the provenance of images that are built in it."""

from __future__ import annotations

import json

from bakepy.drivers.interface import DriverError
from bakepy.files import read_object
from bakepy.settings import Settings

FILE = "provenance.d/github_actions_context.json"
"""Where BuildKit finds it, below its folder of configuration."""

TOGETHER = (
    ("GITHUB_ACTOR", "GITHUB_ACTOR_ID", "GITHUB_TRIGGERING_ACTOR"),
    ("GITHUB_REF", "GITHUB_REF_NAME", "GITHUB_REF_PROTECTED", "GITHUB_REF_TYPE"),
    ("GITHUB_REPOSITORY", "GITHUB_REPOSITORY_ID", "GITHUB_REPOSITORY_OWNER", "GITHUB_REPOSITORY_OWNER_ID"),
    (
        "GITHUB_JOB",
        "GITHUB_RUN_ATTEMPT",
        "GITHUB_RUN_ID",
        "GITHUB_RUN_NUMBER",
        "GITHUB_SERVER_URL",
        "GITHUB_WORKFLOW",
        "GITHUB_WORKFLOW_REF",
        "GITHUB_WORKFLOW_SHA",
    ),
    (
        "ImageOS",
        "ImageVersion",
        "RUNNER_OS",
        "RUNNER_ARCH",
        "RUNNER_ENVIRONMENT",
        "RUNNER_TRACKING_ID",
        "RUNNER_NAME",
    ),
)
"""Variables that are told only where all of a row are set."""

KEYS = {"ImageOS": "github_runner_image_os", "ImageVersion": "github_runner_image_version"}


def actions_context(settings: Settings) -> bytes | None:
    """Return the job's event, actor, repository, workflow and runner as JSON, or None outside of a job.

    Raises DriverError where the event's file cannot be read.
    """
    name, path = settings.lookup("GITHUB_EVENT_NAME"), settings.lookup("GITHUB_EVENT_PATH")
    if not (settings.flag("GITHUB_ACTIONS") and name and path):
        return None
    try:
        payload = read_object(path)
    except OSError as error:
        raise DriverError.of(f'failed to read GITHUB_EVENT_PATH "{path}"', error.strerror or "") from error
    except ValueError as error:
        raise DriverError.of(f'failed to unmarshal GitHub event payload from "{path}"', str(error)) from error
    found: dict[str, object] = {"github_event_name": name, "github_event_payload": payload}
    for row in TOGETHER:
        values = {_key(variable): settings.lookup(variable) for variable in row}
        if all(values.values()):
            found |= values
    return json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _key(variable: str) -> str:
    plain = variable.lower()
    return KEYS.get(variable) or (plain if plain.startswith("github_") else f"github_{plain}")
