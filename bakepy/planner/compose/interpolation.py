"""Variables in Compose files: `$NAME`, `${NAME}`, `${NAME:-default}` and its kin, after the Compose specification."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bakepy.diagnostics import BakeError, Diagnostic, Severity

Lookup = Callable[[str], str | None]

NAME = "[_a-z][_a-z0-9]*"
REFERENCE = re.compile(
    rf"\$(?i:(?P<escaped>\$)|(?P<named>{NAME})|\{{(?:(?P<braced>{NAME}(?::?[-+?](?:.*))?)\}}|(?P<bad>)))"
)
OPERATORS = (":?", "?", ":-", "-", ":+", "+")


class _BadTemplate(Exception):
    """Say that a reference to a variable is not well formed."""


class _Required(Exception):
    """Say that a variable which must be set is not."""


class Interpolation:
    """Replace variables by what `lookup` gives; `unset` collects those that became empty for want of a value."""

    def __init__(self, lookup: Lookup, unset: dict[str, None] | None = None) -> None:
        self.lookup = lookup
        self.unset: dict[str, None] = {} if unset is None else unset

    def text(self, template: str) -> str:
        """Return a text with its variables replaced; raises BakeError."""
        try:
            return self._substitute(template)
        except _BadTemplate:
            raise BakeError.of(f"Invalid template: {template}") from None
        except _Required as fault:
            raise BakeError.of(str(fault)) from None

    def _substitute(self, template: str) -> str:
        return REFERENCE.sub(lambda found: self._replace(found[0]), template) if "$" in template else template

    def _replace(self, text: str) -> str:
        operator = _first_operator(text)
        stop = _closing_brace(text)
        rest = text[stop + 1 :] if stop >= 0 else ""
        found = REFERENCE.search(text[: stop + 1] if stop >= 0 else text)
        if not found:
            raise _BadTemplate
        if found["escaped"]:
            return "$"
        name = found["named"] or found["braced"]
        if not name:
            raise _BadTemplate
        if found["braced"] and operator and operator in name:
            return self._apply(operator, *name.split(operator, 1)) + self._substitute(rest)
        value = self.lookup(name)
        if value is None:
            self.unset[name] = None
        return value or ""

    def _apply(self, operator: str, name: str, word: str) -> str:
        """Return what `${name<operator>word}` stands for; with a colon, an empty value counts as none."""
        value = self.lookup(name)
        present = value is not None and (bool(value) or not operator.startswith(":"))
        if operator.endswith("+"):
            return self._substitute(word) if present else value or ""
        if present:
            return value or ""
        if operator.endswith("-"):
            return self._substitute(word)
        reason = self._substitute(word)
        raise _Required(f"required variable {name} is missing a value" + (f": {reason}" if reason else ""))

    def tree(self, data: Any) -> Any:
        """Return a tree with the variables in all its texts replaced; raises BakeError with all faults, by path."""
        faults: list[tuple[list[str], str]] = []
        out = self._walk(data, [], faults)
        if faults:
            messages = [message for _, message in sorted(faults, key=lambda fault: fault[0])]
            raise BakeError([Diagnostic(message, further=i > 0) for i, message in enumerate(messages)])
        return out

    def _walk(self, data: Any, path: list[str], faults: list[tuple[list[str], str]]) -> Any:
        if isinstance(data, dict):
            return {key: self._walk(value, [*path, key], faults) for key, value in data.items()}
        if isinstance(data, list):
            return [self._walk(value, [*path, "[]"], faults) for value in data]
        if not isinstance(data, str):
            return data
        where = ".".join(path)
        try:
            return _cast(self._substitute(data), path)
        except _BadTemplate:
            message = f"invalid interpolation format for {where}.\nYou may need to escape any $ with another $.\n{data}"
            faults.append((path, message))
        except _Required as fault:
            faults.append((path, f"error while interpolating {where}: {fault}"))
        except ValueError as fault:
            faults.append((path, f"error while interpolating {where}: failed to cast to expected type: {fault}"))
        return None

    def warnings(self) -> list[Diagnostic]:
        """Return a warning for each variable that was not set."""
        text = 'The "{}" variable is not set. Defaulting to a blank string.'
        return [Diagnostic(text.format(name), severity=Severity.WARNING) for name in self.unset]


def _first_operator(text: str) -> str:
    found = [(text.index(operator), i, operator) for i, operator in enumerate(OPERATORS) if operator in text]
    return min(found)[2] if found else ""


def _closing_brace(text: str) -> int:
    depth, at = 0, 0
    while at < len(text):
        if text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
        if text[at] == "{":
            depth += 1
            at += 1
        at += 1
    return -1


CASTS = {
    "services": {
        **dict.fromkeys(
            (
                *("cpu_count", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares"),
                *("oom_score_adj", "pids_limit", "scale"),
                *("deploy.replicas", "deploy.update_config.parallelism", "deploy.rollback_config.parallelism"),
                *("deploy.restart_policy.max_attempts", "deploy.placement.max_replicas_per_node"),
                *("healthcheck.retries", "ports.[].target", "ulimits.*", "ulimits.*.hard", "ulimits.*.soft"),
            ),
            "int",
        ),
        **dict.fromkeys(
            (
                *("cpu_percent", "cpus"),
                *("deploy.update_config.max_failure_ratio", "deploy.rollback_config.max_failure_ratio"),
            ),
            "float",
        ),
        **dict.fromkeys(
            (
                *("init", "oom_kill_disable", "privileged", "read_only", "stdin_open", "tty", "healthcheck.disable"),
                *("depends_on.*.required", "depends_on.*.restart"),
                *("volumes.[].read_only", "volumes.[].volume.nocopy"),
            ),
            "bool",
        ),
    },
    "networks": dict.fromkeys(("external", "internal", "attachable", "enable_ipv4", "enable_ipv6"), "bool"),
    "volumes": {"external": "bool"},
    "secrets": {"external": "bool"},
    "configs": {"external": "bool"},
}
"""Fields that are not texts, by the section they are in and their path below a name in it."""


def _cast(text: str, path: list[str]) -> Any:
    """Return the value of a field that is not a text; raises ValueError."""
    casts = CASTS.get(path[0]) if len(path) > 2 else None
    if not casts:
        return text
    rest = path[2:]
    kind = casts.get(".".join(rest)) or (casts.get(".".join([rest[0], "*", *rest[2:]])) if len(rest) > 1 else None)
    if kind == "int":
        if not re.fullmatch(r"[-+]?[0-9]+", text):
            raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        return int(text)
    if kind == "float":
        try:
            return float(text)
        except ValueError:
            raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax') from None
    if kind == "bool":
        return _boolean(text)
    return text


def _boolean(text: str) -> bool:
    if text.lower() in {"true", "y", "yes", "on"}:
        return True
    if text.lower() in {"false", "n", "no", "off"}:
        return False
    raise ValueError(f"invalid boolean: {text}")
