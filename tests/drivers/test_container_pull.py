"""How far a pull is, from the messages of an Engine."""

from bakepy.drivers.container_pull import Pull
from bakepy.drivers.interface import Amount


def message(layer: str, status: str, current: int = 0, total: int = 0) -> dict[str, object]:
    return {"id": layer, "status": status, "progressDetail": {"current": current, "total": total}}


def test_the_bytes_of_layers_are_summed() -> None:
    """Only what is downloaded counts: neither layers that were there, nor the unpacking, nor layers without a size."""
    said: list[str | Amount] = []
    pull = Pull("app", said.append)
    for told in (
        {"status": "Pulling from app", "id": "latest"},
        message("a", "Already exists"),
        message("b", "Downloading", 10, 100),
        message("c", "Downloading", 20, 50),
        message("b", "Download complete"),
        message("b", "Extracting", 30, 100),
    ):
        pull.take(told)
    pull.end("the connection broke")

    assert said[0] == Amount("pulling image app")
    assert said[-1] == Amount("pulling image app", 120, 150, True, "the connection broke")
