"""Variables in Compose files: `$NAME`, `${NAME}`, `${NAME:-default}` and its kin, after the Compose specification."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bakepy.diagnostics import BakeError
from bakepy.planner.compose.booleans import boolean
from bakepy.planner.compose.faults import ANY_ITEM, Fault, PathError
from bakepy.planner.compose.notices import Notices
from bakepy.quantities import whole

Lookup = Callable[[str], str | None]

NAME = "[_a-z][_a-z0-9]*"
HEAD = re.compile(
    rf"\$(?i:(?P<escaped>\$)|(?P<named>{NAME})|(?P<brace>\{{)(?:(?P<braced>{NAME})(?P<operator>:?[-+?])?)?)"
)
ESCAPES = "Write $$ for a dollar sign, and ${NAME} for what a variable holds."
BRACES = re.compile(r"\{[^\n]?|\}|\n")


class _BadTemplate(Exception):
    """Say that a reference to a variable is not well formed."""


class _Required(Exception):
    """Say that a variable which must be set is not; `reference` is what asks for it."""

    def __init__(self, message: str, name: str, reference: str) -> None:
        super().__init__(message)
        self.name = name
        self.reference = reference

    @property
    def hint(self) -> str:
        """Return what to do."""
        return f"Set {self.name} in the environment or in .env, or give it a default: ${{{self.name}:-value}}."


class Interpolation:
    """Replace variables by what `lookup` gives, and note those that are not set."""

    def __init__(self, lookup: Lookup, notices: Notices | None = None) -> None:
        self.lookup = lookup
        self.notices = Notices() if notices is None else notices

    def text(self, template: str) -> str:
        """Return a text with its variables replaced; raises BakeError."""
        try:
            return self._substitute(template)
        except _BadTemplate:
            raise BakeError.of(f"Invalid template: {template}", hint=ESCAPES) from None
        except _Required as fault:
            raise BakeError.of(str(fault), hint=fault.hint) from None

    def _substitute(self, template: str) -> str:
        """Replace without recursion and in one pass, as defaults in defaults may be nested to any depth."""
        if "$" not in template:
            return template
        closing = _closing_braces(template)
        words = [_Word(0, len(template), "")]
        while True:
            word = words[-1]
            found = HEAD.search(template, word.at, word.end)
            if found:
                word.out.append(template[word.at : found.start()])
                if inner := self._replace(template, found, word, closing):
                    words.append(inner)
                continue
            word.out.append(template[word.at : word.end])
            value = "".join(words.pop().out)
            if word.required:
                reason = f": {value}" if value else ""
                message = f"required variable {word.required} is missing a value{reason}"
                start = template.rfind(f"${{{word.required}", 0, word.end)
                raise _Required(message, word.required, template[max(0, start) : word.end + 1])
            if not words:
                return value
            words[-1].out.append(value)

    def _replace(self, template: str, found: re.Match[str], word: _Word, closing: Mapping[int, int]) -> _Word | None:
        """Replace one reference, and return the word that is to be replaced in its place, if any."""
        word.at = found.end()
        if found["escaped"]:
            word.out.append("$")
            return None
        name, operator = found["named"] or found["braced"], found["operator"]
        if found["brace"]:
            word.at = 1 + _closing_brace(template, found, word.end, closing)
        value = self.lookup(name)
        if not operator:
            if value is None:
                self.notices.unset(name)
            word.out.append(value or "")
            return None
        # With a colon, an empty value counts as none.
        present = value is not None and (bool(value) or not operator.startswith(":"))
        if present == operator.endswith("+"):
            return _Word(found.end(), word.at - 1, name if operator.endswith("?") else "")
        word.out.append(value or "")
        return None

    def tree(self, data: Any) -> Any:
        """Return a tree with the variables in all its texts replaced; raises PathError with all faults, by path."""
        faults: list[Fault] = []
        out = self._walk(data, [], faults)
        if faults:
            raise PathError(sorted(faults, key=lambda fault: fault.path))
        return out

    def _walk(self, data: Any, path: list[str], faults: list[Fault]) -> Any:
        if isinstance(data, dict):
            return {key: self._walk(value, [*path, key], faults) for key, value in data.items()}
        if isinstance(data, list):
            return [self._walk(value, [*path, ANY_ITEM], faults) for value in data]
        if not isinstance(data, str):
            return data
        where = ".".join(path)
        try:
            return self._cast(self._substitute(data), path)
        except _BadTemplate:
            message = f"invalid interpolation format for {where}.\nYou may need to escape any $ with another $.\n{data}"
            faults.append(Fault(tuple(path), message, ESCAPES, data))
        except _Required as fault:
            message = f"error while interpolating {where}: {fault}"
            faults.append(Fault(tuple(path), message, fault.hint, data, fault.reference))
        except ValueError as fault:
            message = f"error while interpolating {where}: failed to cast to expected type: {fault}"
            faults.append(Fault(tuple(path), message, text=data))
        return None

    def _cast(self, text: str, path: list[str]) -> Any:
        """Return the value of a field that is not a text; raises ValueError."""
        kind = _kind(path)
        if kind == "int":
            if not re.fullmatch(r"[-+]?[0-9]+", text):
                raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
            if (number := whole(text)) is None:
                raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
            return number
        if kind == "float":
            try:
                return float(text)
            except ValueError:
                raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax') from None
        if kind == "bool":
            self.notices.boolean(tuple(path), text)
            return boolean(text)
        return text


class _Word:
    """Be a part of a template, `at` to `end`, whose references are being replaced.

    `required` is the variable whose value is missing where the word says why it must not.
    """

    __slots__ = ("at", "end", "out", "required")

    def __init__(self, at: int, end: int, required: str) -> None:
        self.at = at
        self.end = end
        self.required = required
        self.out: list[str] = []


def _closing_braces(template: str) -> dict[int, int]:
    """Return for each brace that opens the one that closes it in its line; the character behind it opens nothing."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for found in BRACES.finditer(template):
        if found[0] == "\n":
            opened.clear()
        elif found[0] != "}":
            opened.append(found.start())
        elif opened:
            closing[opened.pop()] = found.start()
    return closing


