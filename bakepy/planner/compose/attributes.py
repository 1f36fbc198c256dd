"""What Compose files write of a target's attributes, as the nodes that other definitions have for them.

With those, faults that show late, such as a platform that is none, point into Compose files as into any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import yaml

from bakepy.diagnostics import BakeError, Source, Span
from bakepy.grammar.nodes import Attribute, Expr, Literal, Object, ObjectItem, Tuple
from bakepy.planner.compose.document import span_of
from bakepy.planner.compose.interpolation import Interpolation
from bakepy.planner.compose.places import Place, Places

MAX_DEPTH = 8
"""Levels of a value in which elements are looked for."""

BUILD = ("build",)
EXTENSION = ("build", "x-bake")
PATHS: dict[str, tuple[tuple[str, ...], ...]] = {
    **{name: ((*BUILD, name),) for name in ("context", "dockerfile", "args", "labels", "network", "target", "ulimits")},
    **{name: ((*BUILD, name.replace("-", "_")),) for name in ("dockerfile-inline", "extra-hosts", "shm-size")},
    **{
        name: ((*EXTENSION, name), (*BUILD, name.replace("-", "_")))
        for name in ("cache-from", "cache-to", "no-cache", "platforms", "pull", "ssh")
    },
    "attest": ((*BUILD, "provenance"), (*BUILD, "sbom")),
    "contexts": ((*BUILD, "additional_contexts"), (*EXTENSION, "contexts")),
    "no-cache-filter": ((*EXTENSION, "no-cache-filter"),),
    "output": ((*EXTENSION, "output"),),
    "secret": ((*EXTENSION, "secret"), (*BUILD, "secrets")),
    "tags": ((*EXTENSION, "tags"), (*BUILD, "tags"), ("image",)),
}
"""Where a service says what an attribute is, the place that counts most first."""


class Written:
    """Find what Compose files write of targets; `services` gives the service that each target is."""

    def __init__(self, places: Places, services: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._places: Final = places
        self._services: Final = services
        self._interpolation: Final = Interpolation(environment.get)

    def attributes(self, target: str, name: str) -> list[Attribute]:
        """Return all that sets an attribute of a target, the strongest first."""
        if target not in self._services:
            return []
        service = self._services[target]
        return [
            self._attribute(name, place)
            for path in PATHS.get(name, ())
            for place in self._places.everywhere(("services", service, *path))
            # The short form of a build is its context.
            if place.depth == len(path) + 2 or (name == "context" and place.is_text())
        ]

    def target(self, name: str) -> Span | None:
        """Return where a target is defined: the key of its service's build."""
        service = self._services.get(name)
        place = self._places.find(("services", service, "build")) if service else None
        return place.span(on_key=True) if place else None

    def _attribute(self, name: str, place: Place) -> Attribute:
        key = place.span(on_key=True)
        return Attribute(place.span(), name, key, self._value(place.source, place.value, name))

    def _value(self, source: Source, node: yaml.Node, name: str, depth: int = 0) -> Expr:
        span = span_of(source, node)
        if depth > MAX_DEPTH:
            return Literal(span, None)
        if isinstance(node, yaml.SequenceNode):
            return Tuple(span, tuple(self._value(source, item, name, depth + 1) for item in node.value))
        if isinstance(node, yaml.MappingNode):
            items = [
                ObjectItem(Literal(span_of(source, k), str(k.value)), self._value(source, v, name, depth + 1))
                for k, v in node.value
            ]
            return Object(span, tuple(items))
        text = self._text(str(node.value))
        if " " in text and text == node.value and not depth:  # one text for several words, under x-bake
            return Tuple(span, tuple(self._words(span, text)))
        if name == "contexts" and text.startswith("service:"):
            text = "target:" + text.partition(":")[2].replace(".", "_")
        return Literal(span, text)

    def _words(self, span: Span, text: str) -> list[Expr]:
        found: list[Expr] = [Literal(span, text)]
        at = span.start
        for word in text.split():
            start = span.source.text.find(word, at, span.end)
            if start >= 0:
                at = start + len(word)
                found.append(Literal(Span(span.source, start, at), word))
        return found

    def _text(self, raw: str) -> str:
        try:
            return self._interpolation.text(raw)
        except BakeError:
            return raw
