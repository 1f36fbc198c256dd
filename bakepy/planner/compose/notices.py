"""Warnings that come up while Compose files are read."""

from __future__ import annotations

from bakepy.diagnostics import Diagnostic, Severity
from bakepy.planner.compose.booleans import advice
from bakepy.planner.compose.faults import Fault, Steps
from bakepy.planner.compose.places import Places


class Notices:
    """Collect warnings by their topics; each topic is warned of once, where it came up first."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Fault] = {}

    def unset(self, name: str) -> None:
        """Warn that a variable became empty because it is not set."""
        message = f'The "{name}" variable is not set. Defaulting to a blank string.'
        self._found.setdefault(("unset", name), Fault((), message))

    def of_variables(self) -> list[Diagnostic]:
        """Return the warnings of variables that are not set, which explain many an error."""
        unset = (fault for (topic, _), fault in self._found.items() if topic == "unset")
        return [Diagnostic(fault.message, severity=Severity.WARNING) for fault in unset]

    def boolean(self, path: Steps, text: str) -> None:
        """Warn of a word for a boolean that YAML 1.2 does not have; other words pass."""
        if message := advice(text):
            self._found.setdefault(("boolean", text), Fault(path, message, text=text))

    def ignored(self, path: Steps, why: str, hint: str) -> None:
        """Warn that a key has no effect on builds; the same key of other services counts as the same topic."""
        where = ".".join(map(str, path))
        topic = ".".join(map(str, path[2:] if path[0] in {"services", "secrets", "jobs"} else path))
        self._found.setdefault(("ignored", topic), Fault(path, f"{where} has no effect: {why}", hint, on_key=True))

    def deprecated(self, path: Steps, message: str) -> None:
        """Warn of what the Compose specification advises against; `message` says what to write instead."""
        self._found.setdefault(("deprecated", message), Fault(path, f"{'.'.join(map(str, path[:-1]))}: {message}"))

    def diagnostics(self, places: Places) -> list[Diagnostic]:
        """Return the warnings in their order, with the places that they have."""
        return [places.warned(fault) for fault in self._found.values()]
