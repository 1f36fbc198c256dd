"""Events from progress that a real BuildKit wrote (`buildctl build --progress=rawjson`)."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

from bakepy.progress import events as ev

CASES = Path(__file__).parent.parent / "cases" / "progress"


def nanoseconds(text: str | None) -> int | None:
    if text is None:
        return None
    whole, _, rest = text.removesuffix("Z").partition(".")
    if whole.startswith("0001"):
        return 0
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * 1_000_000_000 + int(rest.ljust(9, "0") or 0)


def updates(name: str, solve: ev.Solve) -> list[ev.SolveUpdate]:
    return [_update(json.loads(line), solve) for line in (CASES / name).read_text().splitlines()]


def _update(raw: dict, solve: ev.Solve) -> ev.SolveUpdate:
    return ev.SolveUpdate(
        solve,
        tuple(
            ev.Vertex(
                v["digest"],
                v.get("name", ""),
                tuple(v.get("inputs", ())),
                nanoseconds(v.get("started")),
                nanoseconds(v.get("completed")),
                v.get("cached", False),
                v.get("error", ""),
            )
            for v in raw.get("vertexes", ())
        ),
        tuple(
            ev.Progress(
                s["vertex"],
                s["id"],
                s.get("name", ""),
                s["current"],
                s.get("total", 0),
                nanoseconds(s["timestamp"]) or 0,
                nanoseconds(s.get("started")),
                nanoseconds(s.get("completed")),
            )
            for s in raw.get("statuses", ())
        ),
        tuple(
            ev.Log(x["vertex"], x.get("stream", 0), base64.b64decode(x["data"]), nanoseconds(x["timestamp"]) or 0)
            for x in raw.get("logs", ())
        ),
    )
