"""What came of a run: digests, answers and the metadata file."""

from __future__ import annotations

import errno
import json
import os
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bakepy.buildkit.requests import Answer
from bakepy.diagnostics import BakeError
from bakepy.planner.graph import SolveGraph, Vertex
from bakepy.planner.scheduler import State
from bakepy.planner.spec import SolveSpec
from bakepy.records import Record

if TYPE_CHECKING:
    from bakepy.executor.parts import Ended

DESCRIPTOR = "containerimage.descriptor"
DIGEST = "containerimage.digest"
BUILD_REF = "buildx.build.ref"
WARNINGS = "buildx.build.warnings"
INLINE_MESSAGE = "frontend.result.inlinemessage"
Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


class Outcome(Record):
    """Hold what came of one target.

    `response` is what the exporters and the frontend answered; `answer` is set for a target that was asked about
    instead of built; `error` says in one line why it failed.
    """

    __slots__ = ("target", "state", "response", "answer", "error")

    def __init__(
        self,
        target: str,
        state: State,
        response: Mapping[str, str] | None = None,
        answer: Answer | None = None,
        error: str = "",
    ) -> None:
        self.target: Final = target
        self.state: Final = state
        self.response: Final[Mapping[str, str]] = {} if response is None else response
        self.answer: Final = answer
        self.error: Final = error

    @property
    def digest(self) -> str:
        """Return the image's digest; empty where there is none."""
        return self.response.get(DIGEST, "")


def outcomes(graph: SolveGraph, specs: Mapping[str, SolveSpec], ended: Mapping[str, Ended]) -> dict[str, Outcome]:
    """Return what came of each target, from what came of the solves that served them."""
    found = {}
    for name, vertex in graph.of_target.items():
        end = ended[vertex.id]
        response = dict(end.solved.response)
        if "image.name" in response and len(vertex.targets) > 1:
            response["image.name"] = _own_names(response["image.name"], vertex, specs[name])
        found[name] = Outcome(name, end.state, response, end.solved.answer, end.error)
    return found


def _own_names(answered: str, vertex: Vertex, spec: SolveSpec) -> str:
    """Return which of a solve's images names, as the exporter completed them, are one target's own."""
    complete = answered.split(",")
    own = {n for e in spec.exports for n in e.names}
    for export in vertex.spec.exports:
        if len(export.names) == len(complete):
            return ",".join(c for c, n in zip(complete, export.names, strict=True) if n in own)
    return answered


def metadata(outcomes: Mapping[str, Outcome]) -> dict[str, Json]:
    """Return what the metadata file holds: each target's response, with what is JSON inside decoded."""
    return {
        name: {k: _decoded(k, v) for k, v in sorted(o.response.items())}
        for name, o in sorted(outcomes.items())
        if o.state is State.DONE
    }


def _decoded(key: str, value: str) -> Json:
    try:
        text = value.encode() if key == "result.json" else b64decode(value, validate=True)
        decoded: Json = json.loads(text)
        json.dumps(decoded, allow_nan=False)  # Python reads numbers that JSON does not have
    except (ValueError, RecursionError):
        return value
    objects = decoded if isinstance(decoded, list) else [decoded]
    return decoded if decoded and all(isinstance(o, dict) for o in objects) else value


def check_metadata(path: Path) -> None:
    """Check that the metadata file can be written, before anything is built for it; raises BakeError."""
    real = Path(os.path.realpath(path))
    folder = real.parent
    if real.exists() and not real.is_file() and not real.is_dir():
        # It would be replaced by a file: root's /dev/null, too.
        raise _unwritable(path, "not a regular file")
    reasons = (
        (errno.ENOENT, not folder.exists()),
        (errno.ENOTDIR, not folder.is_dir()),
        (errno.EISDIR, real.is_dir()),
        (errno.EACCES, not os.access(folder, os.W_OK | os.X_OK)),
    )
    number = next((number for number, holds in reasons if holds), 0)
    if number:
        raise _unwritable(path, os.strerror(number))


def _unwritable(path: Path, reason: str | None) -> BakeError:
    hint = "name a file in a folder that you may write to"
    return BakeError.of(f"failed to write metadata file {path}: {reason}", hint=hint)


def write_metadata(path: Path, outcomes: Mapping[str, Outcome], warnings: Sequence[Json] = ()) -> None:
    """Write the metadata file, with warnings where there are any, as a whole or not at all.

    Raises BakeError where that fails.
    """
    content = metadata(outcomes) | ({WARNINGS: [*warnings]} if warnings else {})
    text = json.dumps(dict(sorted(content.items())), indent=2, ensure_ascii=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    import tempfile  # 3 ms that few builds need

    real = os.path.realpath(path)
    try:
        with tempfile.NamedTemporaryFile("wb", dir=os.path.dirname(real), delete=False) as file:
            try:
                file.write(text.encode("utf-8", "replace"))
                file.flush()
                os.chmod(file.name, 0o644)
                os.replace(file.name, real)
            except OSError:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise _unwritable(path, error.strerror) from None
