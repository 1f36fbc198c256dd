"""How far the pulling of an image is, summed over its layers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from bakepy.drivers.interface import Amount

OFTEN = 0.1
"""Seconds between two reports."""

DOWNLOADING, DOWNLOADED = "Downloading", frozenset({"Download complete", "Extracting", "Pull complete"})
"""What the Engine says of a layer that is under way, and of one whose bytes are all here."""


class Pull:
    """Take the messages that a Docker Engine sends while it pulls an image (ImageCreate), and tell the sum of bytes."""

    def __init__(self, image: str, say: Callable[[str | Amount], None]) -> None:
        self._what = f"pulling image {image}"
        self._say = say
        self._layers: dict[str, tuple[int, int]] = {}
        self._told = time.monotonic()
        say(Amount(self._what))

    def take(self, message: Mapping[str, Any]) -> None:
        """Take one message; layers that the Engine has already are not counted."""
        layer, status = str(message.get("id", "")), message.get("status")
        if status == DOWNLOADING:
            detail = message.get("progressDetail")
            found = detail if isinstance(detail, dict) else {}
            current, total = (n if isinstance(n, int) else 0 for n in (found.get("current"), found.get("total")))
            self._layers[layer] = (current, total)
        elif status in DOWNLOADED and layer in self._layers:
            total = self._layers[layer][1]
            self._layers[layer] = (total, total)
        else:
            return
        if time.monotonic() - self._told >= OFTEN:
            self._tell()

    def end(self, error: str = "") -> None:
        """Tell that it is over, and why it failed where it did."""
        self._tell(ended=True, error=error)

    def _tell(self, *, ended: bool = False, error: str = "") -> None:
        self._told = time.monotonic()
        current, total = (sum(layer[i] for layer in self._layers.values()) for i in (0, 1))
        self._say(Amount(self._what, current, total, ended, error))
