"""What frontends answer to calls such as `--check` and `--call=outline`, as the reference prints it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from bakepy.cli.checked import Check
from bakepy.diagnostics import printable, printable_json
from bakepy.executor.dockerfiles import located
from bakepy.planner.config import Config
from bakepy.planner.printing import to_json

if TYPE_CHECKING:
    from bakepy.buildkit.requests import Answer
    from bakepy.planner.spec import Dockerfile

LINT = ("lint", "check")


def show(
    config: Config,
    answers: Mapping[str, Answer],
    dockerfiles: Mapping[str, Dockerfile],
    form: str,
    *,
    ignore_status: bool,
) -> int:
    """Print the answers of targets by name, as text or as one JSON document; return the exit status.

    That is the first status of an answer that is not 0, unless those are ignored, and 1 where a Dockerfile that was
    checked cannot be built at all.
    """
    checks = {
        name: Check.decode(answer.json, partial(located, dockerfiles[name]))
        for name, answer in answers.items()
        if _call(config, name) in LINT
    }
    # Frontends write what they read in Dockerfiles.
    if form == "json":
        sys.stdout.write(printable_json(_document(config, answers, checks)))
    else:
        sys.stdout.write(printable(_text(config, answers, checks)))
    if any(check.error for check in checks.values()):
        return 1
    return 0 if ignore_status else next((a.status for a in answers.values() if a.status), 0)


def _call(config: Config, name: str) -> str:
    return config.targets[name].call or ""


def _text(config: Config, answers: Mapping[str, Answer], checks: Mapping[str, Check]) -> str:
    parts = []
    for name, answer in answers.items():
        head = [name, *filter(None, [config.targets[name].description]), ""]
        body = answer.text
        if check := checks.get(name):
            body = check.report(answer.text, answer.version) + (f"error: {check.error}\n" if check.error else "")
        parts.append("\n".join(head) + "\n" + body)
    return "\n".join(parts)


def _document(config: Config, answers: Mapping[str, Answer], checks: Mapping[str, Check]) -> str:
    """Return all targets as `--print` shows them, each with its answer under the name of the call."""
    groups = {name: group.json() for name, group in sorted(config.groups.items())}
    targets: dict[str, Any] = {}
    for name, target in sorted(config.targets.items()):
        targets[name] = {"build": target.json()}
        if name in answers:
            call = _call(config, name)
            error = checks[name].error if name in checks else ""
            targets[name]["check" if call in LINT else call] = _answer(call, answers[name], error)
            targets[name] = dict(sorted(targets[name].items()))
    return to_json({**({"group": groups} if groups else {}), "target": targets}) + "\n"


def _answer(call: str, answer: Answer, error: str) -> dict[str, Any]:
    """Return an answer's JSON; what is no object there, such as a list, stands under the call's name once more."""
    try:
        found = json.loads(answer.json or b"{}")
    except (ValueError, RecursionError):
        found = answer.json.decode("utf-8", "replace")
    fields = found if isinstance(found, dict) else {call: found}
    return dict(sorted({**fields, **({"error": error} if error else {})}.items()))
