import pytest


@pytest.fixture(autouse=True)
def _no_pause_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain lines are held for a moment to join what belongs together: events of a test come within that moment."""
    monkeypatch.setattr("bakepy.progress.plain.HOLD", 3600.0)
