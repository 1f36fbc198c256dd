"""Where Compose files say what their model holds.

A model keeps no positions, which would cost every run: the files are read once more for a fault's place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import yaml

from bakepy.diagnostics import BakeError, Diagnostic, Severity, Source, Span
from bakepy.planner.compose.document import MERGE_TAGS, roots, source_of, span_of
from bakepy.planner.compose.faults import ANY_ITEM, Fault, PathError, Steps
from bakepy.planner.load import File
from bakepy.records import replace


class Place(NamedTuple):
    """Name a node of a file: its key, if it has one, its value, and how many steps of the path led there."""

    source: Source
    key: yaml.Node | None
    value: yaml.Node
    above: yaml.Node | None
    depth: int

    def is_text(self) -> bool:
        """Tell whether the value is one scalar, which may also be the short form of a mapping."""
        return isinstance(self.value, yaml.ScalarNode) and bool(self.value.value)

    def span(self, word: str = "", *, on_key: bool = False) -> Span:
        """Return what to point at: the key, or the value where that is one scalar."""
        if self.key is not None and (on_key or not self.is_text()):
            return span_of(self.source, self.key)
        span = span_of(self.source, self.value)
        at = self.source.text.find(word, span.start, span.end) if word else -1
        return Span(self.source, at, at + len(word)) if at >= 0 else span

    def context(self) -> Span:
        """Return a wider span, which starts at the key of the mapping around."""
        return span_of(self.source, self.above or self.key or self.value).to(self.span())


class Places:
    """Hold the files that a model was made of, the weakest first, and which services extend which.

    `bases` gives the file and service that a service of a file extends; `opened` are all files by their names.
    """

    def __init__(self) -> None:
        self.files: Final[dict[str, None]] = {}
        self.opened: Final[dict[str, File]] = {}
        self.bases: Final[dict[tuple[str, str], tuple[str, str]]] = {}
        self._trees: dict[str, tuple[Source, list[yaml.Node]]] = {}

    def merged(self, file: File) -> None:
        """Note that a file was laid over those before."""
        self.opened[file.name] = file
        self.files.pop(file.name, None)
        self.files[file.name] = None

    def placed(self, error: PathError, file: File | None = None) -> BakeError:
        """Return an error whose faults show their places: those of one file, or of all that were merged."""
        if file:
            self.opened.setdefault(file.name, file)
        return BakeError([self._placed(*pair, file) for pair in zip(error.diagnostics, error.faults, strict=True)])

    def warned(self, fault: Fault) -> Diagnostic:
        """Return a warning that shows its place, if it has one."""
        warning = Diagnostic(fault.message, hint=fault.hint, severity=Severity.WARNING)
        return self._placed(warning, fault, None) if fault.path else warning

    def _placed(self, diagnostic: Diagnostic, fault: Fault, file: File | None) -> Diagnostic:
        place = self.find(fault.path, fault.text, file.name if file else "")
        if place is None:
            return diagnostic
        # Where the path leads further than what is written, the nearest key that is written is shown.
        whole = place.depth == len(fault.path) or place.is_text()
        known = ".".join(str(step) for step in fault.path[: place.depth] if isinstance(step, str) and step != ANY_ITEM)
        span = place.span(fault.word, on_key=fault.on_key or not whole)
        return replace(diagnostic, related=((f"{known or 'it'} is here", span),), context=place.context())

    def top(self) -> list[str]:
        """Return the keys at the top of the files."""
        trees = [tree for name in self.files for tree in self._read(name)[1] if isinstance(tree, yaml.MappingNode)]
        return [str(key.value) for tree in trees for key, _ in tree.value]

    def find(self, path: Steps, text: str = "", file: str = "") -> Place | None:
        """Return the place where a path is written, or the part of it that is: in one file, or in the strongest."""
        return max(self.everywhere(path, text, file), key=lambda place: place.depth, default=None)

    def everywhere(self, path: Steps, text: str = "", file: str = "") -> list[Place]:
        """Return how far a path is written in each document, the strongest first."""
        return [place for name in ([file] if file else reversed(self.files)) for place in self._in(name, path, text)]

    def _in(self, name: str, path: Steps, text: str) -> Iterator[Place]:
        """Yield the place in each document of a file, then in those of the services that a service extends."""
        seen = set()
        while name in self.opened and (name, path) not in seen:
            seen.add((name, path))
            source, trees = self._read(name)
            for root in reversed(trees):
                yield descend(source, root, path, text)
            base = self.bases.get((name, str(path[1]))) if len(path) > 1 and path[0] == "services" else None
            if base is None:
                return
            name, path = base[0], ("services", base[1], *path[2:])

    def _read(self, name: str) -> tuple[Source, list[yaml.Node]]:
        if name not in self._trees:
            file = self.opened[name]
            self._trees[name] = (source_of(name, file.data), roots(name, file.data))
        return self._trees[name]


def descend(source: Source, root: yaml.Node, path: Steps, text: str = "") -> Place:
    """Follow a path from a node as far as it is written."""
    above: yaml.Node | None = None
    key: yaml.Node | None = None
    node = root
    for depth, step in enumerate(path):
        found = _step(source, node, step, path[depth + 1 :], text)
        if found is None:
            return Place(source, key, node, above, depth)
        above, (key, node) = key or above, found
    return Place(source, key, node, above, len(path))


def _step(
    source: Source, node: yaml.Node, step: str | int, rest: Steps, text: str
) -> tuple[yaml.Node | None, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next((pair for pair in pairs(node) if pair[0].value == step), None)
    if not isinstance(node, yaml.SequenceNode):
        return None
    items: list[yaml.Node] = node.value
    if isinstance(step, str) and step != ANY_ITEM:  # one of `key=value`, where the model has a mapping
        return next(((None, item) for item in items if str(item.value).partition("=")[0] == step), None)
    at = [items[step]] if isinstance(step, int) and step < len(items) else []
    if not text and at:
        return None, at[0]
    for item in (*at, *items):
        place = descend(source, item, rest, text)
        if (place.depth == len(rest) or place.is_text()) and place.value.value == text:
            return None, item
    # Variables in it have been replaced since.
    return next(((None, item) for item in at if "$" in str(item.value)), None)


def pairs(node: yaml.MappingNode, deep: int = 0) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Yield the keys and values of a mapping, then those that it takes over by merge keys, the strongest first."""
    merges: list[yaml.Node] = []
    for key, value in reversed(node.value):
        if key.value == "<<" and key.tag in MERGE_TAGS and not key.style:
            merges += value.value if isinstance(value, yaml.SequenceNode) else [value]
        else:
            yield key, value
    for merged in merges if deep < 20 else ():
        if isinstance(merged, yaml.MappingNode):
            yield from pairs(merged, deep + 1)
