"""Build container images from checked-in definitions, concurrently, on BuildKit."""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, which takes longer to import than all else that a command starts with
if TYPE_CHECKING:
    from bakepy.api import Plan, build, load, plan
    from bakepy.diagnostics import BakeError, Diagnostic
    from bakepy.executor.outcome import Outcome
    from bakepy.planner.config import Config
    from bakepy.progress.events import Event

__version__ = "0.1.0"
__all__ = ["BakeError", "Config", "Diagnostic", "Event", "Outcome", "Plan", "build", "load", "plan"]

_ELSEWHERE = {
    "BakeError": "bakepy.diagnostics",
    "Config": "bakepy.planner.config",
    "Diagnostic": "bakepy.diagnostics",
    "Event": "bakepy.progress.events",
    "Outcome": "bakepy.executor.outcome",
}


def __dir__() -> list[str]:
    """List what there is, imported or not, for completion."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    """Import what is asked for, so that a command does not pay for what it does not use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f'module "{__name__}" has no attribute "{name}"')
    from importlib import import_module

    return getattr(import_module(_ELSEWHERE.get(name, "bakepy.api")), name)