def _closing_brace(template: str, found: re.Match[str], end: int, closing: Mapping[int, int]) -> int:
    """Return where the brace of a reference is closed; where braces do not match up, the last of the line counts."""
    stop = closing.get(found.start("brace"), -1)
    if not found["operator"]:
        stop = found.end() if template.startswith("}", found.end()) and found.end() < end else -1
    elif not 0 <= stop < end:
        line = template.find("\n", found.end(), end)
        stop = template.rfind("}", found.end(), end if line < 0 else line)
    if not found["braced"] or stop < 0:
        raise _BadTemplate
    return stop


CONTAINER = {
    **dict.fromkeys(("cpu_count", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares"), "int"),
    **dict.fromkeys(("oom_score_adj", "pids_limit", "ulimits.*", "ulimits.*.hard", "ulimits.*.soft"), "int"),
    **dict.fromkeys(("cpu_percent", "cpus"), "float"),
    **dict.fromkeys(("init", "oom_kill_disable", "privileged", "read_only"), "bool"),
    **dict.fromkeys(("volumes.[].read_only", "volumes.[].volume.nocopy"), "bool"),
}
WORKLOAD = {
    **dict.fromkeys(("healthcheck.retries", "ports.[].target"), "int"),
    **dict.fromkeys(("stdin_open", "tty", "healthcheck.disable"), "bool"),
    **dict.fromkeys(("depends_on.*.required", "depends_on.*.restart"), "bool"),
}
CASTS = {
    "services": {
        **CONTAINER,
        **WORKLOAD,
        **{f"pre_start.[].{key}": kind for key, kind in CONTAINER.items()},
        **dict.fromkeys(("scale", "deploy.replicas", "deploy.restart_policy.max_attempts"), "int"),
        **dict.fromkeys(("deploy.update_config.parallelism", "deploy.rollback_config.parallelism"), "int"),
        "deploy.placement.max_replicas_per_node": "int",
        **dict.fromkeys(
            ("deploy.update_config.max_failure_ratio", "deploy.rollback_config.max_failure_ratio"), "float"
        ),
    },
    "jobs": {**CONTAINER, **WORKLOAD},
    "networks": dict.fromkeys(("external", "internal", "attachable", "enable_ipv4", "enable_ipv6"), "bool"),
    "volumes": {"external": "bool"},
    "secrets": {"external": "bool"},
    "configs": {"external": "bool"},
}
"""Fields that are not texts, by the section they are in and their path below a name in it; `*` is any key."""

NAMED = {"ulimits", "depends_on"}
"""Fields whose keys are names."""


def _kind(path: list[str]) -> str:
    """Return what the field at a path holds, empty for texts."""
    casts = CASTS.get(path[0]) if len(path) > 2 else None
    if not casts:
        return ""
    rest = ["*" if i > 2 and path[i - 1] in NAMED else step for i, step in enumerate(path)][2:]
    return casts.get(".".join(rest), "")
