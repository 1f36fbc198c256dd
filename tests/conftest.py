"""What holds for all tests."""

import signal


def pytest_configure() -> None:
    """Heed signals that shells ignore for what runs in the background: commands under test would inherit that."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
