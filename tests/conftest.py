"""What holds for all tests."""

import os
import signal

from hypothesis import HealthCheck, settings

OURS = ("BUILDX_", "BUILDKIT_", "BAKE_", "DOCKER_")
"""Beginnings of variables that change what bakepy and its reference do."""


def pytest_configure() -> None:
    """Leave out what the surroundings would add, and all that depends on the machine's speed.

    Signals that shells ignore for what runs in the background would be ignored by commands under test, too.
    """
    settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("any speed")
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
