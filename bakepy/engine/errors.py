"""What can go wrong with the embedded engine."""

from __future__ import annotations

from bakepy.diagnostics import BakeError


class EngineError(BakeError):
    """Say why the embedded engine cannot be installed, started or stopped, and what to do."""


class NotInstalledError(EngineError):
    """Say that there is no embedded engine yet."""


class InstallError(EngineError):
    """Say why no road of the installation was open, or why the one taken failed."""


class StartError(EngineError):
    """Say why the engine does not run: the subclasses tell the causes apart."""


class CrashError(StartError):
    """Say that the engine ended by itself, with the end of its log."""


class DiskFullError(StartError):
    """Say that the engine's disk has no room left."""


class PrivilegeError(StartError):
    """Say what this user lacks to run containers."""
