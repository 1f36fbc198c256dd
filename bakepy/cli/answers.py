"""What frontends answer to calls such as `--check` and `--call=outline`, as the reference prints it."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bakepy.diagnostics import printable, printable_json
from bakepy.planner.config import Config
from bakepy.planner.printing import to_json

if TYPE_CHECKING:
    from bakepy.buildkit.requests import Answer

LINT = ("lint", "check")
RULE = "-" * 20


def show(config: Config, answers: Mapping[str, Answer], form: str, *, ignore_status: bool) -> int:
    """Print the answers of targets by name, as text or as one JSON document; return the exit status.

    That is the first status of an answer that is not 0, unless those are ignored, and 1 where a Dockerfile that was
    checked cannot be built at all.
    """
    checks = {name: _lint(config, name, answer) for name, answer in answers.items()}
    errors = {name: _error(lint) for name, lint in checks.items() if lint and lint.get("buildError")}
    # Frontends write what they read in Dockerfiles.
    if form == "json":
        sys.stdout.write(printable_json(_document(config, answers, errors)))
    else:
        sys.stdout.write(printable(_text(config, answers, checks, errors)))
    if errors:
        return 1
    return 0 if ignore_status else next((a.status for a in answers.values() if a.status), 0)


def _call(config: Config, name: str) -> str:
    return config.targets[name].call or ""


def _lint(config: Config, name: str, answer: Answer) -> dict[str, Any] | None:
    """Return the result of a check as data, or None for the answer to another call."""
    if _call(config, name) not in LINT:
        return None
    found = json.loads(answer.json or b"{}")
    return found if isinstance(found, dict) else {}


def _text(
    config: Config,
    answers: Mapping[str, Answer],
    checks: Mapping[str, dict[str, Any] | None],
    errors: Mapping[str, str],
) -> str:
    parts = []
    for name, answer in answers.items():
        head = [name, *filter(None, [config.targets[name].description]), ""]
        lint = checks[name]
        body = answer.text if lint is None else _report(lint, answer.text, name in errors)
        if name in errors:
            body += f"error: {errors[name]}\n"
        parts.append("\n".join(head) + "\n" + body)
    return "\n".join(parts)


def _report(lint: Mapping[str, Any], text: str, fails: bool) -> str:
    """Return a check's warnings under their number; `text` is what the frontend made of them."""
    count = len(lint.get("warnings") or ())
    if not count:
        return "" if fails else "Check complete, no warnings found.\n"
    has = "1 warning has" if count == 1 else f"{count} warnings have"
    return f"Check complete, {has} been found!\n{text}" + ("\n" if fails else "")


def _error(lint: Mapping[str, Any]) -> str:
    """Return why a Dockerfile cannot be built, with its lines."""
    error = lint["buildError"]
    location = error.get("location") or {}
    sources = lint.get("sources") or ()
    index = location.get("sourceIndex", 0)
    shown = _excerpt(sources[index], location.get("ranges") or []) if 0 <= index < len(sources) else ""
    return f"{error.get('message', '')}\n{shown}"


def _excerpt(source: Mapping[str, Any], ranges: list[Any]) -> str:
    """Return the lines of a source in some ranges, marked, with a few around them."""
    lines = base64.b64decode(source.get("data", "")).decode("utf-8", "replace").split("\n")
    marked: set[int] = set()
    for one in ranges:
        first = one.get("start", {}).get("line", 0)
        marked.update(range(first, max(first, one.get("end", {}).get("line", 0)) + 1))
    if not marked or not 1 <= min(marked) <= len(lines):
        return ""
    first, last = min(marked), min(max(marked), len(lines))
    start, end = _widened(first, last, len(lines))
    shown = [f" {n:3d} | {'>>>' if n in marked else '   '} {lines[n - 1]}" for n in range(start, end + 1)]
    return "\n".join([f"{source.get('filename', '')}:{first}", RULE, *shown, RULE, ""])


def _widened(start: int, end: int, count: int) -> tuple[int, int]:
    """Return the lines to show around those at fault: one or two on each side, as far as there are any."""
    wanted = 4 if start == end else 2
    shown = 0
    while shown < wanted:
        if start > 1:
            start -= 1
            shown += 1
        if end != count:
            end += 1
            shown += 1
        shown += 1
    return start, end


def _document(config: Config, answers: Mapping[str, Answer], errors: Mapping[str, str]) -> str:
    """Return all targets as `--print` shows them, each with its answer under the name of the call."""
    groups = {name: group.json() for name, group in sorted(config.groups.items())}
    targets: dict[str, Any] = {}
    for name, target in sorted(config.targets.items()):
        targets[name] = {"build": target.json()}
        if name in answers:
            call = _call(config, name)
            found = json.loads(answers[name].json or b"{}")
            error = {"error": errors[name]} if name in errors else {}
            answer = dict(sorted({**found, **error}.items())) if isinstance(found, dict) else found
            targets[name]["check" if call in LINT else call] = answer
            targets[name] = dict(sorted(targets[name].items()))
    return to_json({**({"group": groups} if groups else {}), "target": targets}) + "\n"
